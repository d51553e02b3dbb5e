"""Which features a tile draws as they are, and which it draws together, by zoom and number.

From zoom 10 on a tile holds every feature that meets it. Below, a tile that would grow too large
draws the largest features as they are; of the rest, polygons share out the pixels that they cover
(``mosaic``; quickly as ``boxes``, below zoom 7 as exactly as there is room for as ``outlines``),
lines and points those that they run through (``strokes``); few points stay as they are, one a
pixel. What is covered stays covered, below zoom 7 as far as the tile's bytes
go: where even the pixels are too many, some that are only touched go dark, or lie between others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.tiles import boxes, crossing, mosaic, outlines, pixels, sampling, strokes
from geo.tiles.shapes import POINT, POLYGON, Shapes

Indices = NDArray[np.int64]
#: Features that keep their names, their geometry commands one after another, and where each ends.
Made = tuple[Indices, NDArray[np.uint8], Indices]
#: Who has each pixel.
Owners = Indices

#: From here on nothing is left out or drawn together.
WHOLE_ZOOM = 10
#: Bytes of a tile, below 10, if it holds very many features: by zoom.
_ROOM = {9: 1_300_000, 8: 1_000_000, 7: 700_000}
_LOW_ROOM = 485_000
#: How much of them may be features drawn as they are, before others are drawn together.
_SINGLE = {9: 0.7, 8: 0.7, 7: 0.64}
_LOW_SINGLE = 0.45
#: Below this zoom most of what is many is smaller than a pixel.
_SMALL_ZOOM = 7
#: Pixels of the blocks by which polygons of a mosaic keep their names: the smallest for which there
#: is room, none but for what is few anyway.
_BLOCKS = (1, 4, 6, 8, 12)
#: A block's side at most, as long as there is room, and what it may cost in bytes to show a pixel
#: rightly: the first at which all fits.
_STEPS = ((16, 40.0), (16, 12.0), (24, 9.0), (32, 7.5))
#: Else so few names, in blocks so much wider than high, at these prices. The last is no more than a
#: box a block and row, so that there is always one.
_FEW_NAMES, _WIDE = 100, 8
_PRICES_OF_FEW = (12.0, 9.0, 7.5, 6.0, 5.0, 4.0, 3.0, 1.5, 0.0)
#: Bytes of one more run of a row.
_RUN = 10.0
#: From this zoom on many more tiles are asked for, and each shows less: pixels are rectangles.
_QUICK_ZOOM = 7
_OWNERS = 6_000
#: Of prices, what counts for: whether it is touched, its middle, its half.
_PRICES = np.array([0.9, 1.0, 0.8])
#: How many lines, or points, that are drawn together keep their names at least; and how many do:
#: below zoom 7 the first of these at which all fits.
FEWEST = 100
_STROKES_LOW, _STROKES = (1_200, 300, FEWEST), (4_000,)
#: Vertices of a tile above which coordinates are rounded to a quarter of a pixel.
_MANY_VERTICES = 20_000
_COARSE_STEP = 2
#: Less of the room than this is worth another try; a step that spreads rows evenly.
_SLACK, _GOLDEN = 0.95, 0.618034
#: Of few dashes or dots each takes a little more, as they lie farther apart.
_SPARE = 0.95
#: What is smaller shows as its pixels as well as by itself.
_LEAST_PIXELS = 3


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What becomes of the features that meet a tile."""

    single: Indices  #: drawn as they are
    stands: Indices  #: for how many features each of these stands, itself too
    together: Indices  #: polygons, lines or points that share out the pixels
    step: int  #: units to which coordinates are rounded


def room_of(zoom: int) -> int:
    """Bytes that a tile of a zoom may take."""
    return _ROOM.get(zoom, _LOW_ROOM)


def is_bounded(zoom: int) -> bool:
    """Whether lines and points that are drawn together keep to their bytes at any price."""
    return zoom < _SMALL_ZOOM


def choose(
    shapes: Shapes, found: Indices, zoom: int, units_per_m: float, tag_bytes: float, room: float
) -> Choice:
    """Choose among the features ``found``; ``tag_bytes`` is what a feature's values take.

    Those drawn as they are take at most their part of ``room`` bytes.
    """
    none = np.empty(0, dtype=np.int64)
    found = found[shapes.kind[found] > 0]
    if zoom >= WHOLE_ZOOM:
        return Choice(single=found, stands=np.ones_like(found), together=none, step=1)
    vertices = _vertices(shapes, found)
    step = _COARSE_STEP if vertices.sum() > _MANY_VERTICES else 1
    box = shapes.bounds[found]
    extent = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]) * units_per_m
    room *= _SINGLE.get(zoom, _LOW_SINGLE)
    # A ring has no more corners than its vertices, nor many more than units along its box.
    if zoom >= _SMALL_ZOOM:
        size = tag_bytes + 2.5 * np.minimum(vertices, 4 * extent + 4)
        step = 1 if size.sum() <= room else step
    size = tag_bytes + 2.5 * np.minimum(vertices, 4 * extent / step + 4)
    if size.sum() <= room:
        return Choice(single=found, stands=np.ones_like(found), together=none, step=step)
    seen = np.flatnonzero(extent >= _LEAST_PIXELS * crossing.PIXEL)
    seen = seen[np.argsort(-extent[seen], kind="stable")]
    large = np.zeros(len(found), dtype=bool)
    large[seen[np.cumsum(size[seen]) <= room]] = True
    rest = found[~large]
    few, each = rest[:0], none
    if (points := rest[shapes.kind[rest] == POINT]).size:
        one, count = _one_a_pixel(shapes, points, units_per_m)
        if len(one) * tag_bytes <= room:
            few, each = points[one], count
            rest = rest[shapes.kind[rest] != POINT]
    single = np.concatenate([found[large], few])
    stands = np.concatenate([np.ones(int(large.sum()), dtype=np.int64), each])
    order = np.argsort(single, kind="stable")
    return Choice(single=single[order], stands=stands[order], together=rest, step=step)


def shared_out(
    shapes: Shapes, together: Indices, zoom: int, west: float, north: float, units_per_m: float,
    room: float, feature_bytes: float,
) -> tuple[Made, Indices]:  # fmt: skip
    """Those that keep their names, their pixels' commands, and where these end; for how many of
    ``together`` each of them stands.

    All that is drawn ``together`` is of one kind, and there is some. Below zoom 7 it
    takes no more than ``room`` bytes, a feature's name and values ``feature_bytes`` of them: what
    does not fit is shown less exactly, and goes before more than fits does.
    """
    if int(shapes.kind[together[0]]) != POLYGON:
        low = is_bounded(zoom)
        made, owner = _stroked(
            shapes, together, _STROKES_LOW if low else _STROKES, west, north, units_per_m,
            room if low else math.inf, feature_bytes,
        )  # fmt: skip
    elif zoom >= _QUICK_ZOOM:
        made, owner = _boxed(shapes, together, west, north, units_per_m)
    else:
        made, owner = _exact(shapes, together, west, north, units_per_m, room, feature_bytes)
    stands = mosaic.standing(
        owner, together, shapes.first_piece, shapes.first_xy, shapes.xy, west, north, units_per_m
    )
    return made, stands[made[0]]


def _stroked(
    shapes: Shapes, together: Indices, steps: tuple[int, ...], west: float, north: float,
    units_per_m: float, room: float, feature_bytes: float,
) -> tuple[Made, Owners]:  # fmt: skip
    """Every pixel that a line runs through, or that has a point; as many as there is room for."""
    as_points = int(shapes.kind[together[0]]) == POINT
    owner = strokes.owners(
        together, shapes.first_piece, shapes.first_xy, shapes.xy, west, north, units_per_m
    )
    for names in steps:
        few = _few(owner, len(shapes), names)
        ends = strokes.dots(few) if as_points else strokes.dashes(few)
        ends = ends[np.argsort(ends[:, 0], kind="stable")]
        made = strokes.drawn(ends, as_points)
        if _size(made, feature_bytes) <= room:
            return made, few
    part = room / _size(made, feature_bytes)
    return strokes.drawn(_longest(ends, part), as_points), few


def _longest(ends: Indices, part: float) -> Indices:
    """So much of dashes or dots: the longest, and of equals some that are spread evenly."""
    length = np.abs(ends[:, 3:] - ends[:, 1:3]).sum(axis=1)
    order = np.lexsort((np.arange(len(ends)) * _GOLDEN % 1, -length))
    return ends[np.sort(order[: int(len(ends) * max(part, 0.0) * _SPARE)])]


def _boxed(
    shapes: Shapes, together: Indices, west: float, north: float, units_per_m: float
) -> tuple[Made, Owners]:
    """Every pixel whose middle is held, or that has all of a polygon, quickly."""
    owner, full = pixels.owners(
        together, shapes.first_piece, shapes.first_xy, shapes.xy, shapes.bounds,
        west, north, units_per_m, False,
    )  # fmt: skip
    owner = _few(owner, len(shapes), _OWNERS)
    found = boxes.rectangles(owner, full)
    return boxes.drawn(found[np.argsort(found[:, 0], kind="stable")]), owner


def _exact(
    shapes: Shapes, together: Indices, west: float, north: float, units_per_m: float,
    room: float, feature_bytes: float,
) -> tuple[Made, Owners]:  # fmt: skip
    """As exactly, and by as small blocks, as there is room for."""
    owner, shown = sampling.owners(
        together, shapes.first_piece, shapes.first_xy, shapes.xy, shapes.bounds,
        west, north, units_per_m,
    )  # fmt: skip

    def made_of(few: Indices, price: float | NDArray[np.float64]) -> tuple[Made, float]:
        made = _outlined(few, shown, np.full(crossing.ROW, price))
        return made, _size(made, feature_bytes)

    before, price_before = 0.0, 0.0
    for block, price in _STEPS:
        few = np.asarray(mosaic.fewer(owner, block, block))
        made, size = made_of(few, price)
        if size <= room:
            finer = _finer(owner, shown, len(shapes), block, room - size, feature_bytes)
            if finer is not None:
                more, size = made_of(finer, price)
                if size <= room:
                    return more, finer
            return made, few
    few = _few(owner, len(shapes), _FEW_NAMES, _WIDE)
    for price in _PRICES_OF_FEW:
        made, size = made_of(few, price)
        if size <= room:
            break
        before, price_before = size, price
    if size < _SLACK * room < room < before:
        # Some rows at the price before, spread evenly, as far as there is room.
        part = 0.95 * (room - size) / (before - size)
        rows = np.arange(crossing.ROW) * _GOLDEN % 1 < part
        more, size = made_of(few, np.where(rows, price_before, price))
        if size <= room:
            return more, few
    return made, few


def _finer(
    owner: Indices, shown: NDArray[np.uint8], features: int, block: int, left: float,
    feature_bytes: float,
) -> Indices | None:  # fmt: skip
    """The pixels' owners by the smallest blocks that take about ``left`` bytes more, if any do."""
    names, runs = mosaic.blocks(owner, block, block), outlines.runs_of(owner, shown, block)
    for side in _BLOCKS:
        here = mosaic.how_many(owner, features) if side == 1 else mosaic.blocks(owner, side, side)
        if (here - names) * feature_bytes > left:
            continue
        more = outlines.runs_of(owner, shown, side) - runs
        if (here - names) * feature_bytes + more * _RUN <= left:
            return owner if side == 1 else np.asarray(mosaic.fewer(owner, side, side))
    return None


def _outlined(owner: Indices, shown: NDArray[np.uint8], price: NDArray[np.float64]) -> Made:
    names, ends, corners = outlines.outlines(owner, shown, price[:, None] * _PRICES)
    return outlines.drawn(names, np.argsort(names, kind="stable"), ends, corners)


def _size(made: Made, feature_bytes: float) -> float:
    return len(made[1]) + len(made[0]) * feature_bytes


def _few(owner: Indices, features: int, most: int, wide: int = 1) -> Indices:
    """The pixels' owners, at most about so many of them, by blocks ``wide`` times as wide as high.

    Rows are drawn one by one: those of few wide blocks have fewer ends.
    """
    if mosaic.how_many(owner, features) <= most:
        return owner
    high = max(1, math.isqrt(int((owner >= 0).sum()) // (most * wide)))
    while mosaic.blocks(owner, max(2, wide * high), high) > most:
        high += 1
    return np.asarray(mosaic.fewer(owner, max(2, wide * high), high))


def _vertices(shapes: Shapes, found: Indices) -> Indices:
    begin, end = shapes.first_piece[found], shapes.first_piece[found + 1]
    return np.asarray(shapes.first_xy[end] - shapes.first_xy[begin])


def _one_a_pixel(shapes: Shapes, found: Indices, units_per_m: float) -> tuple[Indices, Indices]:
    """The first feature of each pixel, and for how many it stands; of those that reach over
    several, all."""
    box = shapes.bounds[found]
    pixel_m = crossing.PIXEL / units_per_m
    first = np.floor(box[:, :2] / pixel_m).astype(np.int64)
    last = np.floor(box[:, 2:] / pixel_m).astype(np.int64)
    kept = np.ones(len(found), dtype=bool)
    small = np.flatnonzero(np.abs(last - first).max(axis=1, initial=0) <= 1)
    _, one, count = np.unique(first[small], axis=0, return_index=True, return_counts=True)
    kept[small] = False
    kept[small[one]] = True
    stands = np.ones(len(found), dtype=np.int64)
    stands[small[one]] = count
    return np.flatnonzero(kept), stands[kept]
