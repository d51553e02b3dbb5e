"""The quadtree of edges says what shapely says of every place."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.breaches import Fences
from geo.breaches.distances import boundary_within
from geo.breaches.places import fences_at, locate, strictly_inside
from geo.breaches.ways import MARK
from tests.geo.slow_breaches import AREAS, off_m, strictly_in
from tests.geo.test_breaches_reference import THOROUGH
from tests.geo.walks import lonlat


def fences_of(shapes) -> Fences:
    frame = {"fence": [f"f{n}" for n in range(len(shapes))], "rule": "keep_out"}
    return Fences.of(gpd.GeoDataFrame(frame, geometry=list(shapes), crs=4326))


def holding(fences: Fences, lon: float, lat: float) -> tuple[set[int], set[int]]:
    """The fences that a place is inside of, and on the boundary of."""
    count = len(fences)
    found = np.empty(2 * count + 1, dtype=np.int32)
    marks = np.zeros(count, dtype=MARK)
    leaf = locate(fences.tree, lon, lat)
    inside, beside = fences_at(fences.tree, leaf, lon, lat, marks, 1, found)
    return set(found[:inside].tolist()), set(found[inside : inside + beside].tolist())


@pytest.mark.parametrize("shapes", [*([area] for area in AREAS), AREAS])
def test_a_place_on_the_lattice_is_inside_on_or_outside_of_each_fence(shapes):
    fences = fences_of(shapes)
    for x in np.arange(-6, 17) / 2:
        for y in np.arange(-6, 17) / 2:
            point = shapely.Point(lonlat((x, y)))
            inside = {n for n, area in enumerate(shapes) if strictly_in(area, point)}
            on = {n for n, area in enumerate(shapes) if area.boundary.distance(point) <= 1e-9}
            assert holding(fences, point.x, point.y) == (inside, on)
            alone = {
                n for n in range(len(shapes)) if strictly_inside(fences.tree, n, point.x, point.y)
            }
            assert alone == inside


BLOB = st.tuples(
    st.floats(-170, 170),
    st.floats(-75, 75),
    st.floats(-4.3, 0.5),
    st.integers(3, 40),
    st.integers(),
)


def blob(lon: float, lat: float, size: float, corners: int, seed: int) -> shapely.Polygon:
    """A star round a place, from 5 m to some 300 km wide."""
    rng = np.random.default_rng(abs(seed))
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    far = 10**size * (0.3 + rng.random(corners))
    return shapely.Polygon(np.column_stack([lon + far * np.cos(turn), lat + far * np.sin(turn)]))


@THOROUGH
@given(st.lists(BLOB, min_size=1, max_size=6), st.booleans(), st.integers(0, 2**32))
def test_places_beside_fences_of_any_size_are_told_apart(given_blobs, together, seed):
    lon, lat, *_ = given_blobs[0]
    shapes = [
        blob(lon, lat, *rest) if together else blob(*one)
        for one in given_blobs
        for rest in [one[2:]]
    ]
    shapes = [shape for shape in shapes if shape.is_valid]
    fences, rng = fences_of(shapes), np.random.default_rng(seed)
    for shape in shapes:
        corner = shapely.get_coordinates(shape)[0]
        wide = max(np.ptp(shapely.get_coordinates(shape), axis=0))
        for offset in rng.normal(0, wide / 2, (8, 2)):
            point = shapely.Point(corner + offset)
            if abs(point.x) >= 180 or abs(point.y) >= 90:
                continue
            inside = {n for n, one in enumerate(shapes) if strictly_in(one, point)}
            assert holding(fences, point.x, point.y)[0] == inside


def test_ten_thousand_fences_on_one_ground_take_little_room():
    fences = fences_of([AREAS[0]] * 10_000)
    assert len(fences.tree.entries) < 40 * len(fences.tree.edges)
    assert len(holding(fences, *lonlat((2, 2)))[0]) == 10_000


@THOROUGH
@given(BLOB, st.floats(0, 6.28), st.floats(0.5, 1.5), st.integers(0, 2**32))
def test_what_is_within_metres_of_a_boundary_is_so_on_the_ellipsoid(one, way, times, seed):
    shape = blob(one[0], one[1] * 0.8, min(one[2], -0.3), *one[3:])
    if not shape.is_valid:
        return
    fences, corner = fences_of([shape]), shapely.get_coordinates(shape)[seed % one[3]]
    wide = 10 ** min(one[2], -0.3)
    lon, lat = corner[0] + wide * np.cos(way) * times, corner[1] + wide * np.sin(way) * times
    true_m = off_m(shape.boundary.segmentize(wide / 50), lon, lat)
    first, last = fences.edges.first[:2]
    for part in (0.998, 1.002):
        found = boundary_within(fences.tree, 0, first, last, lon, lat, true_m * part + 1e-6)
        assert found == (part > 1)


@pytest.mark.parametrize("lon", [179.9999, -179.9999])
def test_a_boundary_across_the_antimeridian_is_near(lon):
    fences = fences_of([shapely.box(179, 10, 181, 12)])
    first, last = fences.edges.first[:2]
    assert not boundary_within(fences.tree, 0, first, last, lon, 11.0, 50_000.0)
    assert boundary_within(fences.tree, 0, first, last, lon, 11.99, 2_000.0)
    west = fences_of([shapely.box(170, 10, 179.9999, 12)])
    first, last = west.edges.first[:2]
    assert boundary_within(west.tree, 0, first, last, -179.9999, 11.0, 30.0)
