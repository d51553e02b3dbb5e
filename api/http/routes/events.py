"""The feed: what happened to breaches, paged by id or streamed."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import format_sse_event
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.http import schemas
from api.http.answers import JSON, Between, Window, answer
from api.http.context import Parts, Who
from api.http.errors import ApiError
from api.http.identity import Guarded, needs
from layers import versions
from layers.db.engine import Principal, acting
from layers.outbox import events
from layers.outbox.events import Event
from layers.outbox.listen import Bell

router = APIRouter(route_class=Guarded, tags=["events"])

STREAM = "text/event-stream"
_PAGE = 500
_KEEP_ALIVE_S = 15.0


@router.get(
    "/api/events",
    response_model=None,
    responses={
        200: {
            "content": {
                **schemas.answers(schemas.feed.EVENTS)[200]["content"],
                STREAM: {"schema": {"type": "string"}},
            }
        }
    },
)
@needs("read")
async def feed(
    request: Request,
    service: Parts,
    principal: Who,
    window: Between,
    after: Annotated[int | None, Query(ge=0, le=2**63 - 1, description="an event's id")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    last_event_id: Annotated[str | None, Header(max_length=30)] = None,
) -> Response:
    """Events with an id above ``after``; with Accept: text/event-stream they stream as they come.

    ``from`` and ``to`` bound the time at which a page's events were told.
    A stream without ``after`` and Last-Event-ID begins with what happens next.
    """
    if STREAM in request.headers.get("accept", ""):
        start = _resumed(after, last_event_id)
        if start is None:
            start = await run_in_threadpool(_newest, service.engine, principal)
        bell: Bell = request.app.state.bell
        return StreamingResponse(
            _stream(service.engine, principal, bell, start),
            media_type=STREAM,
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
    return await run_in_threadpool(
        _page, request, service.engine, principal, window, after or 0, limit
    )


def _resumed(after: int | None, last_event_id: str | None) -> int | None:
    if last_event_id is None:
        return after
    if not re.fullmatch("[0-9]{1,18}", last_event_id):
        raise ApiError(422, "bad_event_id", "Last-Event-ID: it is the id of an event")
    return int(last_event_id)


def _page(
    request: Request, engine: Engine, principal: Principal, window: Window, after: int, limit: int
) -> Response:
    with acting(engine, principal, "patrolgrid_read") as connection:
        found = events.after(connection, after, limit, start=window.start, end=window.end)
        version = versions.read(connection, ["breaches"])
    payload = {
        "events": [event.document() for event in found],
        "next": found[-1].id if found else after,
    }
    return answer(request, payload, version, media_type=JSON)


def _newest(engine: Engine, principal: Principal) -> int:
    with acting(engine, principal, "patrolgrid_read") as connection:
        return events.latest_id(connection)


def _after(engine: Engine, principal: Principal, after: int) -> list[Event]:
    with acting(engine, principal, "patrolgrid_read") as connection:
        return events.after(connection, after, _PAGE)


async def _stream(
    engine: Engine, principal: Principal, bell: Bell, start: int
) -> AsyncIterator[bytes]:
    seen = start
    with bell.subscribe() as ear:
        yield b": patrolgrid\n\n"
        while True:
            found = await run_in_threadpool(_after, engine, principal, seen)
            for event in found:
                yield format_sse_event(
                    data_str=json.dumps(event.document(), ensure_ascii=False),
                    event=event.type,
                    id=str(event.id),
                )
                seen = event.id
            if len(found) < _PAGE and await ear.next(_KEEP_ALIVE_S) is None:
                yield b": still here\n\n"
