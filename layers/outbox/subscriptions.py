"""Subscriptions: who is told what, and where. Secrets leave only at creation and to the worker."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

from layers.errors import BadSubscriptionError, NoSuchSubscriptionError
from layers.outbox import deliveries
from layers.outbox.events import TYPES
from layers.outbox.sql import statement

_COLUMNS = "id, url, types, note, active, created_at, created_by"
_REPLAY_FAILED, _REPLAY_EVENTS = statement("replay_failed"), statement("replay_events")


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """What is shown of a subscription."""

    id: str
    url: str  #: receives POST requests
    types: list[str]  #: of events that it wants; empty: all
    note: str | None
    active: bool  #: False: nothing is made or sent for it
    created_at: datetime
    created_by: str | None  #: token id


@dataclass(frozen=True, kw_only=True)
class NewSubscription:
    """A subscription at the only moment when its secret is shown."""

    subscription: Subscription
    secret: str = field(repr=False)  #: ``whsec_`` and base64 of 32 random bytes


def create(
    connection: Connection,
    *,
    url: str,
    types: Sequence[str] = (),
    note: str | None = None,
    created_by: str | None = None,
) -> NewSubscription:
    """Make a subscription to what happens from now on.

    The caller has checked ``url`` (api.jobs.receivers.check). Raises BadSubscriptionError.
    """
    # Standard Webhooks: 24 to 64 random bytes, base64, so marked that scanners recognise it.
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    row = connection.execute(
        text(
            "INSERT INTO subscriptions (id, url, secret, types, note, created_by)"
            f" VALUES (:id, :url, :secret, :types, :note, :created_by) RETURNING {_COLUMNS}"
        ),
        {
            "id": f"sub_{secrets.token_hex(8)}",
            "url": url,
            "secret": secret,
            "types": _known(types),
            "note": note,
            "created_by": created_by,
        },
    )
    return NewSubscription(subscription=Subscription(**row.mappings().one()), secret=secret)


def listed(connection: Connection) -> list[Subscription]:
    """Every subscription, by id."""
    rows = connection.execute(text(f"SELECT {_COLUMNS} FROM subscriptions ORDER BY id"))
    return [Subscription(**row) for row in rows.mappings()]


def get(connection: Connection, subscription_id: str) -> Subscription:
    """One subscription; raises NoSuchSubscriptionError."""
    row = connection.execute(
        text(f"SELECT {_COLUMNS} FROM subscriptions WHERE id = :id"), {"id": subscription_id}
    )
    return _found(row.mappings().one_or_none(), subscription_id)


def change(
    connection: Connection,
    subscription_id: str,
    *,
    url: str,
    types: Sequence[str],
    note: str | None,
    active: bool,
) -> Subscription:
    """Replace what may be changed; the caller has checked ``url``.

    Deliveries that wait go to the new address. Raises NoSuchSubscriptionError and
    BadSubscriptionError.
    """
    row = connection.execute(
        text(
            "UPDATE subscriptions SET url = :url, types = :types, note = :note, active = :active"
            f" WHERE id = :id RETURNING {_COLUMNS}"
        ),
        {
            "id": subscription_id,
            "url": url,
            "types": _known(types),
            "note": note,
            "active": active,
        },
    )
    return _found(row.mappings().one_or_none(), subscription_id)


def delete(connection: Connection, subscription_id: str) -> None:
    """Remove a subscription with its deliveries; raises NoSuchSubscriptionError."""
    gone = connection.execute(
        text("DELETE FROM subscriptions WHERE id = :id"), {"id": subscription_id}
    )
    if gone.rowcount == 0:
        raise NoSuchSubscriptionError(f"{subscription_id}: no such subscription")


def replay(
    connection: Connection,
    subscription_id: str,
    *,
    since: datetime | None = None,
    after: int | None = None,
) -> int:
    """Deliver again; how many deliveries that makes.

    With ``since`` (a time) or ``after`` (an event's id) every later event of the subscription's
    types, delivered before or not; with neither, the deliveries that failed. Each keeps its
    webhook-id, so a receiver that had it can tell. Raises NoSuchSubscriptionError, and
    BadSubscriptionError when the subscription is switched off.
    """
    if not get(connection, subscription_id).active:
        raise BadSubscriptionError(
            f"{subscription_id} is switched off: set active to true, then replay"
        )
    if since is None and after is None:
        made = connection.execute(_REPLAY_FAILED, {"subscription": subscription_id}).scalars()
    else:
        wanted = {"subscription": subscription_id, "since": since, "after": after or 0}
        made = connection.execute(_REPLAY_EVENTS, wanted).scalars()
    ids = list(made)
    deliveries.arm(connection, ids)
    return len(ids)


def _known(types: Sequence[str]) -> list[str]:
    wrong = sorted(set(types) - set(TYPES))
    if wrong:
        raise BadSubscriptionError(f"types: {', '.join(wrong)}: give some of {', '.join(TYPES)}")
    return sorted(set(types))


def _found(row: object, subscription_id: str) -> Subscription:
    if row is None:
        raise NoSuchSubscriptionError(f"{subscription_id}: no such subscription")
    return Subscription(**row)  # type: ignore[arg-type]
