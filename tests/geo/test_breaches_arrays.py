"""The engine asked by a service: plain arrays, again and again, of the same fences."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.breaches import Fences, walked, walked_by
from geo.breaches.judge import keys_of
from geo.breaches.law import kinds_of, law_of
from geo.breaches.records import RECORD
from geo.breaches.rooms import lent
from geo.breaches.walk import walk as compiled
from geo.breaches.ways import Room
from geo.tracks import Track
from geo.tracks.columns import stamp
from tests.geo.slow_breaches import ZONE
from tests.geo.test_breaches_reference import THOROUGH, row, tracks, versions
from tests.geo.walks import AREA, BEYOND, GATE, INSIDE, at, fence, units, walk

REGION = ZoneInfo(ZONE)
DAYTIME = {"weekly": [{"from": "08:00", "to": "18:00"}]}


def by_arrays(track: Track, fences: Fences, **more):
    asked, kind = kinds_of(fences, track.units, ["vehicle"] * len(track.units),
                           ["t1"] * len(track.units))  # fmt: skip
    typical_m = np.full(len(track.units), 10.0)
    return walked_by(
        track, fences, asked=asked, kind=kind, typical_m=typical_m, zone=REGION, **more
    )


def told(records: np.ndarray) -> list[tuple]:
    """All that they say but the number of a span, which is given anew by each walk."""
    names = [name for name in records.dtype.names if name != "span"]
    return records[names].tolist()


@THOROUGH
@given(st.lists(tracks(), min_size=1, max_size=3), versions())
def test_one_set_of_fences_walked_again_and_again_says_what_a_new_one_says(journeys, version):
    frame, fleet = gpd.GeoDataFrame([row(version)], crs="EPSG:4326"), units()
    kept = Fences.of(frame)
    for fixes in journeys:
        track = Track.of(fixes, fleet)
        new = walked(track, fleet, Fences.of(frame), zone=REGION)
        for again in (walked(track, fleet, kept, zone=REGION), by_arrays(track, kept)):
            assert told(again.rows) == told(new.rows)
            assert told(again.lasting) == told(new.lasting)
            assert again.on_line.tolist() == new.on_line.tolist()


def test_arrays_of_any_kind_are_walked_by_what_is_compiled():
    fences = Fences.of(fence(AREA))
    track = Track.of(walk(GATE, INSIDE, BEYOND), units())
    found = by_arrays(track, fences)
    before = len(compiled.signatures)
    asked, kind = kinds_of(fences, track.units, [""], [""])
    bare = Track.of_arrays(
        track.units, track.unit.astype(np.int32), np.repeat(track.time_us, 2)[::2],
        np.frombuffer(track.lon.tobytes()), np.frombuffer(track.lat.tobytes()),
        track.accuracy_m.astype(np.float32),
        max_gap_s=np.array([300]), top_speed_ms=np.array([50]),
    )  # fmt: skip
    again = walked_by(
        bare, fences, asked=asked.copy(), kind=kind.astype(np.int32),
        typical_m=np.array([10], dtype=np.float32), zone=REGION,
        lasting=np.frombuffer(found.lasting.tobytes(), found.lasting.dtype)[::2],
    )  # fmt: skip
    assert again.rows.tobytes() == found.rows.tobytes()
    assert len(compiled.signatures) == before


def _fail_in(room: Room) -> None:
    room.marks["slot"] = 3
    raise ZeroDivisionError


def test_a_room_in_which_a_walk_failed_is_not_used_again():
    fences = Fences.of(fence(AREA))
    with pytest.raises(ZeroDivisionError), lent(fences) as room:
        _fail_in(room)
    with lent(fences) as one, lent(fences) as other:
        assert one.marks["slot"].tolist() == other.marks["slot"].tolist() == [-1]
        assert one is not other
    with lent(fences) as again:
        assert again is one or again is other


def test_hours_kept_for_many_days_say_the_same_of_one():
    frame = fence(AREA, active=DAYTIME)
    kept = Fences.of(frame)
    months = pd.concat([walk(INSIDE).assign(time=at(-60 * 24 * n)) for n in (60, 30, 0)])
    by_arrays(Track.of(months, units()), kept)
    for days in (-61, -45, 0, 3):
        fixes = walk(GATE, INSIDE, INSIDE, BEYOND)
        track = Track.of(fixes.assign(time=fixes["time"] + pd.Timedelta(days=days)), units())
        new = by_arrays(track, Fences.of(frame))
        assert told(by_arrays(track, kept).rows) == told(new.rows)


def test_what_can_be_written_to_is_read_each_time():
    fences = Fences.of(fence(AREA, rule="keep_in"))
    asked = np.ones((1, 1), dtype=bool)
    for heard in (True, False, True):
        asked[0, 0] = heard
        law = law_of(fences, asked, 0, 1, zone=None, every=False)
        assert len(law.guards) == heard


def test_words_say_of_whom_a_fence_speaks():
    frame = pd.concat([fence(AREA, applies_to=to) for to in (
        None, {"units": ["b"]}, {"kinds": ["sheep", "dog"]}, {"kinds": ["dog"], "teams": ["t"]},
    )], ignore_index=True)  # fmt: skip
    fences = Fences.of(gpd.GeoDataFrame(frame, crs=4326))
    words = ["a", "b", "c", "d"], ["dog", "", "sheep", "dog"], ["t", "t", "", "nan"]
    asked, kind = kinds_of(fences, *words)
    assert asked[kind].astype(int).tolist() == [
        [1, 0, 1, 1], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 1, 0],
    ]  # fmt: skip
    later, more = kinds_of(fences, ["e"], ["bird"], [""])
    assert later[more].tolist() == [[True, False, False, False]]
    assert (later[: len(asked)] == asked).all()
    assert kinds_of(fences, *words)[0] is later


@given(st.lists(st.integers(-60_000_000_000_000_000, 200_000_000_000_000_000), max_size=5))
def test_a_visit_is_named_by_its_moment_as_a_text_has_it(moments_us: list[int]):
    moments_us = [*moments_us, *(us - us % 1_000_000 for us in moments_us)]
    rows = np.zeros(len(moments_us), dtype=RECORD)
    rows["key_us"], rows["key_nth"] = moments_us, np.arange(len(rows))
    expected = [
        f"u|f|{stamp(us)}" + (f"#{nth}" if nth > 1 else "") for nth, us in enumerate(moments_us)
    ]
    assert keys_of(rows, ["u"] * len(rows), ["f"] * len(rows)) == expected
