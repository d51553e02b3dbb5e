"""Coverage over time: the figures of each hour, day, week or month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.http import schemas, tables
from api.http.answers import JSON, Between, answer, rfc3339, right_of
from api.http.context import Parts, Reading, Service, Who
from api.http.identity import Guarded, needs
from api.http.routes.coverage import (
    Grids,
    Level,
    Swath,
    answered,
    chosen,
    missing,
    plain,
    question,
    swaths,
    without,
)
from api.http.underway import EventStream, Progress, waited_for
from layers import coverage, versions
from layers.coverage import Bin, Done, Every, Question, unheard
from layers.db.engine import Principal

router = APIRouter(route_class=Guarded, tags=["coverage"])

_FIGURES = list(schemas.coverage.FIGURES)
_JSON = schemas.answers(schemas.coverage.SERIES)[200]["content"]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {**_JSON, **tables.CONTENT}}, **tables.NOT_ACCEPTABLE,
}  # fmt: skip


def bins(
    service: Service,
    principal: Principal,
    connection: Connection,
    asked: Question,
    every: Every,
    done: Done = unheard,
) -> Sequence[Bin]:
    """The parts of a window, computed once for all who ask with one right; raises as
    ``coverage.series`` does."""
    right = right_of(principal)
    key = right, asked, every

    def compute() -> Sequence[Bin]:
        with service.underway.telling(key, done) as heard:
            return list(coverage.series(connection, service.region, asked, every, heard))

    digest = coverage.known(connection, asked)
    with service.underway.wanted(key):
        return service.kept_series.get((right, digest, asked, every), compute)


@router.get("/api/coverage/series", responses=_RESPONSES)
@needs("read")
def get_series(
    request: Request,
    service: Parts,
    principal: Who,
    connection: Reading,
    window: Between,
    every: Every = "day",
    level: Level = None,
    swath_m: Swath = None,
    grid: Grids = None,
    geometry: Annotated[bool, Query(description="true: every row of GeoParquet has it")] = False,
    f: tables.F = None,
) -> Response:
    """The figures of `/api/coverage` for each part of a window (default: the last 7 days).

    Days, weeks (from Monday) and months are those of the region's time zone, hours those of UTC;
    the first and the last are cut at the window's ends. As CSV (which has no geometry) or
    GeoParquet a row is a grid over a part of the window, `from` one moment `to` another.
    """
    of = tables.asked(request, f)
    asked = question(service, window, level, swath_m)
    parts = bins(service, principal, connection, asked, every, waited_for(request))
    version = versions.read(connection, coverage.READS)
    if of is not None:
        for part in parts:
            chosen(part.measured, asked, grid)
        frame = coverage.series_table(parts)
        frame = without(frame if grid is None else frame[frame.index.isin(grid)], geometry=geometry)
        return tables.answered(request, of, frame, "coverage-series", version)
    payload = {
        "level": asked.level, "every": every, "swept": parts[-1].measured.swept,
        **swaths(service, asked), "series": [_told(part, asked, grid) for part in parts],
        **missing(connection, asked.start),
    }  # fmt: skip
    return tables.of_json(answer(request, payload, version, media_type=JSON))


def _told(part: Bin, asked: Question, grid: list[str] | None) -> dict[str, object]:
    some = chosen(part.measured, asked, grid)
    grids = pd.DataFrame(part.measured.grids).loc[some, _FIGURES]
    return {
        "from": rfc3339(part.start), "to": rfc3339(part.end), "totals": part.measured.totals,
        "grids": {str(i): plain(row) for i, row in grids.to_dict("index").items()},
    }  # fmt: skip


@router.get("/api/coverage/series/progress", response_class=EventStream)
@needs("read")
async def watch_series(
    request: Request,
    service: Parts,
    principal: Who,
    window: Between,
    every: Every = "day",
    level: Level = None,
    swath_m: Swath = None,
    grid: Grids = None,
    _geometry: Annotated[bool, Query(alias="geometry", description="as of the answer")] = False,
    _f: Annotated[str | None, Query(alias="f", description="as of the answer")] = None,
) -> Response:
    """Events while `/api/coverage/series` of the same query is computed, as those of
    `/api/coverage/progress`."""
    asked = question(service, window, level, swath_m)

    def compute(connection: Connection, done: Done) -> dict[str, object]:
        parts = bins(service, principal, connection, asked, every, done)
        chosen(parts[-1].measured, asked, grid)
        version = versions.read(connection, coverage.READS)
        return {
            "href": answered(request, asked), "data_version": version.data_version,
            "swept": parts[-1].measured.swept,
        }  # fmt: skip

    return Progress(request, (right_of(principal), asked, every), principal, compute)
