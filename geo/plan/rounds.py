"""Rounds: how often places were visited in each period, as a plan counts it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
#: The time of what never was.
NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, kw_only=True, eq=False)
class Stays:
    """Stays of units at targets, each column one array; in any order."""

    target: Ints  #: by number
    begin_us: Ints  #: microseconds since 1970, UTC
    end_us: Ints

    def take(self, at: NDArray[np.generic]) -> Stays:
        """Some of them."""
        return Stays(target=self.target[at], begin_us=self.begin_us[at], end_us=self.end_us[at])


@dataclass(frozen=True, kw_only=True, eq=False)
class Rounds:
    """How often targets were visited."""

    count: Ints  #: (targets, periods)
    last_us: Ints  #: by target: the end of its last round; NEVER without


def counted(
    stays: Stays, targets: int, *, periods_us: Ints, active_us: Ints, apart_us: int, at_us: int
) -> Rounds:
    """Counts the rounds of targets in periods, as known at a moment.

    Parameters
    ----------
    stays : at targets 0 to ``targets`` - 1.
    periods_us : ascending; period n is from ``periods_us[n]`` to the next.
    active_us : (n, 2) ascending spans in which a stay counts.
    apart_us : stays at a target that are less than this apart are one round, whoever made them.
    at_us : what is after it is left out, and what goes on then is cut.

    A round counts in every period in whose active time a part of it lies. A stay of no length
    (somebody passed through a place at a moment) counts where its moment lies.
    """
    if not _in_order(stays.target, stays.begin_us):
        stays = stays.take(np.lexsort((stays.begin_us, stays.target)))
    begun = stays.begin_us < at_us
    if not begun.all():
        stays = stays.take(begun)
    target, begin_us, end_us = stays.target, stays.begin_us, np.minimum(stays.end_us, at_us)
    count = np.zeros((targets, len(periods_us) - 1), np.int64)
    last_us = np.full(targets, NEVER)
    number = _rounds(target, begin_us, end_us, apart_us)
    _count(target, begin_us, end_us, number, periods_us, active_us, count, last_us)
    return Rounds(count=count, last_us=last_us)


@njit(cache=True, nogil=True)
def _in_order(target: Ints, begin_us: Ints) -> bool:
    """Whether stays are by target and beginning."""
    for k in range(1, len(target)):
        if target[k] < target[k - 1] or (
            target[k] == target[k - 1] and begin_us[k] < begin_us[k - 1]
        ):
            return False
    return True


@njit(cache=True, nogil=True)
def _rounds(target: Ints, begin_us: Ints, end_us: Ints, apart_us: int) -> Ints:
    """Numbers the rounds that stays (by target and beginning) are of."""
    number = np.empty(len(target), np.int64)
    n, until = -1, 0
    for k in range(len(target)):
        if k == 0 or target[k] != target[k - 1] or begin_us[k] - until >= apart_us:
            n, until = n + 1, end_us[k]
        until = max(until, end_us[k])
        number[k] = n
    return number


@njit(cache=True, nogil=True)
def _count(
    target: Ints, begin_us: Ints, end_us: Ints, number: Ints, periods_us: Ints, spans: Ints,
    count: Ints, last_us: Ints,
) -> None:  # fmt: skip
    """Counts the rounds that stays are of, each in the periods that active time of one of its
    stays lies in; the end of the last of each target."""
    periods = len(periods_us) - 1
    seen = np.full(periods, -1)  # the round that was counted last
    starts = spans[:, 0].copy()
    first, span = 0, 0
    for k in range(len(target)):
        # Stays of a target follow each other: what is looked for is near.
        first = max(_last_before(periods_us, begin_us[k] + 1, first), 0)
        for p in range(first, periods):
            low, high = max(begin_us[k], periods_us[p]), min(end_us[k], periods_us[p + 1])
            if low > high or (low == high and begin_us[k] < end_us[k]):
                break
            span = _last_before(starts, high + (high == low), span)
            if span < 0 or spans[span, 1] <= low:
                continue
            until = min(high, spans[span, 1])  # the last active moment from low to high
            last_us[target[k]] = max(last_us[target[k]], until)
            if seen[p] != number[k]:
                seen[p] = number[k]
                count[target[k], p] += 1


@njit(cache=True, nogil=True)
def _last_before(moments: Ints, moment: int, near: int) -> int:
    """The last of ascending moments that is before another, looked for from ``near`` on; -1 for
    none."""
    n = max(near, 0)
    while n < len(moments) and moments[n] < moment:
        n += 1
    while n > 0 and moments[n - 1] >= moment:
        n -= 1
    return n - 1
