"""Holds: days whose fixes are kept for an investigation, whatever the retention says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from layers.errors import BadHoldError, NoSuchHoldError

#: Taken to drop, and to place a hold: no partition goes while a hold on it is being placed.
TURN = "hashtext('patrolgrid retention')"
#: Holds in force; ``:now`` is the moment.
IN_FORCE = "released_at IS NULL AND (until IS NULL OR until > :now)"
_COLUMNS = (
    "id, first_day, last_day, starts_at, ends_at, reason, placed_by, placed_at, until,"
    " released_at, released_by"
)


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Days that are kept, by whom, why and until when."""

    id: int
    first_day: date  #: in the region's time zone, as the next
    last_day: date
    starts_at: datetime
    ends_at: datetime
    reason: str
    placed_by: str
    placed_at: datetime
    until: datetime | None  #: None: until it is released
    released_at: datetime | None
    released_by: str | None

    def in_force(self, now: datetime) -> bool:
        """Whether it keeps anything."""
        return self.released_at is None and (self.until is None or self.until > now)


def place(
    connection: Connection,
    first_day: date,
    last_day: date,
    *,
    reason: str,
    by: str,
    timezone: ZoneInfo,
    until: datetime | None = None,
    now: datetime | None = None,
) -> Hold:
    """Keep the fixes of the days from ``first_day`` to ``last_day`` (both included).

    What was dropped before does not come back: ``retention.edge`` says what may be. Raises
    BadHoldError.
    """
    moment = now or datetime.now(UTC)
    if last_day < first_day:
        raise BadHoldError(f"the hold ends on {last_day}, before it begins on {first_day}")
    if not date(1900, 1, 2) <= first_day <= last_day <= date(2200, 1, 1):
        raise BadHoldError("a hold keeps days from 1900 to 2199: give such")
    if not reason.strip():
        raise BadHoldError("say for what the days are kept (reason)")
    if until is not None and until <= moment:
        raise BadHoldError(f"the hold would be over already: {until.isoformat()} is past")
    connection.execute(text(f"SELECT pg_advisory_xact_lock({TURN})"))
    row = connection.execute(
        text(
            "INSERT INTO holds (first_day, last_day, starts_at, ends_at, reason, placed_by,"
            " placed_at, until) VALUES (:first, :last, :starts, :ends, :reason, :by, :now, :until)"
            f" RETURNING {_COLUMNS}"
        ),
        {
            "first": first_day, "last": last_day, "reason": reason.strip(), "by": by,
            "now": moment, "until": until,
            "starts": datetime.combine(first_day, time.min, timezone),
            "ends": datetime.combine(last_day + timedelta(days=1), time.min, timezone),
        },
    )  # fmt: skip
    return Hold(**row.mappings().one())


def release(connection: Connection, number: int, *, by: str, now: datetime | None = None) -> Hold:
    """End a hold; it stays in the history. Again changes nothing. Raises NoSuchHoldError."""
    connection.execute(
        text(
            "UPDATE holds SET released_at = :now, released_by = :by"
            " WHERE id = :id AND released_at IS NULL"
        ),
        {"id": number, "by": by, "now": now or datetime.now(UTC)},
    )
    return get(connection, number)


def get(connection: Connection, number: int) -> Hold:
    """One hold; raises NoSuchHoldError."""
    row = connection.execute(
        text(f"SELECT {_COLUMNS} FROM holds WHERE id = :id"), {"id": number}
    ).mappings()
    found = row.one_or_none()
    if found is None:
        raise NoSuchHoldError(f"{number}: there is no such hold; GET /api/holds lists them")
    return Hold(**found)


def listed(
    connection: Connection,
    *,
    after: int = 0,
    limit: int = 1000,
    in_force_at: datetime | None = None,
) -> list[Hold]:
    """Holds by id: all that there ever were, or those in force at a moment."""
    force = f" AND {IN_FORCE}" if in_force_at is not None else ""
    rows = connection.execute(
        text(f"SELECT {_COLUMNS} FROM holds WHERE id > :after{force} ORDER BY id LIMIT :limit"),
        {"after": after, "limit": limit} | ({"now": in_force_at} if force else {}),
    )
    return [Hold(**row) for row in rows.mappings()]
