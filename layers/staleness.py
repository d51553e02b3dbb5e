"""What caches in memory must hear of, and for how long it is told (table ``cache_changes``)."""

from __future__ import annotations

from sqlalchemy import Connection, text


def prune(connection: Connection) -> int:
    """Delete what every cache has heard of, or must forget for having been away; how many rows."""
    return connection.execute(
        text("DELETE FROM cache_changes WHERE made_at < clock_timestamp() - interval '1 hour'")
    ).rowcount
