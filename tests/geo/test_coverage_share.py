"""The visited share: by hand, and against an exact union that is slow and obvious."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from geo import coverage
from geo.earth import area_m2, geodesic_m, interpolate
from tests.geo.coverage_words import GAP, block, cells, lonlat, path, together, turn

BIG = cells(a=block(-60, -45, 60, 45))


def share(cells_: gpd.GeoDataFrame, legs: pd.DataFrame, swath_m: float) -> dict[str, float]:
    return coverage.visited_share(cells_, legs, swath_m=swath_m).to_dict()


def swept_m2(legs: pd.DataFrame, swath_m: float) -> float:
    return float(share(BIG, legs, swath_m)["a"] * area_m2(BIG.geometry.to_numpy())[0])


@pytest.mark.parametrize("swath_m", [50, 500, 2000])
def test_a_straight_leg_sweeps_a_strip_and_two_half_discs(swath_m):
    legs = path((-10, -7), (12, 9))
    strip_m2 = swath_m * legs["length_m"].iloc[0] + math.pi * swath_m**2 / 4
    assert swept_m2(legs, swath_m) == pytest.approx(strip_m2, rel=0.004)


def test_a_standing_unit_sweeps_a_disc():
    assert swept_m2(path((1, 1), (1, 1)), 1000) == pytest.approx(math.pi * 500**2, rel=0.004)


def test_the_same_ground_twice_is_swept_once():
    once, there_and_back = path((0, 0), (9, 3)), path((0, 0), (9, 3), (0, 0), (9, 3))
    other = path((0, 0), (9, 3), unit="v")
    assert share(BIG, there_and_back, 500) == pytest.approx(share(BIG, once, 500), abs=1e-12)
    assert share(BIG, together(once, other), 500) == share(BIG, once, 500)


def test_two_paths_that_overlap_are_a_union():
    # parallel legs half a swath apart sweep a strip one and a half swaths wide
    apart = 250 / geodesic_m(*lonlat((0, 0)), *lonlat((0, 1)))
    legs = together(path((0, 0), (20, 0)), path((0, float(apart)), (20, float(apart))))
    length_m = legs["length_m"].iloc[0]
    lens_m2 = 2 * 250**2 * math.acos(0.5) - 125 * math.sqrt(4 * 250**2 - 250**2)
    ends_m2 = 2 * math.pi * 250**2 - lens_m2
    # the ends: two discs of radius 250 whose centres are 250 m apart
    assert swept_m2(legs, 500) == pytest.approx(750 * length_m + ends_m2, rel=0.003)


def test_a_path_just_outside_covers_what_its_swath_reaches_inside():
    # 100 m north of the cell, along its edge, with a swath of 600 m: 200 m deep
    north = 100 / geodesic_m(*lonlat((0, 4)), *lonlat((0, 5)))
    cell = cells(a=block(0, 0, 8, 8))
    legs = path((-10, 8 + float(north)), (18, 8 + float(north)))
    side_m = geodesic_m(*lonlat((0, 0)), *lonlat((0, 8)))
    answer = coverage.coverage(cell, legs, swath_m=600).by_cell.loc["a"]
    assert answer["visited_share"] == pytest.approx(200 / float(side_m), abs=0.002)
    assert answer["patrol_s"] == answer["visits"] == 0


def test_a_gap_covers_nothing():
    legs = path((0, 0), (1, 0), GAP, (30, 0), (31, 0))
    # 80 m each: what such small ground is measured by is 0.02 points of the cell
    assert swept_m2(legs, 200) == pytest.approx(2 * swept_m2(path((0, 0), (1, 0)), 200), rel=0.02)


def test_a_cell_wholly_swept_is_exactly_one_and_an_unswept_one_zero():
    pair = cells(a=block(0, 0, 2, 2), b=block(40, 40, 42, 42))
    assert share(pair, path((0, 0), (2, 2)), 2000) == {"a": 1.0, "b": 0.0}


def test_the_order_of_the_cells_and_their_ids_does_not_matter():
    legs, pair = path((0, 0), (9, 3)), cells(b=block(0, 0, 4, 4), a=block(4, 0, 8, 4))
    got = coverage.visited_share(pair, legs, swath_m=300)
    assert got.index.tolist() == ["b", "a"]
    assert share(pair.iloc[::-1], legs, 300) == got.to_dict()


def exact_share(cell: shapely.Geometry, legs: pd.DataFrame, swath_m: float) -> float:
    """Buffers of finely cut geodesics, united and clipped, on a plane about the cell's middle."""
    middle = cell.centroid
    plane = pyproj.Proj(f"+proj=laea +lat_0={middle.y} +lon_0={middle.x} +ellps=WGS84")

    def flat(geometry: shapely.Geometry) -> shapely.Geometry:
        return shapely.transform(geometry, lambda xy: np.column_stack(plane(xy[:, 0], xy[:, 1])))

    swept = []
    for leg in legs[legs["is_leg"]].itertuples():
        parts = np.linspace(0, 1, 3 + int(leg.length_m / 1000))
        lon, lat = interpolate(leg.lon0, leg.lat0, leg.lon1, leg.lat1, parts)
        line = flat(shapely.LineString(np.column_stack((lon, lat))))
        line = line if line.length else shapely.get_point(line, 0)
        swept.append(line.buffer(swath_m / 2, quad_segs=32))
    ground = flat(shapely.segmentize(cell, 0.005))
    return float(shapely.union_all(swept).intersection(ground).area / ground.area)


def wandering(rng: np.random.Generator, count: int, reach: float, origin: tuple[float, float]):
    """Paths of a few units that stroll over the cells; some legs stand."""
    step = reach / 12
    walks = []
    for n in range(3):
        way = np.cumsum(rng.normal(0, step, (count, 2)) * (rng.random((count, 1)) < 0.8), axis=0)
        places = (way + rng.uniform(0.2, 0.8, 2) * reach).tolist()
        walks.append(path(*map(tuple, places), unit=f"u{n}", origin=origin))
    return together(*walks)


@pytest.mark.parametrize(
    ("side_m", "swath_m", "lat"),
    [
        (320, 50, 42.0),
        (320, 500, 42.0),
        (320, 5000, 42.0),
        (1000, 50, 49.0),
        (5000, 500, 1.0),
        (25_000, 500, 42.0),
        (25_000, 50, -62.0),
        (70_000, 5000, 42.0),
    ],
)
def test_shares_agree_with_the_exact_union_to_a_fifth_of_a_point(side_m, swath_m, lat):
    rng = turn(int(side_m + swath_m))
    origin, reach = (104.0, lat), 5 * side_m / 100  # about five cells across, in steps
    corner = np.asarray(origin)
    seeds = rng.uniform(0, reach, (16, 2)) / 1024 + corner
    hole = shapely.Point(origin).buffer(reach / 1024)
    shapes = [
        s.intersection(hole.buffer(0.3 * reach / 1024))
        for s in shapely.voronoi_polygons(shapely.MultiPoint(seeds)).geoms
    ]
    named = cells(**{f"c{n:02d}": s for n, s in enumerate(shapes) if s.area > 0})
    named = named[area_m2(named.geometry.to_numpy()) > 90_000]
    legs = wandering(rng, 20, reach, origin)
    got = coverage.visited_share(named, legs, swath_m=swath_m)
    want = [exact_share(cell, legs, swath_m) for cell in named.geometry]
    assert np.abs(got.to_numpy() - want).max() < 0.002


def test_cells_far_apart_are_each_measured_where_they_are():
    far = [(104.0, 42.0), (111.0, 42.0), (104.0, 51.0), (-60.0, -33.0)]
    named = cells(
        **{
            f"c{n}": shapely.box(*lonlat((0, 0), o), *lonlat((40, 40), o))
            for n, o in enumerate(far)
        }
    )
    legs = together(*(path((3, 4), (33, 29), origin=o, unit=f"u{n}") for n, o in enumerate(far)))
    got = coverage.visited_share(named, legs, swath_m=500)
    want = [exact_share(c, legs[n : n + 1], 500) for n, c in enumerate(named.geometry)]
    assert got.to_numpy() == pytest.approx(want, abs=0.001)


def test_a_cell_whose_hole_touches_its_edge_has_all_of_its_ground():
    """Within rounding, as a slot that was cut out of it does."""
    shell = [
        (32.359984064648003, 31.471983296101044), (32.57279402808107, 31.535759112498315),
        (32.629307831314101, 31.571070989925616), (32.336616396863469, 31.653291086075519),
        (32.065150389397679, 31.59757726409423), (32.163259123193072, 31.498703755857708),
    ]  # fmt: skip
    hole = [
        (32.287312078312794, 31.64317220580655), (32.336616396863469, 31.653291086075519),
        (32.422709864372735, 31.629106527378827), (32.422709864372735, 31.535284272214515),
        (32.287312078312794, 31.535284272214515),
    ]  # fmt: skip
    cell = shapely.Polygon(shell, [hole])
    assert cell.is_valid
    apart = cells(u=cell, hole=shapely.Polygon(hole), whole=shapely.Polygon(shell))
    found = share(apart, path((0, 0), (512, 0), origin=(32.1, 31.52)), 5000)
    area = dict(zip(apart.index, area_m2(apart.geometry.to_numpy()), strict=True))
    parts_m2 = found["u"] * area["u"] + found["hole"] * area["hole"]
    assert parts_m2 == pytest.approx(found["whole"] * area["whole"], rel=1e-3)
    assert found["u"] == pytest.approx(0.33, abs=0.02)


@pytest.mark.parametrize("way_deg", [0, 30, 45, 60, 90, 96.8, 97.1, 97.4])
def test_lanes_as_people_draw_them_and_across_the_rows_of_points_are_right(way_deg):
    """Parallel lanes across a square that lies as they do: a row of points more or less on every
    lane would be a per cent."""
    worst = 0.0
    for shift_m in range(0, 30, 4):
        plane = pyproj.Proj(proj="laea", lat_0=42, lon_0=104.4 + shift_m / 100)
        angle = math.radians(way_deg)

        def onto(x: float, y: float, plane=plane, angle=angle):
            east = x * math.cos(angle) - y * math.sin(angle)
            return plane(east, x * math.sin(angle) + y * math.cos(angle), inverse=True)

        half_m, swath_m, lanes = 400.0, 60.0, (-150 + shift_m, 0.0, 150.0)
        corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        cell = cells(a=shapely.Polygon([onto(half_m * x, half_m * y) for x, y in corners]))
        legs = pd.concat([
            path(*(tuple(1024 * d for d in onto(x, y)) for x in (-600, 600)), unit=f"u{n}",
                 origin=(0, 0))
            for n, y in enumerate(lanes)
        ], ignore_index=True)  # fmt: skip
        exact = len(lanes) * swath_m / (2 * half_m)
        worst = max(worst, abs(share(cell, legs, swath_m)["a"] - exact))
    assert worst < 0.002
