"""What was not believed, and how much was refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text


def listed(
    connection: Connection,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    unit: str | None = None,
    reason: str | None = None,
    after: int = 0,
    limit: int = 1000,
) -> list[Mapping[str, object]]:
    """Quarantined fixes in the order in which they came; a window is of the fixes' own times."""
    rows = connection.execute(
        text(
            "SELECT id, unit, time, lon, lat, accuracy_m, speed_ms, heading_deg, altitude_m,"
            " battery, patrol_id, reason, received_at, released_at FROM quarantine"
            " WHERE id > :after AND (CAST(:unit AS text) IS NULL OR unit = :unit)"
            " AND (CAST(:reason AS text) IS NULL OR reason = :reason)"
            " AND (CAST(:start AS timestamptz) IS NULL OR time >= :start)"
            " AND (CAST(:end AS timestamptz) IS NULL OR time < :end)"
            " ORDER BY id LIMIT :limit"
        ),
        {
            "after": after,
            "unit": unit,
            "reason": reason,
            "start": start,
            "end": end,
            "limit": limit,
        },
    )
    return [dict(row) for row in rows.mappings()]


def strangers(connection: Connection) -> int:
    """How many fixes of units that are not enrolled were refused so far."""
    return int(
        connection.execute(text("SELECT coalesce(sum(fixes), 0) FROM strangers")).scalar_one()
    )
