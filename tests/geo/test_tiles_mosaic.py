"""Pixels that polygons share out: who has each, and what is drawn of it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from shapely import affinity

from geo.earth import tile_bounds_3857
from geo.tiles import EXTENT, Fields, Part, Shapes, crossing, encode, mosaic, outlines, sampling
from geo.tiles.sampling import COVERED, HELD, TOUCHED, UNSURE
from tests.geo.tile_words import decoded, metres, paths, twice_area

LOW = (5, 25, 11)
_ROW = crossing.ROW
_COLUMNS, _ROWS = np.meshgrid(np.arange(_ROW), np.arange(_ROW))
#: Each pixel's west and north side in units of the tile.
_WEST, _NORTH = (crossing.PIXEL * (one - crossing.EDGE) for one in (_COLUMNS, _ROWS))
PIXELS = shapely.box(_WEST, _NORTH, _WEST + crossing.PIXEL, _NORTH + crossing.PIXEL)
MIDDLES = shapely.points(_WEST + crossing.PIXEL / 2, _NORTH + crossing.PIXEL / 2)


def shared(shapes: list[shapely.Geometry]) -> tuple[np.ndarray, np.ndarray]:
    """The owners of the pixels of the tile LOW, and what these show; shapes are in its units."""
    of = Shapes.of(metres(shapes, LOW))
    west, _, east, north = tile_bounds_3857(*LOW)
    return sampling.owners(
        np.arange(len(of)), of.first_piece, of.first_xy, of.xy, of.bounds,
        west, north, EXTENT / (east - west),
    )  # fmt: skip


def slowly(shapes: list[shapely.Geometry]) -> tuple[np.ndarray, np.ndarray]:
    """Owners, and who has a middle, by asking GEOS of every pixel."""
    owner, full = np.full((_ROW, _ROW), -1), np.zeros((_ROW, _ROW), dtype=bool)
    for name, shape in enumerate(shapes):
        shapely.prepare(shape)
        held = shapely.contains(shape, MIDDLES)
        owner[held], full[held] = name, True
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


@settings(max_examples=25)
@given(st.lists(stars(), min_size=1, max_size=4))
def test_pixels_are_shared_out_as_geos_would(shapes: list[shapely.Geometry]) -> None:
    owner, shown = shared(shapes)
    expected, held = slowly(shapes)
    assert np.array_equal(owner, expected)
    assert np.array_equal(shown & TOUCHED != 0, expected >= 0)
    assert np.array_equal(shown & HELD != 0, held)
    there = expected >= 0
    area = shapely.area(shapely.intersection(shapely.union_all(shapes), PIXELS[there])) / 64
    # 25 samples tell an area to about a tenth and a half, unless it is thin.
    assert (shown[there][area > 0.85] & (COVERED | UNSURE) != 0).all()
    assert (shown[there][area < 0.15] & COVERED == 0).all()


def test_a_corner_that_an_edge_cuts_off_is_touched() -> None:
    # From the middle of pixel (8, 8) to that of (9, 9), a tenth of a unit beside the corner.
    owner, _ = shared([shapely.Polygon([(1, 1.1), (12, 12.1), (12, 12.2), (1, 1.2)])])
    assert sorted(zip(*np.nonzero(owner == 0), strict=True)) == [(8, 8), (9, 8), (9, 9)]


LOOKS = (0, TOUCHED, TOUCHED | HELD, TOUCHED | HELD | COVERED)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Owners, and what a patch of pixels shows, from nearly nothing to nearly all."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    weights = np.array(draw(st.lists(st.floats(0.01, 1), min_size=4, max_size=4)))
    owner, shown = np.full((_ROW, _ROW), -1), np.zeros((_ROW, _ROW), dtype=np.uint8)
    patch = rng.choice(np.array(LOOKS, dtype=np.uint8), (40, 40), p=weights / weights.sum())
    shown[100:140, 60:100] = patch
    blocks = np.repeat(np.repeat(rng.integers(0, 5, (4, 4)), 10, axis=0), 10, axis=1)
    owner[100:140, 60:100] = np.where(patch > 0, blocks, -1)
    return owner, shown


@settings(max_examples=40)
@given(pictures())
def test_outlines_show_of_each_pixel_what_is_to_be_seen(
    picture: tuple[np.ndarray, np.ndarray],
) -> None:
    owner, shown = picture
    names, rings = outlined(owner, shown, 40.0)
    shapes = shapely.polygons([shapely.linearrings(ring) for ring in rings])
    assert all(twice_area(ring) > 0 for ring in rings)
    touched = [burnt(shapes, all_touched, margin=64) for all_touched in (True, False)]
    assert np.array_equal(touched[0], shown & TOUCHED != 0)
    assert np.array_equal(touched[1], shown & HELD != 0)
    # No more than it owns, and what it owns.
    for name in range(5):
        own = burnt(shapes[names == name], False, margin=64)
        assert np.array_equal(own, (shown & HELD != 0) & (owner == name))


def test_whole_ground_is_one_rectangle_for_each_owner_and_no_seam_between() -> None:
    owner = np.repeat(np.repeat(np.arange(4).reshape(2, 2), _ROW // 2, 0), _ROW // 2, 1)
    whole = np.full((_ROW, _ROW), TOUCHED | HELD | COVERED, dtype=np.uint8)
    names, rings = outlined(owner, whole, 40.0)
    assert sorted(names) == [0, 1, 2, 3]
    assert [len(ring) for ring in rings] == [4] * 4
    ground = shapely.polygons([shapely.linearrings(ring) for ring in rings])
    assert shapely.union_all(ground).contains(shapely.box(-60, -60, 4150, 4150))


@settings(max_examples=10)
@given(pictures(), st.floats(0, 20))
def test_a_lower_price_never_makes_more_bytes(
    picture: tuple[np.ndarray, np.ndarray], price: float
) -> None:
    corners = [sum(map(len, outlined(*picture, each)[1])) for each in (0.0, price, 60.0)]
    assert corners[0] <= 4 * 4 * 40  # whole runs: a box a block and row, at most
    assert corners[1] <= 1.1 * corners[2]


def outlined(
    owner: np.ndarray, shown: np.ndarray, price: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Whose each ring is, and the rings, in units of the tile."""
    names, ends, corners = outlines.outlines(owner, shown, np.full((_ROW, 3), price))
    return names, [corners[a:b] for a, b in pairwise(ends)]


def test_few_stand_for_many_and_no_pixel_goes_dark() -> None:
    rng = np.random.default_rng(1)
    owner = np.where(rng.random((_ROW, _ROW)) < 0.4, rng.integers(0, 90_000, (_ROW, _ROW)), -1)
    fewer = mosaic.fewer(owner, 8, 8)
    assert np.array_equal(fewer >= 0, owner >= 0)
    for top, left in ((0, 0), (64, 320), (520, 520)):  # 8 pixels of margin are whole blocks
        block = fewer[top : top + 8, left : left + 8]
        of = owner[top : top + 8, left : left + 8]
        names, count = np.unique(of[of >= 0], return_counts=True)
        assert set(block[of >= 0]) == {names[count.argmax()]}
    assert mosaic.blocks(owner, 8, 8) == 66 * 66
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
    assert agree(painted(units), painted(drawn)) >= 0.98


@pytest.mark.parametrize("cells", [256, 512, 632])
def test_no_chequerboard_makes_a_tile_too_large(cells: int) -> None:
    x, y = np.meshgrid(np.arange(cells), np.arange(cells))
    x, y = (one[(x + y) % 2 == 0] * (4096 / cells) for one in (x, y))
    units = shapely.box(x, y, x + 4096 / cells, y + 4096 / cells)
    ids = [f"area-{n}" for n in range(len(units))]
    part = Part(
        shapes=Shapes.of(metres(units, LOW)),
        fields=Fields.of(ids, {"name": ids}),
        found=np.arange(len(units)),
    )
    assert 0 < len(encode("it", [part], *LOW)) < 500_000
    assert len(encode("it", [part], *LOW, share=0.5)) < 250_000


def burnt(shapes: object, all_touched: bool, margin: int = 0) -> np.ndarray:
    """Drawn by GDAL at 512 pixels, and what so many units of margin are."""
    side = 512 + 2 * margin // 8
    if not len(given := list(shapes)):
        return np.zeros((side, side), dtype=bool)
    return rasterio.features.rasterize(
        given, out_shape=(side, side), all_touched=all_touched,
        transform=rasterio.Affine(8, 0, -margin, 0, 8, -margin),
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
