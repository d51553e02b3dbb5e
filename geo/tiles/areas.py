"""The polygons of a feature in a tile's whole units: clipped, rounded, and taken apart where that
lets them touch themselves, by compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles import rings
from geo.tiles.clip import clip_ring, in_units
from geo.tiles.specks import area, note
from geo.tiles.wire import CLOSE, LINE_TO, MOVE_TO, put, put_step, rounded

#: Square units of a ring that only runs along the square's edges, but for rounding.
_NO_AREA = 1e-6


@njit(cache=True, nogil=True)
def polygons(
    held: np.ndarray, stops: np.ndarray, begin: int, end: int, first_xy: np.ndarray,
    hole: np.ndarray, xy: np.ndarray, west: float, north: float, units_per_m: float,
    within: bool, low: float, high: float, step: int, work: np.ndarray, whole: np.ndarray,
    speck: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, int, bool]:  # fmt: skip
    """The rings of a feature into ``held``, where each ends into ``stops``, how many, whether they
    may touch; and in ``speck`` the longest that came to nothing."""
    x, y, u, v = work
    number = part = 0  # rings held, and those before the exterior
    left = 0.0  # square units of the polygon that are in the square
    lost = doubtful = holes = False
    for piece in range(begin, end):
        if hole[piece] and lost:
            continue
        if not hole[piece]:
            part, left = number, 0.0
        count = in_units(
            first_xy[piece], first_xy[piece + 1] - 1, xy, west, north, units_per_m, x, y
        )  # fmt: skip
        if not within:
            count = clip_ring(x, y, count, low, high, u, v)
            left += -area(x, y, count) if hole[piece] else area(x, y, count)
        before = number
        kept = _ring(x, y, count, step, hole[piece], whole[0], whole[1])
        if kept:
            alone = not hole[piece] and (piece + 1 == end or not hole[piece + 1])
            held, stops, number, touches = _hold(
                held, stops, number, whole[0], whole[1], kept, step, alone
            )
            doubtful |= touches
            holes |= hole[piece]
        gone = not within and left < _NO_AREA
        if not hole[piece]:
            lost = number == before
            if lost and not number and not gone:
                note(speck, x, y, count)
        elif gone:  # the square is in the hole
            number, lost = part, True
    doubtful = doubtful or (number > 1 and rings.meet(held, stops, number, holes))
    return held, stops, number, doubtful


@njit(cache=True, nogil=True)
def _ring(
    x: np.ndarray, y: np.ndarray, count: int, step: int, is_hole: bool, p: np.ndarray,
    q: np.ndarray,
) -> int:  # fmt: skip
    """A ring in whole steps into ``p`` and ``q``, an exterior with positive area (y down), a hole
    with negative; how many points it has, none if it comes to nothing."""
    for n in range(count):
        p[n], q[n] = rounded(x[n], step), rounded(y[n], step)
    count = rings.tidy(p, q, count)
    twice_area = rings.twice_area(p, q, count) if count else 0
    if twice_area == 0:
        return 0
    if (twice_area > 0) == is_hole:
        for n in range(count // 2):
            m = count - 1 - n
            p[n], p[m], q[n], q[m] = p[m], p[n], q[m], q[n]
    return count


@njit(cache=True, nogil=True)
def _hold(
    held: np.ndarray, stops: np.ndarray, number: int, p: np.ndarray, q: np.ndarray, count: int,
    step: int, alone: bool,
) -> tuple[np.ndarray, np.ndarray, int, bool]:  # fmt: skip
    """Append a ring, or those into which it is taken apart if it is ``alone``, without holes; how
    many are held then, and whether it may touch itself."""
    touches = count > rings.MOST or (
        not rings.all_seen(p, q, count) and rings.touching(p, q, count)[0] >= 0
    )
    if touches and alone and count <= rings.MOST:
        more, a, b, ends = rings.apart(p, q, count, step)
        for n in range(more):
            first = ends[n - 1] if n else 0
            held, stops, number = _append(
                held, stops, number, a[first:], b[first:], ends[n] - first
            )
        if more >= 0:
            return held, stops, number, False
    held, stops, number = _append(held, stops, number, p, q, count)
    return held, stops, number, touches


@njit(cache=True, nogil=True)
def _append(
    held: np.ndarray, stops: np.ndarray, number: int, p: np.ndarray, q: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Append a ring, to longer arrays where there is no room."""
    begin = stops[number - 1] if number else 0
    end = begin + count
    if end > held.shape[1]:
        wider = np.empty((2, 2 * end), dtype=np.int64)
        wider[:, :begin] = held[:, :begin]
        held = wider
    if number == len(stops):
        longer = np.empty(2 * number, dtype=np.int64)
        longer[:number] = stops
        stops = longer
    held[0, begin:end], held[1, begin:end] = p[:count], q[:count]
    stops[number] = end
    return held, stops, number + 1


@njit(cache=True, nogil=True)
def write(out: np.ndarray, used: int, held: np.ndarray, stops: np.ndarray, number: int) -> int:
    """Write rings; where the next byte goes."""
    p, q = held
    begin = at_x = at_y = 0
    for r in range(number):
        used = put(out, used, 1 << 3 | MOVE_TO)
        for k in range(begin, stops[r]):
            if k == begin + 1:
                used = put(out, used, (stops[r] - begin - 1) << 3 | LINE_TO)
            used = put_step(out, used, p[k] - at_x)
            used = put_step(out, used, q[k] - at_y)
            at_x, at_y = p[k], q[k]
        used = put(out, used, CLOSE)
        begin = stops[r]
    return used
