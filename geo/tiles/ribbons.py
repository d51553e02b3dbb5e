"""Rows of pixels as ribbons: few corners, and every pixel looks as it should.

A row of pixels is drawn as a polygon that hangs from a straight upper edge, an eighth of a pixel
below the row's own. How deep it hangs at the sides and in the middle of each pixel says what is
drawn there: a thread is touched and covers nothing, a spike covers the middle and less than half,
two flanks with a notch between them more than half but not the middle. Of all ribbons the one is
taken that costs least: bytes of its corners, and a price for each thing that a pixel shows wrongly
(dynamic programming from left to right, after Viterbi 1967).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.sampling import COVERED, HELD, TOUCHED, UNSURE

#: Depths in eighths: a thread, a spike's end, the row's whole height; and none, at ends only.
THREAD, SPIKE, DEEP, NONE = 0, 1, 2, 3
_DEPTH = np.array([1, 4, 8, 0], dtype=np.int64)
#: The whole height above a pixel that shows nothing, so that it is not touched.
DEEP_ALONE = 6
#: The row's height below the upper edge.
HEIGHT = 7
#: As the corner before a side: there is none, its cost is paid.
_PAID = 3
_FAR = 1e9
#: Bytes of a corner; of a ring's commands and first point; of the end of its upper edge.
_CORNER, _RING, _END = 2, 7, 2
#: Four times the depth, on average, up to which less than half of a pixel is covered, and from
#: which on more than half is; between them programs differ.
_LESS, _MORE = 15.6, 16.9


@njit(cache=True, nogil=True)
def ribbon(
    shown: np.ndarray, deep: np.ndarray, extra: np.ndarray, price: np.ndarray, way: np.ndarray,
    cost: np.ndarray,
) -> float:  # fmt: skip
    """Find the cheapest ribbons of a row of n pixels of one owner; into ``way`` how to walk back.

    ``shown`` (n): what each pixel shows. ``deep`` (2n + 1): the greatest depth at sides and
    middles. ``extra`` (n): four times the depth that the row above covers of each. ``price`` (3):
    bytes that it costs to show wrongly if a pixel is touched, its middle, and its half. ``way``
    (n, 33) and ``cost`` (3, 4, 4) are for work. What it costs.
    """
    at, after, best = cost[0], cost[1], cost[2]
    at[:], none = _FAR, 0.0
    for n in range(len(shown)):
        step = way[n]
        for side in range(4):  # a ring may begin here
            begun = none + _RING + (_CORNER if side != NONE else 0)
            step[28 + side] = begun < at[_PAID, side]
            if step[28 + side]:
                at[_PAID, side] = begun
        _to_middle(at, best, deep, n, step)
        closed, code = _to_side(best, after, shown[n], deep, extra[n], n, price, step)
        _jump(after, step)
        look = shown[n]
        none += price[0] * (look & TOUCHED != 0)
        none += price[1] * (look & HELD != 0) + price[2] * (look & COVERED != 0)
        step[32] = 0
        if closed < none:
            none, step[32] = closed, code
        at, after = after, at
    return none


@njit(cache=True, nogil=True)
def _to_middle(
    at: np.ndarray, best: np.ndarray, deep: np.ndarray, n: int, step: np.ndarray
) -> None:
    """From the sides of depths to the middle: the corner at the side counts unless straight."""
    for side in range(4):
        a = deep[2 * n] if side == DEEP else _DEPTH[side]
        for middle in range(3):
            m = deep[2 * n + 1] if middle == DEEP else _DEPTH[middle]
            least, of = at[_PAID, side], _PAID
            for before in range(3):
                if at[before, side] < least + _CORNER:
                    b = deep[2 * n - 1] if before == DEEP else _DEPTH[before]
                    given = at[before, side] + (0 if straight(b, a, m) else _CORNER)
                    if given < least:
                        least, of = given, before
            best[side, middle] = least
            step[side * 3 + middle] = of


@njit(cache=True, nogil=True)
def _to_side(
    best: np.ndarray, after: np.ndarray, look: int, deep: np.ndarray, extra: float, n: int,
    price: np.ndarray, step: np.ndarray,
) -> tuple[float, int]:  # fmt: skip
    """From the middle to the next side, and what the pixel looks like; the cheapest end here."""
    after[:] = _FAR
    closed, code = _FAR, 0
    held, covered, sure = look & HELD != 0, look & COVERED != 0, look & UNSURE == 0
    for middle in range(3):
        m = deep[2 * n + 1] if middle == DEEP else _DEPTH[middle]
        wrong = price[0] * (look == 0) + price[1] * ((m > 3) != held)
        for right in range(4):
            r = deep[2 * n + 2] if right == DEEP else _DEPTH[right]
            least, of = _FAR, 0
            for side in range(4):
                a = deep[2 * n] if side == DEEP else _DEPTH[side]
                given = best[side, middle]
                if m - a != r - m:
                    given += _CORNER
                depth = a + 2 * m + r + extra
                if sure and (depth < _MORE if covered else depth > _LESS):
                    given += price[2]
                if given < least:
                    least, of = given, side
            step[12 + middle * 4 + right] = of
            least += wrong
            if right != NONE:
                after[middle, right] = least
                least += _CORNER
            if least + _END < closed:
                closed, code = least + _END, 1 + middle * 4 + right
    return closed, code


@njit(cache=True, nogil=True)
def _jump(after: np.ndarray, step: np.ndarray) -> None:
    """A side may have two corners, one above the other."""
    least, of = _FAR, 0
    for middle in range(3):
        for right in range(3):
            if after[middle, right] < least:
                least, of = after[middle, right], middle * 4 + right
    for right in range(3):
        after[_PAID, right] = least + 2 * _CORNER
        step[24 + right] = of


@njit(cache=True, nogil=True)
def walk_back(way: np.ndarray, count: int, marks: np.ndarray) -> int:
    """The cheapest ribbons from their last corner to their first, into ``marks``; how many.

    ``marks`` (m, 2): half pixels from the left, and which depth; -1: a ring's end, -2: its begin.
    """
    used, n = 0, count - 1
    while n >= 0:
        if way[n, 32] == 0:
            n -= 1
            continue
        code = way[n, 32] - 1
        marks[used, 0], marks[used, 1] = 2 * n + 2, -1
        used += 1
        middle, right = code // 4, code % 4
        while True:
            marks[used, 0], marks[used, 1] = 2 * n + 2, right
            marks[used + 1, 0], marks[used + 1, 1] = 2 * n + 1, middle
            used += 2
            side = way[n, 12 + middle * 4 + right]
            before = way[n, side * 3 + middle]
            if before == _PAID:
                marks[used, 0], marks[used, 1] = 2 * n, side
                used += 1
                if way[n, 28 + side]:
                    break
                code = way[n - 1, 24 + side]
                middle, right = code // 4, code % 4
            else:
                middle, right = before, side
            n -= 1
        marks[used, 0], marks[used, 1] = 2 * n, -2
        used += 1
        n -= 1
    return used


@njit(cache=True, nogil=True)
def straight(before: int, side: int, after: int) -> bool:
    """Whether a corner at a pixel's side is none: half an eighth more or less does not show."""
    return abs(before + after - 2 * side) <= 1


@njit(cache=True, nogil=True)
def depth_of(kind: int, deep: int) -> int:
    """A depth in eighths of a pixel."""
    return deep if kind == DEEP else _DEPTH[kind]
