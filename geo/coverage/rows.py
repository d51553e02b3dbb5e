"""Rows: which of the evenly spaced points of a plane lie in cells, as stretches of rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Stretches(NamedTuple):
    """Points that follow each other along rows; those of cell c are ``first[c]:first[c + 1]``."""

    first: Ints
    row: NDArray[np.int32]
    begin: NDArray[np.int32]
    last: NDArray[np.int32]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def corners(lines: Floats, n: int) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 of a line."""
    return lines[n, 0], lines[n, 1], lines[n, 2], lines[n, 3]


@njit(cache=True, nogil=True)
def sort_few(xs: Floats) -> None:
    """Sorts a short array in place (by insertion: np.sort takes seconds to compile)."""
    for a in range(1, len(xs)):
        x, b = xs[a], a
        while b > 0 and xs[b - 1] > x:
            xs[b] = xs[b - 1]
            b -= 1
        xs[b] = x


@njit(cache=True, nogil=True)
def _crossings(edges: Floats) -> tuple[int, Ints, Floats]:
    """Where edges cross rows (y a whole number): the first row, and x by row (``begin``, sorted
    within)."""
    low, high = np.inf, -np.inf
    for e in range(len(edges)):
        low = min(low, edges[e, 1], edges[e, 3])
        high = max(high, edges[e, 1], edges[e, 3])
    top = int(math.ceil(low))
    rows = max(0, int(math.floor(high)) + 1 - top)
    begin = np.zeros(rows + 1, np.int64)
    at, xs = begin[:-1].copy(), np.empty(0)
    for filling in range(2):
        if filling:
            begin = np.cumsum(begin)
            at, xs = begin[:-1].copy(), np.empty(begin[-1])
        for e in range(len(edges)):
            x0, y0, x1, y1 = corners(edges, e)
            for row in range(int(math.ceil(min(y0, y1))), int(math.floor(max(y0, y1))) + 1):
                if (y0 > row) != (y1 > row):
                    if filling:
                        xs[at[row - top]] = x0 + (row - y0) / (y1 - y0) * (x1 - x0)
                        at[row - top] += 1
                    else:
                        begin[row - top + 1] += 1
    for i in range(rows):
        sort_few(xs[begin[i] : begin[i + 1]])
    return top, begin, xs


@njit(cache=True, nogil=True)
def stretches(edges: Floats, cell_first: Ints, offsets: Floats) -> Stretches:
    """The points in each cell.

    ``edges`` (n, 4): x0, y0, x1, y1; cell c has those of ``cell_first[c:c + 2]``. The n-th point
    of a row is at ``n + offsets[row % len(offsets)]`` (0-1; a power of two of them).
    """
    first, out, m = np.zeros(len(cell_first), np.int64), np.empty((3, 1024), np.int32), 0
    for cell in range(len(cell_first) - 1):
        top, begin, xs = _crossings(edges[cell_first[cell] : cell_first[cell + 1]])
        for row in range(top, top + len(begin) - 1):
            east = offsets[row & (len(offsets) - 1)]
            for c in range(begin[row - top], begin[row - top + 1] - 1, 2):
                # a point on an edge is of the cell to the east of it
                a, b = int(math.ceil(xs[c] - east)), int(math.ceil(xs[c + 1] - east)) - 1
                if a <= b:
                    if m == out.shape[1]:
                        out = np.concatenate((out, np.empty_like(out)), axis=1)
                    out[0, m], out[1, m], out[2, m] = row, a, b
                    m += 1
        first[cell + 1] = m
    return Stretches(first, out[0, :m].copy(), out[1, :m].copy(), out[2, :m].copy())
