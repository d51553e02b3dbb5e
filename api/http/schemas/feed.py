"""The feed of events, and the webhooks that carry it."""

from __future__ import annotations

from api.http.schemas.words import (
    ANYTHING,
    COUNT,
    FLAG,
    MOMENT,
    TEXT,
    VERSION,
    listed,
    one_of,
    or_null,
    record,
    told,
)

_EVENT = record(
    {
        "id": COUNT,
        "type": TEXT,
        "time": MOMENT,
        "data": told(ANYTHING, "the breach's properties as they were then"),
    }
)
EVENTS = record(
    {"events": listed(_EVENT), "next": told(COUNT, "`after` of the next page"), **VERSION}
)
_SUBSCRIPTION = {
    "id": TEXT,
    "url": TEXT,
    "types": listed(TEXT),
    "note": or_null(TEXT),
    "active": FLAG,
    "created_at": MOMENT,
    "created_by": or_null(TEXT),
}
SUBSCRIPTION = record(_SUBSCRIPTION)
NEW_SUBSCRIPTION = record({**_SUBSCRIPTION, "secret": told(TEXT, "shown this once")})
SUBSCRIPTIONS = record({"subscriptions": listed(SUBSCRIPTION)})
_DELIVERY = record(
    {
        "id": COUNT,
        "subscription": TEXT,
        "event": COUNT,
        "type": TEXT,
        "state": one_of("pending", "delivered", "failed"),
        "attempts": COUNT,
        "last_status": or_null(COUNT),
        "last_error": or_null(TEXT),
        "tried_at": or_null(MOMENT),
        "next_at": or_null(MOMENT),
        "created_at": MOMENT,
    }
)
DELIVERIES = record({"deliveries": listed(_DELIVERY)})
REPLAYED = record({"deliveries": told(COUNT, "how many are made again")})
