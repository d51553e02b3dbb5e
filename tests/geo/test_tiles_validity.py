"""Every polygon of a tile is valid by itself, whatever clipping and rounding made of it."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.tiles import Part, encode
from tests.geo.tile_words import SQUARE, TILE, part, paths, tile_of, twice_area


def polygons(tile: bytes) -> list[shapely.Geometry]:
    """Features as their rings say: an exterior, its holes, the next exterior, …"""
    found = []
    for rings in paths(tile):
        parts: list[tuple[np.ndarray, list[np.ndarray]]] = []
        for ring in rings:
            if twice_area(ring) > 0:
                parts.append((ring, []))
            else:
                parts[-1][1].append(ring)
        found.append(shapely.MultiPolygon([shapely.Polygon(*one) for one in parts]))
    return found


def _sixteenths(least: int, most: int) -> st.SearchStrategy[tuple[float, float]]:
    one = st.integers(16 * least, 16 * most).map(lambda n: n / 16)
    return st.tuples(one, one)


corners, near = _sixteenths(-90, 4190), _sixteenths(100, 108)


@st.composite
def areas(draw: st.DrawFn) -> shapely.Geometry:
    """Valid polygons of several parts with holes: some small ones, some that reach beyond."""
    at = draw(st.sampled_from([corners, near]))
    rings = draw(st.lists(st.lists(at, min_size=3, max_size=14), min_size=1, max_size=4))
    found = [shapely.make_valid(shapely.Polygon(ring), method="structure") for ring in rings]
    whole = found[0]
    for n, one in enumerate(found[1:]):
        whole = shapely.difference(whole, one) if n % 2 else shapely.union(whole, one)
    parts = [one for one in shapely.get_parts(whole) if one.geom_type == "Polygon" and one.area > 0]
    return shapely.multipolygons(parts) if parts else shapely.box(100, 100, 104, 104)


@settings(max_examples=80)
@given(st.lists(areas(), min_size=1, max_size=4), st.sampled_from([TILE, (7, 101, 45)]))
def test_what_is_drawn_is_valid_and_nowhere_far_from_what_it_stands_for(
    shapes: list[shapely.Geometry], tile: tuple[int, int, int]
) -> None:
    there = polygons(tile_of(shapes, tile=tile))
    assert all(shapely.is_valid(one) for one in there)

    seen = [one.intersection(SQUARE) for one in shapes]
    seen = [one for one in seen if one.area > 1e-6]
    assert len(there) >= len(seen)
    # What is thinner than a unit everywhere is a straight strip between its ends.
    thin = [one.convex_hull for one in shapes if one.buffer(-0.75).is_empty]
    reach = shapely.union_all([*shapes, *thin]).buffer(3)
    assert all(shapely.difference(one, reach).area < 1e-6 for one in there)


def test_a_strip_that_rounding_lets_cross_itself_keeps_its_ground() -> None:
    # Narrower than a unit in its middle: rounding brings both sides to one line.
    strip = shapely.Polygon([(10, 10), (20, 10), (20, 20.2), (60, 20.3), (60, 60), (50, 60),
                             (50, 20.4), (20, 20.4), (10, 40)])  # fmt: skip
    [there] = polygons(tile_of([strip]))
    assert shapely.is_valid(there)
    assert there.area == pytest.approx(strip.area, abs=40)
    assert there.symmetric_difference(strip).area < 40


def test_two_places_where_a_shape_leaves_the_tile_are_not_joined_along_its_edge() -> None:
    # A comb whose teeth reach into the tile from the west, and whose back is beyond the margin.
    comb = shapely.union_all(
        [shapely.box(-300, 0, -200, 1000), *[shapely.box(-250, y, 50, y + 50)
                                             for y in range(0, 1000, 100)]]
    )  # fmt: skip
    [there] = polygons(tile_of([comb]))
    assert shapely.is_valid(there)
    assert len(there.geoms) == 10
    assert there.equals(comb.intersection(SQUARE))


def test_what_is_hardly_more_than_a_unit_and_crosses_itself_is_still_drawn() -> None:
    bow = shapely.Polygon([(100.4, 100), (101.6, 101), (100.4, 101.2), (101.6, 100.2)])
    valid = shapely.make_valid(bow, method="structure")
    [there] = polygons(tile_of([valid]))
    assert shapely.is_valid(there)
    assert there.area > 0


def test_a_hole_cut_along_the_tile_s_margin_opens_it() -> None:
    ring = shapely.box(-500, 100, 500, 500).difference(shapely.box(-400, 200, 400, 400))
    [there] = polygons(tile_of([ring]))
    assert shapely.is_valid(there)
    assert there.equals(ring.intersection(SQUARE))


@pytest.mark.parametrize("zoom", [5, 6, 7, 8, 9])
def test_many_polygons_that_a_tile_cannot_tell_apart_are_valid_too(zoom: int) -> None:
    rng = np.random.default_rng(zoom)
    tile = (zoom, 2**zoom - 9, 7)
    shapes = []
    for x, y in rng.uniform(0, 4096, (8_000, 2)):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 8))
        radii = rng.uniform(5, 60, 8)
        xy = np.column_stack([x + radii * np.cos(angles), y + radii * np.sin(angles)])
        shapes.append(shapely.make_valid(shapely.Polygon(xy), method="structure"))
    made: Part = part(shapes, tile=tile)
    there = polygons(encode("it", [made], *tile, share=0.5))
    assert len(there) > 100
    assert all(shapely.is_valid(one) for one in there)


def test_a_valid_tile_keeps_its_very_bytes() -> None:
    tile = tile_of([shapely.box(10, 10, 50, 50), shapely.Point(30, 30)], tile=TILE)
    assert paths(tile)[0][0].tolist() == [[50, 10], [50, 50], [10, 50], [10, 10]]
