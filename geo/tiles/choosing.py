"""Which features a tile draws as they are, and which it draws together, by zoom and number.

From zoom 10 on a tile holds every feature that meets it. Below, a tile that would grow too large
draws the largest features as they are; of the rest, polygons share out the pixels that they cover
(``mosaic``; quickly as ``boxes``, below zoom 6 as exactly as there is room for as ``outlines``),
lines and points those that they run through (``strokes``); few points stay as they are, one a
pixel. What is covered stays covered, below zoom 6 (lines and points: 7) as far as the tile's bytes
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
#: How many polygons of a mosaic keep their names, how wide their blocks are for their height, and
#: what it may cost in bytes to show a pixel rightly: the first at which all fits. The last is
#: no more than a box a block and row, so that there is always one.
_STEPS = (
    (2_000, 1, 40.0), (300, 8, 40.0), (100, 8, 40.0), (100, 8, 12.0),
    (100, 8, 9.0), (100, 8, 7.5), (100, 8, 6.0),
    (100, 8, 5.0), (100, 8, 4.0), (100, 8, 3.0), (100, 8, 1.5), (100, 8, 0.0),
)  # fmt: skip
#: From this zoom on many more tiles are asked for, and each shows less: pixels are rectangles.
_QUICK_ZOOM = 6
_OWNERS_LOW, _OWNERS = 2_000, 6_000
#: Of these, what counts for: whether it is touched, its middle, its half.
_PRICES = np.array([0.9, 1.0, 0.8])
#: How many lines, or points, that are drawn together keep their names at least; and how many do:
#: below zoom 7 the first of these at which all fits.
FEWEST = 100
_STROKES_LOW, _STROKES = (1_000, 300, FEWEST), (4_000,)
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
        return Choice(single=found, together=none, step=1)
    vertices = _vertices(shapes, found)
    step = _COARSE_STEP if vertices.sum() > _MANY_VERTICES else 1
    box = shapes.bounds[found]
    extent = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]) * units_per_m
    # A ring has no more corners than its vertices, nor many more than units along its box.
    size = tag_bytes + 2.5 * np.minimum(vertices, 4 * extent / step + 4)
    room *= _SINGLE.get(zoom, _LOW_SINGLE)
    if size.sum() <= room:
        return Choice(single=found, together=none, step=step)
    seen = np.flatnonzero(extent >= _LEAST_PIXELS * crossing.PIXEL)
    seen = seen[np.argsort(-extent[seen], kind="stable")]
    large = np.zeros(len(found), dtype=bool)
    large[seen[np.cumsum(size[seen]) <= room]] = True
    rest = found[~large]
    few = rest[:0]
    if (points := rest[shapes.kind[rest] == POINT]).size:
        one = points[_one_a_pixel(shapes, points, units_per_m)]
        few = one if len(one) * tag_bytes <= room else few
    if len(few):
        rest = rest[shapes.kind[rest] != POINT]
    single = np.concatenate([found[large], few])
    return Choice(single=np.sort(single), together=rest, step=step)


def shared_out(
    shapes: Shapes, together: Indices, zoom: int, west: float, north: float, units_per_m: float,
    room: float, feature_bytes: float,
) -> Made:  # fmt: skip
    """Those that keep their names, their pixels' commands, and where these end.

    All that is drawn ``together`` is of one kind, and there is some. Polygons below zoom 6, lines
    and points below 7, take no more than ``room`` bytes, a feature's name and values
    ``feature_bytes`` of them: what does not fit is shown less exactly, and goes before more than
    fits does.
    """
    if int(shapes.kind[together[0]]) != POLYGON:
        low = is_bounded(zoom)
        return _stroked(
            shapes, together, _STROKES_LOW if low else _STROKES, west, north, units_per_m,
            room if low else math.inf, feature_bytes,
        )  # fmt: skip
    if zoom >= _QUICK_ZOOM:
        return _boxed(shapes, together, zoom, west, north, units_per_m)
    return _exact(shapes, together, west, north, units_per_m, room, feature_bytes)


def _stroked(
    shapes: Shapes, together: Indices, steps: tuple[int, ...], west: float, north: float,
    units_per_m: float, room: float, feature_bytes: float,
) -> Made:  # fmt: skip
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
            return made
    return strokes.drawn(_longest(ends, room / _size(made, feature_bytes)), as_points)


def _longest(ends: Indices, part: float) -> Indices:
    """So much of dashes or dots: the longest, and of equals some that are spread evenly."""
    length = np.abs(ends[:, 3:] - ends[:, 1:3]).sum(axis=1)
    order = np.lexsort((np.arange(len(ends)) * _GOLDEN % 1, -length))
    return ends[np.sort(order[: int(len(ends) * max(part, 0.0) * _SPARE)])]


def _boxed(
    shapes: Shapes, together: Indices, zoom: int, west: float, north: float, units_per_m: float
) -> Made:
    """Every pixel that is held, and below zoom 7 touched, quickly."""
    low = zoom < _SMALL_ZOOM
    owner, full = pixels.owners(
        together, shapes.first_piece, shapes.first_xy, shapes.xy, shapes.bounds,
        west, north, units_per_m, low,
    )  # fmt: skip
    owner = _few(owner, len(shapes), _OWNERS_LOW if low else _OWNERS)
    found = boxes.rectangles(owner, full)
    return boxes.drawn(found[np.argsort(found[:, 0], kind="stable")])


def _exact(
    shapes: Shapes, together: Indices, west: float, north: float, units_per_m: float,
    room: float, feature_bytes: float,
) -> Made:  # fmt: skip
    """As exactly as there is room for."""
    owner, shown = sampling.owners(
        together, shapes.first_piece, shapes.first_xy, shapes.xy, shapes.bounds,
        west, north, units_per_m,
    )  # fmt: skip
    before, price_before = 0.0, 0.0
    for names, wide, price in _STEPS:
        few = _few(owner, len(shapes), names, wide)
        made = _outlined(few, shown, np.full(crossing.ROW, price))
        size = _size(made, feature_bytes)
        if size <= room:
            break
        before, price_before = size, price
    if size < _SLACK * room < room < before:
        # Some rows at the price before, spread evenly, as far as there is room.
        part = 0.95 * (room - size) / (before - size)
        rows = np.arange(crossing.ROW) * _GOLDEN % 1 < part
        more = _outlined(few, shown, np.where(rows, price_before, price))
        if _size(more, feature_bytes) <= room:
            return more
    return made


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


def _one_a_pixel(shapes: Shapes, found: Indices, units_per_m: float) -> Indices:
    """The first feature of each pixel; of those that reach over several, all."""
    box = shapes.bounds[found]
    pixel_m = crossing.PIXEL / units_per_m
    first = np.floor(box[:, :2] / pixel_m).astype(np.int64)
    last = np.floor(box[:, 2:] / pixel_m).astype(np.int64)
    kept = np.ones(len(found), dtype=bool)
    small = np.flatnonzero(np.abs(last - first).max(axis=1, initial=0) <= 1)
    _, one = np.unique(first[small], axis=0, return_index=True)
    kept[small] = False
    kept[small[one]] = True
    return np.flatnonzero(kept)
