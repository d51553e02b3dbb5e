"""Response: who can be where within so many minutes, and who lives outside that."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.http.answers import GeoJson, answer, collection
from api.http.context import Parts, Reading
from api.http.errors import ApiError
from api.http.identity import Guarded, needs
from api.http.questions import numbers_of
from api.http.routes.coverage import features
from layers import response, versions
from layers.response import reach

router = APIRouter(route_class=Guarded, tags=["response"])

#: An answer is asked for by one person who waits: more minutes than these are for planners' tools.
MOST_MINUTES = 120.0
Longitude = Annotated[
    float, Query(ge=-180, le=180, allow_inf_nan=False, description="degrees, WGS84")
]
Latitude = Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False, description="degrees, WGS84")]
Mode = Annotated[str, Query(max_length=50, description="how help travels")]
Stale = Annotated[bool, Query(description="units with a stale fix, too")]


def _minutes(
    minutes: Annotated[str, Query(max_length=100, description="comma-separated")] = "1,3,5",
) -> list[float]:
    try:
        found = sorted(set(numbers_of(minutes)))
    except ValueError:
        found = []
    if not (1 <= len(found) <= 10 and found[0] > 0 and found[-1] <= MOST_MINUTES):
        raise ApiError(
            422, "bad_minutes", f"minutes: give 1 to 10 numbers above 0, at most {MOST_MINUTES:g}"
        )
    return found


Minutes = Annotated[list[float], Depends(_minutes)]
From = Annotated[Literal["checkpoints", "posts", "units"], Query(alias="source")]


def _finite(number: float) -> float | None:
    return round(number, 1) if math.isfinite(number) else None


@router.get("/api/response", response_class=GeoJson)
@needs("read")
def get_response(
    request: Request,
    service: Parts,
    connection: Reading,
    minutes: Minutes,
    lon: Longitude | None = None,
    lat: Latitude | None = None,
    source: Annotated[
        Literal["checkpoints", "posts", "units"] | None,
        Query(description="start from all of these"),
    ] = None,
    mode: Mode = "vehicle",
    stale: Stale = False,
) -> Response:
    """Nested areas that are reached within each of the minutes, from a place or many sources."""
    if (source is None) == (lon is None or lat is None):
        raise ApiError(
            422, "bad_origin", "give lon and lat, or source=checkpoints, posts or units; not both"
        )
    if source is None:
        origin = response.Sources(ids=["place"], lon=np.array([lon]), lat=np.array([lat]))
    else:
        origin = response.sources(
            connection, service.region, source, mode=mode, now=datetime.now(UTC), stale=stale
        )
    found = response.areas(connection, service.region, origin, minutes=minutes, mode=mode)
    told = {"road_m": _finite(found.road_m), "cell_m": found.cell_m, "note": found.note}
    place = {"lon": lon, "lat": lat} if source is None else {"source": source}
    shown = features(
        found.bands.assign(mode=mode).set_index(found.bands["minutes"].map("{:g}".format))
    )
    payload = collection(
        shown, origin={**place, **told}, sources=found.sources, left_out=found.left_out, mode=mode
    )
    reads = reach.READS[source or "place"]
    return answer(request, payload, versions.read(connection, reads))


@router.get("/api/response/settlements", response_class=GeoJson)
@needs("read")
def get_settlements(
    request: Request,
    service: Parts,
    connection: Reading,
    minutes: Minutes,
    source: From = "posts",
    mode: Mode = "vehicle",
    stale: Stale = False,
) -> Response:
    """Seconds to each settlement and from whom (null: not within ``searched_minutes``);
    households within each of the minutes, and outside."""
    origin = response.sources(
        connection, service.region, source, mode=mode, now=datetime.now(UTC), stale=stale
    )
    found = response.settlement_times(
        connection, service.region, origin, minutes=minutes, mode=mode
    )
    payload = collection(
        features(found.settlements), households=found.households, source=source,
        sources=len(origin.ids), left_out=origin.left_out, minutes=minutes, mode=mode,
        searched_minutes=max(*minutes, reach.SEARCHED_MINUTES),
    )  # fmt: skip
    reads = sorted({*reach.READS[source], "settlements"})
    return answer(request, payload, versions.read(connection, reads))


@router.get("/api/dispatch", response_class=GeoJson)
@needs("read")
def get_dispatch(
    request: Request,
    service: Parts,
    connection: Reading,
    lon: Longitude,
    lat: Latitude,
    limit: Annotated[int, Query(ge=1, le=50, description="units in the answer")] = 5,
    within_minutes: Annotated[
        float, Query(gt=0, le=600, allow_inf_nan=False, description="slower ones are left out")
    ] = 120,
    stale: Stale = False,
) -> Response:
    """The nearest units by travel time, each with its ETA, the age of its fix and its route."""
    found = response.nearest(
        connection, service.region, lon, lat, limit=limit, limit_s=within_minutes * 60,
        now=datetime.now(UTC), stale=stale,
    )  # fmt: skip
    found = found.assign(rank=range(1, len(found) + 1)).set_index(found["unit"])
    payload = collection(features(found), to={"lon": lon, "lat": lat})
    return answer(request, payload, versions.read(connection, reach.READS["units"]))
