"""What is thinner than a tile's unit is drawn where it is: a unit wide, along its own way."""

from __future__ import annotations

import math

import pytest
import shapely
from shapely import LineString, MultiPolygon, Point, Polygon, box

from tests.geo.test_tiles_validity import polygons
from tests.geo.tile_words import SQUARE, tile_of


def needle(x: float, y: float, length: float, width: float, angle: float) -> Polygon:
    along, across = math.cos(angle), math.sin(angle)
    tip = (x + length * along, y + length * across)
    return Polygon([(x, y), tip, (x - width * across, y + width * along)])


def teeth(x: float, count: int) -> list[tuple[float, float]]:
    """Needles from the west, each by its three corners."""
    return [
        corner
        for n in range(count)
        for corner in (
            (-1000, 500 + 700 * n),
            (x + 100 * n, 500.02 + 700 * n),
            (-1000, 500.04 + 700 * n),
        )
    ]


def bend(offset: float, width: float) -> Polygon:
    low, high = 500 + offset, 500 + offset + width
    return Polygon([(low, low), (3500, low), (3500, high), (high, high), (high, 3500), (low, 3500)])


THIN = {
    "an L": bend(0, 0.1),
    "a U": LineString([(500, 500), (500, 3500), (3500, 3500), (3500, 500)]).buffer(
        0.05, cap_style="flat", join_style="mitre"
    ),
    "a zigzag": LineString([(500, 500), (1000, 3500), (1500, 500), (2000, 3500)]).buffer(
        0.05, cap_style="flat", join_style="mitre"
    ),
    "a comb from beyond the tile": Polygon([(-5000, 400), *teeth(100, 5), (-5000, 4000)]),
    "a ring": box(500, 500, 3500, 3500).difference(box(500.1, 500.1, 3499.9, 3499.9)),
    "a cross": box(500, 2000, 3500, 2000.1).union(box(2000, 500, 2000.1, 3500)),
    "an arc": Point(2000, 2000).buffer(1500, 32).difference(Point(2000, 2000).buffer(1499.9, 32))
    .intersection(box(0, 0, 4096, 2000)),
    "two strips": MultiPolygon([box(500, 500, 500.1, 3500), box(3000, 500, 3000.1, 3500)]),
    "two needles": MultiPolygon(
        [needle(500, 500, 300, 0.05, 0), needle(3000, 3000, 300, 0.05, 1)]
    ),
    "a square and a needle": MultiPolygon(
        [box(500, 500, 520, 520), needle(3000, 3000, 300, 0.05, 1)]
    ),
    "a strip and a speck": MultiPolygon(
        [box(500, 500, 500.1, 3500), box(3000, 500, 3000.2, 500.2)]
    ),
    "two squares joined by a neck": box(500, 500, 700, 700).union(box(3000, 500, 3200, 700))
    .union(box(650, 600, 3050, 600.05)),
    **{f"an L of {width} at {offset}": bend(offset, width)
       for width in (0.2, 0.6, 0.95, 1.1) for offset in (0, 0.25, 0.5)},
}  # fmt: skip


@pytest.mark.parametrize("name", THIN)
def test_a_thin_shape_is_drawn_along_its_own_way(name: str) -> None:
    shape = THIN[name]
    [there] = polygons(tile_of([shape]))
    seen = shape.intersection(SQUARE)

    assert shapely.is_valid(there)
    assert there.difference(shape.buffer(3)).area < 1
    left = seen.boundary.intersection(SQUARE.buffer(-1)).difference(there.buffer(2.5))
    assert left.length < 0.01 * seen.boundary.length


def test_a_thin_shape_of_many_short_edges_is_drawn_along_its_own_way() -> None:
    # A road's strip, digitised every few units.
    way = [(500 + 3 * n, 500 + 400 * math.sin(n / 80)) for n in range(900)]
    strip = LineString(way).buffer(0.05, cap_style="flat", join_style="mitre", quad_segs=1)
    [there] = polygons(tile_of([strip]))
    assert shapely.is_valid(there)
    assert there.difference(strip.buffer(3)).area < 1
    assert LineString(way).difference(there.buffer(2.5)).length < 30


def test_of_several_specks_each_is_drawn() -> None:
    specks = [box(x, y, x + 0.2, y + 0.2) for x, y in ((500, 500), (3000, 500), (500, 3000))]
    [there] = polygons(tile_of([MultiPolygon(specks)]))
    assert shapely.is_valid(there)
    assert there.equals(MultiPolygon([box(x, y, x + 1, y + 1) for x, y in
                                      ((500, 500), (3000, 500), (500, 3000))]))  # fmt: skip


def test_a_speck_is_still_a_square_of_one_unit() -> None:
    [there] = polygons(tile_of([box(100.1, 100.1, 100.2, 100.2)]))
    assert there.area == 1
