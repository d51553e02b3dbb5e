"""Pixels that polygons share out: who has each, and what is drawn of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from shapely import affinity

from geo.earth import tile_bounds_3857
from geo.tiles import EXTENT, Fields, Part, Shapes, encode, mosaic
from tests.geo.tile_words import decoded, metres, paths, twice_area

LOW = (5, 25, 11)
_ROW = mosaic.SIDE + 2 * mosaic.EDGE
_COLUMNS, _ROWS = np.meshgrid(np.arange(_ROW), np.arange(_ROW))
#: Each pixel's west and north side in units of the tile.
_WEST, _NORTH = (mosaic.PIXEL * (one - mosaic.EDGE) for one in (_COLUMNS, _ROWS))
PIXELS = shapely.box(_WEST, _NORTH, _WEST + mosaic.PIXEL, _NORTH + mosaic.PIXEL)
MIDDLES = shapely.points(_WEST + mosaic.PIXEL / 2, _NORTH + mosaic.PIXEL / 2)


def shared(shapes: list[shapely.Geometry], all_touched: bool) -> tuple[np.ndarray, np.ndarray]:
    """The owners of the pixels of the tile LOW; shapes are in its units."""
    of = Shapes.of(metres(shapes, LOW))
    west, _, east, north = tile_bounds_3857(*LOW)
    return mosaic.owners(
        np.arange(len(of)), of.first_piece, of.first_xy, of.xy, of.bounds,
        west, north, EXTENT / (east - west), all_touched,
    )  # fmt: skip


def slowly(shapes: list[shapely.Geometry], all_touched: bool) -> tuple[np.ndarray, np.ndarray]:
    """The same by asking GEOS of every pixel."""
    owner, full = np.full((_ROW, _ROW), -1), np.zeros((_ROW, _ROW), dtype=bool)
    for name, shape in enumerate(shapes):
        shapely.prepare(shape)
        held = shapely.contains(shape, MIDDLES)
        owner[held], full[held] = name, True
        if all_touched or not held.any():
            owner[shapely.intersects(shape, PIXELS) & ~full] = name
    return owner, full


@st.composite
def stars(draw: st.DrawFn) -> shapely.Geometry:
    """A polygon of up to some dozens of pixels, perhaps with a hole, perhaps in two parts."""
    reach = draw(st.lists(st.floats(0.1, 1), min_size=3, max_size=9))
    size = draw(st.sampled_from([1.3, 6.1, 19.7, 150.3]))
    turns = np.arange(len(reach)) / len(reach) * 2 * np.pi + draw(st.floats(0.1, 1))
    ring = np.column_stack([np.cos(turns), np.sin(turns)]) * np.array(reach)[:, None] * size
    shape = shapely.Polygon(ring, [ring * 0.5] if draw(st.booleans()) else [])
    at = st.floats(-90, 4180) if draw(st.booleans()) else st.floats(100, 160)
    moved = affinity.translate(shape, draw(at), draw(at))
    if draw(st.integers(0, 3)):
        return moved
    return shapely.MultiPolygon([moved, affinity.translate(moved, 2.1 * size, 0.37)])


@settings(max_examples=25, deadline=None)
@given(st.lists(stars(), min_size=1, max_size=4), st.booleans())
def test_pixels_are_shared_out_as_geos_would(
    shapes: list[shapely.Geometry], all_touched: bool
) -> None:
    owner, full = shared(shapes, all_touched)
    expected, expected_full = slowly(shapes, all_touched)
    assert np.array_equal(full, expected_full)
    assert np.array_equal(owner, expected)


def test_a_corner_that_an_edge_cuts_off_is_touched() -> None:
    # From the middle of pixel (8, 8) to that of (9, 9), a tenth of a unit beside the corner.
    owner, _ = shared([shapely.Polygon([(1, 1.1), (12, 12.1), (12, 12.2), (1, 1.2)])], True)
    assert sorted(zip(*np.nonzero(owner == 0), strict=True)) == [(8, 8), (9, 8), (9, 9)]


@settings(max_examples=30, deadline=None)
@given(st.lists(stars(), min_size=1, max_size=5), st.booleans())
def test_rectangles_cover_the_middles_that_are_held_and_touch_the_pixels_that_are(
    shapes: list[shapely.Geometry], all_touched: bool
) -> None:
    owner, full = shared(shapes, all_touched)
    boxes = mosaic.rectangles(owner, full)
    held, touched = np.full((_ROW, _ROW), -1), np.zeros((_ROW, _ROW), dtype=bool)
    for name, *sides in boxes:
        left, top, right, bottom = (side / mosaic.PIXEL + mosaic.EDGE for side in sides)
        rows = slice(int(np.ceil(top - 0.5)), int(np.ceil(bottom - 0.5)))
        columns = slice(int(np.ceil(left - 0.5)), int(np.ceil(right - 0.5)))
        assert (held[rows, columns] == -1).all()  # no middle is given twice
        held[rows, columns] = name
        touched[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    assert np.array_equal(held, np.where(full, owner, -1))
    assert np.array_equal(touched, owner >= 0)


def test_few_stand_for_many_and_no_pixel_goes_dark() -> None:
    rng = np.random.default_rng(1)
    owner = np.where(rng.random((_ROW, _ROW)) < 0.4, rng.integers(0, 90_000, (_ROW, _ROW)), -1)
    fewer = mosaic.fewer(owner, 8)
    assert np.array_equal(fewer >= 0, owner >= 0)
    for top, left in ((0, 0), (64, 320), (520, 520)):  # 8 pixels of margin are whole blocks
        block = fewer[top : top + 8, left : left + 8]
        of = owner[top : top + 8, left : left + 8]
        names, count = np.unique(of[of >= 0], return_counts=True)
        assert set(block[of >= 0]) == {names[count.argmax()]}
    assert mosaic.blocks(owner, 8) == 66 * 66
    assert mosaic.how_many(owner, 90_000) == len(np.unique(owner[owner >= 0]))


def scattered(rng: np.random.Generator, count: int) -> np.ndarray:
    """Polygons of a fifth of a pixel to one, anywhere."""
    at = rng.uniform(-60, 4150, (count, 2))
    return shapely.box(*at.T, *(at + rng.uniform(1, 8, (count, 2))).T)


def tessellated(rng: np.random.Generator, count: int) -> np.ndarray:
    """Ground without gaps, over a part of the tile."""
    side = int(count**0.5)
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    x, y = (200.3 + one.ravel() * 13.37 for one in (x, y))
    return shapely.box(x, y, x + 13.37, y + 13.37)


def mixed(rng: np.random.Generator, count: int) -> np.ndarray:
    """Tiny ones, among them some of 50 pixels, and rings around lakes of several."""
    large = shapely.buffer(shapely.points(rng.uniform(0, 4096, (40, 2))), 200)
    lakes = shapely.buffer(shapely.points(rng.uniform(0, 4096, (1000, 2))), 30)
    lakes = shapely.difference(lakes, shapely.buffer(shapely.centroid(lakes), 18))
    return np.concatenate([scattered(rng, count // 10), large, lakes])


@pytest.mark.parametrize(
    ("kind", "count"), [(scattered, 25_000), (tessellated, 60_000), (mixed, 50_000)]
)
def test_a_tile_of_very_many_is_small_and_looks_as_the_whole_does(
    kind: Callable[[np.random.Generator, int], np.ndarray], count: int
) -> None:
    units = kind(np.random.default_rng(7), count)
    shapes = Shapes.of(metres(units, LOW))
    ids = [f"area-{n}" for n in range(len(units))]
    part = Part(shapes=shapes, fields=Fields.of(ids, {"name": ids}), found=np.arange(len(units)))
    tile = encode("it", [part], *LOW)
    assert len(tile) < 500_000
    assert tile == encode("it", [part], *LOW)
    assert all(twice_area(ring) != 0 for rings in paths(tile) for ring in rings)
    drawn = [one.shape for one in decoded(tile)]
    for all_touched in (False, True):
        assert agree(burnt(units, all_touched), burnt(drawn, all_touched)) >= 0.98
    # PIL paints both ends of what it fills, so one side of pixels more than was meant.
    assert agree(painted(units), painted(drawn)) >= 0.94


def burnt(shapes: object, all_touched: bool) -> np.ndarray:
    """Drawn by GDAL at 512 pixels."""
    return rasterio.features.rasterize(
        list(shapes), out_shape=(512, 512), all_touched=all_touched,
        transform=rasterio.Affine(8, 0, 0, 0, 8, 0),
    ).astype(bool)  # fmt: skip


def painted(shapes: object) -> np.ndarray:
    """Drawn by PIL at 512 pixels."""
    image = Image.new("1", (512, 512))
    brush = ImageDraw.Draw(image)
    for polygon in shapely.get_parts(np.array(list(shapes), dtype=object)):
        hollow = Image.new("1", (512, 512)) if polygon.interiors else None
        if hollow is None:
            brush.polygon([tuple(at) for at in np.array(polygon.exterior.coords) / 8], fill=1)
            continue
        other = ImageDraw.Draw(hollow)
        other.polygon([tuple(at) for at in np.array(polygon.exterior.coords) / 8], fill=1)
        for ring in polygon.interiors:
            other.polygon([tuple(at) for at in np.array(ring.coords) / 8], fill=0)
        image.paste(1, mask=hollow)
    return np.array(image)


def agree(one: np.ndarray, other: np.ndarray) -> float:
    """Share of pixels that are the same."""
    return float((one == other).mean())
