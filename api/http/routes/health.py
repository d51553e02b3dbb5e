"""Liveness, readiness, metrics."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.responses import PlainTextResponse, Response

from api.http import schemas
from api.http.context import Parts, Service
from api.http.errors import problem
from api.http.identity import Guarded, needs
from layers.db import migrate
from layers.db.engine import SYSTEM, acting
from layers.errors import DatabaseUnavailableError
from layers.fixes import dropping, holds, retention

router = APIRouter(route_class=Guarded, tags=["service"])

EDGE = Gauge("patrolgrid_fixes_from_seconds", "Fixes before this time were dropped; 0: none")
PARTITIONS = Gauge("patrolgrid_fix_partitions", "Partitions of fixes that are stored")
HOLDS = Gauge("patrolgrid_holds", "Holds in force")


@router.get("/healthz")
@needs("open")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses=schemas.answers(schemas.service.READY))
@needs("open")
def readyz(service: Parts) -> Response:
    """200 only when the database answers, is migrated, and the demo (if wanted) is computed."""
    missing = _missing(service)
    if missing:
        return problem(503, "not_ready", missing, {"Retry-After": "1"})
    return Response(b'{"status":"ready"}', media_type="application/json")


def _missing(service: Service) -> str | None:
    try:
        at = migrate.current(service.engine)
        if at != migrate.head():
            return f"the database is at revision {at}, this release needs {migrate.head()}"
        with acting(service.engine, SYSTEM, "patrolgrid_read") as connection:
            loaded = connection.execute(text("SELECT value FROM marks WHERE name = 'demo'"))
            if service.demo and loaded.scalar_one_or_none() != "ready":
                return "the demo region is being loaded"
    except (DBAPIError, DatabaseUnavailableError):
        return "the database does not answer"
    return None


@router.get("/metrics", response_class=PlainTextResponse)
@needs("read")
def metrics(service: Parts) -> Response:
    """Counters and timings for Prometheus."""
    with contextlib.suppress(DBAPIError, DatabaseUnavailableError):
        with acting(service.engine, SYSTEM, "patrolgrid_read") as connection:
            edge = retention.edge(connection)
            kept = dropping.partitions(connection)
            held = holds.listed(connection, limit=1_000_000, in_force_at=datetime.now(UTC))
        EDGE.set(0 if edge is None else edge.timestamp())
        PARTITIONS.set(len(kept))
        HOLDS.set(len(held))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
