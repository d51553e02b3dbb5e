"""Judging breaches again, some units at a time: first looked at, then done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from geo.breaches.records import MISSING
from layers.breaches.decide import recompute
from layers.breaches.matching import Plan
from layers.db.engine import SYSTEM, acting
from layers.errors import BadQueryError, LayersError, NoSuchUnitError
from layers.fixes.plain import micros
from layers.region import Region

#: So many units are judged in a transaction, during which their fixes wait.
BATCH = 20


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What is judged again; without limits, everything."""

    units: Sequence[str] | None = None
    fence: str | None = None  #: a fence's id
    start: datetime | None = None  #: breaches that overlap the window from here
    end: datetime | None = None  #: to here

    def cut(self, plan: Plan) -> Plan:
        """Of ``plan`` what concerns the fence and the window, before or after the change."""
        if self.fence is None and self.start is None and self.end is None:
            return plan
        names = plan.fences.ids
        told = self._holds(plan.told.rows, plan.told.fences)
        found = self._holds(plan.found, [names[fence] for fence in plan.found["fence"].tolist()])
        return replace(
            plan,
            same=plan.same[told[plan.same[:, 0]] | found[plan.same[:, 1]]],
            new=plan.new[found[plan.new]],
            gone=plan.gone[told[plan.gone[:, 0]]],
        )

    def _holds(self, rows: NDArray[np.void], fences: list[str]) -> NDArray[np.bool_]:
        """Which breaches (RECORD or TOLD) of ``fences`` concern the fence and the window."""
        held = np.ones(len(rows), dtype=bool)
        if self.fence is not None:
            held &= np.array([fence == self.fence for fence in fences], dtype=bool)
        if self.end is not None:
            held &= rows["at_us"] < micros(self.end)
        if self.start is not None:
            held &= (rows["exit_us"] == MISSING) | (rows["exit_us"] >= micros(self.start))
        return held


@dataclass(frozen=True, kw_only=True)
class Change:
    """One breach that changes."""

    breach: str | None  #: its id; None where it is only looked at and would be new
    change: str  #: opened, amended, closed or withdrawn
    unit: str
    fence: str  #: its id
    entered_at: datetime
    exited_at: datetime | None


def units_of(connection: Connection, scope: Scope) -> list[str]:
    """The units that are judged: all, or those named. Raises NoSuchUnitError, BadQueryError."""
    rows = connection.execute(text("SELECT id FROM units ORDER BY unit_no")).scalars().all()
    strangers = sorted(set(scope.units or ()) - set(rows))
    if strangers:
        raise NoSuchUnitError(f"{strangers[0]}: no such unit is enrolled")
    if scope.fence is not None:
        known = connection.execute(
            text("SELECT EXISTS (SELECT FROM fence_versions WHERE fence = :fence)"),
            {"fence": scope.fence},
        ).scalar_one()
        if not known:
            raise BadQueryError(f"{scope.fence}: there is and was no fence with this id")
    return [unit for unit in rows if scope.units is None or unit in set(scope.units)]


def judge_again(
    engine: Engine,
    region: Region,
    units: Sequence[str],
    scope: Scope,
    *,
    now: datetime,
    apply: bool,
    done: Callable[[int], None] = lambda _: None,
) -> Iterator[Change]:
    """Judge ``units`` again, BATCH at a time, each a transaction; what changes, or would.

    Without ``apply`` each transaction is rolled back. ``done`` is told how many units were judged.
    """
    for first in range(0, len(units), BATCH):
        batch = list(units[first : first + BATCH])
        changes: list[Change] = []
        try:
            with acting(engine, SYSTEM, "patrolgrid_write") as connection:
                last = connection.execute(
                    text("SELECT coalesce(max(id), 0) FROM events")
                ).scalar_one()
                recompute(connection, region, now=now, units=batch, only=scope.cut)
                changes = _changes(connection, last, batch, apply=apply)
                if not apply:
                    raise _OnlyLookedError
        except _OnlyLookedError:
            pass
        yield from changes
        done(len(batch))


def _changes(
    connection: Connection, last: int, units: Sequence[str], *, apply: bool
) -> list[Change]:
    """What this transaction said of ``units``; others' events may lie between."""
    rows = connection.execute(
        text(
            "SELECT e.type, b.id, b.unit, b.fence, b.entered_at, b.exited_at FROM events e"
            " JOIN breaches b ON b.id = e.breach"
            " WHERE e.id > :last AND e.xmin = pg_current_xact_id()::xid AND b.unit = ANY(:units)"
            " ORDER BY b.unit, b.entered_at, e.id"
        ),
        {"last": last, "units": list(units)},
    )
    return [
        Change(
            breach=str(row.id) if apply or row.type != "breach.opened" else None,
            change=row.type.removeprefix("breach."), unit=row.unit, fence=row.fence,
            entered_at=row.entered_at, exited_at=row.exited_at,
        )
        for row in rows
    ]  # fmt: skip


class _OnlyLookedError(LayersError):
    """What was decided is rolled back: it was only to be looked at."""
