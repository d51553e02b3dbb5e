"""Sweeping: which points of a lattice are within half a swath of the legs of a path."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from geo.coverage.lattice import TILE, TILE_BITS, Disc, onto_lattice
from geo.coverage.paths import LEG, Bends, Path
from geo.coverage.rows import Flags, Floats, Ints
from geo.coverage.stamping import LANES, NONE, WORDS, Area, Words, stamp, write

#: Legs up to here that end out of sight are not looked at.
SHORT_M = 300.0
#: So many places of a path are looked at before what they sweep is stamped.
_CHUNK = 4_096


class Sight(NamedTuple):
    """Where legs may be near the tiles of an area, by buckets of degrees."""

    west: float
    south: float
    size: float
    near: Flags  #: (row, column)


@njit(cache=True, nogil=True)
def _room(lines: Floats, r: float, area: Area, tiles: Ints, bits: Words) -> tuple[int, Words]:
    """Gives bits to the tiles of an area that the boxes about segments meet; segments that meet
    none are taken out of ``lines``. How many are left, and the bits.

    ``tiles``: how many have some, and of each which of the area's it is.
    """
    m = 0
    for q in range(len(lines)):
        met = False
        left = int(math.floor(min(lines[q, 0], lines[q, 2]) - r)) >> TILE_BITS
        right = int(math.floor(max(lines[q, 0], lines[q, 2]) + r)) >> TILE_BITS
        low = int(math.floor(min(lines[q, 1], lines[q, 3]) - r)) >> TILE_BITS
        high = int(math.floor(max(lines[q, 1], lines[q, 3]) + r)) >> TILE_BITS
        for j in range(max(0, low - area.row), min(len(area.slot) - 1, high - area.row) + 1):
            for i in range(
                max(0, left - area.column), min(area.slot.shape[1] - 1, right - area.column) + 1
            ):
                met = met or area.slot[j, i] != NONE
                if area.slot[j, i] < NONE:
                    n = tiles[0]
                    if n == len(bits):
                        more = np.zeros((2 * n, TILE, WORDS), np.uint64)
                        more[:n] = bits
                        bits = more
                    tiles[0], tiles[n + 1] = n + 1, -2 - area.slot[j, i]
                    area.slot[j, i] = n
        if met:
            lines[m] = lines[q]
            m += 1
    return m, bits


@njit(cache=True, nogil=True)
def _seen(path: Path, begin: int, end: int, cuts: Ints, sight: Sight) -> Ints:
    """The legs of ``path[begin:end]`` that may be near a tile, and within the cuts."""
    kind, time_us, length_um, lon, lat = (
        path.kind, path.time_us, path.length_um, path.lon, path.lat,
    )  # fmt: skip
    near, short_um = sight.near, int(SHORT_M * 1e6)
    rows, columns = near.shape
    found, m = np.empty(end - begin, np.int64), 0
    for n in range(begin, end):
        if kind[n] != LEG or time_us[n] < cuts[0] or time_us[n - 1] > cuts[-1]:
            continue
        i = int(math.floor((lon[n] - sight.west) / sight.size))
        j = int(math.floor((lat[n] - sight.south) / sight.size))
        if length_um[n] > short_um or (0 <= i < columns and 0 <= j < rows and near[j, i]):
            found[m] = n
            m += 1
    return found[:m]


@njit(cache=True, nogil=True)
def _add(
    lines: Floats,
    m: int,
    ends: tuple[float, float, float, float],
    t0: float,
    t1: float,
    cuts: Ints,
    taken: Flags,
) -> tuple[Floats, int]:
    """Adds a segment from ``t0`` to ``t1`` to ``lines``, cut."""
    ax, ay, bx, by = ends
    slot = max(int(np.searchsorted(cuts, t0, side="right")) - 1, 0)
    while slot < len(cuts) - 1 and (cuts[slot] < t1 or t0 == t1):
        if not taken[slot]:
            slot += 1
            continue
        f = (cuts[slot] - t0) / (t1 - t0) if cuts[slot] > t0 else 0.0
        g = (cuts[slot + 1] - t0) / (t1 - t0) if cuts[slot + 1] < t1 else 1.0
        if m == len(lines):
            lines = np.concatenate((lines, np.empty_like(lines)))
        lines[m, 0], lines[m, 1] = ax + f * (bx - ax), ay + f * (by - ay)
        lines[m, 2], lines[m, 3] = bx, by
        if g < 1:
            lines[m, 2], lines[m, 3] = ax + g * (bx - ax), ay + g * (by - ay)
        m += 1
        slot += 1
        if cuts[slot] >= t1:
            break
    return lines, m


@njit(cache=True, nogil=True)
def _places(path: Path, legs: Ints, bends: Bends) -> tuple[Floats, Floats]:
    """Where legs begin, bend and end, in that order; one that goes on from the last one begins
    where that ended."""
    lon, lat = path.lon, path.lat
    at, beyond = np.searchsorted(bends.step, legs[0]), np.searchsorted(bends.step, legs[-1] + 1)
    most = 2 * len(legs) + bends.first[beyond] - bends.first[at]
    lons, lats, m, known = np.empty(most), np.empty(most), 0, -1
    for n in legs:
        if known != n - 1:
            lons[m], lats[m] = lon[n - 1], lat[n - 1]
            m += 1
        while at < beyond and bends.step[at] < n:
            at += 1
        if at < beyond and bends.step[at] == n:
            for c in range(bends.first[at], bends.first[at + 1]):
                lons[m], lats[m] = bends.lon[c], bends.lat[c]
                m += 1
        lons[m], lats[m] = lon[n], lat[n]
        m += 1
        known = n
    return lons[:m], lats[:m]


@njit(cache=True, nogil=True)
def _lines(
    path: Path,
    legs: Ints,
    bends: Bends,
    cuts: Ints,
    taken: Flags,
    x: Floats,
    y: Floats,
    lines: Floats,
) -> tuple[Floats, int]:
    """Legs as segments (n, 4) in steps of a lattice, into ``lines`` (which may grow); how many.

    ``x``, ``y``: of ``_places``.
    """
    time_us, m, v, known = path.time_us, 0, 0, -1
    at = np.searchsorted(bends.step, legs[0])
    # most legs are within the slot of the last one
    whole_us, until_us = 0, -1
    for n in legs:
        if known != n - 1:
            v += 1
        known = n
        while at < len(bends.step) and bends.step[at] < n:
            at += 1
        inner = 0
        if at < len(bends.step) and bends.step[at] == n:
            inner = bends.first[at + 1] - bends.first[at]
        start_us, end_us = time_us[n - 1], time_us[n]
        if inner == 0 and start_us >= whole_us and end_us <= until_us and m < len(lines):
            lines[m, 0], lines[m, 1] = x[v - 1], y[v - 1]
            lines[m, 2], lines[m, 3] = x[v], y[v]
            v += 1
            m += 1
            continue
        for c in range(inner + 1):
            t0 = start_us + (end_us - start_us) * (c / (inner + 1))
            t1 = start_us + (end_us - start_us) * ((c + 1) / (inner + 1))
            lines, m = _add(lines, m, (x[v - 1], y[v - 1], x[v], y[v]), t0, t1, cuts, taken)
            v += 1
        slot = int(np.searchsorted(cuts, end_us, side="right")) - 1
        if 0 <= slot < len(cuts) - 1 and taken[slot]:
            whole_us, until_us = cuts[slot], cuts[slot + 1]
    return lines, m


@njit(cache=True, nogil=True)
def sweep(
    path: Path, begin: int, end: int, bends: Bends, cuts: Ints, taken: Flags, disc: Disc,
    step_m: float, r: float, area: Area, sight: Sight,
) -> tuple[Ints, Words]:  # fmt: skip
    """Which points of an area are within ``r`` steps of the legs of ``path[begin:end]``.

    ``bends``: of legs that bend on the plane; ``cuts``: ascending microseconds at which legs are
    cut, what is before the first and after the last left out, and what is between two that
    are not ``taken``; the slots of ``area`` are to be
    -2 - n of its n-th tile, and come back as those of the bits. Returns which of the tiles have
    bits, and these.
    """
    tiles, bits = np.zeros(area.slot.size + 1, np.int64), np.zeros((16, TILE, WORDS), np.uint64)
    tall, top = len(area.slot) * TILE, area.row << TILE_BITS
    held_low, held_high = np.full(tall + LANES, np.inf), np.full(tall + LANES, -np.inf)
    low, high = top + tall, top
    lines, x, y = np.empty((_CHUNK, 4)), np.empty(0), np.empty(0)
    for a in range(begin, end, _CHUNK):
        legs = _seen(path, a, min(a + _CHUNK, end), cuts, sight)
        if not len(legs):
            continue
        lon, lat = _places(path, legs, bends)
        if len(lon) > len(x):
            x, y = np.empty_like(lon), np.empty_like(lon)
        onto_lattice(lon, lat, disc, step_m, x, y)
        lines, m = _lines(path, legs, bends, cuts, taken, x, y, lines)
        m, bits = _room(lines[:m], r, area, tiles, bits)
        first, last = stamp(lines[:m], r, area, bits, held_low, held_high)
        low, high = min(low, first), max(high, last)
    for row in range(low, high):
        if held_low[row - top] <= held_high[row - top]:
            write(held_low[row - top], held_high[row - top], row, area, bits)
    return tiles[1 : tiles[0] + 1].copy(), bits[: tiles[0]].copy()
