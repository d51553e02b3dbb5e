from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from geo.earth import geodesic_m
from tests.geo.walks import (
    AREA,
    BEYOND,
    GAP,
    GATE,
    INSIDE,
    breaches,
    fence,
    lonlat,
    polygon,
    times,
    units,
    walk,
)

ALONG_THE_FENCE = [(0, -2), (0, 0), (0, 1), (0, 3), (0, 6)]
TOUCHES_A_CORNER = [(-2, 2), (2, -2)]
TOUCHES_A_CORNER_WITH_A_FIX = [(-1, 0), (0, 0), (0, -1)]
PASSES_NEARBY = [(-2, -1), (6, -1)]
STANDS_ON_THE_FENCE = [(-1, 2), (0, 2), (0, 2), (-1, 2)]
THROUGH_TWO_CORNERS_OUTSIDE = [(-1, 5), (0, 4), (4, 4), (5, 5)]


@pytest.mark.parametrize(
    "places",
    [
        ALONG_THE_FENCE,
        TOUCHES_A_CORNER,
        TOUCHES_A_CORNER_WITH_A_FIX,
        PASSES_NEARBY,
        STANDS_ON_THE_FENCE,
        THROUGH_TWO_CORNERS_OUTSIDE,
    ],
)
def test_a_walk_that_never_goes_inside_is_no_breach(places):
    assert breaches(walk(*places)).empty


def test_a_slanted_fence_is_no_breach_for_who_walks_along_it():
    slanted = polygon([(0, 0), (7, 3), (0, 3)])
    along = [(7 * k / 10, 3 * k / 10) for k in range(11)]
    assert breaches(walk(*along), fence(slanted)).empty


def test_a_stay_is_timed_on_the_legs_that_cross():
    found = breaches(walk(GATE, INSIDE, (3, 2), (7, 2)))
    assert times(found, "entered_at") == [0.5]
    assert times(found, "exited_at") == [2.25]
    assert found.loc[0, ["state", "evidence"]].tolist() == ["closed", "confirmed"]
    assert (found.loc[0, "lon"], found.loc[0, "lat"]) == pytest.approx(lonlat((0, 2)), abs=1e-6)
    assert [*times(found, "entered_earliest"), *times(found, "entered_latest")] == [0, 1]
    assert [*times(found, "exited_earliest"), *times(found, "exited_latest")] == [2, 3]
    assert [*times(found, "entered_fix"), *times(found, "exited_fix")] == [1, 3]
    assert found.loc[0, "visit"] == "u|f|2026-03-02T04:01:00Z"


def test_a_stay_is_open_until_a_fix_ends_it():
    found = breaches(walk(GATE, INSIDE, INSIDE))
    assert found.loc[0, "state"] == "open"
    assert times(found, "exited_at") == times(found, "exited_fix") == [None]


def test_a_leg_that_passes_through_is_a_visit():
    found = breaches(walk(GATE, BEYOND))
    assert times(found, "entered_at") + times(found, "exited_at") == [0.25, 0.75]
    assert found.loc[0, ["state", "evidence"]].tolist() == ["closed", "probable"]
    assert times(found, "entered_fix") == times(found, "exited_fix") == [1]


def test_a_leg_through_two_corners_passes_through():
    found = breaches(walk((-2, -2), (6, 6)))
    assert times(found, "entered_at") + times(found, "exited_at") == [0.25, 0.75]


def test_a_leg_across_a_u_is_two_visits():
    u = polygon([(0, 0), (6, 0), (6, 4), (4, 4), (4, 1), (2, 1), (2, 4), (0, 4)])
    found = breaches(walk((-1, 2), (7, 2)), fence(u))
    assert times(found, "entered_at") == [0.125, 0.625]
    assert times(found, "exited_at") == [0.375, 0.875]
    assert found["visit"].tolist() == ["u|f|2026-03-02T04:01:00Z", "u|f|2026-03-02T04:01:00Z#2"]


def test_a_leg_that_ends_inside_a_u_began_its_stay_at_the_first_arm():
    u = polygon([(0, 0), (6, 0), (6, 4), (4, 4), (4, 1), (2, 1), (2, 4), (0, 4)])
    found = breaches(walk((-1, 2), (5, 2), (7, 2)), fence(u))
    assert len(found) == 1
    assert times(found, "entered_at") == [round(1 / 6, 4)]


def test_a_hole_is_outside():
    holed = polygon([(0, 0), (8, 0), (8, 8), (0, 8)], [(2, 2), (6, 2), (6, 6), (2, 6)])
    assert breaches(walk((4, 4), (5, 5), (3, 5)), fence(holed)).empty
    found = breaches(walk((4, 4), (10, 4)), fence(holed))
    assert times(found, "entered_at") + times(found, "exited_at") == [
        round(1 / 3, 4),
        round(2 / 3, 4),
    ]


def test_parts_of_a_multipolygon_are_one_fence():
    two = shapely.MultiPolygon([AREA, polygon([(6, 0), (10, 0), (10, 4), (6, 4)])])
    found = breaches(walk((-2, 2), INSIDE, (8, 2), (12, 2)), fence(two))
    assert times(found, "entered_at") + times(found, "exited_at") == [0.5, 2.5]


def test_a_unit_that_stands_still_inside_stays():
    found = breaches(walk(INSIDE, INSIDE, INSIDE, BEYOND))
    assert times(found, "entered_at") + times(found, "exited_at") == [0, 2.5]
    assert times(found, "entered_earliest") == [0]


def test_two_fixes_at_one_time_are_judged_by_the_better():
    walked = pd.concat([walk(GATE, INSIDE, accuracy_m=30.0), walk(GATE, GATE, accuracy_m=5.0)])
    assert breaches(walked).empty


def test_a_lone_outlier_is_no_visit():
    far = fence(polygon([(499, -1), (501, -1), (501, 1), (499, 1)]))
    assert breaches(walk((0, 0), (1, 0), (500, 0), (2, 0)), far).empty


def margin_of(place: tuple[float, float]) -> float:
    """Metres from the eastern edge of the square to a place east of it."""
    return float(geodesic_m(*lonlat((4, place[1])), *lonlat(place)))


def test_a_fix_just_beyond_the_margin_ends_the_stay_and_one_just_within_does_not():
    out = (4.5, 2)
    walked = walk(GATE, INSIDE, out, INSIDE, BEYOND)
    wide = breaches(walked, fence(AREA, margin_m=margin_of(out) + 0.01))
    assert (times(wide, "entered_at"), times(wide, "exited_at")) == ([0.5], [3.5])
    tight = breaches(walked, fence(AREA, margin_m=margin_of(out) - 0.01))
    assert times(tight, "entered_at") == [0.5, 2.2]
    assert times(tight, "exited_at") == [1.8, 3.5]


def test_a_stay_that_ends_in_the_margin_is_left_at_its_last_fix():
    walked = walk(GATE, INSIDE, (4.5, 2), BEYOND)
    found = breaches(walked, fence(AREA, margin_m=margin_of((4.5, 2)) + 0.01))
    assert times(found, "exited_at") == [2]
    assert [*times(found, "exited_earliest"), *times(found, "exited_latest")] == [2, 3]


def test_the_margin_alone_begins_no_stay():
    assert breaches(walk((5, 2), (4.5, 2), (5, 2)), fence(AREA, margin_m=500)).empty


@pytest.mark.parametrize(("dwell_s", "broken"), [(119.99, 1), (120, 1), (120.01, 0)])
def test_dwell_is_reached_at_its_second(dwell_s, broken):
    walked = walk(INSIDE, INSIDE, (3, 2), (5, 2))  # leaves half-way through the third minute
    assert times(breaches(walked), "exited_at") == [2.5]
    walked = walk(
        (-2, 2), (2, 2), (2, 2), (6, 2)
    )  # half a minute in, one inside, half a minute out
    assert len(breaches(walked, fence(AREA, dwell_s=dwell_s))) == broken


def test_an_open_stay_dwells_up_to_the_last_fix_seen():
    assert len(breaches(walk(INSIDE, INSIDE), fence(AREA, dwell_s=60))) == 1
    assert breaches(walk(INSIDE, INSIDE), fence(AREA, dwell_s=61)).empty


def test_a_gap_with_both_ends_inside_is_unknown_and_does_not_end_the_stay():
    found = breaches(walk(GATE, INSIDE, *GAP, INSIDE, BEYOND))
    assert len(found) == 1
    assert found.loc[0, "unknown_s"] == 600
    assert times(found, "exited_at") == [11.5]


def test_a_stay_that_ends_in_a_gap_ends_with_the_fix_that_says_so():
    found = breaches(walk(GATE, INSIDE, *GAP, BEYOND))
    assert times(found, "exited_at") == times(found, "exited_latest") == [11]
    assert times(found, "exited_earliest") == [1]
    assert found.loc[0, "unknown_s"] == 0


def test_a_stay_that_begins_in_a_gap_begins_with_the_fix_that_says_so():
    found = breaches(walk(GATE, *GAP, INSIDE))
    assert times(found, "entered_at") == times(found, "entered_latest") == [10]
    assert times(found, "entered_earliest") == [0]
    assert found.loc[0, "lon"] == lonlat(INSIDE)[0]


def test_a_gap_across_a_fence_is_no_visit():
    assert breaches(walk(GATE, *GAP, BEYOND)).empty


def test_a_late_fix_merges_two_stays():
    early = walk(GATE, INSIDE, BEYOND, INSIDE, BEYOND)
    assert len(breaches(early)) == 2
    sure = walk(None, None, INSIDE, accuracy_m=1.0)  # a better fix for the minute outside
    merged = breaches(pd.concat([early, sure]))
    assert (times(merged, "entered_at"), times(merged, "exited_at")) == ([0.5], [3.5])


def keep_in(**more) -> gpd.GeoDataFrame:
    return fence(AREA, "keep_in", **more)


def test_leaving_a_keep_in_fence_is_a_breach_until_a_fix_is_inside_again():
    found = breaches(walk(INSIDE, BEYOND, BEYOND, INSIDE), keep_in())
    assert (times(found, "entered_at"), times(found, "exited_at")) == ([0.5], [2.5])
    assert found.loc[0, "lon"] == pytest.approx(lonlat((4, 2))[0])
    assert found.loc[0, "evidence"] == "confirmed"


def test_a_unit_never_inside_is_outside_from_its_first_fix():
    found = breaches(walk(BEYOND, (7, 2)), keep_in())
    assert times(found, "entered_at") == [0]
    assert found.loc[0, "state"] == "open"


def test_passing_through_does_not_end_an_absence():
    assert len(breaches(walk(GATE, BEYOND), keep_in())) == 1


def test_an_absence_is_confirmed_beyond_the_accuracy():
    near = (4.25, 2)  # 20 m outside
    assert (
        breaches(walk(INSIDE, near, accuracy_m=15.0), keep_in()).loc[0, "evidence"] == "confirmed"
    )
    assert breaches(walk(INSIDE, near, accuracy_m=25.0), keep_in()).loc[0, "evidence"] == "probable"


def test_a_gap_outside_a_keep_in_fence_is_unknown():
    found = breaches(walk(INSIDE, BEYOND, *GAP, BEYOND, INSIDE), keep_in())
    assert found["unknown_s"].tolist() == [600]


def test_what_is_known_of_the_past_begins_in_the_margin():
    tail = walk((4.25, 2), BEYOND)
    found = breaches(tail, keep_in(margin_m=50), known_inside={("u", "f")})
    assert times(found, "entered_at") == [0]
    assert times(found, "entered_fix") == [1]


@pytest.mark.parametrize(
    ("accuracy_m", "evidence"), [(19.0, "confirmed"), (22.0, "probable"), (None, "confirmed")]
)
def test_a_stay_is_confirmed_by_a_fix_deeper_than_its_accuracy(accuracy_m, evidence):
    shallow = walk(GATE, (0.25, 2), GATE, accuracy_m=accuracy_m)  # 20.2 m inside
    assert breaches(shallow).loc[0, "evidence"] == evidence


def test_a_kind_without_accuracy_takes_its_typical_one():
    shallow = walk(GATE, (0.25, 2), GATE)
    assert breaches(shallow, fleet=units(accuracy_m=30.0)).loc[0, "evidence"] == "probable"
