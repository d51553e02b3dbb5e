"""The walk: which cell every stretch of a path belongs to, and in which slot of time.

A leg is a geodesic; it is given as chords in longitude and latitude so short that they keep to it
within a millimetre. A chord is cut at the edges that it crosses, and the middle of each
stretch says whose it is (``ground``). All that adds up is counted in whole microseconds and
micrometres, so that parts sum to their whole to the last digit, however they are cut.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.coverage.ground import MIXED, NEAR_DEG, Buckets, Ground, locate, reach
from geo.coverage.paths import BEGIN, GAP, LEG, Bends, Path
from geo.coverage.rows import Floats, Ints, corners, sort_few

#: What a unit did without a break in one place and one slot.
PIECE = np.dtype(
    [
        ("start_us", "i8"), ("end_us", "i8"), ("length_um", "i8"),
        ("unit", "i4"),
        ("place", "i4"),  # the lowest cell that has it (of a gap: both of its ends); -1 outside
        ("patrol", "i4"),  # 0 without
        ("kind", "i4"),  # LEG or GAP
    ],
    align=True,
)  # fmt: skip
Pieces = NDArray[np.void]

#: Stretches shorter than this (0.1 mm) are rounding, not visits.
_SLIVER_DEG = 1e-9


@njit(cache=True, nogil=True, error_model="numpy")
def _cut(
    x0: float, y0: float, x1: float, y1: float,
    ex0: float, ey0: float, ex1: float, ey1: float, cuts: Floats, n: int,
) -> int:  # fmt: skip
    """Adds where a chord crosses an edge, or passes its first vertex, to ``cuts``."""
    dx, dy = x1 - x0, y1 - y0
    before = dx * (ey0 - y0) - dy * (ex0 - x0)
    after = dx * (ey1 - y0) - dy * (ex1 - x0)
    if (before > 0) != (after > 0):
        ux, uy = ex1 - ex0, ey1 - ey0
        down = dx * uy - dy * ux
        part = ((ex0 - x0) * uy - (ey0 - y0) * ux) / down if down != 0 else -1.0
        if 0 < part < 1:
            cuts[n] = part
            n += 1
    square = dx * dx + dy * dy
    if before * before <= NEAR_DEG * NEAR_DEG * square:
        part = ((ex0 - x0) * dx + (ey0 - y0) * dy) / square
        if 0 < part < 1:
            cuts[n] = part
            n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def _cuts(x0: float, y0: float, x1: float, y1: float, ground: Ground, cuts: Floats) -> int:
    """All cuts of a chord, unsorted; -1 when ``cuts`` is too short to hold them."""
    b, edges, first = ground.buckets, ground.edges, ground.first
    left, right, low, high = reach(x0, y0, x1, y1, b)
    n = 0
    for j in range(low, high + 1):
        for i in range(left, right + 1):
            k = j * b.nx + i
            if n + 2 * (first[k + 1] - first[k]) > len(cuts):
                return -1
            for p in range(first[k], first[k + 1]):
                ex0, ey0, ex1, ey1 = corners(edges, ground.order[p])
                n = _cut(x0, y0, x1, y1, ex0, ey0, ex1, ey1, cuts, n)
    return n


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _ends(
    x0: float, y0: float, x1: float, y1: float, ground: Ground, ends: Floats
) -> tuple[int, Floats]:
    """Where the stretches of a chord end, ascending to 1; how many, and the (grown) array."""
    extent = math.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
    n = 0
    if extent > _SLIVER_DEG:
        n = _cuts(x0, y0, x1, y1, ground, ends[:-1])
        while n < 0:
            ends = np.empty(2 * len(ends))
            n = _cuts(x0, y0, x1, y1, ground, ends[:-1])
    sort_few(ends[: max(n, 0)])
    m, last, sliver = 0, 0.0, _SLIVER_DEG / max(extent, _SLIVER_DEG)
    for c in range(n):
        if ends[c] - last > sliver and ends[c] < 1 - sliver:
            last = ends[c]
            ends[m] = last
            m += 1
    ends[m] = 1.0
    return m + 1, ends


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _whole(x0: float, y0: float, x1: float, y1: float, b: Buckets, places: Ints) -> int:
    """The place of all of a chord, told from its buckets alone; ``MIXED`` where they do not."""
    i0, j0 = int(math.floor((x0 - b.ox) / b.width)), int(math.floor((y0 - b.oy) / b.height))
    i1, j1 = int(math.floor((x1 - b.ox) / b.width)), int(math.floor((y1 - b.oy) / b.height))
    if min(i0, i1) < 0 or min(j0, j1) < 0 or max(i0, i1) >= b.nx or max(j0, j1) >= b.ny:
        return MIXED
    place = places[j0 * b.nx + i0]
    if place == MIXED or (i0 == i1 and j0 == j1):
        return place
    if (abs(i1 - i0) + 1) * (abs(j1 - j0) + 1) > 16:
        return MIXED
    for j in range(min(j0, j1), max(j0, j1) + 1):
        for i in range(min(i0, i1), max(i0, i1) + 1):
            if places[j * b.nx + i] != place:
                return MIXED
    return place


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _clear(x0: float, y0: float, x1: float, y1: float, ground: Ground) -> bool:
    """Whether a chord surely keeps off every edge, so that it stays in the place it begins in."""
    b, order, first = ground.buckets, ground.order, ground.first
    low_x, high_x = min(x0, x1) - 2 * NEAR_DEG, max(x0, x1) + 2 * NEAR_DEG
    low_y, high_y = min(y0, y1) - 2 * NEAR_DEG, max(y0, y1) + 2 * NEAR_DEG
    dx, dy = x1 - x0, y1 - y0
    margin = 2 * NEAR_DEG * (abs(dx) + abs(dy))
    left, right, low, high = reach(x0, y0, x1, y1, b)
    for j in range(low, high + 1):
        for i in range(left, right + 1):
            k = j * b.nx + i
            for p in range(first[k], first[k + 1]):
                ex0, ey0, ex1, ey1 = corners(ground.edges, order[p])
                if (
                    max(ex0, ex1) < low_x or min(ex0, ex1) > high_x
                    or max(ey0, ey1) < low_y or min(ey0, ey1) > high_y
                ):  # fmt: skip
                    continue
                before = dx * (ey0 - y0) - dy * (ex0 - x0)
                after = dx * (ey1 - y0) - dy * (ex1 - x0)
                if min(before, after) <= margin and max(before, after) >= -margin:
                    return False
    return True


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _part(whole: int, part: float) -> int:
    """A part of a whole number, rounded."""
    return int(math.floor(whole * part + 0.5))


@njit(cache=True, nogil=True, error_model="numpy")
def _put(
    found: Pieces, m: int, slots: Ints, unit: int, patrol: int, kind: int, place: int,
    start_us: int, end_us: int, from_um: int, to_um: int,
) -> tuple[Pieces, int]:  # fmt: skip
    """Adds a stretch, cut at the slots; what goes on from the last one widens it."""
    if start_us == end_us and from_um == to_um:
        return found, m
    slot = np.searchsorted(slots, start_us, side="right") - 1
    begin_us, begin_um, span_us = start_us, from_um, end_us - start_us
    while slot < len(slots) - 1:
        stop_us, stop_um = end_us, to_um
        if slots[slot + 1] < end_us:
            stop_us = slots[slot + 1]
            stop_um = from_um + _part(to_um - from_um, (stop_us - start_us) / span_us)
        if slot >= 0:
            if m == len(found):
                found = np.concatenate((found, np.empty_like(found)))
            last, new = found[max(m - 1, 0)], found[m]
            if (
                m and last.start_us >= slots[slot] and last.end_us == begin_us
                and last.unit == unit and last.place == place
                and last.patrol == patrol and last.kind == kind
            ):  # fmt: skip
                last.end_us = stop_us
                last.length_um += stop_um - begin_um
            else:
                new.start_us, new.end_us, new.length_um = begin_us, stop_us, stop_um - begin_um
                new.unit, new.place, new.patrol, new.kind = unit, place, patrol, kind
                m += 1
        if stop_us == end_us:
            break
        begin_us, begin_um = stop_us, stop_um
        slot += 1
    return found, m


@njit(cache=True, nogil=True, error_model="numpy")
def _common(a: int, b: int, parent: Ints) -> int:
    """The lowest cell that has both of two places; -1 without."""
    while a != b:  # parents come before their children
        if a > b:
            a = parent[a]
        else:
            b = parent[b]
    return a


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _until(slots: Ints, time_us: int) -> int:
    """The end of the slot that holds the moments before a time."""
    return slots[min(int(np.searchsorted(slots, time_us)), len(slots) - 1)]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _add(
    found: Pieces, m: int, slots: Ints, until_us: int, unit: int, patrol: int, place: int,
    start_us: int, end_us: int, from_um: int, to_um: int,
) -> tuple[Pieces, int, int]:  # fmt: skip
    """Adds a stretch of a leg; most go on from the last piece, in its slot, which ends at
    ``until_us``."""
    last = found[max(m - 1, 0)]
    if m and end_us <= until_us and (
        last.end_us == start_us and last.unit == unit and last.place == place
        and last.patrol == patrol and last.kind == LEG
    ):  # fmt: skip
        last.end_us = end_us
        last.length_um += to_um - from_um
        return found, m, until_us
    found, m = _put(found, m, slots, unit, patrol, LEG, place, start_us, end_us, from_um, to_um)
    return found, m, _until(slots, end_us)


@njit(cache=True, nogil=True, error_model="numpy")
def walk(path: Path, begin: int, end: int, bends: Bends, ground: Ground, slots: Ints) -> Pieces:
    """The pieces (PIECE) of ``path[begin:end]``, whole units, by unit and time.

    ``slots``: ascending microseconds; what is before the first and after the last is left out, and
    no piece goes over one.
    """
    found, m = np.empty(1024, PIECE), 0
    ends = np.empty(64)
    # Passed on by themselves: to hand all of a path to a function takes longer than most legs.
    unit, kind, patrol, time_us = path.unit, path.kind, path.patrol, path.time_us
    bend, until_us = np.searchsorted(bends.step, begin), slots[0]
    last, stayed = MIXED, False  # whose the last stretch was, and whether this step goes on there
    for n in range(begin, end):
        start_us, end_us, stayed = time_us[n - 1], time_us[n], stayed and kind[n] == LEG
        at, inner = 0, 0
        if bend < len(bends.step) and bends.step[bend] == n:
            at = bends.first[bend]
            inner = bends.first[bend + 1] - at
            bend += 1
        if kind[n] == BEGIN or end_us <= slots[0] or start_us >= slots[-1]:
            stayed = False
            continue
        cx, cy, x1, y1 = path.lon[n - 1], path.lat[n - 1], path.lon[n], path.lat[n]
        if kind[n] == GAP:
            place = _common(locate(cx, cy, ground), locate(x1, y1, ground), ground.parent)
            found, m = _put(found, m, slots, unit[n], patrol[n], GAP, place, start_us, end_us, 0, 0)
            until_us = _until(slots, end_us)
            continue
        length_um, from_us, from_um = path.length_um[n], start_us, 0
        for c in range(inner + 1):
            ex, ey = (bends.lon[at + c], bends.lat[at + c]) if c < inner else (x1, y1)
            place, count = _whole(cx, cy, ex, ey, ground.buckets, ground.place), 1
            if place == MIXED and stayed and _clear(cx, cy, ex, ey, ground):
                place = last
            mixed, begun = place == MIXED, 0.0
            ends[0] = 1.0
            if mixed:
                count, ends = _ends(cx, cy, ex, ey, ground, ends)
            for q in range(count):
                if mixed:
                    middle = 0.5 * (begun + ends[q])
                    place = locate(cx + middle * (ex - cx), cy + middle * (ey - cy), ground)
                begun = ends[q]
                to_us = start_us + _part(end_us - start_us, (c + begun) / (inner + 1))
                to_um = _part(length_um, (c + begun) / (inner + 1))
                found, m, until_us = _add(
                    found, m, slots, until_us, unit[n], patrol[n], place,
                    from_us, to_us, from_um, to_um,
                )  # fmt: skip
                from_us, from_um = to_us, to_um
            cx, cy, last, stayed = ex, ey, place, True
    return found[:m].copy()
