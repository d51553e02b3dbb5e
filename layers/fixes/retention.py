"""How long fixes are kept: the edge before which they are gone, and what is frozen there.

The edge is a midnight of UTC. Fixes before it are dropped, but for partitions that a hold keeps to
be looked at; for both, what was decided is frozen: no fix comes in there, and nothing is judged
again. The edge is committed before the first partition goes, and never goes back.

**What is frozen.** A moment of a breach (its entry, its exit) rests on the fix that decided it and
on the one before. Where either lies before the edge, that moment stays as it was decided: of a
breach with such an entry only the exit may still change, one with such an exit does not change at
all, and neither is withdrawn, merged or given another entry.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, text

from layers.db.engine import raw

#: A batch that was judged before the edge moved is stored by then.
GRACE = timedelta(hours=1)


def edge(connection: Connection) -> datetime | None:
    """The stored edge: fixes before it are gone or frozen; None where none was ever dropped."""
    row: Any = raw(connection).execute("SELECT edge FROM fix_retention").fetchone()
    return None if row is None else row[0]


def oldest(
    connection: Connection, moment: datetime, retention_days: float | None
) -> datetime | None:
    """The earliest time of a fix that is not ``too_old`` at ``moment``; None: any time is taken.

    Never before the stored edge, whatever the setting says now: what was dropped stays dropped.
    """
    kept_from = None if retention_days is None else moment - timedelta(days=retention_days)
    return max((at for at in (edge(connection), kept_from) if at is not None), default=None)


def edge_due(moment: datetime, retention_days: float) -> datetime:
    """Where the edge belongs at ``moment``: the last midnight that is older than the setting."""
    day = (moment - timedelta(days=retention_days) - GRACE).astimezone(UTC).date()
    return datetime.combine(day, time.min, UTC)


def move_edge(connection: Connection, to: datetime) -> bool:
    """Move the stored edge on to ``to``; whether it moved. One that is farther on stays."""
    moved = connection.execute(
        text(
            "INSERT INTO fix_retention AS r (edge) VALUES (:to) ON CONFLICT (one) DO UPDATE"
            " SET edge = excluded.edge, moved_at = clock_timestamp() WHERE r.edge < excluded.edge"
        ),
        {"to": to},
    )
    if moved.rowcount:
        # They say where units were.
        connection.execute(text("DELETE FROM walk_marks WHERE time < :to"), {"to": to})
    return moved.rowcount > 0
