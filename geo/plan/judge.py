"""States: whether a plan is kept at each target, behind its pace, or missed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.plan.merged import merged
from geo.plan.rounds import NEVER, Ints, Stays, counted

#: All rounds were made; some are to be made, in good time; the next is overdue; there is no time
#: left for them.
STATES = ("kept", "due", "late", "missed")
KEPT, DUE, LATE, MISSED = range(len(STATES))


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """How a plan is kept at a moment, each but ``period`` and ``closed`` by target."""

    period: int  #: which is judged: the last that had begun, of those with active time; -1: none
    closed: Ints  #: the periods that were over, of those with active time
    state: NDArray[np.int8]  #: of STATES
    rounds: Ints  #: made in that period so far
    last_us: Ints  #: the end of the last round; NEVER without
    due_us: Ints  #: by when the next is due, at the pace asked for; NEVER where there was none
    #: how long ago the last round was, in active time, as a share of what may lie between two;
    #: without any it is infinite
    overdue: NDArray[np.float64]
    kept: Ints  #: how many of the closed periods were kept


def judge(
    stays: Stays, targets: int, *, required: int, periods_us: Ints, active_us: Ints,
    apart_us: int, at_us: int, first: int = 0,
) -> Judged:  # fmt: skip
    """Judges targets 0 to ``targets`` - 1 by their stays, as known at ``at_us``.

    Parameters
    ----------
    required : rounds in each period.
    periods_us : ascending, microseconds since 1970; period n is from ``periods_us[n]`` to the next.
    active_us : (n, 2) ascending spans in which stays count; time beside them does not pass.
    apart_us : stays at a target that are less than this apart are one round.
    first : the first period that is counted among those closed.

    In a period that runs the next round is *due* until as much active time has gone by since the
    last one as the period has for each of its rounds, and *late* from then on; it is *missed* once
    what is left of the period's active time cannot hold the rounds that are missing.
    """
    clock = _Clock(active_us)
    rounds = counted(
        stays, targets, periods_us=periods_us, active_us=active_us, apart_us=apart_us, at_us=at_us
    )
    length_us = np.diff(clock.gone(periods_us))
    begun = np.flatnonzero((periods_us[:-1] < at_us) & (length_us > 0))
    closed = begun[(periods_us[begun + 1] <= at_us) & (begun >= first)]
    kept = (rounds.count[:, closed] >= required).sum(axis=1)
    if not len(begun):
        return _nothing(targets, closed)
    period = int(begun[-1])
    made = rounds.count[:, period]
    pace_us = int(length_us[period]) / required
    since_us = np.where(
        rounds.last_us == NEVER, np.inf, clock.gone(at_us) - clock.gone(rounds.last_us)
    )
    overdue = since_us / pace_us
    ends_us = clock.last(int(periods_us[period + 1]))
    left_us = ends_us - at_us
    state = np.where(overdue > 1, LATE, DUE)
    state[(left_us <= 0) | (left_us < (required - made - 1) * apart_us)] = MISSED
    state[made >= required] = KEPT
    last_gone = clock.gone(np.where(rounds.last_us == NEVER, 0, rounds.last_us))
    due_us = clock.at(last_gone.astype(np.float64) + pace_us)
    return Judged(
        period=period, closed=closed, state=state.astype(np.int8), rounds=made,
        last_us=rounds.last_us,
        due_us=np.where(rounds.last_us == NEVER, NEVER, due_us), overdue=overdue, kept=kept,
    )  # fmt: skip


def warm() -> None:
    """Run what is compiled once: some seconds on a machine that has never done it."""
    one, span = np.array([0], dtype=np.int64), np.array([[0, 2]], dtype=np.int64)
    few = one.astype(np.int32)
    stays, _ = merged(few, few, one, one + 1, 1)
    judge(
        stays, 1, required=1, periods_us=np.array([0, 2]), active_us=span, apart_us=1, at_us=2
    )  # fmt: skip


def _nothing(targets: int, closed: Ints) -> Judged:
    zero, never = np.zeros(targets, np.int64), np.full(targets, NEVER)
    return Judged(
        period=-1, closed=closed, state=np.zeros(targets, np.int8), rounds=zero,
        last_us=never, due_us=never, overdue=np.zeros(targets), kept=zero,
    )  # fmt: skip


class _Clock:
    """A clock that goes in active time alone."""

    def __init__(self, active_us: Ints) -> None:
        spans = active_us if len(active_us) else np.zeros((1, 2), np.int64)
        self._begin, self._end = spans[:, 0], spans[:, 1]
        self._gone = np.r_[0, np.cumsum(self._end - self._begin)]

    def gone(self, moment_us: Ints | int) -> Ints:
        """How much active time lies before moments."""
        n = np.searchsorted(self._begin, moment_us, side="right") - 1
        own = np.clip(np.minimum(moment_us, self._end[n]) - self._begin[n], 0, None)
        return np.where(n < 0, 0, self._gone[n] + own)

    def at(self, gone_us: NDArray[np.float64]) -> Ints:
        """When so much active time has gone; NEVER where there is not as much."""
        n = np.searchsorted(self._gone, gone_us, side="left") - 1
        n = np.clip(n, 0, len(self._begin) - 1)
        found = self._begin[n] + np.rint(gone_us).astype(np.int64) - self._gone[n]
        return np.where(gone_us > self._gone[-1], NEVER, found)

    def last(self, moment_us: int) -> int:
        """The last active moment before another."""
        n = int(np.searchsorted(self._begin, moment_us, side="left")) - 1
        return min(moment_us, int(self._end[n])) if n >= 0 else NEVER
