"""Polygons that surely share no ground, told apart at machine speed.

GEOS needs some 30 µs to see that two neighbours only touch; a tessellation of 200,000 cells has
800,000 such pairs. What is not proven here is left to GEOS.
"""

from __future__ import annotations

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from geo.rings import Rings, loose_edges
from geo.turning import clear, side

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Pairs with more pairs of edges near each other than this are GEOS's: it has an index.
_MOST_EDGE_PAIRS = 1_000_000


def perhaps_overlapping(polygons: NDArray[np.object_], one: Ints, two: Ints) -> Bools:
    """Whether polygons ``one[k]`` and ``two[k]`` may have ground in common, for each pair k.

    False is proven: no edge of one crosses an edge of the other, none runs along another in the
    same direction, their sectors at common vertices lie beside each other, and the bounds of
    neither are within the other's. True only means that this was not seen. ``polygons`` are valid
    and single.
    """
    if not len(one):
        return np.zeros(0, dtype=bool)
    anticlockwise = shapely.orient_polygons(polygons)
    rings, of = shapely.get_rings(anticlockwise, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    if ((xy[1:] == xy[:-1]).all(axis=1) & (ring[1:] == ring[:-1])).any():
        return perhaps_overlapping(shapely.remove_repeated_points(polygons), one, two)
    last = np.r_[ring[1:] != ring[:-1], True]
    first = np.r_[True, last[:-1]]
    before = np.arange(len(xy)) - 1
    before[first] = np.flatnonzero(last) - 1  # a ring's last vertex repeats its first
    start = np.searchsorted(of[ring], np.arange(len(polygons) + 1))
    bounds = shapely.bounds(polygons)
    return np.asarray(
        _perhaps(xy, last, before, start, bounds, one.astype(np.int64), two.astype(np.int64))
    )


def surely_apart(polygons: NDArray[np.object_], group: Ints, rings: Rings | None = None) -> bool:
    """Whether it is proven that no two polygons of one group have ground in common.

    How many polygons lie on a place changes only across an edge that another polygon of the group
    does not have in the opposite direction. Far away it is none; so where it is two, such a loose
    edge runs within another polygon. Where neighbours share their edges few are loose, and only
    polygons that have one are held against what is near them.
    """
    found = Rings.of(polygons) if rings is None else rings
    if len(found.misturned()):
        return False
    alike = (group == group[0]).all()
    loose = found.loose if alike else loose_edges(found, group[found.owner])
    suspect = np.zeros(len(polygons), dtype=bool)
    suspect[found.owner[np.searchsorted(found.start, loose, side="right") - 1]] = True
    parts, of = shapely.get_parts(polygons, return_index=True)
    asking = np.flatnonzero(suspect[of])
    at, two = shapely.STRtree(parts).query(parts[asking])
    one = asking[at]
    others = (of[one] != of[two]) & (group[of[one]] == group[of[two]])
    pair = np.unique(np.sort(np.column_stack([one, two])[others], axis=1), axis=0)
    asked, place = np.unique(pair, return_inverse=True)
    place = place.reshape(-1, 2)
    return not perhaps_overlapping(parts[asked], place[:, 0], place[:, 1]).any()


@njit(cache=True, nogil=True)
def _same(xy: Floats, a: int, b: int) -> bool:
    return xy[a, 0] == xy[b, 0] and xy[a, 1] == xy[b, 1]


@njit(cache=True, nogil=True)
def _ahead(xy: Floats, v: int, p: int, q: int) -> bool:
    """Whether p and q lie on the same side of v, along a line that they are all on."""
    dot = (xy[p, 0] - xy[v, 0]) * (xy[q, 0] - xy[v, 0])
    return dot + (xy[p, 1] - xy[v, 1]) * (xy[q, 1] - xy[v, 1]) > 0


@njit(cache=True, nogil=True)
def _in_sector(xy: Floats, v: int, after: int, before: int, q: int) -> bool:
    """Whether the way from v to q runs inside a polygon whose ring is before → v → after."""
    if _same(xy, q, after) or _same(xy, q, before):
        return False
    bend = side(xy, v, after, before)
    if bend > 0:
        return side(xy, v, after, q) > 0 and side(xy, v, q, before) > 0
    if bend < 0:
        return not (side(xy, v, before, q) >= 0 and side(xy, v, q, after) >= 0)
    return _ahead(xy, v, after, before) or side(xy, v, after, q) > 0


@njit(cache=True, nogil=True)
def _meet_in_corner(xy: Floats, before: Ints, a: int, c: int) -> bool:
    """Whether two polygons with a common vertex (a, c) have ground beside it in common."""
    return (
        _in_sector(xy, a, a + 1, before[a], c + 1)
        or _in_sector(xy, a, a + 1, before[a], before[c])
        or _in_sector(xy, c, c + 1, before[c], a + 1)
        or _in_sector(xy, c, c + 1, before[c], before[a])
    )


@njit(cache=True, nogil=True)
def _along(xy: Floats, v: int, p: int, q: int) -> bool:
    """Whether edges v-p and v-q may run along each other."""
    return side(xy, v, p, q) == 0 and _ahead(xy, v, p, q)


@njit(cache=True, nogil=True)
def _cross(xy: Floats, a: int, b: int, c: int, d: int) -> bool:
    """Whether edges a-b and c-d may have a place in common."""
    if side(xy, a, b, c) * side(xy, a, b, d) > 0:
        return False
    return side(xy, c, d, a) * side(xy, c, d, b) <= 0


@njit(cache=True, nogil=True)
def _edges_meet(xy: Floats, before: Ints, a: int, c: int) -> bool:
    """Whether edges a → a + 1 and c → c + 1 do more than touch as neighbours' edges may."""
    b, d = a + 1, c + 1
    if clear(xy[a, 0], xy[b, 0], xy[c, 0], xy[d, 0]) or clear(
        xy[a, 1], xy[b, 1], xy[c, 1], xy[d, 1]
    ):
        return False
    if _same(xy, a, c):
        if _meet_in_corner(xy, before, a, c) or _same(xy, b, d):
            return True
        return _along(xy, a, b, d)
    if _same(xy, b, d):
        return _along(xy, b, a, c)
    ad, bc = _same(xy, a, d), _same(xy, b, c)
    if ad or bc:
        return ad != bc and (_along(xy, a, b, c) if ad else _along(xy, b, a, d))
    return _cross(xy, a, b, c, d)


@njit(cache=True, nogil=True)
def _near(
    xy: Floats, last: Bools, start: int, end: int,
    west: float, south: float, east: float, north: float, out: Ints,
) -> int:  # fmt: skip
    """Edges from start to end that meet a box, into ``out``; how many."""
    count = 0
    for k in range(start, end):
        if last[k]:
            continue
        if clear(xy[k, 0], xy[k + 1, 0], west, east):
            continue
        if clear(xy[k, 1], xy[k + 1, 1], south, north):
            continue
        out[count] = k
        count += 1
    return count


@njit(cache=True, nogil=True)
def _within(inner: Floats, outer: Floats) -> bool:
    return (
        inner[0] >= outer[0] and inner[1] >= outer[1]
        and inner[2] <= outer[2] and inner[3] <= outer[3]
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _perhaps(
    xy: Floats, last: Bools, before: Ints, start: Ints, bounds: Floats, one: Ints, two: Ints
) -> Bools:
    found = np.zeros(len(one), dtype=np.bool_)
    most = 0
    for i in range(len(start) - 1):
        most = max(most, start[i + 1] - start[i])
    mine, theirs = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    for k in range(len(one)):
        i, j = one[k], two[k]
        if _within(bounds[i], bounds[j]) or _within(bounds[j], bounds[i]):
            found[k] = True
            continue
        west, south = max(bounds[i, 0], bounds[j, 0]), max(bounds[i, 1], bounds[j, 1])
        east, north = min(bounds[i, 2], bounds[j, 2]), min(bounds[i, 3], bounds[j, 3])
        if west >= east or south >= north:
            continue  # their bounds have no ground in common
        n = _near(xy, last, start[i], start[i + 1], west, south, east, north, mine)
        m = _near(xy, last, start[j], start[j + 1], west, south, east, north, theirs)
        if n * m > _MOST_EDGE_PAIRS:
            found[k] = True
            continue
        for p in range(n):
            for q in range(m):
                if _edges_meet(xy, before, mine[p], theirs[q]):
                    found[k] = True
                    break
            if found[k]:
                break
    return found
