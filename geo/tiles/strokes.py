"""Lines and points by the hundred thousand: the pixels that they run through, few for many."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.crossing import EDGE, PIXEL
from geo.tiles.crossing import ROW as _ROW
from geo.tiles.wire import LINE_TO, MOST_BYTES, MOVE_TO, put, put_step, roomy


@njit(cache=True, nogil=True)
def owners(
    chosen: np.ndarray, first_piece: np.ndarray, first_xy: np.ndarray, xy: np.ndarray,
    west: float, north: float, units_per_m: float,
) -> np.ndarray:  # fmt: skip
    """Which of the lines or points ``chosen`` has each pixel (-1: none), the last one wins.

    An edge has a pixel of each column, or of each row, that it runs along. (528, 528): rows from
    the north, the margin of the tile included.
    """
    out = np.full((_ROW, _ROW), -1, dtype=np.int64)
    per_m = units_per_m / PIXEL
    for feature in chosen:
        for piece in range(first_piece[feature], first_piece[feature + 1]):
            begin, end = first_xy[piece], first_xy[piece + 1]
            u, v = (xy[begin, 0] - west) * per_m + EDGE, (north - xy[begin, 1]) * per_m + EDGE
            _have(out, v, u, feature)
            for k in range(begin + 1, end):
                a, b = (xy[k, 0] - west) * per_m + EDGE, (north - xy[k, 1]) * per_m + EDGE
                steps = int(max(abs(np.floor(a) - np.floor(u)), abs(np.floor(b) - np.floor(v))))
                for step in range(1, steps):
                    part = step / steps
                    _have(out, v + (b - v) * part, u + (a - u) * part, feature)
                _have(out, b, a, feature)
                u, v = a, b
    return out


@njit(cache=True, nogil=True)
def _have(out: np.ndarray, row: float, column: float, feature: int) -> None:
    if 0 <= row < _ROW and 0 <= column < _ROW:
        out[int(row), int(column)] = feature


@njit(cache=True, nogil=True)
def dashes(owner: np.ndarray) -> np.ndarray:
    """What stands for the pixels of each owner: (n, 5) owner, and two ends in units.

    Along rows from side to side of the pixels, through their middles, and a unit less, as there
    the next pixel begins; a pixel that has none of the same owner beside it goes along its column.
    """
    out = np.empty((np.count_nonzero(owner >= 0), 5), dtype=np.int64)
    count = 0
    alone = np.zeros((_ROW, _ROW), dtype=np.bool_)
    for row in range(_ROW):
        left = 0
        while left < _ROW:
            right = left + 1
            while right < _ROW and owner[row, right] == owner[row, left]:
                right += 1
            if owner[row, left] >= 0:
                if right - left > 1:
                    y = (row - EDGE) * PIXEL + PIXEL // 2
                    out[count, 0], out[count, 1], out[count, 2] = owner[row, left], _at(left), y
                    out[count, 3], out[count, 4] = _at(right) - 1, y
                    count += 1
                else:
                    alone[row, left] = True
            left = right
    for column in range(_ROW):
        top = 0
        while top < _ROW:
            below = top + 1
            if alone[top, column]:
                while (
                    below < _ROW
                    and alone[below, column]
                    and owner[below, column] == owner[top, column]
                ):
                    below += 1
                x = _at(column) + PIXEL // 2
                out[count, 0], out[count, 1], out[count, 2] = owner[top, column], x, _at(top)
                out[count, 3], out[count, 4] = x, _at(below) - 1
                count += 1
            top = below
    return out[:count]


@njit(cache=True, nogil=True)
def _at(pixel: int) -> int:
    """Where a pixel begins, in units."""
    return (pixel - EDGE) * PIXEL


@njit(cache=True, nogil=True)
def dots(owner: np.ndarray) -> np.ndarray:
    """The middles of each owner's pixels: (n, 5) owner, and twice the same point in units."""
    out = np.empty((np.count_nonzero(owner >= 0), 5), dtype=np.int64)
    count = 0
    for row in range(_ROW):
        for column in range(_ROW):
            if owner[row, column] >= 0:
                out[count, 0] = owner[row, column]
                out[count, 1] = out[count, 3] = _at(column) + PIXEL // 2
                out[count, 2] = out[count, 4] = _at(row) + PIXEL // 2
                count += 1
    return out[:count]


@njit(cache=True, nogil=True)
def drawn(ends: np.ndarray, as_points: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Owners, their geometry commands one after another, and where each one's end.

    ``ends`` are ``dashes``, or ``dots`` for points, ordered by owner.
    """
    chosen = np.empty(len(ends), dtype=np.int64)
    stops = np.zeros(len(ends) + 1, dtype=np.int64)
    out = np.empty(1024, dtype=np.uint8)
    used = count = at_x = at_y = begin = 0
    while begin < len(ends):
        end = begin + 1
        while end < len(ends) and ends[end, 0] == ends[begin, 0]:
            end += 1
        out = roomy(out, used, MOST_BYTES * 6 * (end - begin) + MOST_BYTES)
        if as_points:
            used = put(out, used, (end - begin) << 3 | MOVE_TO)
        at_x = at_y = 0
        for n in range(begin, end):
            if not as_points:
                used = put(out, used, 1 << 3 | MOVE_TO)
            used = put_step(out, used, ends[n, 1] - at_x)
            used = put_step(out, used, ends[n, 2] - at_y)
            at_x, at_y = ends[n, 3], ends[n, 4]
            if not as_points:
                used = put(out, used, 1 << 3 | LINE_TO)
                used = put_step(out, used, ends[n, 3] - ends[n, 1])
                used = put_step(out, used, ends[n, 4] - ends[n, 2])
        chosen[count] = ends[begin, 0]
        count += 1
        stops[count] = used
        begin = end
    return chosen[:count], out[:used], stops[: count + 1]
