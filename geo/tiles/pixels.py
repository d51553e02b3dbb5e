"""Which polygons have each pixel, by its middle alone: quickly, for tiles of many."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.crossing import EDGE, PIXEL, ROW, through, touch


@njit(cache=True, nogil=True)
def owners(
    chosen: np.ndarray, first_piece: np.ndarray, first_xy: np.ndarray, xy: np.ndarray,
    bounds: np.ndarray, west: float, north: float, units_per_m: float, all_touched: bool,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Which of the polygons ``chosen`` has each pixel (-1: none), and whether it holds its middle.

    A polygon that holds a pixel's middle goes before one that only touches it; the last one wins.
    With ``all_touched`` a polygon has every pixel that it touches, else only one that holds no
    middle does. (528, 528): rows from the north, the margin of the tile included.
    """
    out = np.full((ROW, ROW), -1, dtype=np.int64)
    full = np.zeros((ROW, ROW), dtype=np.bool_)
    flips = np.zeros((ROW + 1, ROW + 1), dtype=np.bool_)
    per_m = units_per_m / PIXEL
    for feature in chosen:
        box = bounds[feature]
        left, right = (box[0] - west) * per_m + EDGE, (box[2] - west) * per_m + EDGE
        top, bottom = (north - box[3]) * per_m + EDGE, (north - box[1]) * per_m + EDGE
        begin, end = first_piece[feature], first_piece[feature + 1]
        first, last = max(0, int(np.ceil(left - 0.5))), min(ROW - 1, int(np.floor(right - 0.5)))
        above, below = max(0, int(np.ceil(top - 0.5))), min(ROW - 1, int(np.floor(bottom - 0.5)))
        held = False
        if first <= last and above <= below:
            for piece in range(begin, end):
                _flip(
                    flips, first_xy[piece], first_xy[piece + 1], xy, west, north, per_m,
                    first, last, above, below,
                )  # fmt: skip
            held = _fill(out, full, flips, feature, first, last, above, below)
        if held and not all_touched:
            continue
        west_column, east_column = int(np.floor(left)), int(np.floor(right))
        north_row, south_row = int(np.floor(top)), int(np.floor(bottom))
        if east_column - west_column + south_row - north_row <= 1:
            # One pixel, or two side by side: a polygon touches every side of its box.
            touch(out, full, True, north_row, west_column, feature)
            touch(out, full, True, south_row, east_column, feature)
            continue
        for piece in range(begin, end):
            _trace(out, full, feature, first_xy[piece], first_xy[piece + 1], xy, west, north, per_m)
    return out, full


@njit(cache=True, nogil=True)
def _flip(
    flips: np.ndarray, begin: int, end: int, xy: np.ndarray,
    west: float, north: float, per_m: float, first: int, last: int, above: int, below: int,
) -> None:  # fmt: skip
    """Mark where a ring crosses the line of middles of each row: from there on in is out."""
    u, v = (xy[begin, 0] - west) * per_m + EDGE, (north - xy[begin, 1]) * per_m + EDGE
    line = int(np.ceil(v - 0.5))  # the first row whose middle is not above
    for k in range(begin + 1, end):
        a, b = (xy[k, 0] - west) * per_m + EDGE, (north - xy[k, 1]) * per_m + EDGE
        next_line = int(np.ceil(b - 0.5))
        if next_line == line:  # as most do: it crosses none
            u, v = a, b
            continue
        for row in range(max(above, min(line, next_line)), min(below + 1, max(line, next_line))):
            column = int(np.ceil(u + (a - u) * ((row + 0.5 - v) / (b - v)) - 0.5))
            if column <= last:
                flips[row, max(first, column)] ^= True
        u, v, line = a, b, next_line


@njit(cache=True, nogil=True)
def _fill(
    out: np.ndarray, full: np.ndarray, flips: np.ndarray, feature: int,
    first: int, last: int, above: int, below: int,
) -> bool:  # fmt: skip
    """Give a polygon the pixels that are in by the even-odd rule; whether there are any."""
    held = False
    for row in range(above, below + 1):
        inside = False
        for column in range(first, last + 1):
            if flips[row, column]:
                inside = not inside
                flips[row, column] = False
            if inside:
                out[row, column] = feature
                full[row, column] = held = True
    return held


@njit(cache=True, nogil=True)
def _trace(
    out: np.ndarray, full: np.ndarray, feature: int, begin: int, end: int, xy: np.ndarray,
    west: float, north: float, per_m: float,
) -> None:  # fmt: skip
    """Give a polygon the pixels that a ring runs through, where nobody holds their middles."""
    u, v = (xy[begin, 0] - west) * per_m + EDGE, (north - xy[begin, 1]) * per_m + EDGE
    column, row = int(np.floor(u)), int(np.floor(v))
    touch(out, full, True, row, column, feature)
    for k in range(begin + 1, end):
        a, b = (xy[k, 0] - west) * per_m + EDGE, (north - xy[k, 1]) * per_m + EDGE
        column, row = through(out, full, True, feature, u, v, a, b, column, row)
        u, v = a, b
