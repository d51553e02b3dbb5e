"""Rings as flat arrays, and what is proven of polygons by them, against GEOS."""

from __future__ import annotations

import itertools

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import earth
from geo.grids import apart
from geo.rings import Rings, loose_edges
from geo.simple import surely_valid
from tests.geo.grid_words import SHAPE, tessellation

CORNER = st.tuples(st.integers(0, 6), st.integers(0, 6))
#: Rings that may cross, touch and run back along themselves.
RING = st.lists(CORNER, min_size=3, max_size=9).map(shapely.Polygon)


@settings(max_examples=500)
@given(polygons=st.lists(RING, min_size=1, max_size=5))
def test_what_is_proven_valid_is_valid(polygons):
    array = np.array(polygons)
    proven = surely_valid(Rings.of(array), len(array))
    assert (shapely.is_valid(array) | ~proven).all()


def test_nearly_all_plain_polygons_are_proven_valid():
    cells = tessellation(30, 1, extra=3)
    assert surely_valid(Rings.of(cells), len(cells)).all()
    # Vertices on a straight edge, and a ring that runs clockwise, are as good.
    straight = np.array([shapely.segmentize(shapely.box(0, 0, 1, 1), 0.1), shapely.box(0, 0, 1, 1)])
    assert surely_valid(Rings.of(shapely.reverse(straight)), 2).all()


@pytest.mark.parametrize(
    "polygon",
    [
        shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]),  # crosses itself
        shapely.Polygon([(0, 0), (4, 0), (2, 0), (2, 2)]),  # runs back
        shapely.Polygon([(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)]),  # touches its own edge
        shapely.Polygon([(0, 0), (1, 0), (1, 1), (0, 0), (-1, 0), (-1, -1)]),  # its own vertex
        shapely.Polygon([(0, 0), (1, 1), (2, 2)]),  # encloses nothing
    ],
)
def test_no_invalid_polygon_is_proven(polygon):
    assert not polygon.is_valid
    assert not surely_valid(Rings.of(np.array([polygon])), 1).any()


@settings(max_examples=300)
@given(
    shapes=st.lists(SHAPE, min_size=1, max_size=7),
    groups=st.lists(st.integers(0, 1), min_size=7, max_size=7),
)
def test_no_two_that_have_ground_in_common_are_proven_apart(shapes, groups):
    polygons = shapely.orient_polygons(np.array(shapes))
    group = np.array(groups[: len(shapes)])
    common = any(
        group[a] == group[b] and polygons[a].intersection(polygons[b]).area > 1e-12
        for a, b in itertools.combinations(range(len(shapes)), 2)
    )
    assert not (common and apart.surely_apart(polygons, group))
    assert not (common and apart.surely_apart(shapely.reverse(polygons), group))


def test_neighbours_that_share_their_edges_are_proven_apart():
    cells = shapely.orient_polygons(tessellation(20, 6, extra=2))
    one = np.zeros(len(cells), dtype=np.int64)
    assert apart.surely_apart(cells, one)
    holed = np.delete(cells, [45, 46, 210])
    assert apart.surely_apart(holed, one[: len(holed)])
    twice = np.concatenate([cells, cells[210:211]])
    assert not apart.surely_apart(twice, np.zeros(len(twice), dtype=np.int64))
    assert apart.surely_apart(twice, np.r_[one, 1])
    # A whole patch on others: none of its inner cells has an edge of its own.
    patch = np.concatenate([cells, shapely.transform(cells[:60], lambda xy: xy + 0.0031)])
    assert not apart.surely_apart(patch, np.zeros(len(patch), dtype=np.int64))


def test_rings_of_many_are_those_of_each_with_and_without_holes():
    shapes = shapely.box(np.arange(25_000) % 360 - 180, 0, np.arange(25_000) % 360 - 179.5, 1)
    holed = shapely.Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(1, 1), (1, 2), (2, 2)]])
    shapes[12_000:12_003] = [holed, None, shapely.MultiPolygon([holed, shapely.box(20, 0, 21, 1)])]
    rings = Rings.of(shapes)
    each = [Rings.of(shapes[n : n + 1]) for n in (0, 9_999, 12_000, 12_001, 12_002, 24_999)]
    for n, one in zip((0, 9_999, 12_000, 12_001, 12_002, 24_999), each, strict=True):
        part = rings.part(n, n + 1)
        assert np.array_equal(part.xy, one.xy)
        assert part.start.tolist() == one.start.tolist()
        assert part.hole.tolist() == one.hole.tolist()
    assert np.array_equal(rings.xy, shapely.get_coordinates(shapes))


def test_an_edge_is_shared_only_within_its_group():
    pair = np.array([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)])
    rings = Rings.of(shapely.orient_polygons(pair))
    assert len(loose_edges(rings)) == 6
    assert len(loose_edges(rings, np.array([3, 3]))) == 6
    assert len(loose_edges(rings, np.array([0, 1]))) == 8


@settings(max_examples=200)
@given(shapes=st.lists(SHAPE, min_size=1, max_size=6), data=st.data())
def test_ewkb_is_what_geos_writes(shapes, data):
    polygons = np.array(shapes)
    start = data.draw(st.integers(0, len(shapes) - 1))
    end = data.draw(st.integers(start + 1, len(shapes)))
    raw, begin = Rings.of(polygons).part(start, end).ewkb(end - start, 4326)
    multi = [
        one if one.geom_type == "MultiPolygon" else shapely.MultiPolygon([one])
        for one in polygons[start:end]
    ]
    wkb = shapely.to_wkb(shapely.set_srid(multi, 4326), include_srid=True, byte_order=1)
    assert [raw[a:b].tobytes() for a, b in itertools.pairwise(begin)] == list(wkb)


@settings(max_examples=200)
@given(shapes=st.lists(SHAPE, min_size=1, max_size=6), turned=st.lists(st.booleans(), min_size=6))
def test_misturned_polygons_are_those_that_turning_changes(shapes, turned):
    right = shapely.orient_polygons(np.array(shapes))
    wrong = np.array(turned[: len(right)])
    given_ = np.where(wrong, shapely.reverse(right), right)
    assert Rings.of(given_).misturned().tolist() == np.flatnonzero(wrong).tolist()


def test_mercator_is_that_of_proj():
    rng = np.random.default_rng(2)
    lonlat = np.column_stack([rng.uniform(-180, 180, 1000), rng.uniform(-85.05, 85.05, 1000)])
    move = pyproj.Transformer.from_crs(earth.LONLAT, earth.MERCATOR, always_xy=True)
    expected = np.column_stack(move.transform(lonlat[:, 0], lonlat[:, 1]))
    assert earth.mercator(lonlat) == pytest.approx(expected, abs=1e-6)
    assert earth.unmercator(earth.mercator(lonlat)) == pytest.approx(lonlat, abs=1e-12)
