"""Fixes come in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from prometheus_client import Counter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.http import schemas
from api.http.answers import JSON, encode
from api.http.context import Parts, Who
from api.http.errors import ApiError
from api.http.identity import Guarded, needs
from api.intake import bodies
from layers.fixes import intake

router = APIRouter(route_class=Guarded, tags=["fixes"])

FIXES = Counter("patrolgrid_fixes", "Fixes at the door, by what became of them", ["outcome"])
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
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
            "application/x-ndjson or text/csv",
        )  # fmt: skip
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in bodies.ENCODINGS:
        raise ApiError(
            415, "unknown_encoding", f"Content-Encoding {encoding[:40]}: send gzip, deflate or none"
        )
    sent = await request.body()

    def work() -> intake.Receipt:
        settings = service.settings
        body = bodies.unpacked(sent, encoding, limit=int(settings.max_body_mb * 1_000_000))
        batch = bodies.parse(body, media_type, max_batch=settings.max_batch)
        return intake.store_batch(
            service.engine,
            principal,
            batch,
            service.region,
            clock_skew_s=settings.clock_skew_s,
            retention_days=settings.kept_days(service.region.retention_days),
        )

    receipt = await run_in_threadpool(work)
    for outcome in ("accepted", "duplicate", "refused"):
        FIXES.labels(outcome).inc(getattr(receipt, outcome))
    FIXES.labels("quarantined").inc(len(receipt.quarantined))
    payload = {
        "accepted": receipt.accepted,
        "duplicate": receipt.duplicate,
        "refused": receipt.refused,
        "quarantined": [{"index": q.index, "reason": q.reason} for q in receipt.quarantined],
        "breaches": receipt.breaches,
    }
    return Response(encode(payload), media_type=JSON)
