"""The engine against a slow, obvious reading of the meanings, one fix after the other."""

from __future__ import annotations

import math
import os
from datetime import timedelta

import geopandas as gpd
import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from geo.breaches import judge, stays
from tests.geo.slow_breaches import AREAS, LINES, TOUCH, ZONE, assert_same, expected, path, place
from tests.geo.walks import STEP_DEG, at, line, lonlat, units

PLACES = st.tuples(st.integers(-6, 16), st.integers(-6, 16)).map(lambda p: (p[0] / 2, p[1] / 2))
JUMP = st.sampled_from([(1, 0)] * 4 + [(2, 0), (5, 0), (6, 0), (11, 0), (1, 400), (0, 0), (0, 0)])


@st.composite
def tracks(draw) -> pd.DataFrame:
    minute, rows = 0, []
    for where, (wait, far) in draw(st.lists(st.tuples(PLACES, JUMP), min_size=1, max_size=14)):
        minute += wait
        lon, lat = lonlat((where[0] + far, where[1]))
        accuracy = draw(st.sampled_from([math.nan, 5.0, 30.0, 100.0]))
        rows.append(
            {"unit": "u", "time": at(minute), "lon": lon, "lat": lat, "accuracy_m": accuracy}
        )
    rows += draw(st.lists(st.sampled_from(rows), max_size=2))
    return pd.DataFrame(draw(st.permutations(rows)))


@st.composite
def versions(draw) -> dict:
    rule = draw(st.sampled_from(["keep_out", "keep_out", "keep_in", "line"]))
    return {
        "rule": rule,
        "area": draw(st.sampled_from(AREAS)),
        "places": draw(st.sampled_from(LINES)),
        "direction": draw(st.sampled_from(["any", "left_to_right", "right_to_left"])),
        "margin_m": draw(st.sampled_from([0.0, 0.0, 50.0, 130.0])),
        "dwell_s": draw(st.sampled_from([0.0, 0.0, 60.0, 300.0])),
    }


def row(said: dict, **more) -> dict:
    shape = line(*said["places"]) if said["rule"] == "line" else said["area"]
    keep = {k: v for k, v in said.items() if k not in ("area", "places")}
    return {"fence": "f", "version": 1, **keep, "geometry": shape, **more}


def answers(found: pd.DataFrame) -> list[tuple]:
    return [
        (r.entered_at, r.direction == "left_to_right")
        if r.rule == "line"
        else (
            r.entered_at,
            r.entered_earliest,
            r.entered_latest,
            None if pd.isna(r.exited_at) else r.exited_at,
            r.unknown_s,
            r.evidence,
        )
        for r in found.itertuples()
    ]


THOROUGH = settings(
    max_examples=int(os.environ.get("PATROLGRID_TEST_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


@THOROUGH
@given(tracks(), versions())
def test_every_rule_says_what_the_meanings_say(fixes, version):
    fleet = units()
    frame = gpd.GeoDataFrame([row(version)], crs="EPSG:4326")
    got = judge(fixes, fleet, frame, timezone=ZONE)
    assert_same(
        answers(got), sorted(expected(fixes, fleet.iloc[0], version, None), key=lambda x: x[0])
    )


@THOROUGH
@given(tracks(), versions(), versions(), st.integers(0, 40))
def test_an_edit_is_judged_in_parts(fixes, old, new, minutes):
    new["rule"] = old["rule"]
    fleet, edit = units(), at(minutes / 2)
    far = timedelta(days=9)
    frame = gpd.GeoDataFrame(
        [
            row(old, version=1, valid_from=pd.NaT, valid_to=edit),
            row(new, version=2, valid_from=edit, valid_to=pd.NaT),
        ],
        crs="EPSG:4326",
    ).astype({"valid_from": "datetime64[us, UTC]", "valid_to": "datetime64[us, UTC]"})
    got = judge(fixes, fleet, frame, timezone=ZONE)
    for number, version, span, before in (
        (1, old, (at(0) - far, edit), None),
        (2, new, (edit, at(0) + far), old),
    ):
        mine = answers(got[got["fence_version"] == number])
        wanted = expected(fixes, fleet.iloc[0], version, span, before)
        assert_same(mine, sorted(wanted, key=lambda x: x[0]))


@THOROUGH
@given(tracks(), versions(), st.integers(0, 5))
def test_active_hours_are_judged_in_parts(fixes, version, minute):
    fleet = units()
    active = {"weekly": [{"days": ["mon"], "from": f"12:{minute:02}", "to": f"12:{minute + 4:02}"}]}
    frame = gpd.GeoDataFrame([row(version, active=active)], crs="EPSG:4326")
    got = judge(fixes, fleet, frame, timezone=ZONE)
    span = at(minute), at(minute + 4)
    assert_same(
        answers(got), sorted(expected(fixes, fleet.iloc[0], version, span), key=lambda x: x[0])
    )


def test_the_lattice_is_exact():
    assert lonlat((3, 1))[0] - lonlat((2, 1))[0] == STEP_DEG


@THOROUGH
@given(tracks(), versions(), st.integers(0, 13))
def test_a_tail_from_a_quiet_fix_is_judged_as_in_the_whole(fixes, version, start):
    fleet = units()
    frame = gpd.GeoDataFrame([row(version)], crs="EPSG:4326")
    kept = path(fixes, fleet.iloc[0])
    quiet = kept[min(start, len(kept) - 1)]
    begin, known = quiet["time"], set()
    if version["rule"] == "line":
        if line(*version["places"]).distance(place(quiet)) <= TOUCH:
            return
    else:
        seen = stays(fixes, fleet, frame)
        spans = (seen["entered_fix"] <= begin) & ~(seen["exited_fix"] <= begin)
        if spans.any() != (version["rule"] == "keep_in"):
            return
        known = {("u", "f")} if version["rule"] == "keep_in" else known
    whole = judge(fixes, fleet, frame, timezone=ZONE)
    tail = judge(fixes[fixes["time"] >= begin], fleet, frame, timezone=ZONE, known_inside=known)
    later = whole[whole["entered_fix"] > begin].reset_index(drop=True)
    pd.testing.assert_frame_equal(tail, later)
