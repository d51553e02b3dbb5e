from __future__ import annotations

import os

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from geo.breaches import judge, possible
from geo.earth import geodesic_m
from tests.geo.slow_breaches import AREAS, LINES, ZONE
from tests.geo.walks import (
    AREA,
    BEYOND,
    GAP,
    GATE,
    INSIDE,
    at,
    fence,
    line,
    lonlat,
    polygon,
    times,
    units,
    walk,
)

#: South-west of the square: the quickest way from one to the other over it is through its corner.
WEST_OF_IT, SOUTH_OF_IT, CORNER = (-3, -1), (-1, -3), (0, 0)
NORTHWARDS = line((0, -5), (0, 9))
WHILE_S = 600  #: of a gap of ten minutes


def found(fixes, fences=None, speed_ms: float = 50.0, **fleet) -> pd.DataFrame:
    """What is possible: by default of the unit u, at the square as a keep_out fence."""
    fences = fence(AREA) if fences is None else fences
    return possible(fixes, units(top_speed_ms=speed_ms, **fleet), fences, timezone=ZONE)


def gone(start, end) -> pd.DataFrame:
    """Seen at START and ten minutes later, and not in between."""
    return walk(start, *GAP, end)


def metres(*places) -> float:
    """The way through places of the lattice."""
    lon, lat = np.transpose([lonlat(place) for place in places])
    return float(geodesic_m(lon[:-1], lat[:-1], lon[1:], lat[1:]).sum())


ROUND_THE_CORNER_M = metres(WEST_OF_IT, CORNER, SOUTH_OF_IT)


# How far a unit reaches ---------------------------------------------------------------------------


def test_a_way_over_the_corner_that_is_just_short_enough_is_possible():
    told = found(gone(WEST_OF_IT, SOUTH_OF_IT), speed_ms=ROUND_THE_CORNER_M / WHILE_S)
    then = round(10 * metres(WEST_OF_IT, CORNER) / ROUND_THE_CORNER_M, 4)
    assert times(told, "entered_at") + times(told, "exited_at") == [then] * 2
    for name in ("entered_earliest", "entered_latest", "exited_earliest", "exited_latest"):
        assert times(told, name) == [then]
    assert (told.loc[0, "lon"], told.loc[0, "lat"]) == pytest.approx(lonlat(CORNER), abs=1e-8)
    assert times(told, "entered_fix") + times(told, "exited_fix") == [0, 10]
    assert told.loc[0, ["state", "evidence", "rule"]].tolist() == ["closed", "possible", "keep_out"]
    assert told.loc[0, "unknown_s"] == WHILE_S
    assert told.loc[0, "visit"] == "u|f|2026-03-02T04:10:00Z|possible"
    assert pd.isna(told.loc[0, "direction"])


def test_a_way_over_the_corner_that_is_a_metre_too_long_is_not():
    speed_ms = (ROUND_THE_CORNER_M - 1) / WHILE_S
    assert found(gone(WEST_OF_IT, SOUTH_OF_IT), speed_ms=speed_ms).empty


def test_it_can_first_be_at_the_nearest_place_and_must_have_left_by_the_nearest():
    told = found(gone(GATE, BEYOND), speed_ms=5)
    to_it_m = metres(GATE, (0, 2))
    assert times(told, "entered_at") == [pytest.approx(to_it_m / 5 / 60, abs=1e-4)]
    assert times(told, "exited_at") == [pytest.approx(10 - to_it_m / 5 / 60, abs=1e-4)]
    # Straight through: it comes to the western edge first.
    assert (told.loc[0, "lon"], told.loc[0, "lat"]) == pytest.approx(lonlat((0, 2)), abs=1e-6)


def test_the_nearest_place_counts_only_where_the_way_on_is_short_enough():
    # Its own nearest place, beside it, is out of the way; only the eastern end can be touched.
    long = fence(polygon([(0, 1), (20, 3), (20, 1.5)]))
    there, back = (0, 0), (20, 0)
    tight = found(gone(there, back), long, speed_ms=metres(there, back) * 1.002 / WHILE_S)
    assert tight.empty
    told = found(gone(there, back), long, speed_ms=metres(there, (20, 1.5), back) / WHILE_S)
    assert times(told, "entered_at")[0] > 0.5
    roomy = found(gone(there, back), long, speed_ms=metres(there, back) * 1.5 / WHILE_S)
    beside_s = metres(there, (0, 1)) / (metres(there, back) * 1.5 / WHILE_S)
    assert times(roomy, "entered_at")[0] == pytest.approx(beside_s / 60, abs=0.02)


def test_one_end_inside_is_possible_from_there_on():
    told = found(gone(INSIDE, BEYOND))
    assert times(told, "entered_at") == [0]
    assert (told.loc[0, "lon"], told.loc[0, "lat"]) == lonlat(INSIDE)
    assert times(found(gone(GATE, INSIDE)), "exited_at") == [10]


@pytest.mark.parametrize("speed_ms", [0.0, -1.0, float("nan")])
def test_who_does_not_move_reaches_nothing(speed_ms):
    on_the_line = gone(CORNER, CORNER)
    assert len(found(on_the_line, fence(NORTHWARDS, "line"), speed_ms=1)) == 1
    assert found(on_the_line, fence(NORTHWARDS, "line"), speed_ms=speed_ms).empty


def test_a_gap_of_a_day_is_possible_and_one_of_a_second_more_is_not():
    for gap_s, count in ((86_400, 1), (86_401, 0)):
        assert len(found(walk(GATE, GATE, every_s=gap_s), speed_ms=1)) == count


def test_legs_outliers_and_impossible_steps_have_no_reach():
    beside = [(-1, n) for n in range(6)]
    assert found(walk(*beside)).empty
    assert found(walk(GATE, (500, 2), GATE)).empty
    assert found(walk(GATE, (500, 2), (501, 2))).empty
    beyond_the_outlier = found(walk(GATE, *GAP, (500, 2), *GAP, GATE), speed_ms=10)
    assert times(beyond_the_outlier, "entered_fix") == [0]
    assert times(beyond_the_outlier, "exited_fix") == [20]
    assert len(found(walk(GATE, (-2, 3), (-2, 2), *GAP, (-2, 3)))) == 1


def test_no_fixes_and_no_fences_are_an_empty_table_like_the_judges():
    told = found(gone(GATE, BEYOND))
    judged = judge(walk(GATE, INSIDE), units(), fence(AREA), timezone=ZONE)
    for table in (told, found(walk(GATE)), found(gone(GATE, BEYOND), fence(AREA).iloc[:0])):
        pd.testing.assert_series_equal(table.dtypes, judged.dtypes)


def test_several_are_told_by_unit_entry_and_fence():
    two = pd.concat([fence(AREA, fence="b"), fence(AREA, fence="a")], ignore_index=True)
    walked = pd.concat([walk(GATE, *GAP, GATE, *GAP, GATE, unit=name) for name in ("v", "u")])
    told = possible(walked, units("u", "v"), two, timezone=ZONE)
    assert told["unit"].tolist() == ["u"] * 4 + ["v"] * 4
    assert told["fence"].tolist() == ["a", "b"] * 4
    assert told["visit"].is_unique


# What the judge tells already ---------------------------------------------------------------------


def test_a_gap_within_a_stay_is_told_by_the_stay():
    walked = walk(GATE, INSIDE, *GAP, INSIDE, BEYOND)
    assert found(walked).empty
    assert judge(walked, units(), fence(AREA), timezone=ZONE).loc[0, "unknown_s"] == WHILE_S
    wide = fence(AREA, margin_m=100)
    in_the_margin = walk(GATE, INSIDE, (4.5, 2), *GAP, (4.5, 2))
    assert found(in_the_margin, wide).empty
    tail = in_the_margin.iloc[2:]
    assert len(found(tail, wide)) == 1
    known = possible(tail, units(), wide, timezone=ZONE, known_inside={("u", "f")})
    assert known.empty


NOON_FOUR_TO_SIX = {"weekly": [{"days": ["mon"], "from": "12:04", "to": "12:06"}]}


@pytest.mark.parametrize(("rule", "place"), [("keep_out", INSIDE), ("keep_in", BEYOND)])
def test_hours_wholly_within_a_gap_are_told_by_nobody_else(rule, place):
    hours = fence(AREA, rule, active=NOON_FOUR_TO_SIX)
    told = found(gone(place, place), hours)
    assert times(told, "entered_at") + times(told, "exited_at") == [4, 6]
    assert told.loc[0, "unknown_s"] == 120
    assert judge(gone(place, place), units(), hours, timezone=ZONE).empty
    seen = {"weekly": [{"days": ["mon"], "from": "11:00", "to": "12:06"}]}
    assert found(gone(place, place), fence(AREA, rule, active=seen)).empty


# Time ---------------------------------------------------------------------------------------------


def test_only_hours_in_force_count_and_what_is_possible_is_cut_to_them():
    told = found(gone(GATE, GATE), fence(AREA, active=NOON_FOUR_TO_SIX))
    assert times(told, "entered_at") + times(told, "exited_at") == [4, 6]
    assert told.loc[0, "unknown_s"] == 120
    later = {"weekly": [{"days": ["mon"], "from": "13:00", "to": "14:00"}]}
    assert found(gone(GATE, GATE), fence(AREA, active=later)).empty


def test_hours_that_end_before_it_can_be_there_leave_nothing():
    just = {"speed_ms": ROUND_THE_CORNER_M / WHILE_S}  # at the corner in the fifth minute
    early = {"weekly": [{"days": ["mon"], "from": "12:00", "to": "12:04"}]}
    assert found(gone(WEST_OF_IT, SOUTH_OF_IT), fence(AREA, active=early), **just).empty
    soon = found(gone(WEST_OF_IT, SOUTH_OF_IT), fence(AREA, active=NOON_FOUR_TO_SIX), **just)
    assert len(soon) == 1


def test_each_version_in_force_in_the_gap_is_asked():
    far = polygon([(900, 0), (904, 0), (904, 4), (900, 4)])
    rows = [
        {"fence": "f", "version": 1, "rule": "keep_out", "valid_to": at(5), "geometry": AREA},
        {"fence": "f", "version": 2, "rule": "keep_out", "valid_from": at(5), "geometry": AREA},
        {"fence": "g", "version": 1, "rule": "keep_out", "valid_to": at(0), "geometry": AREA},
        {"fence": "h", "version": 1, "rule": "keep_out", "valid_from": at(10), "geometry": AREA},
        {"fence": "i", "version": 1, "rule": "keep_out", "geometry": far},
    ]
    told = found(gone(GATE, GATE), gpd.GeoDataFrame(rows, crs="EPSG:4326"))
    assert told["fence_version"].tolist() == [1, 2]
    assert len(set(told["visit"])) == 1
    assert times(told, "exited_at")[0] == times(told, "entered_at")[1] == 5
    assert told["unknown_s"].tolist() == [300, 300]


def test_a_fence_that_speaks_of_others_or_only_alerts_is_not_asked():
    assert found(gone(GATE, GATE), fence(AREA, applies_to={"kinds": ["horse"]})).empty
    assert found(gone(GATE, GATE), fence(AREA, "presence")).empty


# Dwell --------------------------------------------------------------------------------------------


def test_there_must_be_time_to_dwell_at_the_corner():
    walked, minute = gone(WEST_OF_IT, SOUTH_OF_IT), fence(AREA, dwell_s=60)
    told = found(walked, minute, speed_ms=ROUND_THE_CORNER_M / (WHILE_S - 60))
    then = round(9 * metres(WEST_OF_IT, CORNER) / ROUND_THE_CORNER_M, 4)
    assert times(told, "entered_earliest") + times(told, "entered_latest") == [then] * 2
    after = [*times(told, "exited_earliest"), *times(told, "exited_latest")]
    assert after == pytest.approx([then + 1] * 2, abs=2e-4)
    assert found(walked, minute, speed_ms=(ROUND_THE_CORNER_M - 1) / (WHILE_S - 60)).empty


@pytest.mark.parametrize(("dwell_s", "count"), [(299, 1), (301, 0)])
def test_who_has_no_time_to_stop_is_inside_while_it_goes_through(dwell_s, count):
    # Eight steps in ten minutes, four of them inside.
    speed_ms = metres(GATE, BEYOND) / WHILE_S * 1.000_001
    told = found(gone(GATE, BEYOND), fence(AREA, dwell_s=dwell_s), speed_ms=speed_ms)
    assert len(told) == count


@pytest.mark.parametrize(("share", "count"), [(0.995, 1), (1.005, 0)])
def test_who_goes_along_a_fence_may_do_so_inside(share, count):
    long = polygon([(0, 0), (10, 0), (10, 4), (0, 4)])
    ways = [(0, -1), (0, 0), (10, 0), (10, -1)]
    speed_ms = metres(*ways) / WHILE_S
    dwell_s = share * metres(*ways[1:3]) / speed_ms
    told = found(gone(ways[0], ways[-1]), fence(long, dwell_s=dwell_s), speed_ms=speed_ms)
    assert len(told) == count


def test_dwell_is_counted_in_force():
    for dwell_s, count in ((120, 1), (121, 0)):
        hours = fence(AREA, active=NOON_FOUR_TO_SIX, dwell_s=dwell_s)
        assert len(found(gone(GATE, GATE), hours)) == count


# Lines and keep_in --------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["any", "left_to_right", "right_to_left"])
def test_a_line_within_reach_may_have_been_crossed_either_way(direction):
    frontier = fence(NORTHWARDS, "line", direction=direction, dwell_s=9999)
    beside_m = 2 * metres(GATE, (0, 2))
    told = found(gone(GATE, GATE), frontier, speed_ms=beside_m / WHILE_S)
    assert times(told, "entered_at") + times(told, "exited_at") == pytest.approx([5, 5], abs=1e-3)
    assert told["direction"].isna().all()
    assert found(gone(GATE, GATE), frontier, speed_ms=(beside_m - 1) / WHILE_S).empty
    assert len(found(gone(GATE, BEYOND), frontier, speed_ms=metres(GATE, BEYOND) / 599)) == 1


OUT_AND_BACK_M = 2 * metres(INSIDE, (4, 2))


@pytest.mark.parametrize("margin_m", [0, 50])
def test_a_unit_may_have_left_and_come_back(margin_m):
    way_m, sector = OUT_AND_BACK_M + 2 * margin_m, fence(AREA, "keep_in", margin_m=margin_m)
    told = found(gone(INSIDE, INSIDE), sector, speed_ms=(way_m + 0.1) / WHILE_S)
    assert times(told, "entered_at") + times(told, "exited_at") == pytest.approx([5, 5], abs=2e-3)
    assert told.loc[0, "rule"] == "keep_in"
    assert found(gone(INSIDE, INSIDE), sector, speed_ms=(way_m - 1) / WHILE_S).empty


def test_an_end_outside_is_judged_by_its_fixes_and_a_hole_is_outside():
    sector = fence(AREA, "keep_in")
    for ends in ((INSIDE, BEYOND), (BEYOND, INSIDE), (BEYOND, BEYOND)):
        assert found(gone(*ends), sector).empty
    holed = polygon([(-20, -20), (20, -20), (20, 20), (-20, 20)], [(0, 0), (4, 0), (4, 4), (0, 4)])
    speed_ms = ROUND_THE_CORNER_M / WHILE_S
    walked = gone(WEST_OF_IT, SOUTH_OF_IT)
    assert len(found(walked, fence(holed, "keep_in"), speed_ms=speed_ms)) == 1
    assert found(walked, fence(holed, "keep_in"), speed_ms=speed_ms * 0.99).empty


def test_there_must_be_time_to_dwell_outside():
    for dwell_s, count in ((60, 1), (61, 0)):
        sector = fence(AREA, "keep_in", dwell_s=dwell_s)
        speed_ms = (OUT_AND_BACK_M + 0.1) / (WHILE_S - 60)
        assert len(found(gone(INSIDE, INSIDE), sector, speed_ms=speed_ms)) == count


# Against a slow reading ---------------------------------------------------------------------------

PLACES = st.tuples(st.integers(-6, 16), st.integers(-6, 16)).map(lambda p: (p[0] / 2, p[1] / 2))
SPACING_DEG = 1e-5  # about a metre
#: A place of a fence is within half a spacing of a sample, and so is the way over it by twice that.
SLACK_M = 1.2
#: An edge that is straight in lon/lat is that far from its chord on the plane (Plane.project).
CHORD_M = 0.2


def sampled(shape: shapely.Geometry) -> np.ndarray:
    """Places of a line, or of the edges of an area, about a metre apart, and every vertex."""
    bounds = shape if shape.geom_type == "LineString" else shape.boundary
    return shapely.get_coordinates(shapely.segmentize(bounds, SPACING_DEG))


@settings(
    max_examples=int(os.environ.get("PATROLGRID_TEST_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    PLACES,
    PLACES,
    st.floats(0.05, 4),
    st.sampled_from(
        [
            *[(area, rule) for area in AREAS for rule in ("keep_out", "keep_in")],
            *[(line(*places), "line") for places in LINES],
        ]
    ),
)
def test_reach_is_what_a_fence_of_many_places_says(start, end, speed_ms, version):
    shape, rule = version
    reach_m = speed_ms * WHILE_S
    straight_m = metres(start, end)
    inside = [shape.contains(shapely.Point(lonlat(place))) for place in (start, end)]
    told = found(gone(start, end), fence(shape, rule), speed_ms=speed_ms)
    # The boundary begins no stay, and ends none.
    stays = inside[0] and shape.covers(shapely.Point(lonlat(end)))
    told_already = {"keep_out": stays, "keep_in": not stays, "line": False}
    if straight_m > reach_m or told_already[rule]:
        assert told.empty
        return
    (a_lon, a_lat), (b_lon, b_lat) = lonlat(start), lonlat(end)
    lon, lat = sampled(shape).T
    in_m, out_m = geodesic_m(a_lon, a_lat, lon, lat), geodesic_m(lon, lat, b_lon, b_lat)
    way_m = in_m + out_m
    if any(inside) and rule == "keep_out":
        way_m = np.minimum(way_m, np.where(way_m == way_m.min(), straight_m, np.inf))
    assume(abs(way_m.min() - reach_m) > SLACK_M)
    assert len(told) == (way_m.min() < reach_m)
    if len(told):
        row = told.iloc[0]
        sides = (
            ((row["entered_at"] - at(0)).total_seconds() * speed_ms, in_m, inside[0]),
            ((at(10) - row["exited_at"]).total_seconds() * speed_ms, out_m, inside[1]),
        )
        for got_m, side_m, here in sides:
            if here and rule == "keep_out":
                assert got_m == 0
                continue
            assert got_m <= side_m[way_m <= reach_m].min() + CHORD_M
            assert got_m >= side_m[way_m <= reach_m + 2 * SLACK_M].min() - SLACK_M - CHORD_M
