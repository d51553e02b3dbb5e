"""Rings of whole numbers: tidied, told from ones that touch themselves, and those taken apart."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.wire import rounded

#: Longer rings are not held edge against edge: others tell sooner whether they are valid.
MOST = 400
#: Units from which on what is thinner than a step has to be seen: a pixel.
LONG = 8
#: So often at most a ring is taken apart.
_MOST_TURNS = 32
#: Square units by which an area that is reckoned from fractions is not taken for none.
_CERTAIN = 1e-3
_ROOM = MOST + 2 * _MOST_TURNS


@njit(cache=True, nogil=True)
def tidy(p: np.ndarray, q: np.ndarray, count: int, ways: np.ndarray) -> tuple[int, int]:
    """A ring without its closing point, in place without what takes no ground: points that repeat
    the one before, points on a straight way, ways there and back. How many points it has then:
    none, or three at least; and how many ways there and back go into ``ways`` (n, 4) as x, y of
    both ends, as far as there is room."""
    kept = bare = 0
    for n in range(count):
        x, y = p[n], q[n]
        while kept > 1 and _turn(p, q, kept - 2, kept - 1, x, y) == 0:
            bare = _note_way(ways, bare, p, q, kept - 2, kept - 1, x, y)
            kept -= 1
        if kept and p[kept - 1] == x and q[kept - 1] == y:
            continue
        p[kept], q[kept] = x, y
        kept += 1
    # The same where the ring closes.
    begin = 0
    while kept - begin > 2:
        if _turn(p, q, kept - 2, kept - 1, p[begin], q[begin]) == 0:
            bare = _note_way(ways, bare, p, q, kept - 2, kept - 1, p[begin], q[begin])
            kept -= 1
        elif _turn(p, q, kept - 1, begin, p[begin + 1], q[begin + 1]) == 0:
            bare = _note_way(ways, bare, p, q, kept - 1, begin, p[begin + 1], q[begin + 1])
            begin += 1
        else:
            break
    if kept - begin < 3:
        if kept - begin == 2:
            bare = _note_way(ways, bare, p, q, begin, begin + 1, p[begin], q[begin])
        return 0, bare
    for n in range(begin, kept if begin else 0):
        p[n - begin], q[n - begin] = p[n], q[n]
    return kept - begin, bare


@njit(cache=True, nogil=True)
def _note_way(
    ways: np.ndarray, bare: int, p: np.ndarray, q: np.ndarray, a: int, b: int, x: int, y: int
) -> int:
    """Note how far a-b-(x, y), all on one line, goes there and back, if it does; how many are."""
    back_x, back_y, on_x, on_y = p[a] - p[b], q[a] - q[b], x - p[b], y - q[b]
    if bare == len(ways) or back_x * on_x + back_y * on_y <= 0:
        return bare
    if abs(on_x) + abs(on_y) < abs(back_x) + abs(back_y):
        back_x, back_y = on_x, on_y
    ways[bare] = p[b], q[b], p[b] + back_x, q[b] + back_y
    return bare + 1


@njit(cache=True, nogil=True)
def _turn(p: np.ndarray, q: np.ndarray, a: int, b: int, x: int, y: int) -> int:
    """Twice the area of the triangle of two points of a ring and a third one; 0 on a line."""
    return (p[b] - p[a]) * (y - q[a]) - (x - p[a]) * (q[b] - q[a])


@njit(cache=True, nogil=True)
def twice_area(p: np.ndarray, q: np.ndarray, count: int) -> int:
    """Twice a ring's area; positive if it runs clockwise as it is seen, as y runs down."""
    twice = p[count - 1] * q[0] - p[0] * q[count - 1]
    for n in range(count - 1):
        twice += p[n] * q[n + 1] - p[n + 1] * q[n]
    return twice


@njit(cache=True, nogil=True)
def all_seen(p: np.ndarray, q: np.ndarray, count: int) -> bool:
    """Whether all of an exterior is seen from its centre, and so cannot touch itself: soon told,
    and so of most."""
    twice = moment_x = moment_y = 0
    x, y = p[count - 1], q[count - 1]
    for n in range(count):
        part = x * q[n] - p[n] * y
        twice += part
        moment_x += part * (x + p[n])
        moment_y += part * (y + q[n])
        x, y = p[n], q[n]
    if twice <= 0:
        return False
    middle_x, middle_y = moment_x / (3 * twice), moment_y / (3 * twice)
    a, b = x - middle_x, y - middle_y
    turns, least = 0, 1.0
    for n in range(count):
        c, d = p[n] - middle_x, q[n] - middle_y
        least = min(least, a * d - c * b)
        turns += (b < 0) & (d >= 0)
        a, b = c, d
    return least > _CERTAIN and turns == 1


@njit(cache=True, nogil=True)
def touching(p: np.ndarray, q: np.ndarray, count: int) -> tuple[int, int]:
    """The first two edges of a tidy ring that have a point in common and do not follow each other,
    each by the point where it begins; -1 where there are none."""
    for k in range(count - 2):
        m = _touching_edge(p, q, k, k + 1, k + 2, count if k else count - 1, 0, count)
        if m >= 0:
            return k, m
    return -1, -1


@njit(cache=True, nogil=True)
def _touching_edge(
    p: np.ndarray, q: np.ndarray, a: int, b: int, at: int, stop: int, first: int, last: int
) -> int:
    """The first of the edges from ``at`` on, before ``stop``, of a ring from ``first`` to ``last``,
    that has a point in common with the edge from a to b; -1 where none has."""
    ax, ay, bx, by = p[a], q[a], p[b], q[b]
    dx, dy = bx - ax, by - ay
    west, east, north, south = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
    x, y = p[at], q[at]
    side = dx * (y - ay) - (x - ax) * dy
    for m in range(at, stop):
        u, v, before = x, y, side
        after = m + 1 if m + 1 < last else first
        x, y = p[after], q[after]
        side = dx * (y - ay) - (x - ax) * dy
        if (before > 0 and side > 0) or (before < 0 and side < 0):
            continue
        if max(u, x) < west or min(u, x) > east or max(v, y) < north or min(v, y) > south:
            continue
        one = (x - u) * (ay - v) - (ax - u) * (y - v)
        other = (x - u) * (by - v) - (bx - u) * (y - v)
        # On one line they touch, as their boxes do.
        if not ((one > 0 and other > 0) or (one < 0 and other < 0)):
            return m
    return -1


@njit(cache=True, nogil=True)
def meet(held: np.ndarray, stops: np.ndarray, number: int, holes: bool) -> bool:
    """Whether rings of one feature may meet in more than single corners, or, if there are
    ``holes``, at all. ``held`` are the x and y of one after another, ``stops`` where each ends."""
    if number < 2:
        return False
    if stops[number - 1] > MOST:
        return True
    p, q = held
    boxes = np.empty((number, 4), dtype=np.int64)
    begin = 0
    for r in range(number):
        boxes[r] = _bounds(p, q, begin, stops[r])
        for s in range(r):
            if (
                boxes[r, 0] <= boxes[s, 1]
                and boxes[r, 1] >= boxes[s, 0]
                and boxes[r, 2] <= boxes[s, 3]
                and boxes[r, 3] >= boxes[s, 2]
                and _rings_meet(p, q, begin, stops[r], stops[s - 1] if s else 0, stops[s], holes)
            ):
                return True
        begin = stops[r]
    return False


@njit(cache=True, nogil=True)
def _bounds(p: np.ndarray, q: np.ndarray, begin: int, end: int) -> tuple[int, int, int, int]:
    west = east = p[begin]
    north = south = q[begin]
    for n in range(begin, end):
        west, east = min(west, p[n]), max(east, p[n])
        north, south = min(north, q[n]), max(south, q[n])
    return west, east, north, south


@njit(cache=True, nogil=True)
def _rings_meet(
    p: np.ndarray, q: np.ndarray, begin: int, end: int, first: int, last: int, holes: bool
) -> bool:
    """Whether two rings meet, as in ``meet``."""
    for k in range(begin, end):
        m = first
        while True:
            m = _touching_edge(p, q, k, k + 1 if k + 1 < end else begin, m, last, first, last)
            if m < 0:
                break
            if holes or not _corner_only(p, q, begin, end, k, first, last, m):
                return True
            m += 1
            if m == last:
                break
    return False


@njit(cache=True, nogil=True)
def _corner_only(
    p: np.ndarray, q: np.ndarray, begin: int, end: int, k: int, first: int, last: int, m: int
) -> bool:
    """Whether two edges that touch, of exteriors from ``begin`` to ``end`` and from ``first`` to
    ``last``, do so in a corner of both beyond which either ring has the other outside."""
    after, then = k + 1 if k + 1 < end else begin, m + 1 if m + 1 < last else first
    for i in (k, after):
        for j in (m, then):
            if p[i] == p[j] and q[i] == q[j]:
                before_i, after_i = _beside(i, begin, end)
                before_j, after_j = _beside(j, first, last)
                return (
                    _outside(p, q, before_i, i, after_i, before_j)
                    and _outside(p, q, before_i, i, after_i, after_j)
                    and _outside(p, q, before_j, j, after_j, before_i)
                    and _outside(p, q, before_j, j, after_j, after_i)
                )
    return False


@njit(cache=True, nogil=True)
def _beside(n: int, begin: int, end: int) -> tuple[int, int]:
    """The points before and after one of a ring."""
    return n - 1 if n > begin else end - 1, n + 1 if n + 1 < end else begin


@njit(cache=True, nogil=True)
def _outside(p: np.ndarray, q: np.ndarray, a: int, b: int, c: int, other: int) -> bool:
    """Whether a point lies strictly outside the corner a-b-c of an exterior, near b."""
    before = _turn(p, q, a, b, p[other], q[other])
    behind = _turn(p, q, b, c, p[other], q[other])
    if _turn(p, q, a, b, p[c], q[c]) > 0:
        return before < 0 or behind < 0
    return before < 0 and behind < 0


@njit(cache=True, nogil=True)
def apart(
    p: np.ndarray, q: np.ndarray, count: int, step: int, least: float, ways: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray, int, bool]:
    """What a tidy ring runs around once, as rings that do not touch themselves: how many, x, y, and
    where each ring ends; -1 where that is not for certain. And how many ways there and back, as
    ``tidy``; and whether any ring was turned.

    The ring, of at most ``MOST`` points, which runs as an exterior does, is taken apart where it
    touches itself, at a point of whole steps. What is smaller than a square of one step, and
    shorter than ``least``, goes. What runs the other way round and is hardly wider than a step was
    turned over by rounding: it goes, too, or is turned back if it is so long. Were it wider, it
    might be a hole.
    """
    x, y = np.empty(_ROOM, dtype=np.int64), np.empty(_ROOM, dtype=np.int64)
    ends, rings, used = np.empty(_MOST_TURNS + 2, dtype=np.int64), 0, 0
    # Those that are still to be looked at: the last first.
    u, v = np.empty(_ROOM, dtype=np.int64), np.empty(_ROOM, dtype=np.int64)
    stops, waiting = np.empty(_MOST_TURNS + 2, dtype=np.int64), 1
    u[:count], v[:count] = p[:count], q[:count]
    stops[0] = count
    turns, bare, turned = 0, 0, False
    while waiting:
        waiting -= 1
        begin = stops[waiting - 1] if waiting else 0
        a, b = u[begin : stops[waiting]].copy(), v[begin : stops[waiting]].copy()
        size, more = tidy(a, b, len(a), ways[bare:])
        bare += more
        if not size:
            continue
        k, m = touching(a, b, size)
        if k < 0:
            area, reach = twice_area(a, b, size), _reach(a, b, size)
            if -area > 2 * step * reach:
                return -1, x, y, ends, 0, False
            if area > 2 * step * step or reach >= least:
                if area < 0:
                    a[:size], b[:size] = a[:size][::-1].copy(), b[:size][::-1].copy()
                    turned = True
                x[used : used + size], y[used : used + size] = a[:size], b[:size]
                used += size
                ends[rings] = used
                rings += 1
            continue
        turns += 1
        if turns > _MOST_TURNS:
            return -1, x, y, ends, 0, False
        at_x, at_y = _common(a, b, k, k + 1, m, m + 1 if m + 1 < size else 0, step)
        # k + 1 to m, and m + 1 to k, each by way of that point.
        u[begin], v[begin] = at_x, at_y
        middle = begin + 1 + m - k
        u[begin + 1 : middle], v[begin + 1 : middle] = a[k + 1 : m + 1], b[k + 1 : m + 1]
        u[middle], v[middle] = at_x, at_y
        last = middle + 1 + size - 1 - m
        u[middle + 1 : last], v[middle + 1 : last] = a[m + 1 : size], b[m + 1 : size]
        u[last : last + k + 1], v[last : last + k + 1] = a[: k + 1], b[: k + 1]
        stops[waiting], stops[waiting + 1] = middle, last + k + 1
        waiting += 2
    return rings, x, y, ends, bare, turned


@njit(cache=True, nogil=True)
def _reach(p: np.ndarray, q: np.ndarray, count: int) -> int:
    """The longer side of a ring's box."""
    west, east, north, south = _bounds(p, q, 0, count)
    return max(east - west, south - north)


@njit(cache=True, nogil=True)
def _common(
    p: np.ndarray, q: np.ndarray, a: int, b: int, c: int, d: int, step: int
) -> tuple[int, int]:
    """A point that two edges which touch have in common: an end of one, or where they cross, to
    whole steps."""
    for one, other, end in ((a, b, c), (a, b, d), (c, d, a), (c, d, b)):
        if (
            _turn(p, q, one, other, p[end], q[end]) == 0
            and min(p[one], p[other]) <= p[end] <= max(p[one], p[other])
            and min(q[one], q[other]) <= q[end] <= max(q[one], q[other])
        ):
            return p[end], q[end]
    before, behind = _turn(p, q, c, d, p[a], q[a]), _turn(p, q, c, d, p[b], q[b])
    share = before / (before - behind)
    return (
        rounded(p[a] + share * (p[b] - p[a]), step),
        rounded(q[a] + share * (q[b] - q[a]), step),
    )
