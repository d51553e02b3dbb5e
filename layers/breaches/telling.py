"""Telling what a walk found: breaches begun, gone on, ended, amended and withdrawn.

A row that nothing late touched says itself which breach it is of (``tell``). What something late
touched was compared with all that was told since (``matching``; ``amend``). Either way rows go to
the database as arrays, a statement for all of a kind.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches import Fences
from geo.breaches.records import MISSING
from layers.breaches.columns import GIVEN, NAMES, STORED, packed, value, visits
from layers.breaches.matching import Plan
from layers.breaches.told import TIMES, ways
from layers.db import arrays
from layers.db.engine import raw

Rows = NDArray[np.void]
Change = Literal["opened", "amended", "closed", "withdrawn"]
Changed = list[tuple[int, Change]]  #: ids of breaches, in the order in which it is told

_OPEN = (
    f"INSERT INTO breaches ({', '.join(STORED)}, opened_at, changed_at)"
    f" SELECT {', '.join(map(value, STORED))}, r.now, r.now"
    f" FROM (SELECT *, %s::timestamptz AS now FROM unnest({GIVEN}) WITH ORDINALITY"
    f"  AS u ({', '.join(NAMES)}, nth)) r ORDER BY r.nth RETURNING id"
)
_AMEND = (
    f"UPDATE breaches b SET ({', '.join(STORED)}) = ROW ({', '.join(map(value, STORED))}),"
    " revision = b.revision + 1, changed_at = %s::timestamptz"
    f" FROM unnest(%s::bigint[], {GIVEN}) AS r (id, {', '.join(NAMES)}) WHERE b.id = r.id"
)
_WITHDRAW = (
    "UPDATE breaches b SET state = 'withdrawn', merged_into = nullif(w.heir, 0),"
    " revision = b.revision + 1, changed_at = %s::timestamptz"
    " FROM unnest(%s::bigint[], %s::bigint[]) AS w (id, heir) WHERE b.id = w.id"
)
#: An entry was told, and stays; so does, where retention took the fixes of the beginning, what was
#: known by then: otherwise evidence and unknown_s only grow.
_ENDS = (*(name for name in TIMES if name.startswith("exited")), "state")
_GROWN = (
    "CASE WHEN b.evidence = 'confirmed' THEN b.evidence ELSE r.evidence END,"
    " greatest(b.unknown_s, r.unknown_s)"
)
_GO_ON = (
    f"UPDATE breaches b SET ({', '.join(_ENDS)}, evidence, unknown_s)"
    f" = ROW ({', '.join(map(value, _ENDS))}, {_GROWN}),"
    " revision = b.revision + 1, changed_at = %s::timestamptz"
    f" FROM unnest(%s::bigint[], {GIVEN}) AS r (id, {', '.join(NAMES)}), breaches o"
    " WHERE o.id = r.id AND b.id = r.id AND b.state <> 'withdrawn'"
    f" AND ({', '.join(f'b.{name}' for name in _ENDS)}, b.evidence, b.unknown_s)"
    f" IS DISTINCT FROM ({', '.join(map(value, _ENDS))}, {_GROWN})"
    " RETURNING b.id, o.state = 'open' AND b.state = 'closed'"
)


def tell(
    connection: Connection, rows: Rows, units: list[str], fences: Fences, now: datetime
) -> tuple[NDArray[np.int64], Changed]:
    """Write ``rows`` (RECORD, in order); the id of each one's breach, and what changed.

    A row whose breach is told no more, as it was withdrawn, is a new one.
    """
    breach = rows["breach"].astype(np.int64)
    known = np.flatnonzero(breach > 0)
    changes: Changed = []
    if len(known):
        changes = _go_on(connection, rows[known], units, fences, now)
        still = _told_still(connection, breach[known], {number for number, _ in changes})
        breach[known[~still]] = 0
    new = np.flatnonzero(breach <= 0)
    if len(new):
        named = visits(rows[new], units, fences)
        breach[new] = _open(connection, packed(rows[new], named, units, fences), now)
        changes += [(number, "opened") for number in breach[new].tolist()]
    return breach, changes


def amend(
    connection: Connection, plan: Plan, units: list[str], now: datetime
) -> tuple[NDArray[np.int64], Changed]:
    """Write what changes by ``plan``; the ids of its new breaches, and what changed."""
    gone = np.column_stack([plan.told.rows["id"][plan.gone[:, 0]], plan.gone[:, 1]])
    changes: Changed = [(number, "withdrawn") for number in gone[:, 0].tolist()]
    if len(gone):
        given = [now, arrays.int8(gone[:, 0]), arrays.int8(gone[:, 1])]
        raw(connection).execute(_WITHDRAW, given, binary=True)
    changes += _amend(connection, plan, units, now)
    opened = np.empty(0, dtype=np.int64)
    if len(plan.new):
        rows = plan.found[plan.new]
        named = visits(rows, units, plan.fences)
        opened = _open(connection, packed(rows, named, units, plan.fences), now)
        changes += [(number, "opened") for number in opened.tolist()]
    return opened, changes


def _open(connection: Connection, columns: list[arrays.Packed], now: datetime) -> NDArray[np.int64]:
    """Write new breaches; their ids."""
    made: Any = raw(connection).execute(_OPEN, [now, *columns], binary=True)
    # Numbers are given in the order of the rows.
    return np.array(sorted(number for (number,) in made.fetchall()), dtype=np.int64)


def _amend(connection: Connection, plan: Plan, units: list[str], now: datetime) -> Changed:
    """Write what differs from what is told."""
    place, position = plan.same.T
    told, rows = plan.told.rows[place], plan.found[position]
    named = [
        plan.visits.get(at, visit)
        for at, visit in zip(position.tolist(), visits(rows, units, plan.fences), strict=True)
    ]
    moved = [visit != plan.told.visits[k] for visit, k in zip(named, place.tolist(), strict=True)]
    at = np.flatnonzero(_differ(told, rows) | np.array(moved, dtype=bool))
    if not len(at):
        return []
    told, rows = told[at], rows[at]
    columns = packed(rows, [named[k] for k in at.tolist()], units, plan.fences)
    raw(connection).execute(_AMEND, [now, arrays.int8(told["id"]), *columns], binary=True)
    closed = (told["closed"] == 0) & (rows["exit_us"] != MISSING)
    return [
        (number, "closed" if ended else "amended")
        for number, ended in zip(told["id"].tolist(), closed.tolist(), strict=True)
    ]


def _differ(told: Rows, rows: Rows) -> NDArray[np.bool_]:
    """Which ``rows`` say anything else of their breaches than is ``told``, but for the visit."""
    differ = (told["as_ruled"] == 0) | (told["way"] != ways(rows))
    differ |= told["closed"] != (rows["exit_us"] != MISSING)
    differ |= (told["confirmed"] != 0) != (rows["confirmed"] != 0)
    differ |= told["unknown_s"] != rows["unknown_us"] / 1e6
    for name in ("unit", "fence", *TIMES.values(), "lon", "lat"):
        differ |= told[name] != rows[name]
    return np.asarray(differ)


def _go_on(
    connection: Connection, rows: Rows, units: list[str], fences: Fences, now: datetime
) -> Changed:
    columns = packed(rows, visits(rows, units, fences), units, fences)
    found: Any = raw(connection).execute(
        _GO_ON, [now, arrays.int8(rows["breach"]), *columns], binary=True
    )
    return sorted((number, "closed" if ended else "amended") for number, ended in found)


def _told_still(
    connection: Connection, breach: NDArray[np.int64], changed: set[int]
) -> NDArray[np.bool_]:
    """Which breaches are there and not withdrawn; those that ``changed`` are."""
    left = [number for number in breach.tolist() if number not in changed]
    if left:
        rows: Any = raw(connection).execute(
            "SELECT id FROM breaches WHERE id = ANY(%s) AND state <> 'withdrawn'",
            [arrays.int8(np.array(left))],
            binary=True,
        )
        changed = changed | {number for (number,) in rows}
    return np.isin(breach, list(changed))
