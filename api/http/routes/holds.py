"""Holds: days whose fixes are kept for an investigation, whatever the retention."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.responses import Response

from api.http import schemas
from api.http.answers import JSON, Cursor, Limit, Moment, after_number, answer, encode, next_link
from api.http.context import Parts, Reading, Who, Writing
from api.http.identity import Guarded, needs
from layers.fixes import holds, retention

router = APIRouter(route_class=Guarded, tags=["fixes"])

Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="a hold's id")]


class HoldIn(BaseModel):
    """Which days to keep (both included, in the region's time zone), why, and until when."""

    model_config = ConfigDict(extra="forbid")

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    until: Moment | None = None


def told(hold: holds.Hold) -> dict[str, object]:
    """A hold in the words of the interface."""
    return {
        "id": hold.id,
        "from": hold.first_day.isoformat(),
        "to": hold.last_day.isoformat(),
        "reason": hold.reason,
        "placed_by": hold.placed_by,
        "placed_at": hold.placed_at,
        "until": hold.until,
        "released_at": hold.released_at,
        "released_by": hold.released_by,
        "in_force": hold.in_force(datetime.now(UTC)),
    }


def _edge(connection: Connection) -> dict[str, object]:
    return {"fixes_from": retention.edge(connection)}


@router.get("/api/holds", responses=schemas.answers(schemas.people.HOLDS))
@needs("admin")
def list_holds(
    request: Request,
    connection: Reading,
    in_force: Annotated[bool, Query(description="only those that keep something now")] = False,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response:
    """Every hold that there ever was; `fixes_from`: older fixes are gone, but for held days."""
    rows = holds.listed(
        connection, after=after_number(cursor), limit=limit + 1,
        in_force_at=datetime.now(UTC) if in_force else None,
    )  # fmt: skip
    last = str(rows[limit - 1].id) if len(rows) > limit else None
    payload = {
        "holds": [told(row) for row in rows[:limit]],
        "links": next_link(request, last),
        **_edge(connection),
    }
    return answer(request, payload, media_type=JSON)


@router.post("/api/holds", status_code=201, responses=schemas.answers(schemas.people.NEW_HOLD, 201))
@needs("admin")
def place_hold(connection: Writing, service: Parts, principal: Who, body: HoldIn) -> Response:
    """Keep some days; what was dropped before (`fixes_from`) does not come back."""
    made = holds.place(
        connection, body.first, body.last, reason=body.reason, by=principal.name,
        timezone=service.region.timezone, until=body.until,
    )  # fmt: skip
    headers = {"Location": f"/api/holds/{made.id}"}
    return Response(encode({**told(made), **_edge(connection)}), 201, headers, JSON)


@router.get("/api/holds/{number}", responses=schemas.answers(schemas.people.HOLD))
@needs("admin")
def get_hold(request: Request, connection: Reading, number: Number) -> Response:
    """One hold, also one that is over."""
    return answer(request, told(holds.get(connection, number)), media_type=JSON)


@router.delete("/api/holds/{number}", status_code=204)
@needs("admin")
def release_hold(connection: Writing, principal: Who, number: Number) -> Response:
    """End a hold: its days go with the next run of retention; it stays in the list."""
    holds.release(connection, number, by=principal.name)
    return Response(status_code=204)
