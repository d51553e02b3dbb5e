"""Fixes come in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.http import schemas
from api.http.answers import JSON, encode
from api.http.context import Parts, Service, Who
from api.http.errors import ApiError
from api.http.identity import Guarded, needs
from api.http.room import Place
from api.intake import bodies, door
from layers.fixes.intake import Receipt

router = APIRouter(route_class=Guarded, tags=["fixes"])

Done = TypeVar("Done")
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/vnd.apache.arrow.stream": {
                "schema": {"type": "string", "format": "binary"}
            },
        },
    }
}


@router.post("/api/fixes", openapi_extra=_BODY, responses=schemas.answers(schemas.people.RECEIPT))
@needs("ingest")
async def post_fixes(request: Request, service: Parts, principal: Who) -> Response:
    """Take fixes (unit, time, lon, lat, …); what is answered is durable, breaches and all."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in bodies.MEDIA_TYPES:
        raise ApiError(
            415, "unknown_media_type",
            f"Content-Type {media_type[:100] or '(none)'}: send application/json, "
            "application/x-ndjson, text/csv or application/vnd.apache.arrow.stream",
        )  # fmt: skip
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in bodies.ENCODINGS:
        raise ApiError(
            415, "unknown_encoding", f"Content-Encoding {encoding[:40]}: send gzip, deflate or none"
        )

    def work(place: Place, sent: bytes) -> Receipt:
        settings = service.settings
        limit = int(settings.max_body_mb * 1_000_000)
        body = bodies.unpacked(sent, encoding, limit=limit, hold=place.hold)
        batch = bodies.parse(
            body, media_type, max_batch=settings.max_batch, most_bytes=limit, hold=place.hold
        )
        return door.take(service.engine, principal, batch, service.region, settings)

    receipt = await taken(request, service, work)
    return Response(encode(door.told(receipt)), media_type=JSON)


async def taken(request: Request, service: Service, work: Callable[[Place, bytes], Done]) -> Done:
    """What ``work`` makes of the body, as soon as there is room for it. Raises BusyError."""
    with service.room.enter() as place:
        body = await place.body(request, within_s=service.settings.upload_s)
        return await to_thread.run_sync(partial(work, place, body), limiter=service.room.threads)
