"""Features as geometry commands: clipped to the tile, rounded to its units, by compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.clip import clip_edge, clip_ring
from geo.tiles.shapes import LINE, POINT
from geo.tiles.wire import CLOSE, LINE_TO, MOST_BYTES, MOVE_TO, put, put_step, roomy

#: Square units of a ring that only runs along the square's edges, but for rounding.
_NO_AREA = 1e-6


@njit(cache=True, nogil=True)
def cut(
    chosen: np.ndarray, kind: np.ndarray, first_piece: np.ndarray, first_xy: np.ndarray,
    hole: np.ndarray, xy: np.ndarray, bounds: np.ndarray,
    west: float, north: float, units_per_m: float, low: float, high: float, step: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The commands of the features ``chosen``, one after another, and where each one's end.

    ``west`` and ``north`` are the tile's corner in metres; what lies beyond ``low`` and ``high``
    units is cut off; coordinates are rounded to multiples of ``step`` units. A feature of which
    nothing is left has no bytes; one that is too small to show is a square of one step, or a line
    of one step; a longer one that is thinner than a step is as long as it is, and a step wide.
    """
    room = 6 * _longest(chosen, first_piece, first_xy) + 16
    x, y = np.empty(room), np.empty(room)
    u, v = np.empty(room), np.empty(room)
    p, q = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    out = np.empty(64 * len(chosen) + 1024, dtype=np.uint8)
    ends = np.empty(len(chosen) + 1, dtype=np.int64)
    ends[0] = used = 0
    speck = np.empty(5)
    for n, feature in enumerate(chosen):
        at_x = at_y = part_x = part_y = 0
        begun = part = used
        area = 0.0
        lost = False
        speck[0] = -1.0
        within = _within(bounds[feature], west, north, units_per_m, low, high)
        if kind[feature] == POINT:
            out, used = _points(
                out, used, first_piece[feature], first_piece[feature + 1], first_xy, xy,
                west, north, units_per_m, low, high, step,
            )  # fmt: skip
            ends[n + 1] = used
            continue
        for piece in range(first_piece[feature], first_piece[feature + 1]):
            if not hole[piece]:
                lost = False
                part, part_x, part_y, area = used, at_x, at_y, 0.0
            elif lost:
                continue
            count = first_xy[piece + 1] - first_xy[piece]
            for k in range(count):
                x[k] = (xy[first_xy[piece] + k, 0] - west) * units_per_m
                y[k] = (north - xy[first_xy[piece] + k, 1]) * units_per_m
            out = roomy(out, used, MOST_BYTES * (4 * room + 8))
            before = used
            if kind[feature] == LINE:
                used, at_x, at_y = _line(
                    out, used, x, y, count, within, low, high, step, p, q, at_x, at_y
                )
                if used == before and low <= x[0] <= high and low <= y[0] <= high:
                    _note(speck, x, y, 1)
                continue
            count -= 1
            if not within:
                count = clip_ring(x, y, count, low, high, u, v)
                area += -_area(x, y, count) if hole[piece] else _area(x, y, count)
            used, at_x, at_y = _ring(out, used, x, y, count, step, hole[piece], p, q, at_x, at_y)
            if hole[piece]:
                if not within and area < _NO_AREA:  # the square is in the hole
                    used, at_x, at_y, lost = part, part_x, part_y, True
                continue
            lost = used == before
            if lost and used == begun and (within or area > _NO_AREA):
                _note(speck, x, y, count)
        if used == begun and speck[0] >= 0:
            out = roomy(out, used, MOST_BYTES * 12)
            used = _speck(out, used, speck, kind[feature], step)
        ends[n + 1] = used
    return out[:used], ends


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
def _round(value: float, step: int) -> int:
    return int(np.floor(value / step + 0.5)) * step


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
                p, q = _round(a, step), _round(b, step)
                used = put_step(out, used, p - at_x)
                used = put_step(out, used, q - at_y)
                at_x, at_y = p, q
            else:
                count += 1
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
def _ring(
    out: np.ndarray, used: int, x: np.ndarray, y: np.ndarray, count: int, step: int,
    is_hole: bool, p: np.ndarray, q: np.ndarray, at_x: int, at_y: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Write a ring, an exterior with positive area (y down), a hole with negative; or nothing."""
    kept = 0
    for n in range(count):
        kept = _add(p, q, kept, _round(x[n], step), _round(y[n], step))
    while kept > 1 and p[kept - 1] == p[0] and q[kept - 1] == q[0]:
        kept -= 1
    twice_area = 0
    for n in range(kept):
        after = n + 1 if n + 1 < kept else 0
        twice_area += p[n] * q[after] - p[after] * q[n]
    if kept < 3 or twice_area == 0:
        return used, at_x, at_y
    backwards = (twice_area > 0) == is_hole
    for n in range(kept):
        k = kept - 1 - n if backwards else n
        if n == 0:
            used = put(out, used, 1 << 3 | MOVE_TO)
        elif n == 1:
            used = put(out, used, (kept - 1) << 3 | LINE_TO)
        used = put_step(out, used, p[k] - at_x)
        used = put_step(out, used, q[k] - at_y)
        at_x, at_y = p[k], q[k]
    return put(out, used, CLOSE), at_x, at_y


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
            kept = _add(p, q, kept, _round(a, step), _round(b, step))
        if end < 1:
            kept = _add(
                p, q, kept, _round(x[n - 1] + end * dx, step), _round(y[n - 1] + end * dy, step)
            )
            used, at_x, at_y = _stretch(out, used, p, q, kept, at_x, at_y)
            kept = 0
        else:
            kept = _add(p, q, kept, _round(x[n], step), _round(y[n], step))
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


@njit(cache=True, nogil=True)
def _area(x: np.ndarray, y: np.ndarray, count: int) -> float:
    """Area of a ring without its closing point."""
    twice = 0.0
    for n in range(1, count - 1):
        twice += (x[n] - x[0]) * (y[n + 1] - y[0]) - (x[n + 1] - x[0]) * (y[n] - y[0])
    return abs(twice) / 2


@njit(cache=True, nogil=True)
def _note(speck: np.ndarray, x: np.ndarray, y: np.ndarray, count: int) -> None:
    """Note a piece that came to nothing, if none before was longer: length² and two far ends."""
    near = far = 0
    for _ in range(2):  # far from any point is one end, far from that the other
        near, longest = far, -1.0
        for n in range(count):
            apart = (x[n] - x[near]) ** 2 + (y[n] - y[near]) ** 2
            if apart > longest:
                longest, far = apart, n
    if count and longest > speck[0]:
        speck[0] = longest
        speck[1], speck[2], speck[3], speck[4] = x[near], y[near], x[far], y[far]


@njit(cache=True, nogil=True)
def _speck(out: np.ndarray, used: int, speck: np.ndarray, kind: int, step: int) -> int:
    """What stands for a feature thinner than a step: a step wide and as long as it is."""
    a, b = _round(speck[1], step), _round(speck[2], step)
    dx, dy = _round(speck[3], step) - a, _round(speck[4], step) - b
    if kind == LINE or (dx == 0 and dy == 0):
        a = int(np.floor((speck[1] + speck[3]) / 2 / step)) * step
        b = int(np.floor((speck[2] + speck[4]) / 2 / step)) * step
        dx, dy = step, 0
    flat = abs(dx) >= abs(dy)
    if (dx if flat else dy) < 0:
        a, b, dx, dy = a + dx, b + dy, -dx, -dy
    used = put(out, used, 1 << 3 | MOVE_TO)
    used = put_step(out, used, a)
    used = put_step(out, used, b)
    if kind == LINE:
        used = put(out, used, 1 << 3 | LINE_TO)
        used = put_step(out, used, dx)
        return put_step(out, used, dy)
    used = put(out, used, 3 << 3 | LINE_TO)
    # Clockwise as it is seen: positive, as y runs down.
    quad = ((dx, dy), (0, step), (-dx, -dy)) if flat else ((step, 0), (dx, dy), (-step, 0))
    for right, down in quad:
        used = put_step(out, used, right)
        used = put_step(out, used, down)
    return put(out, used, CLOSE)
