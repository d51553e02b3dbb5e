"""Pixels that polygons share out quickly: who has each, and which rectangles stand for them."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.earth import tile_bounds_3857
from geo.tiles import EXTENT, Shapes, boxes, crossing, pixels
from tests.geo.test_tiles_mosaic import LOW, stars
from tests.geo.test_tiles_mosaic import slowly as all_that_are_touched
from tests.geo.tile_words import metres


def shared(shapes: list[shapely.Geometry], all_touched: bool) -> tuple[np.ndarray, np.ndarray]:
    """The owners of the pixels of the tile LOW; shapes are in its units."""
    of = Shapes.of(metres(shapes, LOW))
    west, _, east, north = tile_bounds_3857(*LOW)
    return pixels.owners(
        np.arange(len(of)), of.first_piece, of.first_xy, of.xy, of.bounds,
        west, north, EXTENT / (east - west), all_touched,
    )  # fmt: skip


def slowly(shapes: list[shapely.Geometry], all_touched: bool) -> tuple[np.ndarray, np.ndarray]:
    """The same by asking GEOS of every pixel."""
    if all_touched:
        return all_that_are_touched(shapes)
    owner, full = all_that_are_touched(shapes[:1])
    if full.any():
        owner = np.where(full, owner, -1)
    for name, shape in enumerate(shapes[1:], start=1):
        own, own_full = all_that_are_touched([shape])
        held = own_full if own_full.any() else (own >= 0) & ~full
        owner[held] = name
        full |= own_full
    return owner, full


@settings(max_examples=25)
@given(st.lists(stars(), min_size=1, max_size=4), st.booleans())
def test_pixels_are_shared_out_as_geos_would(
    shapes: list[shapely.Geometry], all_touched: bool
) -> None:
    owner, full = shared(shapes, all_touched)
    expected, expected_full = slowly(shapes, all_touched)
    assert np.array_equal(full, expected_full)
    assert np.array_equal(owner, expected)


@settings(max_examples=30)
@given(st.lists(stars(), min_size=1, max_size=5), st.booleans())
def test_rectangles_cover_the_middles_that_are_held_and_touch_the_pixels_that_are(
    shapes: list[shapely.Geometry], all_touched: bool
) -> None:
    owner, full = shared(shapes, all_touched)
    held, touched = np.full_like(owner, -1), np.zeros_like(full)
    for name, *sides in boxes.rectangles(owner, full):
        left, top, right, bottom = (side / crossing.PIXEL + crossing.EDGE for side in sides)
        rows = slice(int(np.ceil(top - 0.5)), int(np.ceil(bottom - 0.5)))
        columns = slice(int(np.ceil(left - 0.5)), int(np.ceil(right - 0.5)))
        assert (held[rows, columns] == -1).all()  # no middle is given twice
        held[rows, columns] = name
        touched[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    assert np.array_equal(held, np.where(full, owner, -1))
    assert np.array_equal(touched, owner >= 0)
