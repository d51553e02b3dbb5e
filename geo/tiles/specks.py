"""What stands for features that come to nothing when they are rounded, by compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.shapes import LINE
from geo.tiles.wire import CLOSE, LINE_TO, MOVE_TO, put, put_step, rounded


@njit(cache=True, nogil=True)
def area(x: np.ndarray, y: np.ndarray, count: int) -> float:
    """Area of a ring without its closing point."""
    twice = 0.0
    for n in range(1, count - 1):
        twice += (x[n] - x[0]) * (y[n + 1] - y[0]) - (x[n + 1] - x[0]) * (y[n] - y[0])
    return abs(twice) / 2


@njit(cache=True, nogil=True)
def note(speck: np.ndarray, x: np.ndarray, y: np.ndarray, count: int) -> None:
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
def stand_in(out: np.ndarray, used: int, speck: np.ndarray, kind: int, step: int) -> int:
    """What stands for a feature thinner than a step: a step wide and as long as it is."""
    a, b = rounded(speck[1], step), rounded(speck[2], step)
    dx, dy = rounded(speck[3], step) - a, rounded(speck[4], step) - b
    if kind == LINE or (dx == 0 and dy == 0):
        a = int(np.floor((speck[1] + speck[3]) / 2 / step)) * step
        b = int(np.floor((speck[2] + speck[4]) / 2 / step)) * step
        dx, dy = step, 0
    if kind == LINE:
        used = put(out, used, 1 << 3 | MOVE_TO)
        used = put_step(out, used, a)
        used = put_step(out, used, b)
        used = put(out, used, 1 << 3 | LINE_TO)
        used = put_step(out, used, dx)
        return put_step(out, used, dy)
    p, q = np.empty(4, dtype=np.int64), np.empty(4, dtype=np.int64)
    strip(np.array([a, b, a + dx, b + dy]), step, p, q)
    used = put(out, used, 1 << 3 | MOVE_TO)
    used = put_step(out, used, p[0])
    used = put_step(out, used, q[0])
    used = put(out, used, 3 << 3 | LINE_TO)
    for n in range(1, 4):
        used = put_step(out, used, p[n] - p[n - 1])
        used = put_step(out, used, q[n] - q[n - 1])
    return put(out, used, CLOSE)


@njit(cache=True, nogil=True)
def strip(way: np.ndarray, step: int, p: np.ndarray, q: np.ndarray) -> None:
    """The ring of what runs from one point to another and is a step wide, as exteriors run."""
    a, b = way[0], way[1]
    dx, dy = way[2] - a, way[3] - b
    flat = abs(dx) >= abs(dy)
    if (dx if flat else dy) < 0:
        a, b, dx, dy = a + dx, b + dy, -dx, -dy
    # Clockwise as it is seen: positive, as y runs down.
    right, down = (0, step) if flat else (dx, dy)
    if not flat:
        dx, dy = step, 0
    p[0], q[0] = a, b
    p[1], q[1] = a + dx, b + dy
    p[2], q[2] = a + dx + right, b + dy + down
    p[3], q[3] = a + right, b + down
