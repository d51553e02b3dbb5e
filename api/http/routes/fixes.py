"""Fixes come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.http import schemas
from api.http.answers import JSON, encode
from api.http.context import Parts, Service, Who
from api.http.direct import Direct
from api.http.errors import ApiError
from api.http.identity import needs
from api.http.room import Place
from api.intake import bodies, door
from layers.fixes.batch import Batch

router = APIRouter(route_class=Direct, tags=["fixes"])

Read = TypeVar("Read")
#: A body of so many bytes is read in less time than a thread takes to begin, if it is plain.
_SHORT_BYTES = 262_144
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

    settings = service.settings
    limit = int(settings.max_body_mb * 1_000_000)

    def parse(place: Place, sent: bytes) -> Batch:
        body = bodies.unpacked(sent, encoding, limit=limit, hold=place.hold)
        return bodies.parse(
            body, media_type, max_batch=settings.max_batch, most_bytes=limit, hold=place.hold
        )

    def at_once(sent: bytes) -> Batch | None:
        if len(sent) > _SHORT_BYTES or encoding not in bodies.AS_IT_IS:
            return None
        return bodies.at_once(sent, media_type, max_batch=settings.max_batch)

    with service.room.enter() as place:
        batch = await read(request, service, place, parse, at_once)
        receipt = await door.take(service.engine, principal, batch, service.region, settings)
    return Response(encode(door.told(receipt)), media_type=JSON)


def _never(_: bytes) -> None:
    """What takes a thread, always."""


async def read(
    request: Request,
    service: Service,
    place: Place,
    parse: Callable[[Place, bytes], Read],
    at_once: Callable[[bytes], Read | None] = _never,
) -> Read:
    """What a body is read as, by ``at_once`` if that takes it, else by ``parse`` in a thread.

    Raises BusyError where there is no room for it.
    """
    body = await place.body(request, within_s=service.settings.upload_s)
    found = at_once(body)
    if found is not None:
        return found
    return await to_thread.run_sync(parse, place, body, limiter=service.room.threads)
