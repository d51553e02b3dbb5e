"""The hierarchy of grids: which hold a point, and what ground of theirs has no grid below."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.http.answers import Cursor, GeoJson, Limit, after, answer, collection, next_link
from api.http.context import Parts, Reading
from api.http.identity import Guarded, needs
from layers import places, versions

router = APIRouter(route_class=Guarded, tags=["grids"])

Lon = Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False, description="degrees")]
Lat = Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False, description="degrees")]


@router.get("/api/grids/at", response_class=GeoJson)
@needs("read")
def grids_at(request: Request, service: Parts, connection: Reading, lon: Lon, lat: Lat) -> Response:
    """The grids that hold a point, from the top level down; on a shared edge the lower id.

    One without a parent that lies on others is among them by its level.
    """
    found = places.chain(connection, lon, lat, levels=service.region.level_names)
    return answer(request, collection(found), versions.read(connection, ["grids"]))


@router.get("/api/grids/gaps", response_class=GeoJson)
@needs("read")
def grid_gaps(
    request: Request,
    connection: Reading,
    parent: Annotated[str | None, Query(max_length=200, description="of this grid alone")] = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response:
    """Ground of grids that is outside all of their children, by the id of the grid."""
    page = places.gaps(connection, parent=parent, limit=limit, after=after(cursor))
    payload = collection(page.features, links=next_link(request, page.next))
    return answer(request, payload, versions.read(connection, ["grids"]))
