"""Writing what was decided: breaches, their revisions, the stays, and the notices of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd
from sqlalchemy import Connection, text

from layers import versions
from layers.breaches.matching import Plan
from layers.breaches.query import breach as stored_breach
from layers.breaches.windows import Start
from layers.outbox.events import NewEvent, publish

Change = Literal["opened", "amended", "closed", "withdrawn"]

_TIMES = (
    "entered_fix", "exited_fix", "entered_at", "entered_earliest", "entered_latest", "exited_at",
    "exited_earliest", "exited_latest",
)  # fmt: skip
_COLUMNS = (
    "unit", "fence", "fence_version", "rule", "severity", "direction", "visit", "state", "evidence",
    *_TIMES, "unknown_s",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One breach that changed."""

    breach: int
    change: Change


def told(connection: Connection, since: Mapping[str, datetime | None]) -> pd.DataFrame:
    """Breaches of units (not withdrawn ones) decided after a moment, by id."""
    rows = connection.execute(
        text(
            f"SELECT b.id, {', '.join('b.' + c for c in _COLUMNS)}, b.revision,"
            " ST_X(b.geom) AS lon, ST_Y(b.geom) AS lat FROM breaches b"
            " JOIN unnest(CAST(:units AS text[]), CAST(:since AS timestamptz[])) AS w (unit, since)"
            " USING (unit) WHERE b.state <> 'withdrawn'"
            " AND (w.since IS NULL OR b.entered_fix > w.since) ORDER BY b.id"
        ),
        {"units": list(since), "since": list(since.values())},
    )
    frame = pd.DataFrame(rows.mappings().all(), columns=list(rows.keys())).set_index("id")
    for name in _TIMES:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def apply(connection: Connection, plan: Plan, now: datetime) -> list[Revision]:
    """Write what changed, each with its revision, and publish an event for each."""
    revisions = [
        *_withdraw(connection, plan, now),
        *_amend(connection, plan, now),
        *_open(connection, plan, now),
    ]
    if revisions:
        publish(
            connection,
            [
                NewEvent(
                    type=f"breach.{revision.change}",
                    breach=revision.breach,
                    data=stored_breach(connection, revision.breach).notice(),
                )
                for revision in revisions
            ],
        )
        versions.bump(connection, "breaches")
    return revisions


def _open(connection: Connection, plan: Plan, now: datetime) -> list[Revision]:
    made = []
    for row in plan.found.loc[plan.new].to_dict("records"):
        number = connection.execute(
            text(
                f"INSERT INTO breaches ({', '.join(_COLUMNS)}, opened_at, changed_at, geom)"
                f" VALUES ({', '.join(':' + c for c in _COLUMNS)}, :now, :now,"
                " ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)) RETURNING id"
            ),
            {**_parameters(row), "lon": row["lon"], "lat": row["lat"], "now": now},
        ).scalar_one()
        _note(connection, number, 1, "opened", now)
        made.append(Revision(breach=number, change="opened"))
    return made


def _amend(connection: Connection, plan: Plan, now: datetime) -> list[Revision]:
    changed = []
    for number, position in plan.same:
        old, new = plan.told.loc[number], plan.found.loc[position]
        if _alike(old, new):
            continue
        change: Change = (
            "closed" if old["state"] == "open" and new["state"] == "closed" else "amended"
        )
        revision = int(old["revision"]) + 1
        connection.execute(
            text(
                f"UPDATE breaches SET {', '.join(f'{c} = :{c}' for c in _COLUMNS)},"
                " geom = ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), revision = :revision,"
                " changed_at = :now WHERE id = :id"
            ),
            {**_parameters(new.to_dict()), "lon": new["lon"], "lat": new["lat"],
             "revision": revision, "now": now, "id": number},
        )  # fmt: skip
        _note(connection, number, revision, change, now)
        changed.append(Revision(breach=number, change=change))
    return changed


def _withdraw(connection: Connection, plan: Plan, now: datetime) -> list[Revision]:
    gone: list[Revision] = []
    for number, heir in plan.gone:
        revision = int(plan.told.loc[number]["revision"]) + 1
        connection.execute(
            text(
                "UPDATE breaches SET state = 'withdrawn', merged_into = :heir,"
                " revision = :revision, changed_at = :now WHERE id = :id"
            ),
            {"id": number, "heir": heir, "revision": revision, "now": now},
        )
        _note(connection, number, revision, "withdrawn", now)
        gone.append(Revision(breach=number, change="withdrawn"))
    return gone


def _note(
    connection: Connection, number: int, revision: int, change: Change, now: datetime
) -> None:
    """Keep the breach as it now is under its revision."""
    connection.execute(
        text(
            "INSERT INTO breach_revisions (breach, revision, change, changed_at, was)"
            " SELECT id, :revision, :change, :now, to_jsonb(b) - 'geom'"
            " || jsonb_build_object('lon', ST_X(geom), 'lat', ST_Y(geom))"
            " FROM breaches b WHERE id = :id"
        ),
        {"id": number, "revision": revision, "change": change, "now": now},
    )


def put_stays(
    connection: Connection,
    begun: Mapping[int, Start],
    within: pd.DataFrame,
    numbers: Mapping[str, int],
) -> None:
    """Replace the stays that a replay judged; those that it began inside of are carried on."""
    for number, start in begun.items():
        connection.execute(
            text(
                "DELETE FROM stays WHERE unit_no = :number"
                " AND (CAST(:since AS timestamptz) IS NULL OR entered_fix > :since)"
            ),
            {"number": number, "since": start.since},
        )
    visits = within[within["exited_fix"].isna() | (within["exited_fix"] > within["entered_fix"])]
    parts = visits.groupby(["unit", "fence", "visit"], sort=False).agg(
        entered_fix=("entered_fix", "min"),
        exited_fix=("exited_fix", lambda times: pd.NaT if times.isna().any() else times.max()),
    )
    for (unit, fence, _), part in parts.iterrows():
        number = numbers[unit]
        exited = None if pd.isna(part["exited_fix"]) else part["exited_fix"].to_pydatetime()
        entered = part["entered_fix"].to_pydatetime()
        values = {"number": number, "fence": fence, "entered": entered, "exited": exited}
        if fence in begun[number].inside and entered == begun[number].since:
            connection.execute(
                text(
                    "UPDATE stays SET exited_fix = :exited WHERE unit_no = :number"
                    " AND fence = :fence AND entered_fix <= :entered"
                    " AND (exited_fix IS NULL OR exited_fix > :entered)"
                ),
                values,
            )
        else:
            connection.execute(
                text(
                    "INSERT INTO stays (unit_no, fence, entered_fix, exited_fix)"
                    " VALUES (:number, :fence, :entered, :exited) ON CONFLICT"
                    " (unit_no, fence, entered_fix) DO UPDATE SET exited_fix = excluded.exited_fix"
                ),
                values,
            )


def _parameters(row: Mapping[str, object]) -> dict[str, object]:
    return {name: _plain(row[name]) for name in _COLUMNS}


def _plain(value: object) -> object:
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if value is None or value is pd.NaT or value is pd.NA or value != value:  # noqa: PLR0124
        return None
    return value.item() if isinstance(value, np.generic) else value


def _alike(old: pd.Series, new: pd.Series) -> bool:
    return all(_plain(old[name]) == _plain(new[name]) for name in (*_COLUMNS, "lon", "lat"))
