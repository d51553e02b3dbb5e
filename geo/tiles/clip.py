"""Rings and lines cut at a square, in the tile's own units, by compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def in_units(
    begin: int, end: int, xy: np.ndarray, west: float, north: float, units_per_m: float,
    x: np.ndarray, y: np.ndarray,
) -> int:  # fmt: skip
    """A piece's coordinates in the tile's units into ``x`` and ``y``; how many."""
    for k in range(end - begin):
        x[k] = (xy[begin + k, 0] - west) * units_per_m
        y[k] = (north - xy[begin + k, 1]) * units_per_m
    return end - begin


@njit(cache=True, nogil=True)
def clip_ring(
    x: np.ndarray, y: np.ndarray, count: int, low: float, high: float,
    u: np.ndarray, v: np.ndarray,
) -> int:  # fmt: skip
    """A ring without its closing point, cut to the square in place; how many points it has then.

    Sutherland and Hodgman 1974: one side after the other, so that a ring which leaves the square
    several times stays one, joined along the square's edge. ``u``, ``v`` are for work; all arrays
    need room for five times the ring and a few more.
    """
    for side in range(4):
        kept = 0
        for n in range(count):
            before = n - 1 if n else count - 1
            inside = _beyond(x[n], y[n], side, low, high) >= 0
            was_inside = _beyond(x[before], y[before], side, low, high) >= 0
            if inside != was_inside:
                u[kept], v[kept] = _cross(x[before], y[before], x[n], y[n], side, low, high)
                kept += 1
            if inside:
                u[kept], v[kept] = x[n], y[n]
                kept += 1
        x[:kept], y[:kept] = u[:kept], v[:kept]
        count = kept
        if not count:
            return 0
    return count


@njit(cache=True, nogil=True)
def _beyond(x: float, y: float, side: int, low: float, high: float) -> float:
    """How far within one side of the square a point is; below 0: outside."""
    if side == 0:
        return x - low
    if side == 1:
        return high - x
    if side == 2:
        return y - low
    return high - y


@njit(cache=True, nogil=True)
def _cross(
    x0: float, y0: float, x1: float, y1: float, side: int, low: float, high: float
) -> tuple[float, float]:
    """Where an edge crosses the line of one side."""
    # From the lower end, whichever way it is walked: neighbours get the very same point.
    if (x1, y1) < (x0, y0):
        x0, y0, x1, y1 = x1, y1, x0, y0
    if side < 2:
        edge = low if side == 0 else high
        return edge, y0 + (y1 - y0) * ((edge - x0) / (x1 - x0))
    edge = low if side == 2 else high
    return x0 + (x1 - x0) * ((edge - y0) / (y1 - y0)), edge


@njit(cache=True, nogil=True)
def clip_edge(
    x0: float, y0: float, x1: float, y1: float, low: float, high: float
) -> tuple[float, float]:
    """Which part of an edge is in the square, as fractions of it; 1, 0 where none is.

    Liang and Barsky 1984.
    """
    begin, end = 0.0, 1.0
    for side in range(4):
        a = _beyond(x0, y0, side, low, high)
        b = _beyond(x1, y1, side, low, high)
        if a < 0 and b < 0:
            return 1.0, 0.0
        if a < 0:
            begin = max(begin, a / (a - b))
        elif b < 0:
            end = min(end, a / (a - b))
    if begin > end:
        return 1.0, 0.0
    return begin, end
