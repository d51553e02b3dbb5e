"""Webhook subscriptions, their deliveries, and delivering again."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.http import schemas
from api.http.answers import JSON, Moment, answer, encode
from api.http.context import Parts, Service, Who, Writing
from api.http.identity import Guarded, needs
from api.jobs import receivers
from layers.db.engine import acting
from layers.outbox import deliveries, subscriptions

router = APIRouter(route_class=Guarded, tags=["webhooks"])


class SubscriptionIn(BaseModel):
    """Where to tell what; without types, everything."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    types: Annotated[list[str], Field(max_length=20)] = []
    note: Annotated[str | None, Field(max_length=500)] = None
    active: bool = True


class ReplayIn(BaseModel):
    """What to deliver again; with neither, what failed."""

    model_config = ConfigDict(extra="forbid")

    since: Moment | None = None
    after: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None


def _check(service: Service, url: str) -> None:
    receivers.check(url, allowed=service.settings.webhook_allow)


@router.get("/api/subscriptions", responses=schemas.answers(schemas.feed.SUBSCRIPTIONS))
@needs("admin")
def list_subscriptions(request: Request, connection: Writing) -> Response:
    """Every subscription, without its secret."""
    rows = [asdict(row) for row in subscriptions.listed(connection)]
    return answer(request, {"subscriptions": rows}, media_type=JSON)


@router.post(
    "/api/subscriptions",
    status_code=201,
    responses=schemas.answers(schemas.feed.NEW_SUBSCRIPTION, 201),
)
@needs("admin")
def subscribe(service: Parts, principal: Who, body: SubscriptionIn) -> Response:
    """Subscribe a receiver; the answer shows its secret, this once."""
    # Before the transaction: a name may take seconds to resolve.
    _check(service, body.url)
    with acting(service.engine, principal, "patrolgrid_write") as connection:
        made = subscriptions.create(
            connection, url=body.url, types=body.types, note=body.note, created_by=principal.name
        )
    payload = {**asdict(made.subscription), "secret": made.secret}
    headers = {
        "Location": f"/api/subscriptions/{made.subscription.id}",
        "Cache-Control": "no-store",
    }
    return Response(encode(payload), 201, headers, JSON)


@router.get(
    "/api/subscriptions/{subscription}", responses=schemas.answers(schemas.feed.SUBSCRIPTION)
)
@needs("admin")
def get_subscription(request: Request, connection: Writing, subscription: str) -> Response:
    """One subscription, without its secret."""
    return answer(request, asdict(subscriptions.get(connection, subscription)), media_type=JSON)


@router.put(
    "/api/subscriptions/{subscription}", responses=schemas.answers(schemas.feed.SUBSCRIPTION)
)
@needs("admin")
def change_subscription(
    service: Parts, principal: Who, subscription: str, body: SubscriptionIn
) -> Response:
    """Change a subscription; deliveries that wait go to the new address."""
    _check(service, body.url)
    with acting(service.engine, principal, "patrolgrid_write") as connection:
        changed = subscriptions.change(
            connection, subscription, url=body.url, types=body.types, note=body.note,
            active=body.active,
        )  # fmt: skip
    return Response(encode(asdict(changed)), media_type=JSON)


@router.delete("/api/subscriptions/{subscription}", status_code=204)
@needs("admin")
def unsubscribe(connection: Writing, subscription: str) -> Response:
    """End a subscription; its deliveries go with it."""
    subscriptions.delete(connection, subscription)
    return Response(status_code=204)


@router.get(
    "/api/subscriptions/{subscription}/deliveries",
    responses=schemas.answers(schemas.feed.DELIVERIES),
)
@needs("admin")
def list_deliveries(
    request: Request,
    connection: Writing,
    subscription: str,
    state: Annotated[Literal["pending", "delivered", "failed"] | None, Query()] = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="a delivery's id")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> Response:
    """Its deliveries, newest first: tried how often, with what answer, and when next."""
    subscriptions.get(connection, subscription)
    rows = deliveries.listed(connection, subscription, state=state, before=before, limit=limit)
    return answer(request, {"deliveries": [asdict(row) for row in rows]}, media_type=JSON)


@router.post(
    "/api/subscriptions/{subscription}/replay",
    status_code=202,
    responses=schemas.answers(schemas.feed.REPLAYED, 202),
)
@needs("admin")
def replay(connection: Writing, subscription: str, body: ReplayIn) -> Response:
    """Deliver again: every event since a moment or an id, or with neither what failed."""
    since: datetime | None = body.since
    made = subscriptions.replay(connection, subscription, since=since, after=body.after)
    return Response(encode({"deliveries": made}), 202, media_type=JSON)
