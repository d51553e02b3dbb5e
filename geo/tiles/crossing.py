"""The pixels of a tile, and which of them edges run through; by compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

#: Units of a tile to a pixel, for a tile that is drawn at 512 pixels.
PIXEL = 8
#: Pixels of a tile's side, and of its margin on either side.
SIDE, EDGE = 512, 8
ROW = SIDE + 2 * EDGE


@njit(cache=True, nogil=True, inline="always")
def touch(
    out: np.ndarray, held: np.ndarray, middle: Any, row: int, column: int, feature: int
) -> None:
    """Give a pixel of ``out`` to a feature, unless it is beyond the tile's margin or ``held`` says
    by the bits ``middle`` that somebody holds its middle."""
    if 0 <= row < ROW and 0 <= column < ROW and not held[row, column] & middle:
        out[row, column] = feature


@njit(cache=True, nogil=True, inline="always")
def through(
    out: np.ndarray, held: np.ndarray, middle: Any, feature: int,
    u: float, v: float, a: float, b: float, column: int, row: int,
) -> tuple[int, int]:  # fmt: skip
    """Give a feature every pixel after ``column`` and ``row`` that its edge from (u, v) to (a, b)
    runs through, from side to side (Amanatides and Woo 1987); the last one. ``held`` as in
    ``touch``."""
    next_column, next_row = int(np.floor(a)), int(np.floor(b))
    east, south = next_column > column, next_row > row
    while column != next_column or row != next_row:
        if row == next_row or column == next_column:
            across = row == next_row
        else:
            across = (column + east - u) / (a - u) < (row + south - v) / (b - v)
        if across:
            column += 1 if east else -1
        else:
            row += 1 if south else -1
        touch(out, held, middle, row, column, feature)
    return column, row
