"""The tally: what pieces say of groups of places."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.coverage.ground import Ints
from geo.coverage.paths import GAP, LEG
from geo.coverage.walk import Pieces

#: Pairs up to here are told apart in a table.
_TABLE = 1 << 24
#: The time of what never was.
NEVER = np.iinfo(np.int64).min


def runs(pieces: Pieces, group: Ints, bin_of: Ints | None = None) -> Ints:
    """Numbers the stays: pieces of one unit in one group and bin that follow without a break.

    ``group``: of each piece, -1 for none; ``bin_of``: the bin of time that it is counted in.
    Pieces by unit and time. A gap within the group is a part of its stay.
    """
    new = np.ones(len(pieces), dtype=bool)
    new[1:] = (group[1:] != group[:-1]) | (pieces["unit"][1:] != pieces["unit"][:-1])
    new[1:] |= pieces["start_us"][1:] != pieces["end_us"][:-1]
    if bin_of is not None:
        new[1:] |= bin_of[1:] != bin_of[:-1]
    return np.cumsum(new) - 1


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


def named(pieces: Pieces) -> Pieces:
    """The pieces (by unit and time) with a patrol for each leg: where none is stated, the run of
    legs without a gap that it belongs to."""
    leg = pieces["kind"] == LEG
    new = np.ones(len(pieces), dtype=bool)
    new[1:] = (pieces["unit"][1:] != pieces["unit"][:-1]) | ~leg[1:] | ~leg[:-1]
    new[1:] |= pieces["start_us"][1:] != pieces["end_us"][:-1]
    run = np.cumsum(new) + int(pieces["patrol"].max(initial=0))
    out = pieces.copy()
    out["patrol"] = np.where(leg & (out["patrol"] == 0), run, out["patrol"])
    return out


class Tally:
    """Figures of ``count`` groups from pieces (by unit and time), each in ``group`` (-1: none)."""

    def __init__(self, pieces: Pieces, group: Ints, count: int, bin_of: Ints | None = None) -> None:
        held = group >= 0
        self._count, self._stay = count, runs(pieces, group, bin_of)[held]
        self._pieces, self._group = pieces[held], group[held]
        self._leg = self._pieces["kind"] == LEG
        self._leg_group = self._group[self._leg]
        self._legs = self._pieces[self._leg]

    def sums(self) -> dict[str, NDArray[np.int64]]:
        """patrol_us and patrol_um of legs, unknown_us of gaps: whole numbers, that add up."""
        span_us = self._pieces["end_us"] - self._pieces["start_us"]
        gap = self._pieces["kind"] == GAP
        return {
            "patrol_us": self._sum(self._leg_group, span_us[self._leg]),
            "patrol_um": self._sum(self._leg_group, self._legs["length_um"]),
            "unknown_us": self._sum(self._group[gap], span_us[gap]),
        }

    def _sum(self, group: Ints, values: Ints) -> Ints:
        # Whole numbers below 2^53 add up exactly as floats, and bincount knows no others.
        return np.bincount(group, values, self._count).astype(np.int64)

    def _distinct(self, code: Ints) -> Ints:
        """How many different codes (of each leg, -1 for none) each group has."""
        named = code >= 0
        most = int(code.max(initial=0)) + 1
        pairs = self._leg_group[named] * most + code[named]
        if self._count * most <= _TABLE:
            there = np.zeros((self._count, most), dtype=bool)
            there.ravel()[pairs] = True
            return np.asarray(there.sum(axis=1))
        return np.bincount(np.unique(pairs) // most, minlength=self._count)

    def counts(self) -> dict[str, Ints]:
        """visits (stays with a leg), patrols and units."""
        return {
            "visits": self._stays(),
            "patrols": self._distinct(self._legs["patrol"].astype(np.int64) - 1),
            "units": self._distinct(self._legs["unit"].astype(np.int64)),
        }

    def _stays(self) -> Ints:
        """How many stays with a leg each group has: stays are numbered in the order of pieces."""
        stay = self._stay[self._leg]
        new = np.ones(len(stay), dtype=bool)
        new[1:] = stay[1:] != stay[:-1]
        return np.bincount(self._leg_group[new], minlength=self._count)

    def first_and_last(self) -> tuple[Ints, Ints]:
        """When each group was first and last patrolled; NEVER where it was not."""
        first = np.full(self._count, np.iinfo(np.int64).max)
        last = np.full(self._count, NEVER)
        np.minimum.at(first, self._leg_group, self._legs["start_us"])
        np.maximum.at(last, self._leg_group, self._legs["end_us"])
        return np.where(last == NEVER, NEVER, first), last

    def longest_without(self, start_us: int, end_us: int) -> Ints:
        """The longest time from ``start_us`` to ``end_us`` in which no unit patrolled the group."""
        order = np.argsort(self._legs["start_us"], kind="stable")
        group = self._leg_group[order]
        # of short numbers a stable sort is one by digits
        by_group = np.argsort(
            group.astype(np.uint16) if self._count < 1 << 16 else group, kind="stable"
        )
        order = order[by_group]
        return _longest_without(
            group[by_group], self._legs["start_us"][order], self._legs["end_us"][order],
            self._count, start_us, end_us,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _longest_without(
    group: Ints, begin_us: Ints, until_us: Ints, count: int, start_us: int, end_us: int
) -> Ints:
    """The longest part of a window outside all intervals of each group; by group and beginning."""
    reached = np.full(count, start_us)
    longest = np.zeros(count, np.int64)
    for n in range(len(group)):
        g = group[n]
        longest[g] = max(longest[g], begin_us[n] - reached[g])
        reached[g] = max(reached[g], until_us[n])
    for g in range(count):
        longest[g] = max(longest[g], end_us - reached[g])
    return longest
