"""On which side of a line a point lies, with what rounding leaves open told as such."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Rounding of a 2x2 determinant of differences, relative to its terms (Shewchuk 1997, sec. 4.3).
_ROUNDING = 4e-16
_LEAST = 1e-290


@njit(cache=True, nogil=True)
def turn(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> int:
    """1 where c lies left of a-b, -1 right of it, 0 where rounding does not let us say."""
    left = (bx - ax) * (cy - ay)
    right = (by - ay) * (cx - ax)
    if abs(left) + abs(right) < _LEAST:  # products of smaller ones lose their digits
        return 0
    if left - right > _ROUNDING * (abs(left) + abs(right)):
        return 1
    if right - left > _ROUNDING * (abs(left) + abs(right)):
        return -1
    return 0


@njit(cache=True, nogil=True)
def side(xy: Floats, a: int, b: int, c: int) -> int:
    """``turn`` of three vertices."""
    return turn(xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1])


@njit(cache=True, nogil=True)
def clear(a: float, b: float, c: float, d: float) -> bool:
    """Whether a to b and c to d have nothing in common."""
    # numba's min and max look for NaN, which costs more than all of this.
    return (a < c and a < d and b < c and b < d) or (a > c and a > d and b > c and b > d)
