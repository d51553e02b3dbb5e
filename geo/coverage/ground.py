"""The ground: cells cut into buckets, so that whose a point is takes a look at one bucket.

All of it happens in longitude and latitude, where the cells' edges are straight and neighbours
share their very numbers. A bucket without an edge belongs to one cell (or none); elsewhere the
parity of the edges between a point and the bucket's centre, whose cells are known, tells.

A point within ``NEAR_DEG`` of an edge is on it. Cells may lie in others: whose a point is, is
asked from the top down. Of the cells without a parent that hold it the first has it, of the
children of that one that hold it again the first, and so on: so what a cell has, its parent has,
and what of a parent's no child has is its rest. The place of a point is the lowest cell that has
it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import shapely
from numba import njit

from geo.coverage.rows import Flags, Floats, Ints, Stretches, corners, stretches
from geo.earth import Geometries

#: The place of a bucket that has several; outside all cells it is -1.
MIXED = -2
#: Within this of an edge (1 cm) a point is on it.
NEAR_DEG = 1e-7
#: Where in a bucket its centre is taken: off the round numbers on which drawn grids lie.
_CENTRE_X, _CENTRE_Y = 0.5123456789, 0.4871234567


class Buckets(NamedTuple):
    """How the ground is cut: ``nx`` x ``ny`` buckets of ``width`` x ``height`` degrees."""

    ox: float  #: west edge
    oy: float  #: south edge
    width: float
    height: float
    nx: int
    ny: int


class Ground(NamedTuple):
    """The cells, ready for a walk."""

    buckets: Buckets
    edges: Floats  #: (n, 4) x0, y0, x1, y1; each cell's edges together, cells in order
    owner: Ints  #: edge → cell
    first: Ints  #: bucket → where its edges begin in ``order``
    order: Ints  #: → edge; ascending within a bucket
    inside: Flags  #: beside ``order``: whether the edge's cell holds the centre
    full_first: Ints  #: bucket → where the cells that hold all of it begin in ``full``
    full: Ints  #: cells; ascending within a bucket
    parent: Ints  #: cell → the cell that it lies in, which comes before it; -1 without
    place: Ints  #: bucket → the place of all of it; ``MIXED`` with an edge


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _span(a: float, b: float, origin: float, size: float, count: int) -> tuple[int, int]:
    """First and last bucket along one axis between ``a`` and ``b``, with a margin."""
    low = int(math.floor((min(a, b) - origin - 2 * NEAR_DEG) / size))
    high = int(math.floor((max(a, b) - origin + 2 * NEAR_DEG) / size))
    return max(0, low), min(count - 1, high)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def reach(x0: float, y0: float, x1: float, y1: float, b: Buckets) -> tuple[int, int, int, int]:
    """First and last column, first and last row of the buckets about a line."""
    left, right = _span(x0, x1, b.ox, b.width, b.nx)
    low, high = _span(y0, y1, b.oy, b.height, b.ny)
    return left, right, low, high


@njit(cache=True, nogil=True)
def _misses(x0: float, y0: float, x1: float, y1: float, i: int, j: int, b: Buckets) -> bool:
    """Whether all four corners of bucket (i, j) lie on one side of the line."""
    dx, dy = x1 - x0, y1 - y0
    corner = dx * (b.oy + j * b.height - y0) - dy * (b.ox + i * b.width - x0)
    up, right = dx * b.height, -dy * b.width
    low = corner + min(0.0, up) + min(0.0, right)
    high = corner + max(0.0, up) + max(0.0, right)
    margin = 2 * NEAR_DEG * (abs(dx) + abs(dy))
    return low > margin or high < -margin


@njit(cache=True, nogil=True)
def sort_edges(edges: Floats, b: Buckets) -> tuple[Ints, Ints]:
    """Edges (n, 4) into buckets: ``first`` and ``order`` of Ground."""
    first = np.zeros(b.nx * b.ny + 1, np.int64)
    order = np.empty(0, np.int64)
    at = first[:-1].copy()
    for filling in range(2):
        if filling:
            first = np.cumsum(first)
            order = np.empty(first[-1], np.int64)
            at = first[:-1].copy()
        for e in range(len(edges)):
            x0, y0, x1, y1 = corners(edges, e)
            left, right, low, high = reach(x0, y0, x1, y1, b)
            for j in range(low, high + 1):
                for i in range(left, right + 1):
                    if _misses(x0, y0, x1, y1, i, j, b):
                        continue
                    k = j * b.nx + i
                    if filling:
                        order[at[k]] = e
                        at[k] += 1
                    else:
                        first[k + 1] += 1
    return first, order


@njit(cache=True, nogil=True)
def _mark(k: int, cell: int, first: Ints, order: Ints, owner: Ints, inside: Flags) -> bool:
    """Notes that ``cell`` holds the centre of bucket ``k``; whether it has no edge there."""
    touched = False
    for p in range(first[k], first[k + 1]):
        if owner[order[p]] == cell:
            inside[p] = True
            touched = True
    return not touched


@njit(cache=True, nogil=True)
def _laid(edges: Floats, b: Buckets) -> Floats:
    """Edges in buckets, with the centres of these at whole numbers."""
    out = np.empty_like(edges)
    for e in range(len(edges)):
        for end in range(0, 4, 2):
            out[e, end] = (edges[e, end] - b.ox) / b.width - _CENTRE_X
            out[e, end + 1] = (edges[e, end + 1] - b.oy) / b.height - _CENTRE_Y
    return out


@njit(cache=True, nogil=True)
def centres(
    held: Stretches, first: Ints, order: Ints, owner: Ints, b: Buckets
) -> tuple[Flags, Ints, Ints]:
    """``inside``, ``full_first`` and ``full`` of Ground; ``held``: the centres that each cell
    holds."""
    inside = np.zeros(len(order), np.bool_)
    full_first, full = np.zeros(b.nx * b.ny + 1, np.int64), np.empty(0, np.int64)
    at = full_first[:-1].copy()
    for filling in range(2):
        if filling:
            full_first = np.cumsum(full_first)
            full = np.empty(full_first[-1], np.int64)
            at = full_first[:-1].copy()
        for cell in range(len(held.first) - 1):
            for n in range(held.first[cell], held.first[cell + 1]):
                j = held.row[n]
                for i in range(held.begin[n], held.last[n] + 1):
                    k = j * b.nx + i
                    if _mark(k, cell, first, order, owner, inside):
                        if filling:
                            full[at[k]] = cell
                            at[k] += 1
                        else:
                            full_first[k + 1] += 1
    return inside, full_first, full


@njit(cache=True, nogil=True)
def places(first: Ints, full_first: Ints, full: Ints, parent: Ints) -> Ints:
    """``place`` of Ground."""
    out = np.empty(len(first) - 1, np.int64)
    for k in range(len(out)):
        out[k] = MIXED if first[k] < first[k + 1] else -1
        if out[k] == -1:
            for q in range(full_first[k], full_first[k + 1]):
                if parent[full[q]] == out[k]:
                    out[k] = full[q]
    return out


@njit(cache=True, nogil=True)
def _on_edge(px: float, py: float, x0: float, y0: float, x1: float, y1: float) -> bool:
    """Whether a point lies within ``NEAR_DEG`` of an edge."""
    dx, dy = x1 - x0, y1 - y0
    ax, ay = px - x0, py - y0
    square = dx * dx + dy * dy
    part = min(1.0, max(0.0, (ax * dx + ay * dy) / square)) if square > 0 else 0.0
    ax -= part * dx
    ay -= part * dy
    return ax * ax + ay * ay <= NEAR_DEG * NEAR_DEG


@njit(cache=True, nogil=True)
def _left(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> bool:
    """Whether a point lies to the left of the line from a to b."""
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax) > 0


@njit(cache=True, nogil=True)
def bucket(px: float, py: float, b: Buckets) -> int:
    """The bucket of a point; -1 outside all of them."""
    i, j = int(math.floor((px - b.ox) / b.width)), int(math.floor((py - b.oy) / b.height))
    return j * b.nx + i if 0 <= i < b.nx and 0 <= j < b.ny else -1


@njit(cache=True, nogil=True)
def _holds(px: float, py: float, k: int, p: int, ground: Ground) -> tuple[bool, int]:
    """Whether the cell of entry ``p`` of bucket ``k`` holds a point, its edge included; and the
    entry of the next cell."""
    b, edges, order = ground.buckets, ground.edges, ground.order
    cell, held, on_edge = ground.owner[order[p]], ground.inside[p], False
    cx = b.ox + (k % b.nx + _CENTRE_X) * b.width
    cy = b.oy + (k // b.nx + _CENTRE_Y) * b.height
    while p < ground.first[k + 1] and ground.owner[order[p]] == cell:
        x0, y0, x1, y1 = corners(edges, order[p])
        on_edge = on_edge or _on_edge(px, py, x0, y0, x1, y1)
        if _left(cx, cy, px, py, x0, y0) != _left(cx, cy, px, py, x1, y1):
            held ^= _left(x0, y0, x1, y1, cx, cy) != _left(x0, y0, x1, y1, px, py)
        p += 1
    return held or on_edge, p


@njit(cache=True, nogil=True)
def locate(px: float, py: float, ground: Ground) -> int:
    """The place of a point, the lowest cell that has it; -1 outside all of them."""
    k = bucket(px, py, ground.buckets)
    if k < 0:
        return -1
    if ground.place[k] != MIXED:
        return ground.place[k]
    place, p, q = -1, ground.first[k], ground.full_first[k]
    while p < ground.first[k + 1] or q < ground.full_first[k + 1]:
        # ascending: the cells with edges here and those that hold all of the bucket
        edged = ground.owner[ground.order[p]] if p < ground.first[k + 1] else len(ground.parent)
        if q < ground.full_first[k + 1] and ground.full[q] < edged:
            cell, holds = ground.full[q], True
            q += 1
        else:
            cell = edged
            holds, p = _holds(px, py, k, p, ground)
        if holds and ground.parent[cell] == place:
            place = cell
    return place


@njit(cache=True, nogil=True)
def locate_all(xs: Floats, ys: Floats, ground: Ground) -> Ints:
    """``locate`` for many points."""
    out = np.empty(len(xs), np.int64)
    for q in range(len(xs)):
        out[q] = locate(xs[q], ys[q], ground)
    return out


def polygon_edges(polygons: Geometries) -> tuple[Floats, Ints]:
    """Edges (n, 4: x0, y0, x1, y1) of all rings of (multi)polygons, and whose each is."""
    parts, part_of = shapely.get_parts(polygons, return_index=True)
    rings, ring_of = shapely.get_rings(parts, return_index=True)
    xy, of = shapely.get_coordinates(rings, return_index=True)
    edges = np.column_stack((xy[:-1], xy[1:])) if len(xy) else np.empty((0, 4))
    real = (of[1:] == of[:-1]) & (edges[:, :2] != edges[:, 2:]).any(axis=1)
    return np.ascontiguousarray(edges[real]), part_of[ring_of[of[:-1][real]]].astype(np.int64)


def _buckets(edges: Floats) -> Buckets:
    """Some four buckets to an edge, about square on the earth."""
    if not len(edges):
        return Buckets(0.0, 0.0, 1.0, 1.0, 1, 1)
    west, south = edges[:, 0].min(), edges[:, 1].min()
    east, north = edges[:, 0].max(), edges[:, 1].max()
    squeeze = max(0.05, math.cos(math.radians((south + north) / 2)))
    count = min(max(4 * len(edges), 1024), 1_500_000)
    size = math.sqrt((east - west) * squeeze * (north - south) / count)
    width, height = max(size / squeeze, 1e-6), max(size, 1e-6)
    nx, ny = int((east - west) / width) + 2, int((north - south) / height) + 2
    return Buckets(west - 0.37 * width, south - 0.41 * height, width, height, nx, ny)


def lay(polygons: Geometries, parent: Ints | None = None) -> Ground:
    """The ground of (multi)polygons in degrees; of two that claim a place the first has it.

    ``parent``: for each the polygon that it lies in, which comes before it; -1 without.
    """
    edges, owner = polygon_edges(polygons)
    buckets = _buckets(edges)
    first, order = sort_edges(edges, buckets)
    cell_first = np.searchsorted(owner, np.arange(len(polygons) + 1)).astype(np.int64)
    held = stretches(_laid(edges, buckets), cell_first, np.zeros(1))
    inside, full_first, full = centres(held, first, order, owner, buckets)
    above = np.full(len(polygons), -1, np.int64) if parent is None else parent
    return Ground(
        buckets, edges, owner, first, order, inside, full_first, full, above,
        places(first, full_first, full, above),
    )  # fmt: skip
