"""Enrolment: a tracker becomes a unit, is edited, and leaves again.

A unit is an asset with a call sign, never a person. What is not enrolled is refused at the door.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from layers import versions
from layers.errors import BadUnitError, FeatureExistsError, NoSuchUnitError
from layers.places.columns import is_line
from layers.region import Region
from layers.standings import lock

_COLUMNS = "id AS unit, call_sign, kind, team, max_gap_s, top_speed_ms, accuracy_m, enrolled_at"
#: What is told of an enrolled unit, under the words of the interface: ``accuracy_m`` is a fix's.
_TOLD = _COLUMNS.replace("accuracy_m", "accuracy_m AS typical_accuracy_m")


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """What a unit is; what is left out is its kind's, from the region."""

    unit: str  #: the identifier that its fixes carry
    kind: str
    call_sign: str | None = None
    team: str | None = None
    max_gap_s: float | None = None
    top_speed_ms: float | None = None
    accuracy_m: float | None = None


def enrol(
    connection: Connection, enrolments: Sequence[Enrolment], region: Region, *, update: bool = False
) -> list[dict[str, object]]:
    """Enrol units; those enrolled already are refused, or changed with ``update``.

    A unit that had left comes back under its old number, with its old fixes. Raises
    FeatureExistsError or BadUnitError; nothing is enrolled then.
    """
    rows = [_complete(e, region) for e in enrolments]
    clash = "" if update else " WHERE units.disenrolled_at IS NOT NULL"
    statement = text(
        "INSERT INTO units (id, call_sign, kind, team, max_gap_s, top_speed_ms, accuracy_m)"
        " VALUES (:unit, :call_sign, :kind, :team, :max_gap_s, :top_speed_ms, :accuracy_m)"
        " ON CONFLICT (id) DO UPDATE SET call_sign = excluded.call_sign, kind = excluded.kind,"
        " team = excluded.team, max_gap_s = excluded.max_gap_s,"
        " top_speed_ms = excluded.top_speed_ms, accuracy_m = excluded.accuracy_m,"
        " disenrolled_at = NULL" + clash + " RETURNING id"
    )
    lock(connection, _numbers(connection, [e.unit for e in enrolments]))
    # Deferred, the reference to the team would be looked at only at the commit.
    connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    # In one order, so that who enrols the same ones waits.
    for row in sorted(rows, key=lambda row: str(row["unit"])):
        try:
            done = connection.execute(statement, row).one_or_none()
        except IntegrityError as error:
            raise BadUnitError(
                f"unit {row['unit']}: there is no team {row['team']!r}: make it first with"
                " POST /api/teams"
            ) from error
        if done is None:
            raise FeatureExistsError(f"unit {row['unit']} is enrolled already: change it with PUT")
    versions.bump(connection, "units")
    return _told(connection, [str(row["unit"]) for row in rows])


def _numbers(connection: Connection, named: Sequence[str]) -> NDArray[np.int64]:
    """The numbers of those units that were enrolled before."""
    rows = connection.execute(
        text("SELECT unit_no FROM units WHERE id = ANY(:named)"), {"named": list(named)}
    )
    return np.array(rows.scalars().all(), dtype=np.int64)


def change(connection: Connection, enrolment: Enrolment, region: Region) -> dict[str, object]:
    """Put a unit's properties; raises NoSuchUnitError when it is not enrolled."""
    if units(connection, [enrolment.unit]).empty:
        raise NoSuchUnitError(f"{enrolment.unit}: no such unit; enrol it with POST /api/units")
    return enrol(connection, [enrolment], region, update=True)[0]


def disenrol(connection: Connection, unit: str) -> None:
    """End an enrolment now: later fixes are refused, the unit's history stays."""
    lock(connection, _numbers(connection, [unit]))
    done = connection.execute(
        text(
            "UPDATE units SET disenrolled_at = clock_timestamp()"
            " WHERE id = :unit AND disenrolled_at IS NULL RETURNING id"
        ),
        {"unit": unit},
    ).one_or_none()
    if done is None:
        raise NoSuchUnitError(f"{unit}: no such unit")
    versions.bump(connection, "units")


def units(connection: Connection, only: Sequence[str] | None = None) -> pd.DataFrame:
    """Enrolled units by id, with unit_no, kind, team and how their fixes are judged."""
    rows = connection.execute(
        text(
            f"SELECT unit_no, {_COLUMNS} FROM units WHERE disenrolled_at IS NULL"
            ' AND (CAST(:only AS text[]) IS NULL OR id = ANY(:only)) ORDER BY id COLLATE "C"'
        ),
        {"only": None if only is None else list(only)},
    )
    frame = pd.DataFrame(rows.mappings().all(), columns=list(rows.keys()))
    return frame.set_index("unit")


def memberships(connection: Connection, unit: str) -> list[Mapping[str, object]]:
    """The teams of a unit, oldest first, each ``from`` and ``to`` a moment; None is open-ended."""
    rows = connection.execute(
        text(
            'SELECT team, valid_from AS "from", valid_to AS "to" FROM memberships'
            " WHERE unit = :unit ORDER BY valid_from NULLS FIRST"
        ),
        {"unit": unit},
    )
    return [dict(row) for row in rows.mappings()]


def _told(connection: Connection, only: Sequence[str]) -> list[dict[str, object]]:
    rows = connection.execute(
        text(f'SELECT {_TOLD} FROM units WHERE id = ANY(:only) ORDER BY id COLLATE "C"'),
        {"only": list(only)},
    )
    return [dict(row) for row in rows.mappings()]


def latest(
    connection: Connection, *, unit: str | None = None, after: str | None = None, limit: int = 1000
) -> list[Mapping[str, object]]:
    """Enrolled units with their newest fix, ordered by id."""
    rows = connection.execute(
        text(
            "SELECT u.id AS unit, u.call_sign, u.kind, u.team, u.max_gap_s, u.top_speed_ms,"
            " u.accuracy_m AS typical_accuracy_m, u.enrolled_at, f.time AS fix_time, f.lon, f.lat,"
            " f.accuracy_m, f.speed_ms, f.heading_deg, f.altitude_m, f.battery"
            " FROM units u LEFT JOIN latest_fixes f USING (unit_no)"
            " WHERE u.disenrolled_at IS NULL AND (CAST(:unit AS text) IS NULL OR u.id = :unit)"
            ' AND (CAST(:after AS text) IS NULL OR u.id COLLATE "C" > :after)'
            ' ORDER BY u.id COLLATE "C" LIMIT :limit'
        ),
        {"unit": unit, "after": after, "limit": limit},
    )
    return [dict(row) for row in rows.mappings()]


def _complete(enrolment: Enrolment, region: Region) -> dict[str, object]:
    """The row of an enrolment, with what it leaves out taken from its kind."""
    row = asdict(enrolment)
    if not 1 <= len(enrolment.unit) <= 200 or enrolment.unit != enrolment.unit.strip():
        raise BadUnitError(
            f"unit {enrolment.unit[:40]!r}: an identifier has 1 to 200 characters, and no blank"
            " before or after them"
        )
    for name in ("unit", "call_sign"):
        if not is_line(row[name] or ""):
            raise BadUnitError(f"unit {enrolment.unit!r}: {name} holds a control character")
    kind = region.kinds.get(enrolment.kind)
    if kind is None:
        raise BadUnitError(
            f"unit {enrolment.unit}: kind {enrolment.kind!r} is none of {', '.join(region.kinds)}"
        )
    row["call_sign"] = enrolment.call_sign or enrolment.unit
    for name in ("max_gap_s", "top_speed_ms", "accuracy_m"):
        value = row[name] if row[name] is not None else getattr(kind, name)
        if not 0 <= value < 1e9 or (value == 0 and name != "top_speed_ms"):
            raise BadUnitError(f"unit {enrolment.unit}: {name} {value} must be more than 0")
        row[name] = value
    return row
