"""The walk: which cell every stretch of a leg belongs to.

A leg is a geodesic; it is given as chords in longitude and latitude so short that they keep to it
within a millimetre. A chord is cut at the edges that it crosses, and the middle of each
stretch says whose it is (``ground``).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from geo import earth
from geo.coverage.ground import NEAR_DEG, Floats, Ground, Ints, corners, locate, reach, sort_few

#: Stretches shorter than this (0.1 mm) are rounding, not visits.
_SLIVER_DEG = 1e-9
#: How far a chord may leave its geodesic.
_SAGITTA_M = 0.001


@njit(cache=True, nogil=True)
def _cut(
    x0: float, y0: float, x1: float, y1: float,
    ex0: float, ey0: float, ex1: float, ey1: float, cuts: Floats, n: int,
) -> int:  # fmt: skip
    """Adds where a chord crosses an edge, or passes its first vertex, to ``cuts``."""
    dx, dy = x1 - x0, y1 - y0
    before = dx * (ey0 - y0) - dy * (ex0 - x0)
    after = dx * (ey1 - y0) - dy * (ex1 - x0)
    if (before > 0) != (after > 0):
        ux, uy = ex1 - ex0, ey1 - ey0
        down = dx * uy - dy * ux
        part = ((ex0 - x0) * uy - (ey0 - y0) * ux) / down if down != 0 else -1.0
        if 0 < part < 1:
            cuts[n] = part
            n += 1
    square = dx * dx + dy * dy
    if before * before <= NEAR_DEG * NEAR_DEG * square:
        part = ((ex0 - x0) * dx + (ey0 - y0) * dy) / square
        if 0 < part < 1:
            cuts[n] = part
            n += 1
    return n


@njit(cache=True, nogil=True)
def _cuts(x0: float, y0: float, x1: float, y1: float, ground: Ground, cuts: Floats) -> int:
    """All cuts of a chord, unsorted; -1 when ``cuts`` is too short to hold them."""
    b, edges, first = ground.buckets, ground.edges, ground.first
    left, right, low, high = reach(x0, y0, x1, y1, b)
    n = 0
    for j in range(low, high + 1):
        for i in range(left, right + 1):
            k = j * b.nx + i
            if n + 2 * (first[k + 1] - first[k]) > len(cuts):
                return -1
            for p in range(first[k], first[k + 1]):
                ex0, ey0, ex1, ey1 = corners(edges, ground.order[p])
                n = _cut(x0, y0, x1, y1, ex0, ey0, ex1, ey1, cuts, n)
    return n


@njit(cache=True, nogil=True)
def _ends(
    x0: float, y0: float, x1: float, y1: float, ground: Ground, ends: Floats
) -> tuple[int, Floats]:
    """Where the stretches of a chord end, ascending to 1; how many, and the (grown) array."""
    extent = math.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
    n = 0
    if extent > _SLIVER_DEG:
        n = _cuts(x0, y0, x1, y1, ground, ends[:-1])
        while n < 0:
            ends = np.empty(2 * len(ends))
            n = _cuts(x0, y0, x1, y1, ground, ends[:-1])
    sort_few(ends[: max(n, 0)])
    m, last, sliver = 0, 0.0, _SLIVER_DEG / max(extent, _SLIVER_DEG)
    for c in range(n):
        if ends[c] - last > sliver and ends[c] < 1 - sliver:
            last = ends[c]
            ends[m] = last
            m += 1
    ends[m] = 1.0
    return m + 1, ends


@njit(cache=True, nogil=True)
def split_chords(
    chords: Floats, legs: Ints, parts: Floats, ground: Ground
) -> tuple[Ints, Ints, Floats, Floats]:
    """Splits chords (n, 4: x0, y0, x1, y1) over the cells.

    ``legs`` (n) names the leg of each chord, ``parts`` (n, 2) the fractions of the leg that it
    runs between. Returns the stretches' leg, cell (-1 outside) and two fractions of the leg;
    stretches of one leg that meet in one cell are one.
    """
    size, m = len(chords) + len(chords) // 4 + 16, 0
    named, reach = np.empty((size, 2), np.int64), np.empty((size, 2))
    ends = np.empty(64)
    for q in range(len(chords)):
        x0, y0, x1, y1 = corners(chords, q)
        n, ends = _ends(x0, y0, x1, y1, ground, ends)
        begin, part = 0.0, parts[q, 0]
        for c in range(n):
            middle = 0.5 * (begin + ends[c])
            cell = locate(x0 + middle * (x1 - x0), y0 + middle * (y1 - y0), ground)
            begin = ends[c]
            to = parts[q, 1] if c == n - 1 else parts[q, 0] + begin * (parts[q, 1] - parts[q, 0])
            if m and named[m - 1, 0] == legs[q] and named[m - 1, 1] == cell:
                reach[m - 1, 1] = to
            else:
                if m == len(named):
                    named = np.concatenate((named, np.empty_like(named)))
                    reach = np.concatenate((reach, np.empty_like(reach)))
                named[m, 0], named[m, 1] = legs[q], cell
                reach[m, 0], reach[m, 1] = part, to
                m += 1
            part = to
    return named[:m, 0].copy(), named[:m, 1].copy(), reach[:m, 0].copy(), reach[:m, 1].copy()


def chords(lines: Floats, length_m: Floats) -> tuple[Floats, Ints, Floats]:
    """Geodesics (n, 4: lon0, lat0, lon1, lat1) as chords straight in lon/lat.

    Returns the chords (m, 4), which line each is of, and its two fractions (m, 2) of the line.
    A chord of length L leaves its geodesic by about L² tan(lat) / 8R.
    """
    steep = np.tan(np.radians(np.minimum(np.abs(lines[:, [1, 3]]).max(axis=1, initial=0), 89.0)))
    longest_m = np.sqrt(8 * 6.371e6 * _SAGITTA_M / np.maximum(steep, 0.1))
    count = np.maximum(np.ceil(length_m / longest_m), 1).astype(np.int64)
    line = np.repeat(np.arange(len(lines)), count)
    step = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    parts = np.column_stack((step, step + 1)) / count[line][:, None]
    out = lines[line]
    for at, column in ((0, 0), (1, 2)):
        inner = (parts[:, at] > 0) & (parts[:, at] < 1)
        lon0, lat0, lon1, lat1 = lines[line[inner]].T
        lon, lat = earth.interpolate(lon0, lat0, lon1, lat1, parts[inner, at])
        # a chord is in the turn of longitude that its line begins in
        out[inner, column] = lon + 360 * np.round((lon0 - lon) / 360)
        out[inner, column + 1] = lat
    return out, line, parts
