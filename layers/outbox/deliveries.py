"""Deliveries: one row for each event and subscription, kept until it is delivered or given up.

The rows are the truth. A job of the queue is only their alarm clock: it is set in the transaction
that makes or changes the row, there is at most one that waits, and `rearm` sets it again for rows
that lost theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from layers.outbox.sql import statement

#: Under these names the queue knows the work (api.jobs runs it).
QUEUE = "webhooks"
TASK = "patrolgrid:deliver"
STATES = ("pending", "delivered", "failed")

_MAKE = statement("make_deliveries")
_ARM, _DISARM = statement("arm"), statement("disarm")
_PICK_UP, _SETTLE, _HURRY = statement("pick_up"), statement("settle"), statement("hurry")
_ORPHANS = statement("orphans")
_BATCH = 1000  # as many rows are hurried or armed again at a time


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How far one event got on its way to one subscriber."""

    id: int
    subscription: str
    event: int
    type: str  #: of the event
    state: str  #: one of STATES
    attempts: int  #: since it was made, or since its last replay
    last_status: int | None  #: HTTP status of the last answer; None: there was none
    last_error: str | None  #: why the last attempt failed
    tried_at: datetime | None  #: start of the last attempt
    next_at: datetime | None  #: when it is tried again; None with state pending: at once
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """All that an attempt needs; it holds the secret, so it goes nowhere else."""

    id: int
    attempts: int  #: this one counted
    subscription: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    event: int
    type: str
    time: datetime
    breach: int | None
    data: dict[str, object] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt ended."""

    status: int | None  #: HTTP status of the answer, if there was one
    error: str | None  #: None: it was delivered


def make(connection: Connection, events: Sequence[int]) -> int:
    """Make the deliveries of new events, armed; how many there are."""
    made = list(connection.execute(_MAKE, {"events": list(events)}).scalars())
    if made:
        _arm(connection, made)
    return len(made)


def arm(connection: Connection, deliveries: Sequence[int]) -> None:
    """Set the alarm of deliveries whose rows this transaction has changed or locked."""
    if deliveries:
        connection.execute(_DISARM, {"deliveries": list(deliveries)})
        _arm(connection, deliveries)


def _arm(connection: Connection, deliveries: Sequence[int]) -> None:
    connection.execute(_ARM, {"deliveries": list(deliveries), "queue": QUEUE, "task": TASK})


def pick_up(connection: Connection, delivery: int) -> Parcel | None:
    """Count an attempt and get what it needs; None when nothing is to be sent (any more)."""
    row = connection.execute(_PICK_UP, {"delivery": delivery}).mappings().one_or_none()
    if row is None or not row["active"]:
        return None
    return Parcel(**{name: value for name, value in row.items() if name != "active"})


def settle(
    connection: Connection, parcel: Parcel, outcome: Outcome, *, pause_s: float | None
) -> None:
    """Record how an attempt ended.

    A failure is tried again after ``pause_s`` seconds; None gives it up. The answer 410 switches
    the subscription off. A success brings forward what else waits for the same subscriber.
    """
    if outcome.status == 410:
        # Before our own row: deleting a subscription takes the locks in this order too.
        connection.execute(
            text("UPDATE subscriptions SET active = false WHERE id = :id"),
            {"id": parcel.subscription},
        )
    delivered = outcome.error is None
    again = not delivered and pause_s is not None
    found = connection.execute(
        _SETTLE,
        {
            "delivery": parcel.id,
            "state": "delivered" if delivered else "pending" if again else "failed",
            "status": outcome.status,
            "error": outcome.error,
            "pause": timedelta(seconds=pause_s) if again and pause_s is not None else None,
        },
    ).one_or_none()
    if found is None:
        return
    if again:
        arm(connection, [parcel.id])
    if delivered:
        waiting = {"subscription": parcel.subscription, "limit": _BATCH}
        arm(connection, list(connection.execute(_HURRY, waiting).scalars()))


def rearm(connection: Connection) -> int:
    """Set the alarm of pending deliveries that have none; how many there were."""
    orphans = list(connection.execute(_ORPHANS, {"limit": _BATCH}).scalars())
    arm(connection, orphans)
    return len(orphans)


def listed(
    connection: Connection,
    subscription: str,
    *,
    state: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Delivery]:
    """Deliveries of a subscription, the newest first; ``before`` an id pages on."""
    rows = connection.execute(
        text(
            "SELECT d.id, d.subscription, d.event, e.type, d.state, d.attempts, d.last_status,"
            " d.last_error, d.tried_at, d.next_at, d.created_at"
            " FROM deliveries d JOIN events e ON e.id = d.event"
            " WHERE d.subscription = :subscription"
            " AND (CAST(:state AS text) IS NULL OR d.state = :state)"
            " AND (CAST(:before AS bigint) IS NULL OR d.id < :before)"
            " ORDER BY d.id DESC LIMIT :limit"
        ),
        {"subscription": subscription, "state": state, "before": before, "limit": limit},
    )
    return [Delivery(**row) for row in rows.mappings()]
