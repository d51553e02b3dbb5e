"""What was not believed, and how much was refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

_COLUMNS = (
    "id, unit, time, lon, lat, accuracy_m, speed_ms, heading_deg, altitude_m, battery, patrol_id,"
    " reason, received_at, released_at, released_by"
)


def listed(
    connection: Connection,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    unit: str | None = None,
    reason: str | None = None,
    released: bool | None = None,
    after: int = 0,
    limit: int = 1000,
) -> list[Mapping[str, object]]:
    """Quarantined fixes in the order in which they came; a window is of the fixes' own times."""
    rows = connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM quarantine"
            " WHERE id > :after AND (CAST(:unit AS text) IS NULL OR unit = :unit)"
            " AND (CAST(:reason AS text) IS NULL OR reason = :reason)"
            " AND (CAST(:start AS timestamptz) IS NULL OR time >= :start)"
            " AND (CAST(:end AS timestamptz) IS NULL OR time < :end)"
            " AND (CAST(:released AS boolean) IS NULL OR (released_at IS NOT NULL) = :released)"
            " ORDER BY id LIMIT :limit"
        ),
        {
            "after": after,
            "unit": unit,
            "reason": reason,
            "start": start,
            "end": end,
            "released": released,
            "limit": limit,
        },
    )
    return [dict(row) for row in rows.mappings()]


def by_ids(connection: Connection, ids: Sequence[int]) -> list[Mapping[str, object]]:
    """Those of ``ids`` that there are, in their order."""
    rows = connection.execute(
        text(f"SELECT {_COLUMNS} FROM quarantine WHERE id = ANY(:ids) ORDER BY id"),
        {"ids": list(ids)},
    )
    return [dict(row) for row in rows.mappings()]


def note_released(connection: Connection, ids: Sequence[int], by: str, moment: datetime) -> None:
    """Remember that fixes were let through; who was first stays."""
    connection.execute(
        text(
            "UPDATE quarantine SET released_at = :moment, released_by = :by"
            " WHERE id = ANY(:ids) AND released_at IS NULL"
        ),
        {"ids": list(ids), "by": by, "moment": moment},
    )


def released_before(connection: Connection, asked: pd.DataFrame) -> pd.Index:
    """The index of those of the fixes ``asked`` that were in quarantine and released.

    What was released is stored, so that the same fix, sent again, is a duplicate of it.
    """
    if asked.empty:
        return asked.index
    accuracy_m = [None if pd.isna(value) else float(value) for value in asked["accuracy_m"]]
    found = connection.execute(
        text(
            "SELECT w.n FROM unnest(CAST(:units AS text[]), CAST(:times AS timestamptz[]),"
            "  CAST(:lons AS float8[]), CAST(:lats AS float8[]), CAST(:accuracies AS float8[]))"
            "  WITH ORDINALITY AS w (unit, time, lon, lat, accuracy_m, n)"
            " WHERE EXISTS (SELECT FROM quarantine q WHERE q.unit = w.unit AND q.time = w.time"
            "  AND q.lon = w.lon AND q.lat = w.lat AND q.released_at IS NOT NULL"
            "  AND q.accuracy_m IS NOT DISTINCT FROM w.accuracy_m)"
        ),
        {
            "units": [str(unit) for unit in asked["unit"]],
            "times": asked["time"].dt.to_pydatetime().tolist(),
            "lons": asked["lon"].tolist(),
            "lats": asked["lat"].tolist(),
            "accuracies": accuracy_m,
        },
    )
    return asked.index[sorted(int(n) - 1 for n in found.scalars())]


def strangers(connection: Connection) -> int:
    """How many fixes of units that are not enrolled were refused so far."""
    return int(
        connection.execute(text("SELECT coalesce(sum(fixes), 0) FROM strangers")).scalar_one()
    )
