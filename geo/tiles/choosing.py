"""Which features a tile draws as they are, and which it draws together, by zoom and number.

From zoom 10 on a tile holds every feature that meets it. Below, a tile that would grow too large
draws the largest features as they are; of the rest, polygons share out the pixels that they cover
(``mosaic``), lines and points those that they run through (``strokes``); few points stay as they
are, one a pixel. What is covered stays covered: no pixel goes dark because its features were
dropped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.tiles import mosaic, outlines, sampling, strokes
from geo.tiles.shapes import LINE, POINT, POLYGON, Shapes

Indices = NDArray[np.int64]

#: From here on nothing is left out or drawn together.
WHOLE_ZOOM = 10
#: Bytes of features drawn as they are, before others are drawn together: by zoom, below 10.
_BUDGET = {9: 900_000, 8: 700_000, 7: 450_000}
_LOW_BUDGET = 220_000
#: Below this zoom most of what is many is smaller than a pixel.
_SMALL_ZOOM = 7
#: How many polygons of a mosaic keep their names; below that zoom, and above.
_OWNERS_LOW, _OWNERS = 2_000, 6_000
#: How many lines, or points, that are drawn together keep their names.
_STROKES_LOW, _STROKES = 1_000, 4_000
#: Vertices of a tile above which coordinates are rounded to a quarter of a pixel.
_MANY_VERTICES = 20_000
_COARSE_STEP = 2
#: What is smaller shows as its pixels as well as by itself.
_LEAST_PIXELS = 3


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What becomes of the features that meet a tile."""

    single: Indices  #: drawn as they are
    together: Indices  #: polygons, lines or points that share out the pixels
    step: int  #: units to which coordinates are rounded


def choose(
    shapes: Shapes, found: Indices, zoom: int, units_per_m: float, tag_bytes: float
) -> Choice:
    """Choose among the features ``found``; ``tag_bytes`` is what a feature's values take."""
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
    room = _BUDGET.get(zoom, _LOW_BUDGET)
    if size.sum() <= room:
        return Choice(single=found, together=none, step=step)
    seen = np.flatnonzero(extent >= _LEAST_PIXELS * sampling.PIXEL)
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
    shapes: Shapes, together: Indices, zoom: int, west: float, north: float, units_per_m: float
) -> tuple[Indices, NDArray[np.uint8], Indices]:
    """Those that keep their names, their pixels' commands, and where these end.

    All that is drawn ``together`` is of one kind, and there is some.
    """
    low = zoom < _SMALL_ZOOM
    kind = int(shapes.kind[together[0]])
    if kind != POLYGON:
        owner = strokes.owners(
            together, shapes.first_piece, shapes.first_xy, shapes.xy, west, north, units_per_m
        )
        owner = _few(owner, len(shapes), _STROKES_LOW if low else _STROKES)
        ends = strokes.dashes(owner) if kind == LINE else strokes.dots(owner)
        return strokes.drawn(ends[np.argsort(ends[:, 0], kind="stable")], kind == POINT)
    owner, shown = sampling.owners(
        together, shapes.first_piece, shapes.first_xy, shapes.xy, shapes.bounds,
        west, north, units_per_m,
    )  # fmt: skip
    import time,os
    for most, aspect, *price in eval(os.environ['LADDER']):
        price=np.array(price,dtype=float)
        fewer = _few(owner, len(shapes), most, aspect)
        s=time.process_time()
        names, ends, corners = outlines.outlines(fewer, shown, price)
        s2=time.process_time()
        order = np.argsort(names, kind="stable")
        r= outlines.drawn(names, order, ends, corners)
        if os.environ.get('DBG'): print('   ',most,price,len(names),len(corners),len(r[1]),np.bincount(shown.ravel(),minlength=5)/shown.size, round(s2-s,3), round(time.process_time()-s2,3))
        if len(r[1]) + len(r[0])*60 < 480_000: break
    return r


def _few(owner: Indices, features: int, most: int, aspect: int = 1) -> Indices:
    """The pixels' owners, at most about so many of them."""
    if mosaic.how_many(owner, features) <= most:
        return owner
    high = max(1, math.isqrt(int((owner >= 0).sum()) // most // aspect))
    while mosaic.blocks(owner, max(2,aspect * high), high) > most:
        high += 1
    return np.asarray(mosaic.fewer(owner, max(2,aspect * high), high))


def _vertices(shapes: Shapes, found: Indices) -> Indices:
    begin, end = shapes.first_piece[found], shapes.first_piece[found + 1]
    return np.asarray(shapes.first_xy[end] - shapes.first_xy[begin])


def _one_a_pixel(shapes: Shapes, found: Indices, units_per_m: float) -> Indices:
    """The first feature of each pixel; of those that reach over several, all."""
    box = shapes.bounds[found]
    pixel_m = sampling.PIXEL / units_per_m
    first = np.floor(box[:, :2] / pixel_m).astype(np.int64)
    last = np.floor(box[:, 2:] / pixel_m).astype(np.int64)
    kept = np.ones(len(found), dtype=bool)
    small = np.flatnonzero(np.abs(last - first).max(axis=1, initial=0) <= 1)
    _, one = np.unique(first[small], axis=0, return_index=True)
    kept[small] = False
    kept[small[one]] = True
    return np.flatnonzero(kept)
