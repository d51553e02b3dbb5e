"""The polygons of a feature in a tile's whole units: clipped, rounded, and taken apart where that
lets them touch themselves, by compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles import rings
from geo.tiles.clip import clip_ring, in_units
from geo.tiles.specks import area, note, strip
from geo.tiles.wire import CLOSE, LINE_TO, MOVE_TO, put, put_step, rounded

#: Square units of a ring that only runs along the square's edges, but for rounding.
_NO_AREA = 1e-6


@njit(cache=True, nogil=True)
def polygons(
    held: np.ndarray, stops: np.ndarray, begin: int, end: int, first_xy: np.ndarray,
    hole: np.ndarray, xy: np.ndarray, west: float, north: float, units_per_m: float,
    within: bool, low: float, high: float, step: int, work: np.ndarray, whole: np.ndarray,
    speck: np.ndarray, ways: np.ndarray, least: float,
) -> tuple[np.ndarray, np.ndarray, int, bool]:  # fmt: skip
    """The rings of a feature into ``held``, where each ends into ``stops``, how many, whether they
    may touch; and in ``speck`` the longest that came to nothing. What is thinner than a step is a
    strip, a step wide, along its way, if all of the feature is so, or that is ``least`` units long.
    """
    x, y, u, v = work
    number = part = bare = 0  # rings held, and those before the exterior; ways there and back
    left = 0.0  # square units of the polygon that are in the square
    shortest = least  # of the ways that are drawn
    lost = doubtful = holes = False
    for piece in range(begin, end):
        if hole[piece] and lost:
            continue
        if not hole[piece]:
            part, left = number, 0.0
        count = in_units(
            first_xy[piece], first_xy[piece + 1] - 1, xy, west, north, units_per_m, x, y
        )  # fmt: skip
        if not within:
            count = clip_ring(x, y, count, low, high, u, v)
            left += -area(x, y, count) if hole[piece] else area(x, y, count)
        before = number
        crumb = least
        if not hole[piece] and _is_thin(x, y, count, step):
            crumb = shortest = 0.0
        alone = not hole[piece] and (piece + 1 == end or not hole[piece + 1])
        held, stops, number, bare, touches = _hold(
            held, stops, number, x, y, count, step, hole[piece], alone, crumb, whole, ways, bare
        )
        doubtful |= touches
        holes |= hole[piece]
        gone = not within and left < _NO_AREA
        if not hole[piece]:
            lost = number == before
            if lost and not gone:
                held, stops, number = _speck(held, stops, number, x, y, count, step, least, speck)
        elif gone:  # the square is in the hole
            number, lost = part, True
    bare = _real(ways, bare, within, low, high, step)
    held, stops, number = _strips(held, stops, number, ways, bare, step, shortest)
    doubtful = doubtful or rings.meet(held, stops, number, holes)
    return held, stops, number, doubtful


@njit(cache=True, nogil=True)
def _speck(
    held: np.ndarray, stops: np.ndarray, number: int, x: np.ndarray, y: np.ndarray, count: int,
    step: int, least: float, speck: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, int]:  # fmt: skip
    """Append a square of one step for a piece that came to nothing, if it is small and nothing is
    left out; else note it in ``speck``, unless something else of the feature shows."""
    if not count:
        return held, stops, number
    west, east, north, south = x[:count].min(), x[:count].max(), y[:count].min(), y[:count].max()
    if max(east - west, south - north) < least < np.inf:
        left = int(np.floor((west + east) / 2 / step)) * step
        top = int(np.floor((north + south) / 2 / step)) * step
        p, q = np.empty(4, dtype=np.int64), np.empty(4, dtype=np.int64)
        strip(np.array([left, top, left + step, top]), step, p, q)
        return _append(held, stops, number, p, q, 4)
    if not number:
        note(speck, x, y, count)
    return held, stops, number


@njit(cache=True, nogil=True)
def _is_thin(x: np.ndarray, y: np.ndarray, count: int, step: int) -> bool:
    """Whether a ring is long, and hardly wider than a step: then no crumb of it is left out."""
    if not count:
        return False
    # Along and across, which is at most 1.41 times the length, and quicker.
    length = abs(x[0] - x[count - 1]) + abs(y[0] - y[count - 1])
    for n in range(1, count):
        length += abs(x[n] - x[n - 1]) + abs(y[n] - y[n - 1])
    return length > 4 * rings.LONG and area(x, y, count) < 0.6 * step * length


@njit(cache=True, nogil=True)
def _ring(
    x: np.ndarray, y: np.ndarray, count: int, step: int, is_hole: bool, p: np.ndarray,
    q: np.ndarray, ways: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """A ring in whole steps into ``p`` and ``q``, an exterior with positive area (y down), a hole
    with negative; how many points it has, none if it comes to nothing, and how many ways there and
    back it had."""
    for n in range(count):
        p[n], q[n] = rounded(x[n], step), rounded(y[n], step)
    count, bare = rings.tidy(p, q, count, ways)
    twice_area = rings.twice_area(p, q, count) if count else 0
    # Of two halves that run against each other something is left when they are taken apart.
    if twice_area == 0 and (is_hole or not 0 < count <= rings.MOST):
        return 0, bare
    if (twice_area > 0) == is_hole:
        for n in range(count // 2):
            m = count - 1 - n
            p[n], p[m], q[n], q[m] = p[m], p[n], q[m], q[n]
    return count, bare


@njit(cache=True, nogil=True)
def _real(ways: np.ndarray, bare: int, within: bool, low: float, high: float, step: int) -> int:
    """Leave out those ways that only run along the square's edges; how many are left."""
    if within:
        return bare
    least, most, kept = rounded(low, step), rounded(high, step), 0
    for n in range(bare):
        along_x = ways[n, 1] == ways[n, 3] and (ways[n, 1] == least or ways[n, 1] == most)
        along_y = ways[n, 0] == ways[n, 2] and (ways[n, 0] == least or ways[n, 0] == most)
        if not (along_x or along_y):
            ways[kept] = ways[n]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _strips(
    held: np.ndarray, stops: np.ndarray, number: int, ways: np.ndarray, bare: int, step: int,
    least: float,
) -> tuple[np.ndarray, np.ndarray, int]:  # fmt: skip
    """Append the strips that stand for ways there and back that are at least so long."""
    p, q = np.empty(4, dtype=np.int64), np.empty(4, dtype=np.int64)
    for n in range(bare):
        if _is_long(ways, n, bare, least):
            strip(ways[n], step, p, q)
            held, stops, number = _append(held, stops, number, p, q, 4)
    return held, stops, number


@njit(cache=True, nogil=True)
def _is_long(ways: np.ndarray, n: int, count: int, least: float) -> bool:
    """Whether a way, with those before and after it that it goes on from, is so long."""
    length = _length(ways[n])
    for step in (-1, 1):
        k = n
        while length < least and 0 <= k + step < count and _joined(ways[k], ways[k + step]):
            k += step
            length += _length(ways[k])
    return length >= least


@njit(cache=True, nogil=True)
def _length(way: np.ndarray) -> float:
    return float(np.hypot(way[2] - way[0], way[3] - way[1]))


@njit(cache=True, nogil=True)
def _joined(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two ways have an end in common."""
    for i in (0, 2):
        for j in (0, 2):
            if one[i] == other[j] and one[i + 1] == other[j + 1]:
                return True
    return False


@njit(cache=True, nogil=True)
def _hold(
    held: np.ndarray, stops: np.ndarray, number: int, x: np.ndarray, y: np.ndarray, count: int,
    step: int, is_hole: bool, alone: bool, least: float, whole: np.ndarray, ways: np.ndarray,
    bare: int,
) -> tuple[np.ndarray, np.ndarray, int, int, bool]:  # fmt: skip
    """Append a ring, if anything is left of it, or those into which it is taken apart if it is
    ``alone``, without holes; how many are held then, how many ways there and back an exterior
    makes, too, and whether it may touch itself."""
    p, q = whole
    count, more = _ring(x, y, count, step, is_hole, p, q, ways[bare:])
    if not is_hole:
        bare += more
    if not count:
        return held, stops, number, bare, False
    touches = count > rings.MOST or (
        not rings.all_seen(p, q, count) and rings.touching(p, q, count)[0] >= 0
    )
    if touches and alone and count <= rings.MOST:
        made, a, b, ends, more, turned = rings.apart(p, q, count, step, least, ways[bare:])
        for n in range(made):
            first = ends[n - 1] if n else 0
            held, stops, number = _append(
                held, stops, number, a[first:], b[first:], ends[n] - first
            )
        if made >= 0:
            return held, stops, number, bare + more, turned
    held, stops, number = _append(held, stops, number, p, q, count)
    return held, stops, number, bare, touches


@njit(cache=True, nogil=True)
def _append(
    held: np.ndarray, stops: np.ndarray, number: int, p: np.ndarray, q: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Append a ring, to longer arrays where there is no room."""
    begin = stops[number - 1] if number else 0
    end = begin + count
    if end > held.shape[1]:
        wider = np.empty((2, 2 * end), dtype=np.int64)
        wider[:, :begin] = held[:, :begin]
        held = wider
    if number == len(stops):
        longer = np.empty(2 * number, dtype=np.int64)
        longer[:number] = stops
        stops = longer
    held[0, begin:end], held[1, begin:end] = p[:count], q[:count]
    stops[number] = end
    return held, stops, number + 1


@njit(cache=True, nogil=True)
def write(out: np.ndarray, used: int, held: np.ndarray, stops: np.ndarray, number: int) -> int:
    """Write rings; where the next byte goes."""
    p, q = held
    begin = at_x = at_y = 0
    for r in range(number):
        used = put(out, used, 1 << 3 | MOVE_TO)
        for k in range(begin, stops[r]):
            if k == begin + 1:
                used = put(out, used, (stops[r] - begin - 1) << 3 | LINE_TO)
            used = put_step(out, used, p[k] - at_x)
            used = put_step(out, used, q[k] - at_y)
            at_x, at_y = p[k], q[k]
        used = put(out, used, CLOSE)
        begin = stops[r]
    return used
