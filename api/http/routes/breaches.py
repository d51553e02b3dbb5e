"""Breaches: which unit entered, left or crossed which fence, when and where, how sure we are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.http.answers import (
    Bbox,
    Between,
    Cursor,
    GeoJson,
    GeoJsonFeature,
    Limit,
    Window,
    after,
    answer,
    collection,
    feature,
    next_link,
    point,
)  # fmt: skip
from api.http.context import Parts, Reading
from api.http.errors import ApiError
from api.http.identity import Guarded, needs
from layers import breaches, versions
from layers.breaches.possible import possible
from layers.breaches.query import Breach

router = APIRouter(route_class=Guarded, tags=["breaches"])

READS = ("breaches", "fences", "units")
#: The longest window that possible breaches are computed for.
LONGEST = timedelta(days=31)
Evidence = Annotated[
    Literal["confirmed", "probable", "possible"] | None,
    Query(description="possible: what gaps leave room for, computed over from and to"),
]
_STATE = "open|closed|withdrawn"
States = Annotated[
    str | None,
    Query(
        max_length=100, pattern=f"^({_STATE})(,({_STATE}))*$",
        description="open, closed, withdrawn, or several of them with commas",
    ),
]  # fmt: skip
Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="a breach's id")]


def _feature(found: Breach) -> dict[str, object]:
    return feature(found.id, point(found.lon, found.lat), found.properties())


@router.get("/api/breaches", response_class=GeoJson)
@needs("read")
def list_breaches(
    request: Request,
    connection: Reading,
    service: Parts,
    window: Between,
    bbox: Bbox,
    fence: Annotated[str | None, Query(max_length=200, description="a fence's id or name")] = None,
    unit: Annotated[str | None, Query(max_length=200, description="its identifier")] = None,
    state: States = None,
    area: Annotated[
        str | None, Query(max_length=200, description="id of the grid that the entry lies in")
    ] = None,
    evidence: Evidence = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response:
    """Breaches that overlap the window, by id; withdrawn ones only when asked for.

    Possible ones only when asked for, too: where the reach of a gap of at most 24 h at top speed
    touches a fence. They are computed for a window of at most 31 days, and never stored.
    """
    states = tuple(state.split(",")) if state else ("open", "closed")
    first = after(cursor) or ""
    reads: tuple[str, ...] = READS if area is None else (*READS, "grids")
    if evidence == "possible":
        start, end = _bounded(window)
        rows = possible(
            connection, service.region, start=start, end=end, fence=fence, unit=unit,
            states=states, bbox=bbox, area=area, after=first, limit=limit + 1,
        )  # fmt: skip
        reads = (*reads, "fixes")
    else:
        rows = breaches.listed(
            connection, start=window.start, end=window.end, fence=fence, unit=unit,
            states=states, evidence=evidence, bbox=bbox, area=area, after=first, limit=limit + 1,
        )  # fmt: skip
    more = rows[limit - 1].id if len(rows) > limit else None
    payload = collection([_feature(row) for row in rows[:limit]], links=next_link(request, more))
    return answer(request, payload, versions.read(connection, reads))


def _bounded(window: Window) -> tuple[datetime, datetime]:
    """The ends of a window that possible breaches can be computed for."""
    if window.start is None or window.end is None or window.end - window.start > LONGEST:
        raise ApiError(
            422, "bad_window", "evidence=possible: give from and to, at most 31 days apart"
        )
    return window.start, window.end


@router.get("/api/breaches/{number}", response_class=GeoJsonFeature)
@needs("read")
def get_breach(request: Request, connection: Reading, number: Number) -> Response:
    """One breach with the history of its revisions: when, what it then was, and what was new."""
    found = _feature(breaches.breach(connection, number))
    found["history"] = breaches.history(connection, number)
    return answer(request, found, versions.read(connection, READS))
