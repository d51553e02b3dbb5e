"""Fast marching on open ground: the time of a cell from those of its neighbours.

The eikonal equation |grad T| = 1 / speed by second-order upwind differences (Sethian 1999,
"Level Set Methods and Fast Marching Methods", ch. 8), first-order where the wave has a kink.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.response.compiled import compiled

#: Bits of a cell's state; 0 is untouched, and then its time means nothing.
REACHED, SETTLED, EXACT = 1, 2, 4
#: Two neighbouring slopes that differ by more than this share of the ground's own are a kink.
_KINK = 0.4


class Ground(NamedTuple):
    """A raster of cells, row by row from the south-west, and what is known of each."""

    columns: int
    rows: int
    cell_m: float
    slow: float  #: seconds for a metre
    seconds: NDArray[np.float64]
    state: NDArray[np.uint8]
    origin: NDArray[np.int32]  #: where the wave left a road or source: see ``march``


@compiled
def upwind(ground: Ground, c: int, step: int, before: int, after: int) -> tuple[float, float, int]:
    """The earlier settled neighbour of cell c along an axis: its time, that of the one behind it
    (inf if it is of no use), its cell; ``before`` and ``after`` count cells to the raster's edges.
    """
    seconds, state = ground.seconds, ground.state
    near, far, cell = np.inf, np.inf, -1
    if before >= 1 and state[c - step] & SETTLED:
        near, cell = seconds[c - step], c - step
        if before >= 2 and state[c - 2 * step] & SETTLED:
            far = seconds[c - 2 * step]
    if after >= 1 and state[c + step] & SETTLED and seconds[c + step] < near:
        near, far, cell = seconds[c + step], np.inf, c + step
        if after >= 2 and state[c + 2 * step] & SETTLED:
            far = seconds[c + 2 * step]
    return near, (far if far <= near else np.inf), cell


@compiled
def _root(a: float, wa: float, b: float, wb: float, cross_s: float) -> float:
    """Root of wa (t - a)^2 + wb (t - b)^2 = cross_s^2 later than a and b, else from one side."""
    p, q = wa + wb, wa * a + wb * b
    d = q * q - p * (wa * a * a + wb * b * b - cross_s * cross_s)
    if d >= 0:
        t = (q + math.sqrt(d)) / p
        if t >= a and t >= b:
            return t
    return min(a + cross_s / math.sqrt(wa), b + cross_s / math.sqrt(wb))


@compiled
def eikonal(ground: Ground, c: int) -> tuple[float, int]:
    """Time of cell c from its settled neighbours, and the neighbour that it came from."""
    cross_s = ground.cell_m * ground.slow
    i, j = c % ground.columns, c // ground.columns
    a, a2, ca = upwind(ground, c, 1, i, ground.columns - 1 - i)
    b, b2, cb = upwind(ground, c, ground.columns, j, ground.rows - 1 - j)
    two_a, two_b = a2 < np.inf, b2 < np.inf
    while True:
        va, wa = ((4 * a - a2) / 3, 2.25) if two_a else (a, 1.0)
        vb, wb = ((4 * b - b2) / 3, 2.25) if two_b else (b, 1.0)
        if ca < 0:
            t = vb + cross_s / math.sqrt(wb)
        elif cb < 0:
            t = va + cross_s / math.sqrt(wa)
        else:
            t = _root(va, wa, vb, wb, cross_s)
        kink_a = two_a and abs(t - 2 * a + a2) > _KINK * cross_s
        kink_b = two_b and abs(t - 2 * b + b2) > _KINK * cross_s
        if not (kink_a or kink_b):
            return max(t, min(a, b)), (ca if a <= b else cb)
        two_a, two_b = two_a and not kink_a, two_b and not kink_b
