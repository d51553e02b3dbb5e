"""Features as geometry commands: clipped to the tile, rounded to its units, by compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles import rings
from geo.tiles.clip import clip_edge, clip_ring
from geo.tiles.shapes import LINE, POINT
from geo.tiles.specks import area, note, stand_in
from geo.tiles.wire import CLOSE, LINE_TO, MOST_BYTES, MOVE_TO, put, put_step, roomy, rounded

#: Square units of a ring that only runs along the square's edges, but for rounding.
_NO_AREA = 1e-6


@njit(cache=True, nogil=True)
def cut(
    chosen: np.ndarray, kind: np.ndarray, first_piece: np.ndarray, first_xy: np.ndarray,
    hole: np.ndarray, xy: np.ndarray, bounds: np.ndarray,
    west: float, north: float, units_per_m: float, low: float, high: float, step: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """The commands of the features ``chosen``, one after another, where each one's end, and whether
    its rings may touch themselves or one another.

    ``west`` and ``north`` are the tile's corner in metres; what lies beyond ``low`` and ``high``
    units is cut off; coordinates are rounded to multiples of ``step`` units. A feature of which
    nothing is left has no bytes; one that is too small to show is a square of one step, or a line
    of one step; a longer one that is thinner than a step is as long as it is, and a step wide.
    A polygon without holes that rounding lets touch itself is taken apart there.
    """
    room = 6 * _longest(chosen, first_piece, first_xy) + 16
    work, whole = np.empty((4, room)), np.empty((2, room), dtype=np.int64)
    out = np.empty(64 * len(chosen) + 1024, dtype=np.uint8)
    ends = np.empty(len(chosen) + 1, dtype=np.int64)
    ends[0] = used = 0
    speck = np.empty(5)
    doubtful = np.zeros(len(chosen), dtype=np.bool_)
    held, stops = np.empty((2, 2 * room), dtype=np.int64), np.empty(64, dtype=np.int64)
    for n, feature in enumerate(chosen):
        begun = used
        speck[0] = -1.0
        within = _within(bounds[feature], west, north, units_per_m, low, high)
        begin, end = first_piece[feature], first_piece[feature + 1]
        if kind[feature] == POINT:
            out, used = _points(
                out, used, begin, end, first_xy, xy, west, north, units_per_m, low, high, step
            )
        elif kind[feature] == LINE:
            out, used = _lines(
                out, used, begin, end, first_xy, xy, west, north, units_per_m,
                within, low, high, step, work, whole, speck,
            )  # fmt: skip
        else:
            held, stops, number, doubtful[n] = _polygons(
                held, stops, begin, end, first_xy, hole, xy, west, north, units_per_m,
                within, low, high, step, work, whole, speck,
            )  # fmt: skip
            if number:
                out = roomy(out, used, MOST_BYTES * (2 * stops[number - 1] + 3 * number))
                used = _write(out, used, held, stops, number)
        if used == begun and speck[0] >= 0:
            out = roomy(out, used, MOST_BYTES * 12)
            used = stand_in(out, used, speck, kind[feature], step)
        ends[n + 1] = used
    return out[:used], ends, doubtful


@njit(cache=True, nogil=True)
def _longest(chosen: np.ndarray, first_piece: np.ndarray, first_xy: np.ndarray) -> int:
    """Coordinates of the longest piece."""
    longest = 4
    for feature in chosen:
        for piece in range(first_piece[feature], first_piece[feature + 1]):
            longest = max(longest, first_xy[piece + 1] - first_xy[piece])
    return longest


@njit(cache=True, nogil=True)
def _within(
    box: np.ndarray, west: float, north: float, units_per_m: float, low: float, high: float
) -> bool:
    """Whether nothing of a feature is beyond the square."""
    return (
        (box[0] - west) * units_per_m >= low and (box[2] - west) * units_per_m <= high
        and (north - box[3]) * units_per_m >= low and (north - box[1]) * units_per_m <= high
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _points(
    out: np.ndarray, used: int, begin: int, end: int, first_xy: np.ndarray, xy: np.ndarray,
    west: float, north: float, units_per_m: float, low: float, high: float, step: int,
) -> tuple[np.ndarray, int]:  # fmt: skip
    """Those points of a feature that are in the square."""
    count = 0
    for turn in range(2):  # the command tells their number first
        at_x = at_y = 0
        if turn:
            if not count:
                return out, used
            out = roomy(out, used, MOST_BYTES * (2 * count + 1))
            used = put(out, used, count << 3 | MOVE_TO)
        for piece in range(begin, end):
            a = (xy[first_xy[piece], 0] - west) * units_per_m
            b = (north - xy[first_xy[piece], 1]) * units_per_m
            if not (low <= a <= high and low <= b <= high):
                continue
            if turn:
                p, q = rounded(a, step), rounded(b, step)
                used = put_step(out, used, p - at_x)
                used = put_step(out, used, q - at_y)
                at_x, at_y = p, q
            else:
                count += 1
    return out, used


@njit(cache=True, nogil=True)
def _in_units(
    begin: int, end: int, xy: np.ndarray, west: float, north: float, units_per_m: float,
    x: np.ndarray, y: np.ndarray,
) -> int:  # fmt: skip
    """A piece's coordinates in the tile's units into ``x`` and ``y``; how many."""
    for k in range(end - begin):
        x[k] = (xy[begin + k, 0] - west) * units_per_m
        y[k] = (north - xy[begin + k, 1]) * units_per_m
    return end - begin


@njit(cache=True, nogil=True)
def _lines(
    out: np.ndarray, used: int, begin: int, end: int, first_xy: np.ndarray, xy: np.ndarray,
    west: float, north: float, units_per_m: float, within: bool, low: float, high: float,
    step: int, work: np.ndarray, whole: np.ndarray, speck: np.ndarray,
) -> tuple[np.ndarray, int]:  # fmt: skip
    """The lines of a feature, and in ``speck`` one that came to nothing."""
    x, y, p, q = work[0], work[1], whole[0], whole[1]
    at_x = at_y = 0
    for piece in range(begin, end):
        count = _in_units(
            first_xy[piece], first_xy[piece + 1], xy, west, north, units_per_m, x, y
        )  # fmt: skip
        out = roomy(out, used, MOST_BYTES * (4 * work.shape[1] + 8))
        before = used
        used, at_x, at_y = _line(
            out, used, x, y, count, within, low, high, step, p, q, at_x, at_y
        )  # fmt: skip
        if used == before and low <= x[0] <= high and low <= y[0] <= high:
            note(speck, x, y, 1)
    return out, used


@njit(cache=True, nogil=True)
def _polygons(
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
        count = _in_units(
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
def _write(out: np.ndarray, used: int, held: np.ndarray, stops: np.ndarray, number: int) -> int:
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


@njit(cache=True, nogil=True)
def _add(p: np.ndarray, q: np.ndarray, count: int, a: int, b: int) -> int:
    """Append a point, unless it repeats the one before; a point on a straight way goes."""
    if count and p[count - 1] == a and q[count - 1] == b:
        return count
    if count > 1:
        dx, dy = p[count - 1] - p[count - 2], q[count - 1] - q[count - 2]
        ex, ey = a - p[count - 1], b - q[count - 1]
        if dx * ey == dy * ex and dx * ex + dy * ey > 0:
            p[count - 1], q[count - 1] = a, b
            return count
    p[count], q[count] = a, b
    return count + 1


@njit(cache=True, nogil=True)
def _line(
    out: np.ndarray, used: int, x: np.ndarray, y: np.ndarray, count: int, within: bool,
    low: float, high: float, step: int, p: np.ndarray, q: np.ndarray, at_x: int, at_y: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Write a line, each stretch of it that is in the square."""
    kept = 0
    for n in range(1, count):
        begin, end = 0.0, 1.0
        if not within:
            begin, end = clip_edge(x[n - 1], y[n - 1], x[n], y[n], low, high)
            if begin > end:
                used, at_x, at_y = _stretch(out, used, p, q, kept, at_x, at_y)
                kept = 0
                continue
        dx, dy = x[n] - x[n - 1], y[n] - y[n - 1]
        if begin > 0:
            used, at_x, at_y = _stretch(out, used, p, q, kept, at_x, at_y)
            kept = 0
        if not kept:
            a, b = x[n - 1] + begin * dx, y[n - 1] + begin * dy
            kept = _add(p, q, kept, rounded(a, step), rounded(b, step))
        if end < 1:
            kept = _add(
                p, q, kept, rounded(x[n - 1] + end * dx, step), rounded(y[n - 1] + end * dy, step)
            )
            used, at_x, at_y = _stretch(out, used, p, q, kept, at_x, at_y)
            kept = 0
        else:
            kept = _add(p, q, kept, rounded(x[n], step), rounded(y[n], step))
    return _stretch(out, used, p, q, kept, at_x, at_y)


@njit(cache=True, nogil=True)
def _stretch(
    out: np.ndarray, used: int, p: np.ndarray, q: np.ndarray, kept: int, at_x: int, at_y: int
) -> tuple[int, int, int]:
    if kept < 2:
        return used, at_x, at_y
    used = put(out, used, 1 << 3 | MOVE_TO)
    for n in range(kept):
        if n == 1:
            used = put(out, used, (kept - 1) << 3 | LINE_TO)
        used = put_step(out, used, p[n] - at_x)
        used = put_step(out, used, q[n] - at_y)
        at_x, at_y = p[n], q[n]
    return used, at_x, at_y
