"""Stamping: the points of a lattice within half a swath of legs, as bits of tiles.

Along a row of points a leg's swath is one interval, exactly; what follows each other along a path
overlaps, and is one interval until it is written. Which points are swept is a matter of each
leg alone: sweeps unite bit by bit, in any order.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.coverage.ground import Floats
from geo.coverage.lattice import TILE, TILE_BITS

Words = NDArray[np.uint64]
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
WORDS = TILE // 64
_LAST = TILE - 1
#: The slot of what is no tile of an area.
NONE = -1


class Area(NamedTuple):
    """A rectangle of tiles, of which some have bits."""

    column: int  #: of the first tile to the west
    row: int  #: of the first tile to the south
    slot: NDArray[np.int64]  #: tile (row, column) → where its bits are; -1 where it has none


@njit(cache=True, nogil=True)
def _side(
    ax: float, ay: float, bx: float, by: float, nx: float, ny: float, slope: float,
    r: float, sign: float, first: int, out: Floats,
) -> None:  # fmt: skip
    """One side of a capsule from row ``first`` on: half a disc about (ax, ay), the line beside the
    segment, half a disc about (bx, by); ay <= by."""
    n = len(out)
    low = min(n, max(0, int(math.ceil(ay + ny)) - first))
    high = max(low, min(n, int(math.floor(by + ny)) + 1 - first))
    for k in range(low):
        h = first + k - ay
        out[k] = ax + sign * math.sqrt(max(0.0, r * r - h * h))
    for k in range(low, high):
        out[k] = ax + nx + (first + k - ay - ny) * slope
    for k in range(high, n):
        h = first + k - by
        out[k] = bx + sign * math.sqrt(max(0.0, r * r - h * h))


@njit(cache=True, nogil=True)
def _capsule(
    ax: float, ay: float, bx: float, by: float, r: float, row: int, low: Floats, high: Floats
) -> tuple[int, int]:
    """Where rows (from ``row`` on, as many as ``low`` and ``high`` hold) meet the points within
    ``r`` of a segment, into these: the first row and how many."""
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    first = max(row, int(math.ceil(ay - r)))
    n = min(row + len(low) - 1, int(math.floor(by + r))) - first + 1
    if n <= 0:
        return first, 0
    dx, dy = bx - ax, by - ay
    length = math.sqrt(dx * dx + dy * dy)
    nx, ny = (dy / length * r, -dx / length * r) if length > 0 else (0.0, 0.0)
    slope = dx / dy if dy > 1e-12 else 0.0
    _side(ax, ay, bx, by, nx, ny, slope, r, 1.0, first, high[:n])
    _side(ax, ay, bx, by, -nx, -ny, slope, r, -1.0, first, low[:n])
    return first, n


@njit(cache=True, nogil=True)
def write(low: float, high: float, row: int, area: Area, bits: Words) -> None:
    """Sets the points of an interval of a row, where there are tiles."""
    first = area.column << TILE_BITS
    a = max(first, int(math.ceil(low))) - first
    b = min(first + area.slot.shape[1] * TILE - 1, int(math.floor(high))) - first
    y, line = (row >> TILE_BITS) - area.row, row & _LAST
    for word in range(a >> 6, (b >> 6) + 1):
        tile = area.slot[y, word // WORDS]
        if tile < 0 or a > b:
            continue
        mask = _ALL
        if word == a >> 6:
            mask &= _ALL << np.uint64(a & 63)
        if word == b >> 6:
            mask &= _ALL >> np.uint64(63 - (b & 63))
        bits[tile, line, word % WORDS] |= mask


@njit(cache=True, nogil=True)
def stamp(
    lines: Floats, r: float, area: Area, bits: Words, held: Floats, work: Floats
) -> tuple[int, int]:
    """Adds the points within ``r`` of segments (n, 4) to the interval that each row ``held`` (low
    and high); writes those that it does not join. Returns from and to which row there are any."""
    top = area.row << TILE_BITS
    held_low, held_high, low, high = held[0], held[1], work[0], work[1]
    begin, end = top + len(held_low), top
    for q in range(len(lines)):
        if (
            q
            and lines[q, 0] == lines[q, 2] == lines[q - 1, 2]
            and (lines[q, 1] == lines[q, 3] == lines[q - 1, 3])
        ):
            continue  # standing where the last one ended
        first, n = _capsule(lines[q, 0], lines[q, 1], lines[q, 2], lines[q, 3], r, top, low, high)
        if n <= 0:
            continue
        begin, end = min(begin, first), max(end, first + n)
        for k in range(n):
            row, a, b = first + k - top, low[k], high[k]
            if a <= held_high[row] and b >= held_low[row]:
                held_low[row], held_high[row] = min(a, held_low[row]), max(b, held_high[row])
            else:
                if held_low[row] <= held_high[row]:
                    write(held_low[row], held_high[row], first + k, area, bits)
                held_low[row], held_high[row] = a, b
    return begin, end


@njit(cache=True, nogil=True)
def count_bits(word: np.uint64) -> np.int64:
    """How many bits of a word are set (Warren 2012, figure 5-2)."""
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True)
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
