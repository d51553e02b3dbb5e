"""The tally: what pieces say of groups of places.

A month of a thousand units is some million pieces: each figure is one look at them, in the order
in which they are.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.coverage.paths import GAP, LEG
from geo.coverage.rows import Ints
from geo.coverage.walk import Pieces

#: Numbers up to here are told apart in a table.
_TABLE = 1 << 26
#: The time of what never was.
NEVER = np.iinfo(np.int64).min


def coalesced(pieces: Pieces) -> Pieces:
    """The pieces (by unit and time) with those in one that were cut by slots of time alone."""
    new = np.ones(len(pieces), dtype=bool)
    new[1:] = pieces["start_us"][1:] != pieces["end_us"][:-1]
    for name in ("unit", "place", "patrol", "kind"):
        new[1:] |= pieces[name][1:] != pieces[name][:-1]
    first = np.flatnonzero(new)
    out = pieces[first].copy()
    if len(first):
        out["end_us"] = pieces["end_us"][np.r_[first[1:], len(pieces)] - 1]
        out["length_um"] = np.add.reduceat(pieces["length_um"], first)
    return out


def named(pieces: Pieces, *, spare: bool = False) -> Pieces:
    """The pieces (by unit and time) with a patrol for each leg: where none is stated, the run of
    legs without a gap that it belongs to. ``spare``: these themselves, for nobody else has them."""
    out = pieces if spare else pieces.copy()
    _name(out, int(pieces["patrol"].max(initial=0)))
    return out


@njit(cache=True, nogil=True)
def _name(pieces: Pieces, run: int) -> None:
    """Numbers the runs of legs from ``run`` + 1 on."""
    for n in range(len(pieces)):
        now, last = pieces[n], pieces[max(n - 1, 0)]
        if (
            n == 0 or now.unit != last.unit or now.kind != LEG or last.kind != LEG
            or now.start_us != last.end_us
        ):  # fmt: skip
            run += 1
        if now.kind == LEG and now.patrol == 0:
            now.patrol = run


class Tally:
    """Figures of ``count`` groups from pieces (by unit and time), each in ``group`` (-1: none)."""

    def __init__(self, pieces: Pieces, group: Ints, count: int) -> None:
        self._pieces, self._group, self._count = pieces, group.astype(np.int64), count

    @cached_property
    def _added(self) -> NDArray[np.int64]:
        return _add(self._pieces, self._group, self._count)

    def sums(self) -> dict[str, Ints]:
        """patrol_us and patrol_um of legs, unknown_us of gaps: whole numbers, that add up."""
        return dict(zip(("patrol_us", "patrol_um", "unknown_us"), self._added[:3], strict=True))

    def counts(self) -> dict[str, Ints]:
        """visits (stays with a leg), patrols and units."""
        patrol = self._pieces["patrol"]
        of_legs = patrol[self._pieces["kind"] == LEG]
        order = np.arange(len(patrol))
        if (of_legs[1:] < of_legs[:-1]).any():
            order = np.argsort(patrol.copy(), kind="stable")
        return {
            "visits": self._added[3],
            "patrols": _distinct(self._pieces, self._group, self._count, order),
            "units": self._added[4],
        }

    def first_and_last(self) -> tuple[Ints, Ints]:
        """When each group was first and last patrolled; NEVER where it was not."""
        first, last = self._added[5:]
        return np.where(last == NEVER, NEVER, first), last

    def longest_without(self, start_us: int, end_us: int) -> Ints:
        """The longest time from ``start_us`` to ``end_us`` in which no unit patrolled the group."""
        legs = np.flatnonzero((self._group >= 0) & (self._pieces["kind"] == LEG))
        # those of each unit are in order already, which a stable sort makes use of
        order = legs[np.argsort(self._pieces["start_us"][legs], kind="stable")]
        return _longest_without(self._pieces, self._group, self._count, order, start_us, end_us)


def overall(pieces: Pieces, inside: NDArray[np.bool_]) -> tuple[Ints, int]:
    """Of all pieces (by unit and time), each inside all groups or not: microseconds and
    micrometres of legs inside, microseconds of gaps that are not, microseconds and micrometres of
    legs that are not, microseconds of all, units with a leg; and how many patrols have a leg."""
    patrol = pieces["patrol"][(pieces["kind"] == LEG) & (pieces["patrol"] > 0)]
    if patrol.max(initial=0) > _TABLE:
        return _overall(pieces, inside), len(np.unique(patrol))
    there = np.zeros(int(patrol.max(initial=0)) + 1, dtype=bool)
    there[patrol] = True
    return _overall(pieces, inside), int(np.count_nonzero(there))


@njit(cache=True, nogil=True)
def _overall(pieces: Pieces, inside: NDArray[np.bool_]) -> Ints:
    out, unit = np.zeros(7, np.int64), -1
    for n in range(len(pieces)):
        now = pieces[n]
        span_us = now.end_us - now.start_us
        out[5] += span_us
        if now.kind != LEG:
            if not inside[n]:
                out[2] += span_us
            continue
        at = 0 if inside[n] else 3
        out[at] += span_us
        out[at + 1] += now.length_um
        if now.unit != unit:
            unit = now.unit
            out[6] += 1
    return out


@njit(cache=True, nogil=True)
def _add(pieces: Pieces, group: Ints, count: int) -> NDArray[np.int64]:
    """Of each group: microseconds and micrometres of legs, microseconds of gaps, visits, units,
    the first and the last moment of a leg (7, groups).

    A visit is pieces of one unit that follow without a break, a leg among them; a gap within
    the group is a part of it.
    """
    out = np.zeros((7, count), np.int64)
    out[5], out[6] = np.iinfo(np.int64).max, NEVER
    unit = np.full(count, -1, np.int64)
    visited = False  # whether the stay that this piece is of has been counted
    for n in range(len(pieces)):
        g, now, last = group[n], pieces[n], pieces[max(n - 1, 0)]
        if (
            n == 0 or g != group[n - 1] or now.unit != last.unit or now.start_us != last.end_us
        ):  # fmt: skip
            visited = False
        if g < 0:
            continue
        span_us = now.end_us - now.start_us
        if now.kind == GAP:
            out[2, g] += span_us
        if now.kind != LEG:
            continue
        out[0, g] += span_us
        out[1, g] += now.length_um
        out[3, g] += not visited
        visited = True
        if unit[g] != now.unit:
            unit[g] = now.unit
            out[4, g] += 1
        out[5, g] = min(out[5, g], now.start_us)
        out[6, g] = max(out[6, g], now.end_us)
    return out


@njit(cache=True, nogil=True)
def _distinct(pieces: Pieces, group: Ints, count: int, order: Ints) -> Ints:
    """How many patrols each group has; ``order``: the pieces by patrol."""
    out, last = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for n in order:
        now, g = pieces[n], group[n]
        if g >= 0 and now.kind == LEG and now.patrol > 0 and last[g] != now.patrol:
            last[g] = now.patrol
            out[g] += 1
    return out


@njit(cache=True, nogil=True)
def _longest_without(
    pieces: Pieces, group: Ints, count: int, order: Ints, start_us: int, end_us: int
) -> Ints:
    """The longest part of a window outside all legs of each group; ``order``: the legs in groups,
    by beginning."""
    reached = np.full(count, start_us)
    longest = np.zeros(count, np.int64)
    for n in order:
        now, g = pieces[n], group[n]
        longest[g] = max(longest[g], now.start_us - reached[g])
        reached[g] = max(reached[g], now.end_us)
    for g in range(count):
        longest[g] = max(longest[g], end_us - reached[g])
    return longest
