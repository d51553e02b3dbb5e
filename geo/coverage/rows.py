"""Areas by rows: swept ground and cells as intervals on evenly spaced rows of a plane.

Along a row everything is exact: a leg's swath meets it in one interval, swaths unite by sorting,
a cell's ring crosses it at points. Across rows the area is a sum of rows (midpoint rule). What
is kept grows with the swept ground, not with the region; two sweeps unite by merging their rows.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from geo.coverage.ground import Floats, Ints, corners, sort_few


@njit(cache=True, nogil=True)
def _capsule(x0: float, y0: float, x1: float, y1: float, r: float, y: float) -> tuple[float, float]:
    """Where the row ``y`` meets the points within ``r`` of a segment; empty when low > high."""
    low, high = np.inf, -np.inf
    for x, h in ((x0, y - y0), (x1, y - y1)):
        if h * h <= r * r:
            half = math.sqrt(r * r - h * h)
            low, high = min(low, x - half), max(high, x + half)
    dx, dy = x1 - x0, y1 - y0
    if dy != 0:
        length = math.sqrt(dx * dx + dy * dy)
        nx, ny = -dy / length * r, dx / length * r
        for sign in (-1.0, 1.0):  # the two long sides
            part = (y - y0 - sign * ny) / dy
            if 0 <= part <= 1:
                x = x0 + sign * nx + part * dx
                low, high = min(low, x), max(high, x)
    return low, high


@njit(cache=True, nogil=True)
def stamp(lines: Floats, r: float, base: float, step: float, count: int) -> tuple[Ints, Floats]:
    """Intervals (row, [low, high]) of all points within ``r`` of segments (n, 4: x0, y0, x1, y1).

    Row i lies at ``base + (i + 0.5) * step``. An interval that meets the last one of its row
    widens it, so that a path leaves few.
    """
    last = np.full(count, -1, np.int64)
    row, reach, n = np.empty(1024, np.int64), np.empty((1024, 2)), 0
    for q in range(len(lines)):
        x0, y0, x1, y1 = corners(lines, q)
        if q and x0 == x1 == lines[q - 1, 2] and y0 == y1 == lines[q - 1, 3]:
            continue  # standing where the last one ended
        i0 = max(0, int(math.ceil((min(y0, y1) - r - base) / step - 0.5)))
        i1 = min(count - 1, int(math.floor((max(y0, y1) + r - base) / step - 0.5)))
        for i in range(i0, i1 + 1):
            low, high = _capsule(x0, y0, x1, y1, r, base + (i + 0.5) * step)
            if low > high:
                continue
            k = last[i]
            if k >= 0 and low <= reach[k, 1] and high >= reach[k, 0]:
                reach[k, 0], reach[k, 1] = min(low, reach[k, 0]), max(high, reach[k, 1])
                continue
            if n == len(row):
                row = np.concatenate((row, np.empty_like(row)))
                reach = np.concatenate((reach, np.empty_like(reach)))
            row[n], reach[n, 0], reach[n, 1] = i, low, high
            last[i] = n
            n += 1
    return row[:n].copy(), reach[:n].copy()


@njit(cache=True, nogil=True)
def _sort_intervals(reach: Floats) -> None:
    """Sorts intervals (n, 2) by where they begin, in place (Shell 1959, Ciura's gaps)."""
    for gap in (701 * 25, 701 * 5, 701, 301, 132, 57, 23, 10, 4, 1):
        for a in range(gap, len(reach)):
            low, high, b = reach[a, 0], reach[a, 1], a
            while b >= gap and reach[b - gap, 0] > low:
                reach[b, 0], reach[b, 1] = reach[b - gap, 0], reach[b - gap, 1]
                b -= gap
            reach[b, 0], reach[b, 1] = low, high


@njit(cache=True, nogil=True)
def unite(row: Ints, reach: Floats, count: int) -> tuple[Ints, Floats, Floats]:
    """The union of intervals: disjoint and ascending within each row.

    Returns ``first`` (row → its first interval), the intervals, and beside each the length that
    its row has before it.
    """
    begin = np.zeros(count + 1, np.int64)
    for i in row:
        begin[i + 1] += 1
    begin = np.cumsum(begin)
    at, placed = begin[:-1].copy(), np.empty_like(reach)
    for q in range(len(row)):
        placed[at[row[q]], 0], placed[at[row[q]], 1] = reach[q, 0], reach[q, 1]
        at[row[q]] += 1
    first, before, n = np.zeros(count + 1, np.int64), np.empty(len(row)), 0
    for i in range(count):
        _sort_intervals(placed[begin[i] : begin[i + 1]])
        length = 0.0
        for k in range(begin[i], begin[i + 1]):
            low, high = placed[k, 0], placed[k, 1]
            if n > first[i] and low <= placed[n - 1, 1]:
                placed[n - 1, 1] = max(placed[n - 1, 1], high)
                continue
            if n > first[i]:
                length += placed[n - 1, 1] - placed[n - 1, 0]
            placed[n, 0], placed[n, 1], before[n] = low, high, length  # n <= k: already read
            n += 1
        first[i + 1] = n
    return first, placed[:n].copy(), before[:n].copy()


@njit(cache=True, nogil=True)
def _until(x: float, i: int, first: Ints, reach: Floats, before: Floats) -> float:
    """Length of the united intervals of row ``i`` to the left of ``x``."""
    low, high = first[i], first[i + 1]
    while low < high:  # the last interval that begins before x
        middle = (low + high) // 2
        if reach[middle, 0] < x:
            low = middle + 1
        else:
            high = middle
    if low == first[i]:
        return 0.0
    return before[low - 1] + min(x, reach[low - 1, 1]) - reach[low - 1, 0]


@njit(cache=True, nogil=True)
def _crossings(edges: Floats, base: float, step: float, count: int) -> tuple[int, Ints, Floats]:
    """Where edges cross the rows: the first row, and x by row (``begin``, sorted within)."""
    low, high = np.inf, -np.inf
    for e in range(len(edges)):
        low = min(low, edges[e, 1], edges[e, 3])
        high = max(high, edges[e, 1], edges[e, 3])
    top = max(0, int(math.floor((low - base) / step)))
    rows = max(0, min(count, int(math.ceil((high - base) / step)) + 1) - top)
    begin = np.zeros(rows + 1, np.int64)
    at, xs = begin[:-1].copy(), np.empty(0)
    for filling in range(2):
        if filling:
            begin = np.cumsum(begin)
            at, xs = begin[:-1].copy(), np.empty(begin[-1])
        for e in range(len(edges)):
            x0, y0, x1, y1 = corners(edges, e)
            i = max(top, int(math.floor((min(y0, y1) - base) / step)))
            while i < top + rows and base + (i + 0.5) * step < max(y0, y1):
                y = base + (i + 0.5) * step
                if (y0 > y) != (y1 > y):
                    if filling:
                        xs[at[i - top]] = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
                        at[i - top] += 1
                    else:
                        begin[i - top + 1] += 1
                i += 1
    for i in range(rows):
        sort_few(xs[begin[i] : begin[i + 1]])
    return top, begin, xs


@njit(cache=True, nogil=True)
def measure(
    edges: Floats, cell_first: Ints, base: float, step: float, united: tuple[Ints, Floats, Floats]
) -> Floats:
    """Swept area and area (cells, 2) in rows; cell c has the edges ``cell_first[c:c + 2]``.

    ``united``: what ``unite`` returned.
    """
    first, reach, before = united
    out = np.zeros((len(cell_first) - 1, 2))
    for cell in range(len(out)):
        own = edges[cell_first[cell] : cell_first[cell + 1]]
        top, begin, xs = _crossings(own, base, step, len(first) - 1)
        for i in range(len(begin) - 1):
            for c in range(begin[i], begin[i + 1] - 1, 2):
                out[cell, 1] += xs[c + 1] - xs[c]
                if first[top + i] < first[top + i + 1]:
                    out[cell, 0] += _until(xs[c + 1], top + i, first, reach, before)
                    out[cell, 0] -= _until(xs[c], top + i, first, reach, before)
    return out * step
