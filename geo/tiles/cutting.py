"""Features as geometry commands: clipped to the tile, rounded to its units, by compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles import areas
from geo.tiles.clip import clip_edge, in_units
from geo.tiles.shapes import LINE, POINT
from geo.tiles.specks import note, stand_in
from geo.tiles.wire import LINE_TO, MOST_BYTES, MOVE_TO, put, put_step, roomy, rounded


@njit(cache=True, nogil=True)
def cut(
    chosen: np.ndarray, kind: np.ndarray, first_piece: np.ndarray, first_xy: np.ndarray,
    hole: np.ndarray, xy: np.ndarray, bounds: np.ndarray,
    west: float, north: float, units_per_m: float, low: float, high: float, step: int,
    least: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """The commands of the features ``chosen``, one after another, where each one's end, and whether
    its rings may touch themselves or one another.

    ``west`` and ``north`` are the tile's corner in metres; what lies beyond ``low`` and ``high``
    units is cut off; coordinates are rounded to multiples of ``step`` units. A feature of which
    nothing is left has no bytes; one that is too small to show is a square of one step, or a line
    of one step; one that is long and everywhere thinner than a step is a step wide, and so is what
    of others is so thin and at least ``least`` units long.
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
    ways = np.empty((room, 4), dtype=np.int64)
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
            held, stops, number, doubtful[n] = areas.polygons(
                held, stops, begin, end, first_xy, hole, xy, west, north, units_per_m,
                within, low, high, step, work, whole, speck, ways, least,
            )  # fmt: skip
            if number:
                out = roomy(out, used, MOST_BYTES * (2 * stops[number - 1] + 3 * number))
                used = areas.write(out, used, held, stops, number)
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
def _lines(
    out: np.ndarray, used: int, begin: int, end: int, first_xy: np.ndarray, xy: np.ndarray,
    west: float, north: float, units_per_m: float, within: bool, low: float, high: float,
    step: int, work: np.ndarray, whole: np.ndarray, speck: np.ndarray,
) -> tuple[np.ndarray, int]:  # fmt: skip
    """The lines of a feature, and in ``speck`` one that came to nothing."""
    x, y, p, q = work[0], work[1], whole[0], whole[1]
    at_x = at_y = 0
    for piece in range(begin, end):
        count = in_units(
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
