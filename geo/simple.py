"""Polygons that are surely valid, told at machine speed.

GEOS builds an index for each polygon; of some thirty vertices, holding every edge against every
other takes a tenth of the time. What is not proven here is left to GEOS.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.rings import Bools, Floats, Ints, Rings
from geo.turning import clear, side

#: Rings of more vertices are GEOS's, which does not hold every edge against every other.
_MOST_VERTICES = 100


def surely_valid(rings: Rings, polygons: int) -> NDArray[np.bool_]:
    """For each of so many polygons whether it is proven to be valid, as OGC's simple features are.

    Proven is a single ring without a repeated vertex whose edges touch only where they follow
    each other, and do not turn back there. False only means that this was not seen.
    """
    rings_of = np.bincount(rings.owner, minlength=polygons)
    simple = _simple(rings.xy, rings.start)
    found = np.zeros(polygons, dtype=bool)
    found[rings.owner[simple]] = True
    return found & (rings_of == 1)


@njit(cache=True, nogil=True)
def _simple(xy: Floats, start: Ints) -> Bools:
    found = np.zeros(len(start) - 1, dtype=np.bool_)
    for r in range(len(start) - 1):
        first, last = start[r], start[r + 1] - 1
        if 3 <= last - first <= _MOST_VERTICES:
            found[r] = _ring_is_simple(xy, first, last)
    return found


@njit(cache=True, nogil=True)
def _goes_on(xy: Floats, a: int, b: int, c: int) -> bool:
    """Whether the way a-b-c turns by less than a right angle, and both edges have a length."""
    dot = (xy[b, 0] - xy[a, 0]) * (xy[c, 0] - xy[b, 0])
    return dot + (xy[b, 1] - xy[a, 1]) * (xy[c, 1] - xy[b, 1]) > 0


@njit(cache=True, nogil=True)
def _ring_is_simple(xy: Floats, first: int, last: int) -> bool:
    """Of a ring from vertex ``first`` to ``last``, which is the first again."""
    for k in range(first, last):
        after = k + 2 if k + 2 <= last else first + 1
        if side(xy, k, k + 1, after) == 0 and not _goes_on(xy, k, k + 1, after):
            return False
        a, b = xy[k, 0], xy[k + 1, 0]
        c, d = xy[k, 1], xy[k + 1, 1]
        # The edge before the first is its neighbour, too.
        end = last - 1 if k == first else last
        for m in range(k + 2, end):
            if clear(a, b, xy[m, 0], xy[m + 1, 0]) or clear(c, d, xy[m, 1], xy[m + 1, 1]):
                continue
            if side(xy, k, k + 1, m) * side(xy, k, k + 1, m + 1) > 0:
                continue
            if side(xy, m, m + 1, k) * side(xy, m, m + 1, k + 1) > 0:
                continue
            return False
    return True
