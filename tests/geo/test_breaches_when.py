from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from geo.breaches import judge
from tests.geo.walks import (
    AREA,
    BEYOND,
    GATE,
    INSIDE,
    at,
    breaches,
    fence,
    line,
    polygon,
    times,
    units,
    walk,
)

NORTHWARDS = line((0, -5), (0, 0), (0, 5))


@pytest.mark.parametrize(
    ("applies_to", "count"),
    [
        (None, 1),
        ({}, 1),
        ({"kinds": ["horse", "vehicle"]}, 1),
        ({"kinds": ["horse"]}, 0),
        ({"kinds": ["vehicle"], "teams": ["t2"]}, 0),
        ({"teams": ["t1"], "units": ["u"]}, 1),
        ('{"units": ["v"]}', 0),
    ],
)
def test_a_fence_speaks_of_whom_it_applies_to(applies_to, count):
    assert len(breaches(walk(GATE, INSIDE), fence(AREA, applies_to=applies_to))) == count


def hourly(*places, start: str) -> pd.DataFrame:
    walked = walk(*places)
    return walked.assign(time=pd.date_range(start, periods=len(places), freq="h", tz="UTC"))


NIGHT = {"weekly": [{"days": ["mon"], "from": "22:00", "to": "06:00"}]}
SLOW = {"max_gap_s": 7200.0}


def test_active_hours_run_past_midnight_in_the_regions_time():
    # Monday 2026-03-02 in Shanghai: 22:00 is 14:00 UTC and Tuesday 06:00 is Monday 22:00 UTC
    inside = hourly(*[INSIDE] * 14, start="2026-03-02T10:00")
    found = breaches(inside, fence(AREA, active=NIGHT), units(**SLOW))
    assert found["entered_at"].tolist() == [pd.Timestamp("2026-03-02T14:00Z")]
    assert found["exited_at"].tolist() == [pd.Timestamp("2026-03-02T22:00Z")]
    assert found.loc[0, "exited_fix"] == pd.Timestamp("2026-03-02T22:00Z")


def test_a_stay_outside_active_hours_is_no_breach():
    inside = hourly(GATE, INSIDE, INSIDE, BEYOND, start="2026-03-02T04:00")
    assert breaches(inside, fence(AREA, active=NIGHT), units(**SLOW)).empty


def test_a_long_stay_is_a_breach_each_night_linked_by_its_visit():
    every = {"weekly": [{"days": ["mon", "tue"], "from": "22:00", "to": "06:00"}]}
    found = breaches(
        hourly(*[INSIDE] * 60, start="2026-03-02T04:00"), fence(AREA, active=every), units(**SLOW)
    )
    assert len(found) == 2
    assert len(set(found["visit"])) == 1
    assert found["exited_at"].notna().all()


def test_dwell_counts_active_time_alone():
    inside = hourly(
        *[INSIDE] * 6, BEYOND, start="2026-03-02T10:00"
    )  # leaves at 15:30, 1.5 h active
    for dwell_s, count in ((5400, 1), (5401, 0)):
        night = fence(AREA, active=NIGHT, dwell_s=dwell_s)
        assert len(breaches(inside, night, units(**SLOW))) == count


def test_active_dates_include_both_of_their_days():
    day = {"dates": [{"from": "2026-03-03", "to": "2026-03-03"}]}
    inside = hourly(*[INSIDE] * 60, start="2026-03-02T04:00")
    found = breaches(inside, fence(AREA, active=day), units(**SLOW))
    assert found["entered_at"].tolist() == [pd.Timestamp("2026-03-02T16:00Z")]
    assert found["exited_at"].tolist() == [pd.Timestamp("2026-03-03T16:00Z")]


def test_active_hours_follow_a_zone_with_summer_time():
    # Berlin leaves winter time on 2026-03-29: 22:00 is 21:00 UTC on Saturday, 20:00 on Sunday
    nights = {"weekly": [{"days": ["sat", "sun"], "from": "22:00", "to": "23:00"}]}
    inside = hourly(*[INSIDE] * 60, start="2026-03-28T12:00")
    found = judge(inside, units(**SLOW), fence(AREA, active=nights), timezone="Europe/Berlin")
    assert [t.hour for t in found["entered_at"]] == [21, 20]


def test_a_crossing_outside_active_hours_is_no_breach():
    walked = hourly((-1, 2), (1, 2), start="2026-03-02T04:00")
    quiet = fence(NORTHWARDS, "line", active=NIGHT)
    assert breaches(walked, quiet, units(**SLOW)).empty


def test_active_hours_that_lie_wholly_in_a_gap_are_unknown():
    inside = hourly(*[INSIDE] * 14, start="2026-03-02T10:00").iloc[[0, -1]]
    assert breaches(inside, fence(AREA), units()).loc[0, "unknown_s"] == 13 * 3600
    assert breaches(inside, fence(AREA, active=NIGHT), units()).empty


def edited(
    before: shapely.Geometry, after: shapely.Geometry, minute: float, **more
) -> gpd.GeoDataFrame:
    rows = [
        {
            "fence": "f",
            "version": 1,
            "rule": "keep_out",
            "valid_to": at(minute),
            "geometry": before,
        },
        {
            "fence": "f",
            "version": 2,
            "rule": "keep_out",
            "valid_from": at(minute),
            "geometry": after,
        },
    ]
    return gpd.GeoDataFrame([{**row, **more} for row in rows], crs="EPSG:4326")


def test_a_stay_across_an_edit_is_two_breaches_of_one_visit():
    found = breaches(walk(GATE, INSIDE, INSIDE, INSIDE, BEYOND), edited(AREA, AREA, 2.5))
    assert found["fence_version"].tolist() == [1, 2]
    assert times(found, "entered_at") == [0.5, 2.5]
    assert times(found, "exited_at") == [2.5, 3.5]
    assert len(set(found["visit"])) == 1
    assert times(found, "entered_fix") == [1, 3]
    assert times(found, "exited_fix") == [3, 4]


def test_a_fence_that_grows_over_a_unit_is_broken_from_the_edit():
    wide = polygon([(-4, 0), (4, 0), (4, 4), (-4, 4)])
    found = breaches(walk(GATE, GATE, GATE, BEYOND), edited(AREA, wide, 1.5))
    assert found["fence_version"].tolist() == [2]
    assert times(found, "entered_at") == [1.5]


def test_a_fence_that_moves_away_lets_the_unit_go_at_the_edit():
    away = polygon([(20, 0), (24, 0), (24, 4), (20, 4)])
    found = breaches(walk(GATE, INSIDE, INSIDE, INSIDE), edited(AREA, away, 2.5))
    assert times(found, "exited_at") == [2.5]
    assert found["state"].tolist() == ["closed"]


def test_a_part_stays_open_until_a_fix_is_seen_after_the_edit():
    found = breaches(walk(GATE, INSIDE, INSIDE), edited(AREA, AREA, 2.5))
    assert (found["fence_version"].tolist(), found["state"].tolist()) == ([1], ["open"])


def test_nothing_is_judged_before_a_version_that_says_from_when():
    late = fence(AREA, valid_from=at(10))
    assert breaches(walk(GATE, INSIDE, BEYOND), late).empty
