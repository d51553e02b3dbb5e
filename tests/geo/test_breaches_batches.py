"""A walk that stops and goes on says what one walk says."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from geo.breaches import Fences
from geo.breaches.engine import walked
from geo.breaches.records import MISSING
from geo.tracks import Track
from tests.geo.slow_breaches import ZONE
from tests.geo.test_breaches_reference import THOROUGH, row, tracks, versions
from tests.geo.walks import AREA, BEYOND, GAP, GATE, INSIDE, at, fence, units, walk


def in_batches(track: Track, fleet: pd.DataFrame, fences: Fences, cuts: list[int]):
    """The rows of a walk that stops at each of some fixes; None if it stopped on a line."""
    ends = [*sorted({cut for cut in cuts if 0 < cut < len(track.lon)}), len(track.lon)]
    low, lasting, going, rows = 0, None, None, []
    for end in ends:
        found = walked(
            track.between(np.array([low]), np.array([end])),
            fleet,
            fences,
            zone=ZoneInfo(ZONE),
            lasting=lasting,
            going=going,
        )
        final = end == len(track.lon)
        if found.on_line.any() and not final:
            return None
        rows.append(found.rows if final else found.rows[found.rows["exit_us"] != MISSING])
        low, lasting, going = end - 1, found.lasting, np.array([True])
    return np.concatenate(rows)


def comparable(rows: np.ndarray) -> list[tuple]:
    # How long ago a visit began at a version that was not in force yet is never told.
    inner = ("span", "open", "seen", "whole", "begun_us", "nth")
    names = [name for name in rows.dtype.names if name not in inner]
    return sorted(tuple(one[name].item() for name in names) for one in rows)


def same_in_batches(fixes: pd.DataFrame, frame: gpd.GeoDataFrame, cuts: list[int]) -> None:
    fleet, fences = units(), Fences.of(frame)
    track = Track.of(fixes, fleet)
    whole = walked(track, fleet, fences, zone=ZoneInfo(ZONE))
    parts = in_batches(track, fleet, fences, cuts)
    assume(parts is not None)
    assert comparable(parts) == comparable(whole.rows)


@THOROUGH
@given(tracks(), versions(), st.lists(st.integers(1, 15), min_size=1, max_size=5))
def test_a_walk_in_batches_is_the_whole_walk(fixes, version, cuts):
    same_in_batches(fixes, gpd.GeoDataFrame([row(version)], crs="EPSG:4326"), cuts)


@THOROUGH
@given(tracks(), versions(), st.integers(0, 5), st.lists(st.integers(1, 15), max_size=5))
def test_batches_may_end_in_and_between_active_hours(fixes, version, minute, cuts):
    weekly = [
        {"days": ["mon"], "from": f"12:{n:02}", "to": f"12:{n + 3:02}"}
        for n in (minute, minute + 4, minute + 9)
    ]
    frame = gpd.GeoDataFrame([row(version, active={"weekly": weekly})], crs="EPSG:4326")
    same_in_batches(fixes, frame, cuts)


@THOROUGH
@given(tracks(), versions(), versions(), st.integers(0, 40), st.lists(st.integers(1, 15)))
def test_batches_may_end_before_and_after_an_edit(fixes, old, new, minutes, cuts):
    new["rule"], edit = old["rule"], at(minutes / 2)
    frame = gpd.GeoDataFrame(
        [
            row(old, version=1, valid_from=pd.NaT, valid_to=edit),
            row(new, version=2, valid_from=edit, valid_to=pd.NaT),
        ],
        crs="EPSG:4326",
    ).astype({"valid_from": "datetime64[us, UTC]", "valid_to": "datetime64[us, UTC]"})
    same_in_batches(fixes, frame, cuts)


def test_what_lasts_is_handed_on_with_all_that_was_seen():
    fixes = walk(GATE, INSIDE, INSIDE, *GAP, INSIDE, INSIDE, BEYOND)
    fleet, fences = units(), Fences.of(fence(AREA))
    track = Track.of(fixes, fleet)
    rows = in_batches(track, fleet, fences, [2, 3, 4])
    assert len(rows) == 1
    assert rows["unknown_us"][0] == timedelta(minutes=10) / timedelta(microseconds=1)
    assert rows["confirmed"][0] == 1
