"""Stamping: the points of a lattice within half a swath of legs, as bits of tiles.

Along a row of points a leg's swath is one interval, exactly; what follows each other along a path
overlaps, and is one interval until it is written. Of a leg that goes on from the last one only
what is beyond the disc about its beginning is new. Which points are swept is a matter of each
leg alone: sweeps unite bit by bit, in any order.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, uintp
from numpy.typing import NDArray

from geo.coverage.lattice import TILE, TILE_BITS
from geo.coverage.rows import Floats

Words = NDArray[np.uint64]
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
WORDS = TILE // 64
_LAST = TILE - 1
#: By how much of a step the points of a tile's rows lie to the east of whole ones: from row to row
#: another, by near the golden ratio, so that what runs straight across rows meets them everywhere.
OFFSETS = np.arange(TILE) * 159 % TILE / TILE
#: The slot of what is no tile of an area.
NONE = -1
#: Rows that are worked on at once; as many are held beyond the last.
LANES = 8


class Area(NamedTuple):
    """A rectangle of tiles, of which some have bits."""

    column: int  #: of the first tile to the west
    row: int  #: of the first tile to the south
    slot: NDArray[np.int64]  #: tile (row, column) → where its bits are; -1 where it has none


@njit(cache=True, nogil=True, forceinline=True)
def write(low: float, high: float, row: int, area: Area, bits: Words) -> None:
    """Sets the points of an interval of a row, where there are tiles."""
    first, east = area.column << TILE_BITS, OFFSETS[uintp(row & _LAST)]
    a = max(first, int(math.ceil(low - east))) - first
    b = min(first + area.slot.shape[1] * TILE - 1, int(math.floor(high - east))) - first
    if a > b:
        return
    y, line = uintp((row >> TILE_BITS) - area.row), uintp(row & _LAST)
    mask = _ALL << np.uint64(a & 63)
    for word in range(a >> 6, (b >> 6) + 1):
        if word == b >> 6:
            mask &= _ALL >> np.uint64(63 - (b & 63))
        tile = area.slot[y, uintp(word // WORDS)]
        if tile >= 0:
            bits[uintp(tile), line, uintp(word % WORDS)] |= mask
        mask = _ALL


@njit(cache=True, nogil=True, forceinline=True)
def _hold(
    row: int, a: float, b: float, top: int, low: Floats, high: Floats, area: Area, bits: Words
) -> None:
    """Adds an interval to what a row holds; writes that where it does not join it."""
    k = uintp(row - top)
    c, d = low[k], high[k]
    if a <= d and b >= c:
        low[k], high[k] = min(a, c), max(b, d)
    else:
        if c <= d:
            write(c, d, row, area, bits)
        low[k], high[k] = a, b


@njit(cache=True, nogil=True, forceinline=True)
def _halves(y: float, r: float, out: Floats, begin: int, count: int) -> int:
    """Half the widths of a disc's rows into ``out`` from ``begin`` on; returns its first row."""
    first = int(math.ceil(y - r))
    for k in range(count):
        h = k - (y - first)
        square = r * r - h * h
        out[uintp(begin + k)] = math.sqrt(square if square > 0.0 else 0.0)
    return first


class Side(NamedTuple):
    """The boundary of a leg's swath to one side of it, from the disc about its beginning on."""

    begins: float  #: from which row on it is beyond that disc (times ``way``)
    ends: float  #: from which row on it is that of the disc about the leg's end (times ``way``)
    x: float  #: of the line between, in row 0
    slope: float


@njit(cache=True, nogil=True, forceinline=True)
def _sides(ax: float, ay: float, bx: float, by: float, r: float, way: float) -> tuple[Side, Side]:
    """The boundaries of the points within ``r`` of a segment, to the right and to the left as one
    looks along growing rows; ``way``: 1 where these grow along it, else -1."""
    dx, dy = way * (bx - ax), way * (by - ay)
    length = math.sqrt(dx * dx + dy * dy)
    nx, ny = (dy / length * r, -dx / length * r) if length > 0 else (0.0, 0.0)
    slope = dx / dy if dy > 1e-12 else 0.0
    return (
        Side(way * (ay + ny), way * (by + ny), ax + nx - (ay + ny) * slope, slope),
        Side(way * (ay - ny), way * (by - ny), ax - nx - (ay - ny) * slope, slope),
    )


@njit(cache=True, nogil=True, forceinline=True)
def _widen(
    count: int, bx: float, way: float, right: Side, left: Side, halves: Floats, at: int,
    counted: Floats, low: Floats, high: Floats, begin: int,
) -> None:  # fmt: skip
    """Adds a leg's swath to ``count`` rows that hold the disc about its beginning, from ``begin``
    on; ``halves`` from ``at`` on: those of the disc about its end. Without a branch, so that
    several rows are worked on at once."""
    for k in range((count + LANES - 1) // LANES * LANES):
        row = counted[uintp(k)]
        half, ahead = halves[uintp(at + k)], row * way
        b = bx + half if ahead > right.ends else right.x + row * right.slope
        b = b if (ahead >= right.begins) & (row < count) else -np.inf
        a = bx - half if ahead > left.ends else left.x + row * left.slope
        a = a if (ahead >= left.begins) & (row < count) else np.inf
        c, d = low[uintp(begin + k)], high[uintp(begin + k)]
        low[uintp(begin + k)] = a if a < c else c
        high[uintp(begin + k)] = b if b > d else d


@njit(cache=True, nogil=True, error_model="numpy")
def stamp(
    lines: Floats, r: float, area: Area, bits: Words, low: Floats, high: Floats
) -> tuple[int, int]:
    """Adds the points within ``r`` of segments (n, 4) to the interval from ``low`` to ``high`` that
    each row holds; writes those that it does not join. Returns from and to which row there are
    any. ``low`` and ``high`` are of the area's rows, and ``LANES`` more."""
    top = area.row << TILE_BITS
    bottom = top + len(low) - LANES
    begin, end = bottom, top
    wide = (int(2 * r) + 2 + LANES) // LANES * LANES  # rows of a disc, and some
    halves, counted = np.zeros(3 * wide + LANES), np.arange(wide + LANES).astype(np.float64)
    last_x, last_y, first = np.nan, np.nan, 0
    for q in range(len(lines)):
        ax, ay, bx, by = lines[q, 0], lines[q, 1], lines[q, 2], lines[q, 3]
        if not (ax == last_x and ay == last_y):
            first = _halves(ay, r, halves, wide, wide)
            for row in range(max(first, top), min(int(math.floor(ay + r)) + 1, bottom)):
                half = halves[uintp(wide + row - first)]
                _hold(row, ax - half, ax + half, top, low, high, area, bits)
                begin, end = min(begin, row), max(end, row + 1)
        last_x, last_y = bx, by
        if ax == bx and ay == by:
            continue
        # all rows from here on are counted from the first of the disc about a
        base, until = max(first, top), min(int(math.floor(ay + r)) + 1, bottom)
        way, y = 1.0 if by >= ay else -1.0, by - base
        right, left = _sides(ax, ay - base, bx, y, r, way)
        above = first
        first = _halves(by, r, halves, wide, wide)
        if base < until:
            at = min(max(base - first + wide, 0), 2 * wide)
            _widen(
                until - base, bx, way, right, left, halves, at, counted, low, high, base - top
            )  # fmt: skip
        # the rows that the disc about a does not reach
        if way > 0:
            a, b = max(top, int(math.floor(ay + r)) + 1), min(int(math.floor(by + r)) + 1, bottom)
        else:
            a, b = max(top, first), min(above, bottom)
        for row in range(a, b):
            k = row - base
            square = r * r - (k - y) * (k - y)
            half = math.sqrt(square) if square > 0.0 else 0.0
            to = bx + half if k * way > right.ends else right.x + k * right.slope
            since = bx - half if k * way > left.ends else left.x + k * left.slope
            _hold(row, since, to, top, low, high, area, bits)
        if a < b:
            begin, end = min(begin, a), max(end, b)
    return begin, end


@njit(cache=True, nogil=True, forceinline=True)
def count_bits(word: np.uint64) -> np.int64:
    """How many bits of a word are set (Warren 2012, figure 5-2)."""
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True, forceinline=True)
def count_between(a: int, b: int, row: int, area: Area, bits: Words) -> int:
    """How many points from ``a`` to ``b`` of a row are set."""
    total, first = 0, area.column << TILE_BITS
    y, line = (row >> TILE_BITS) - area.row, row & _LAST
    a -= first
    b -= first
    if not 0 <= y < len(area.slot):
        return 0
    a, b = max(a, 0), min(b, area.slot.shape[1] * TILE - 1)
    for word in range(a >> 6, (b >> 6) + 1):
        tile = area.slot[y, word // WORDS]
        if tile < 0 or a > b:
            continue
        found = bits[tile, line, word % WORDS]
        if word == a >> 6:
            found &= _ALL << np.uint64(a & 63)
        if word == b >> 6:
            found &= _ALL >> np.uint64(63 - (b & 63))
        total += int(count_bits(found))
    return total
