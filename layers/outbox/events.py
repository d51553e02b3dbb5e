"""The feed: what happened to breaches, stored and numbered in the transaction that changed them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from layers.db import arrays
from layers.db.engine import raw
from layers.outbox import deliveries
from layers.outbox.sql import source

#: PostgreSQL's channel on which the id of the newest event is called out at commit.
CHANNEL = "patrolgrid_events"
TYPES = ("breach.opened", "breach.amended", "breach.closed", "breach.withdrawn")

_PUBLISH = source("publish_events")
_SELECT = "SELECT id, type, time, breach, data FROM events"


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """Something that happened and is to be told."""

    type: str  #: one of TYPES
    breach: int | None  #: id of the breach that it is about
    data: Mapping[str, object]  #: the breach's properties as they now are; datetimes are allowed


@dataclass(frozen=True, kw_only=True)
class Event:
    """What the feed has."""

    id: int  #: ascending; whoever has seen an id has missed none below it
    type: str  #: one of TYPES
    time: datetime  #: when it was stored, UTC
    breach: int | None
    data: dict[str, object]

    def message(self) -> dict[str, object]:
        """The body of a webhook: Standard Webhooks' type, timestamp and data."""
        return {"type": self.type, "timestamp": rfc3339(self.time), "data": self.data}

    def document(self) -> dict[str, object]:
        """The event as ``GET /api/events`` tells it."""
        return {
            "id": self.id,
            "type": self.type,
            "time": rfc3339(self.time),
            "data": self.data,
        }


def rfc3339(value: object) -> str:
    """A datetime with a zone as RFC 3339 in UTC; raises TypeError for anything else."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError(f"{value!r} is no time with a zone")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def publish(connection: Connection, events: Sequence[NewEvent]) -> list[int]:
    """Store events with their deliveries and jobs in the caller's transaction; their ids.

    All of it commits with what it tells of, or none. Call it once a transaction and late in it:
    the lock that orders the ids is held until the transaction ends.
    """
    if not events:
        return []
    # A sequence gives out ids before the commit. Without the statement's lock 8 could become
    # visible before 7, and a reader who pages by "after 8" would never see 7.
    made: Any = raw(connection).execute(
        _PUBLISH,
        {
            "types": arrays.texts([event.type for event in events]),
            "breaches": arrays.int8(np.array([event.breach or 0 for event in events])),
            "data": arrays.texts(
                [json.dumps(dict(event.data), default=rfc3339, allow_nan=False) for event in events]
            ),
            "channel": CHANNEL,
        },
        binary=True,
    )
    ids: list[int] = made.fetchone()[0]
    deliveries.make(connection, ids)
    return ids


def after(
    connection: Connection,
    after_id: int,
    limit: int,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[Event]:
    """At most ``limit`` events with an id above ``after_id``, by id, told in the window."""
    rows = connection.execute(
        text(
            f"{_SELECT} WHERE id > :after"
            " AND (CAST(:start AS timestamptz) IS NULL OR time >= :start)"
            " AND (CAST(:end AS timestamptz) IS NULL OR time < :end) ORDER BY id LIMIT :limit"
        ),
        {"after": after_id, "limit": limit, "start": start, "end": end},
    )
    return [Event(**row) for row in rows.mappings()]


def latest_id(connection: Connection) -> int:
    """Id of the newest event; 0 when there is none."""
    newest: int = connection.execute(text("SELECT coalesce(max(id), 0) FROM events")).scalar_one()
    return newest
