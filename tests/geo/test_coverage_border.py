"""The border as a line: stretches, what of them was seen, when and by whom."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo import coverage
from geo.earth import Plane, geodesic_m, length_m
from geo.errors import NoCrsError, OutOfRangeError, WrongGeometryError
from tests.geo.coverage_words import GAP, at, lonlat, path, together, turn


def border_of(*places: tuple[float, float], chainage_start_km: float = 0.0) -> gpd.GeoDataFrame:
    line = shapely.LineString([lonlat(p) for p in places])
    rows = {"chainage_start_km": [chainage_start_km]}
    return gpd.GeoDataFrame(rows, geometry=[line], index=["north"], crs="EPSG:4326")


#: Due north along a meridian, 100 steps: 10.85 km.
MERIDIAN = border_of((0, 0), (0, 100), chainage_start_km=700)
STEP_M = float(geodesic_m(*lonlat((0, 50)), *lonlat((0, 51))))
EAST_M = float(geodesic_m(*lonlat((0, 50)), *lonlat((1, 50))))


def test_stretches_follow_the_chainage_and_sum_to_the_line():
    out = coverage.border(MERIDIAN, path((50, 0), (50, 1)), segment_m=2000, swath_m=500)
    assert out.index.tolist() == [f"north-{n:04d}" for n in range(6)]
    assert out["chainage_start_km"].tolist() == pytest.approx([700, 702, 704, 706, 708, 710])
    whole_m = float(length_m(MERIDIAN.geometry.to_numpy())[0])
    assert out["chainage_end_km"].iloc[-1] == pytest.approx(700 + whole_m / 1000)
    own_m = length_m(out.geometry.to_numpy())
    assert own_m.sum() == pytest.approx(whole_m)
    assert own_m[:-1] == pytest.approx(np.full(5, 2000.0), abs=0.01)
    assert (out["border"] == "north").all()
    assert out["visited_share"].tolist() == [0] * 6
    assert out["first_visit"].isna().all()


def test_a_path_along_the_border_sees_its_own_length_and_half_a_swath_more():
    legs = path((0, 10), (0, 20))
    out = coverage.border(MERIDIAN, legs, segment_m=1e6, swath_m=400).iloc[0]
    whole_m = float(length_m(MERIDIAN.geometry.to_numpy())[0])
    assert out["visited_share"] * whole_m == pytest.approx(10 * STEP_M + 400, abs=1)
    assert (out["patrols"], out["units"], out["patrol_s"], out["visits"]) == (1, 1, 600, 1)
    assert out["patrol_m"] == pytest.approx(10 * STEP_M, abs=0.01)
    assert (out["first_visit"], out["last_visit"]) == (at(0), at(10))


def test_a_crossing_sees_a_swath_and_lasts_as_long_as_it_is_near():
    legs = path((-10, 50), (10, 50))
    out = coverage.border(MERIDIAN, legs, segment_m=1e6, swath_m=400).iloc[0]
    whole_m = float(length_m(MERIDIAN.geometry.to_numpy())[0])
    assert out["visited_share"] * whole_m == pytest.approx(400, abs=0.5)
    near_s = 600 * 400 / (20 * EAST_M)
    assert out["patrol_s"] == pytest.approx(near_s, rel=0.001)
    assert (out["last_visit"] - out["first_visit"]).total_seconds() == pytest.approx(
        near_s, rel=0.001
    )


def test_the_longest_part_that_nobody_saw_is_told_and_where_it_begins():
    # Two crossings, at 20 and 70 of 100 steps: unseen are 20, 50 and 30 steps, less their swaths.
    legs = together(path((-10, 20), (10, 20)), path((-10, 70), (10, 70), unit="v"))
    out = coverage.border(MERIDIAN, legs, segment_m=1e6, swath_m=400).iloc[0]
    assert out["longest_unseen_m"] == pytest.approx(50 * STEP_M - 400, abs=1)
    assert out["longest_unseen_start_km"] == pytest.approx(
        700 + (20 * STEP_M + 200) / 1000, abs=1e-3
    )
    by_km = coverage.border(MERIDIAN, legs, segment_m=1000, swath_m=400)
    seen = by_km["visited_share"] * 1000
    quiet = seen == 0
    assert quiet.sum() == 8
    whole_m = (by_km["chainage_end_km"] - by_km["chainage_start_km"]) * 1000
    assert by_km.loc[quiet, "longest_unseen_m"].to_numpy() == pytest.approx(
        whole_m[quiet].to_numpy()
    )
    along = coverage.border(MERIDIAN, path((0, 0), (0, 100)), segment_m=1e6, swath_m=400).iloc[0]
    assert along["longest_unseen_m"] == 0
    assert math.isnan(along["longest_unseen_start_km"])


def test_a_standing_unit_sees_a_chord_of_its_disc():
    legs = path((1, 50), (1, 50))
    out = coverage.border(MERIDIAN, legs, segment_m=1e6, swath_m=400).iloc[0]
    whole_m = float(length_m(MERIDIAN.geometry.to_numpy())[0])
    chord_m = 2 * math.sqrt(200**2 - EAST_M**2)
    assert out["visited_share"] * whole_m == pytest.approx(chord_m, abs=0.5)
    assert out["patrol_s"] == 600


def test_what_is_seen_twice_counts_once_and_gaps_see_nothing():
    once = path((0, 10), (0, 20))
    twice = together(once, path((0, 20), (0, 10), GAP, (0, 40), unit="v", patrol="q", minute=60))
    one, two = (
        coverage.border(MERIDIAN, legs, segment_m=3000, swath_m=400) for legs in (once, twice)
    )
    assert two["visited_share"].tolist() == pytest.approx(one["visited_share"].tolist())
    assert two["units"].max() == two["patrols"].max() == 2
    assert two["patrol_s"].sum() == pytest.approx(2 * one["patrol_s"].sum())


def test_a_visit_ends_where_its_unit_leaves_and_goes_on_over_a_gap_within_reach():
    legs = together(
        # along the border, a gap within reach of it, on; away and back; a gap that ends elsewhere
        path((0, 10), (0, 20), GAP, (0, 30), (50, 30), (0, 30), GAP, (50, 40), unit="u"),
        path((0, 15), (0, 16), unit="v"),
    )
    out = coverage.border(MERIDIAN, legs, segment_m=1e6, swath_m=400).iloc[0]
    gap_s = legs.loc[~legs["is_leg"], "duration_s"]
    assert (out["visits"], out["units"]) == (3, 2)
    assert out["unknown_s"] == gap_s.iloc[0]
    bare = coverage.border(MERIDIAN, legs[~legs["is_leg"]], segment_m=1e6, swath_m=400).iloc[0]
    assert (bare["visits"], bare["patrol_s"], bare["unknown_s"]) == (0, 0, gap_s.iloc[0])


def test_the_window_cuts_what_is_seen():
    legs = path((0, 10), (0, 20))
    out = coverage.border(MERIDIAN, legs, segment_m=1e6, swath_m=400, start=at(0), end=at(5))
    whole_m = float(length_m(MERIDIAN.geometry.to_numpy())[0])
    assert out["visited_share"].iloc[0] * whole_m == pytest.approx(5 * STEP_M + 400, abs=1)
    assert out["last_visit"].iloc[0] == at(5)


def test_parts_of_a_line_follow_each_other_and_lines_are_told_apart():
    parts = shapely.MultiLineString(
        [[lonlat((0, 0)), lonlat((0, 10))], [lonlat((5, 10)), lonlat((5, 20))]]
    )
    lines = gpd.GeoDataFrame(
        geometry=[parts, shapely.LineString([lonlat((9, 0)), lonlat((9, 10))])],
        index=["west", "east"],
        crs="EPSG:4326",
    )
    out = coverage.border(lines, path((0, 0), (0, 5)), segment_m=1500, swath_m=100)
    assert out.groupby("border").size().to_dict() == {"west": 2, "east": 1}
    assert out["chainage_start_km"].tolist() == pytest.approx([0, 1.5, 0])
    assert length_m(out.geometry.to_numpy()).sum() == pytest.approx(30 * STEP_M, rel=1e-4)
    assert out.geometry.geom_type.tolist() == ["MultiLineString", "LineString", "LineString"]


def test_shares_agree_with_buffers_united():
    rng = turn(3)
    places = np.column_stack((np.linspace(0, 300, 60), np.cumsum(rng.normal(0, 4, 60))))
    line = border_of(*map(tuple, places.tolist()))
    starts = rng.uniform((0, -30), (300, 30), (40, 2))
    legs = together(
        *(
            path(tuple(a), tuple(a + rng.normal(0, 8, 2)), unit=f"u{n}")
            for n, a in enumerate(starts)
        )
    )
    out = coverage.border(line, legs, segment_m=1000, swath_m=700)
    plane = Plane.equidistant(*line.geometry.iloc[0].centroid.coords[0])
    ways = [shapely.LineString([(r.lon0, r.lat0), (r.lon1, r.lat1)]) for r in legs.itertuples()]
    seen = shapely.union_all(shapely.buffer(plane.project(ways), 350, quad_segs=128))
    flat = plane.project(out.geometry.to_numpy())
    want = shapely.length(shapely.intersection(flat, seen)) / shapely.length(flat)
    assert np.abs(out["visited_share"].to_numpy() - want).max() < 0.002
    assert (want > 0).sum() > 5


def test_no_legs_and_bad_lines():
    legs = path((0, 0), (0, 5))
    none = coverage.border(MERIDIAN, legs.iloc[:0], segment_m=5000, swath_m=100)
    assert none["visited_share"].tolist() == [0, 0, 0]
    assert isinstance(none["last_visit"].dtype, pd.DatetimeTZDtype)
    with pytest.raises(NoCrsError):
        coverage.border(MERIDIAN.set_crs(None, allow_override=True), legs, swath_m=100)
    with pytest.raises(WrongGeometryError, match="'north'"):
        coverage.border(MERIDIAN.set_geometry(MERIDIAN.envelope), legs, swath_m=100)
    with pytest.raises(OutOfRangeError, match="segment_m"):
        coverage.border(MERIDIAN, legs, segment_m=0, swath_m=100)
