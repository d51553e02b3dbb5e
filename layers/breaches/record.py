"""Writing what was decided: breaches, their revisions, and the notices of each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from layers import versions
from layers.breaches.matching import Plan
from layers.breaches.query import notices
from layers.outbox.events import NewEvent, publish, rfc3339

_EPOCH, _NAT = datetime(1970, 1, 1, tzinfo=UTC), np.iinfo(np.int64).min
Change = Literal["opened", "amended", "closed", "withdrawn"]

_TIMES = (
    "entered_fix", "exited_fix", "entered_at", "entered_earliest", "entered_latest", "exited_at",
    "exited_earliest", "exited_latest",
)  # fmt: skip
_COLUMNS = (
    "unit", "fence", "fence_version", "rule", "severity", "direction", "visit", "state", "evidence",
    *_TIMES, "unknown_s",
)  # fmt: skip


_RECORD = (
    "(id bigint, position int, change text, revision int, unit text, fence text,"
    " fence_version int, rule text, severity text, direction text, visit text, state text,"
    " evidence text, " + ", ".join(f"{name} timestamptz" for name in _TIMES) + ","
    " unknown_s float8, lon float8, lat float8)"
)


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written."""

    counts: dict[str, int]  #: by kind of change
    by_unit: dict[str, int]  #: how many breaches of each unit changed


def told(
    connection: Connection,
    since: Mapping[str, datetime | None],
    ids: NDArray[np.int64],
    until: Mapping[str, datetime],
) -> pd.DataFrame:
    """Breaches (not withdrawn) of units that last or ended after a moment, and those with an id.

    Index id; the moment is that of the fix that decided the end. Of units in ``until`` only those
    that ended up to another.
    """
    rows = connection.execute(
        text(
            f"SELECT b.id, {', '.join('b.' + c for c in _COLUMNS)}, b.revision,"
            " ST_X(b.geom) AS lon, ST_Y(b.geom) AS lat FROM breaches b WHERE b.id IN ("
            " SELECT k.id FROM unnest(CAST(:units AS text[]), CAST(:since AS timestamptz[]),"
            "   CAST(:until AS timestamptz[])) AS w (unit, since, until)"
            "  JOIN breaches k USING (unit)"
            "  WHERE (w.since IS NULL OR k.exited_fix IS NULL OR k.exited_fix > w.since)"
            "   AND (w.until IS NULL OR k.exited_fix <= w.until)"
            " UNION SELECT unnest(CAST(:ids AS bigint[])))"
            " AND b.state <> 'withdrawn' ORDER BY b.id"
        ),
        {
            "units": list(since),
            "since": list(since.values()),
            "until": [until.get(unit) for unit in since],
            "ids": sorted({int(i) for i in ids if i > 0}),
        },
    )
    frame = pd.DataFrame(rows.mappings().all(), columns=list(rows.keys())).set_index("id")
    for name in _TIMES:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def write(
    connection: Connection, plan: Plan, now: datetime
) -> tuple[dict[int, int], list[tuple[int, Change]]]:
    """Write what changed: by position in ``plan.found`` the breach's id, and the changes."""
    breach_of = {position: number for number, position in plan.same}
    changes = [*_withdraw(connection, plan, now), *_amend(connection, plan, now)]
    opened = _open(connection, plan, now)
    breach_of |= dict(zip(plan.new, opened, strict=True))
    changes += [(number, "opened") for number in opened]
    return breach_of, changes


def announce(connection: Connection, changes: list[tuple[int, Change]], now: datetime) -> Written:
    """Keep each change under its revision, and publish an event for it."""
    if not changes:
        return Written(counts={}, by_unit={})
    _note(connection, changes, now)
    told_now = notices(connection, [number for number, _ in changes])
    publish(
        connection,
        [
            NewEvent(type=f"breach.{change}", breach=number, data=told_now[number])
            for number, change in changes
        ],
    )
    versions.bump(connection, "breaches")
    return Written(
        counts=dict(Counter(change for _, change in changes)),
        by_unit=dict(Counter(str(told_now[number]["unit"]) for number, _ in changes)),
    )


def _open(connection: Connection, plan: Plan, now: datetime) -> list[int]:
    if not plan.new:
        return []
    names = ", ".join(_COLUMNS)
    made = connection.execute(
        text(
            f"INSERT INTO breaches ({names}, opened_at, changed_at, geom)"
            f" SELECT {names}, :now, :now, ST_SetSRID(ST_MakePoint(lon, lat), 4326)"
            f" FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r {_RECORD} ORDER BY position"
            " RETURNING id"
        ),
        {"rows": _json(plan.found.iloc[plan.new]), "now": now},
    )
    return sorted(made.scalars())  # numbers are given in the order of the rows


def _amend(connection: Connection, plan: Plan, now: datetime) -> list[tuple[int, Change]]:
    numbers = [number for number, _ in plan.same]
    old = plan.told.loc[numbers].reset_index(drop=True)
    new = plan.found.iloc[[position for _, position in plan.same]].reset_index(drop=True)
    differs = ~_alike(old, new)
    changed = np.flatnonzero(differs)
    if not len(changed):
        return []
    closed = ((old["state"] == "open") & (new["state"] == "closed")).to_numpy()
    changes: list[tuple[int, Change]] = [
        (numbers[i], "closed" if closed[i] else "amended") for i in changed
    ]
    rows = new.iloc[changed].assign(
        id=[number for number, _ in changes], revision=old["revision"].iloc[changed] + 1
    )
    connection.execute(
        text(
            f"UPDATE breaches b SET {', '.join(f'{c} = r.{c}' for c in _COLUMNS)},"
            " geom = ST_SetSRID(ST_MakePoint(r.lon, r.lat), 4326), revision = r.revision,"
            f" changed_at = :now FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r {_RECORD}"
            " WHERE b.id = r.id"
        ),
        {"rows": _json(rows), "now": now},
    )
    return changes


def _withdraw(connection: Connection, plan: Plan, now: datetime) -> list[tuple[int, Change]]:
    if not plan.gone:
        return []
    connection.execute(
        text(
            "UPDATE breaches b SET state = 'withdrawn', merged_into = w.heir,"
            " revision = b.revision + 1, changed_at = :now"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:heirs AS bigint[])) AS w (id, heir)"
            " WHERE b.id = w.id"
        ),
        {
            "ids": [number for number, _ in plan.gone],
            "heirs": [heir for _, heir in plan.gone],
            "now": now,
        },
    )
    return [(number, "withdrawn") for number, _ in plan.gone]


def _note(connection: Connection, changes: list[tuple[int, Change]], now: datetime) -> None:
    """Keep the breaches as they now are under their revisions."""
    connection.execute(
        text(
            "INSERT INTO breach_revisions (breach, revision, change, changed_at, was)"
            " SELECT b.id, b.revision, w.change, :now, to_jsonb(b) - 'geom'"
            " || jsonb_build_object('lon', ST_X(b.geom), 'lat', ST_Y(b.geom))"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:changes AS text[])) AS w (id, change)"
            " JOIN breaches b USING (id)"
        ),
        {
            "ids": [number for number, _ in changes],
            "changes": [change for _, change in changes],
            "now": now,
        },
    )


def _json(rows: pd.DataFrame) -> str:
    """Rows as a JSON array; what is missing is null."""
    columns = {str(name): _values(rows[name], str(name)) for name in rows.columns}
    told = [
        dict(zip(columns, values, strict=True), position=position)
        for position, values in enumerate(zip(*columns.values(), strict=True))
    ]
    return json.dumps(told, allow_nan=False)


def _values(column: pd.Series, name: str) -> list[object]:
    """The plain values of a column; None where one is missing."""
    if name in _TIMES:
        times = column.dt.as_unit("us").array.asi8.tolist()
        return [
            None if us == _NAT else rfc3339(_EPOCH + timedelta(microseconds=us)) for us in times
        ]
    return [None if value != value else value for value in column.tolist()]  # noqa: PLR0124  NaN


def _alike(old: pd.DataFrame, new: pd.DataFrame) -> NDArray[np.bool_]:
    names = (*_COLUMNS, "lon", "lat")
    rows = (
        zip(*(_values(frame[name], name) for name in names), strict=True) for frame in (old, new)
    )
    return np.array([a == b for a, b in zip(*rows, strict=True)], dtype=bool)
