"""Breaches: which unit entered, left or crossed which fence, when and where, how sure we are."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.http.answers import (
    Bbox,
    Between,
    Cursor,
    GeoJson,
    Limit,
    after,
    answer,
    collection,
    feature,
    next_link,
    point,
)  # fmt: skip
from api.http.context import Reading
from api.http.identity import Guarded, needs
from layers import breaches, versions
from layers.breaches.query import Breach

router = APIRouter(route_class=Guarded, tags=["breaches"])

READS = ("breaches", "fences", "units")
Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="a breach's id")]


def _feature(found: Breach) -> dict[str, object]:
    return feature(found.id, point(found.lon, found.lat), found.properties())


@router.get("/api/breaches", response_class=GeoJson)
@needs("read")
def list_breaches(
    request: Request,
    connection: Reading,
    window: Between,
    bbox: Bbox,
    fence: Annotated[str | None, Query(max_length=200, description="a fence's id or name")] = None,
    unit: Annotated[str | None, Query(max_length=200, description="its identifier")] = None,
    state: Annotated[Literal["open", "closed", "withdrawn"] | None, Query()] = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response:
    """Breaches that overlap the window, by id; withdrawn ones only when asked for."""
    rows = breaches.listed(
        connection, start=window.start, end=window.end, fence=fence, unit=unit,
        states=(state,) if state else ("open", "closed"), bbox=bbox, after=after(cursor) or "",
        limit=limit + 1,
    )  # fmt: skip
    more = rows[limit - 1].id if len(rows) > limit else None
    payload = collection([_feature(row) for row in rows[:limit]], links=next_link(request, more))
    return answer(request, payload, versions.read(connection, READS))


@router.get("/api/breaches/{number}", response_class=GeoJson)
@needs("read")
def get_breach(request: Request, connection: Reading, number: Number) -> Response:
    """One breach with the history of its revisions."""
    found = _feature(breaches.breach(connection, number))
    found["history"] = breaches.history(connection, number)
    return answer(request, found, versions.read(connection, READS))
