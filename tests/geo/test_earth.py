"""Lengths, areas, planes and tiles of the earth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geo import earth
from geo.errors import OutOfRangeError

WGS84 = Geod(ellps="WGS84")
EARTH_M2 = 510_065_621_724_088.44  # Karney: the area of the WGS 84 ellipsoid
SIDE_DEG = st.floats(0.001, 4)
BOUNDS = (97.0, 38.0, 108.0, 43.0)


def test_a_quarter_of_a_meridian_is_ten_thousand_kilometres():
    assert float(earth.geodesic_m(104, 0, 104, 90)) == pytest.approx(10_001_965.729, abs=0.001)


def test_lengths_broadcast_and_keep_their_shape():
    lengths = earth.geodesic_m([[104, 105], [106, 107]], 42, 104, 42)
    assert lengths.shape == (2, 2)
    assert lengths[0, 0] == 0
    assert earth.geodesic_m([], [], [], []).shape == (0,)


def test_a_point_halfway_is_as_far_from_both_ends():
    lon, lat = earth.interpolate(100, 42, 110, 44, 0.5)
    before, after = earth.geodesic_m(100, 42, lon, lat), earth.geodesic_m(lon, lat, 110, 44)
    assert float(before) == pytest.approx(float(after), abs=1e-6)
    assert lat > 43  # to the pole of the straight line


def test_interpolation_gives_back_both_ends_and_crosses_the_date_line():
    lon, lat = earth.interpolate(179.9, 42, -179.9, 42, [0, 0.5, 1])
    assert lat[[0, 2]] == pytest.approx(42)
    assert abs(lon[1]) == pytest.approx(180)


def test_the_whole_world_has_the_area_of_the_ellipsoid():
    assert earth.area_m2(shapely.box(-180, -90, 180, 90))[0] == pytest.approx(EARTH_M2, rel=1e-6)


def test_an_area_does_not_depend_on_how_its_straight_edges_are_cut():
    triangle = shapely.Polygon([(100, 40), (106, 41), (103, 45)])
    fine = shapely.segmentize(triangle, 0.01)
    assert earth.area_m2(triangle)[0] == pytest.approx(earth.area_m2(fine)[0], rel=1e-10)
    by_geodesics = abs(WGS84.geometry_area_perimeter(shapely.segmentize(triangle, 0.005))[0])
    assert earth.area_m2(triangle)[0] == pytest.approx(by_geodesics, rel=1e-6)


def test_holes_parts_directions_and_empty_geometries():
    outer, hole = shapely.box(100, 40, 101, 41), shapely.box(100.2, 40.2, 100.4, 40.4)
    ring = outer.difference(hole)
    whole, less = earth.area_m2([outer, hole])
    assert earth.area_m2(ring)[0] == pytest.approx(whole - less)
    assert earth.area_m2(shapely.reverse(ring))[0] == pytest.approx(whole - less)
    two = shapely.MultiPolygon([hole, shapely.box(102, 40, 103, 41)])
    nested = shapely.GeometryCollection(
        [two, shapely.Point(0, 0), shapely.LineString([(0, 0), (1, 1)])]
    )
    assert earth.area_m2([two, nested]) == pytest.approx([less + whole, less + whole])
    nothing = [None, shapely.Polygon(), shapely.MultiPolygon(), shapely.Point(1, 1)]
    assert earth.area_m2(nothing).tolist() == [0, 0, 0, 0]
    assert earth.area_m2([shapely.Polygon(), outer])[1] == pytest.approx(whole)
    assert earth.area_m2([]).shape == (0,)


@settings(max_examples=50)
@given(
    lon=st.floats(-170, 170),
    lat=st.floats(-80, 75),
    width=st.floats(0.001, 9),
    height=st.floats(0.001, 4),
)
def test_a_box_is_the_sum_of_its_halves(lon, lat, width, height):
    whole = shapely.box(lon, lat, lon + width, lat + height)
    halves = [
        shapely.box(lon, lat, lon + width / 2, lat + height),
        shapely.box(lon + width / 2, lat, lon + width, lat + height),
    ]
    assert earth.area_m2(halves).sum() == pytest.approx(earth.area_m2(whole)[0], rel=1e-6)


def test_a_lines_length_is_the_sum_of_its_geodesics():
    line = shapely.LineString([(100, 42), (101, 42), (101, 43)])
    two = shapely.MultiLineString([line, [(0, 0), (1, 0)]])
    parts = earth.geodesic_m([100, 101, 0], [42, 42, 0], [101, 101, 1], [42, 43, 0])
    got = earth.length_m([line, two, shapely.Point(1, 1), None, shapely.LineString()])
    assert got == pytest.approx([parts[:2].sum(), parts.sum(), 0, 0, 0])
    assert earth.length_m([]).shape == (0,)


@pytest.mark.parametrize("rotation_rad", [0.0, 0.5, -2.0])
def test_planes_go_there_and_back(rotation_rad):
    plane = earth.Plane.equal_area(BOUNDS, rotation_rad=rotation_rad)
    lon, lat = np.meshgrid(np.linspace(97, 108, 5), np.linspace(38, 43, 5))
    back = plane.inverse(*plane.forward(lon, lat))
    assert back[0] == pytest.approx(lon, abs=1e-8)  # 1 mm
    assert back[1] == pytest.approx(lat, abs=1e-8)


def test_a_turned_plane_turns_anticlockwise_axes():
    straight = earth.Plane.equal_area(BOUNDS)
    turned = earth.Plane.equal_area(BOUNDS, rotation_rad=math.pi / 2)
    (x, y), (u, v) = straight.forward(103, 41), turned.forward(103, 41)
    assert (float(u), float(v)) == pytest.approx((float(y), -float(x)))


def test_areas_on_the_plane_are_areas_on_the_earth():
    plane = earth.Plane.equal_area(BOUNDS, rotation_rad=0.5)
    cells = [shapely.box(97, 38, 97.5, 38.5), shapely.box(102, 40, 104, 42), shapely.box(*BOUNDS)]
    assert shapely.area(plane.project(cells)) == pytest.approx(earth.area_m2(cells), rel=1e-6)


def test_equidistant_planes_measure_from_their_point():
    plane = earth.Plane.equidistant(104, 42)
    x, y = plane.forward([105, 104], [42, 43.5])
    assert np.hypot(x, y) == pytest.approx(
        earth.geodesic_m(104, 42, [105, 104], [42, 43.5]), abs=0.01
    )
    assert float(plane.forward(104, 42)[0]) == pytest.approx(0, abs=1e-6)


def test_what_is_straight_in_degrees_stays_so_on_the_plane():
    plane = earth.Plane.equal_area(BOUNDS)
    edge = shapely.LineString([(98, 42), (108, 42)])
    flat = plane.project([edge])[0]
    x, y = plane.forward(np.linspace(98, 108, 3001), 42)
    off_m = shapely.distance(flat, shapely.points(x, y)).max()
    assert off_m < 0.2


def test_geometries_come_back_from_the_plane_and_the_given_ones_stay():
    plane = earth.Plane.equal_area(BOUNDS)
    given_box = shapely.box(100, 40, 101, 41)
    geometries = np.array([given_box, None, shapely.Polygon()], dtype=object)
    back = plane.unproject(plane.project(geometries))
    assert shapely.equals_exact(back[0], shapely.segmentize(given_box, 0.01), 1e-8)
    assert geometries[0] is given_box
    assert given_box.bounds == (100, 40, 101, 41)
    assert back[1] is None


def test_tiles_of_the_world():
    half_m = earth.MERCATOR_HALF_M
    assert earth.tile_bounds_3857(0, 0, 0) == pytest.approx((-half_m, -half_m, half_m, half_m))
    assert earth.tile_bounds_3857(1, 1, 0) == pytest.approx((0, 0, half_m, half_m))
    corners = earth.unmercator(np.reshape(earth.tile_bounds_3857(0, 0, 0), (2, 2)))
    assert corners[1] == pytest.approx((180, 85.0511287798066))
    left, right = earth.tile_bounds_3857(10, 800, 380), earth.tile_bounds_3857(10, 801, 380)
    assert left[2] == right[0]


@pytest.mark.parametrize("tile", [(-1, 0, 0), (31, 0, 0), (3, 8, 0), (3, 0, 8), (3, -1, 0)])
def test_tiles_that_are_not_of_this_world_are_refused(tile):
    with pytest.raises(OutOfRangeError, match="no such tile"):
        earth.tile_bounds_3857(*tile)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_polygon_with_a_slot_at_its_edge_keeps_its_ground_on_the_plane(seed):
    """What is cut out at an edge may touch it as a hole does, to the last digit."""
    rng = np.random.default_rng(seed)
    whole = shapely.MultiPoint(rng.uniform((100, 41), (100.4, 41.4), (7, 2))).convex_hull
    middle = whole.representative_point()
    slot = shapely.box(middle.x - 0.04, middle.y - 0.03, middle.x + 0.04, 50)
    cut = whole.difference(slot.intersection(whole))
    flat = earth.Plane.equal_area(cut.bounds).project([cut])[0]
    assert flat.geom_type == cut.geom_type
    assert flat.area == pytest.approx(earth.area_m2(np.array([cut]))[0], rel=1e-4)


def test_vertices_are_added_to_all_kinds_of_geometries_and_nothing_else_is_changed():
    ring = [(0, 0), (3, 0), (3, 3), (0, 3)]
    holed = shapely.Polygon(ring, [[(1, 1), (2, 1), (2, 2)]])
    made = np.array([
        holed, shapely.MultiPolygon([holed, shapely.box(5, 5, 8, 6)]), shapely.Polygon(), None,
        shapely.LineString(ring), shapely.Point(1, 2), shapely.MultiPolygon(),
    ], dtype=object)  # fmt: skip
    dense = earth.segmented(made, 0.5)
    for one, other in zip(made, dense, strict=True):
        if one is None:
            assert other is None
            continue
        assert other.geom_type == one.geom_type
        assert other.is_empty == one.is_empty
        assert shapely.equals(one, other) or one.is_empty
        assert other.equals_exact(shapely.segmentize(one, 0.5), 1e-12)
