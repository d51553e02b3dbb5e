"""Coverage over time: the figures of each hour, day, week or month."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.http import schemas
from api.http.answers import JSON, Between, answer, rfc3339
from api.http.context import Parts, Reading
from api.http.identity import Guarded, needs
from api.http.routes.coverage import Level, Swath, missing, plain, question, swaths
from layers import coverage, versions
from layers.coverage import Every
from layers.errors import NoSuchFeatureError

router = APIRouter(route_class=Guarded, tags=["coverage"])

_FIGURES = list(schemas.coverage.FIGURES)
Grids = Annotated[
    list[Annotated[str, Query(max_length=200)]] | None,
    Query(max_length=1_000, description="ids, one by one; without it all grids of the level"),
]


@router.get("/api/coverage/series", responses=schemas.answers(schemas.coverage.SERIES))
@needs("read")
def get_series(
    request: Request,
    service: Parts,
    connection: Reading,
    window: Between,
    every: Every = "day",
    level: Level = None,
    swath_m: Swath = None,
    grid: Grids = None,
) -> Response:
    """The figures of `/api/coverage` for each part of a window (default: the last 7 days).

    Days, weeks (from Monday) and months are those of the region's time zone, hours those of UTC;
    the first and the last are cut at the window's ends.
    """
    asked = question(service, window, level, swath_m)
    found = []
    swept = "kept"
    for part in coverage.series(connection, service.region, asked, every):
        grids, swept = part.measured.grids, part.measured.swept
        strangers = sorted(set(grid or ()) - set(grids.index))
        if strangers:
            raise NoSuchFeatureError(
                f"grids {strangers[0]!r}: there is none of level {asked.level}"
            )
        figures = pd.DataFrame(grids if grid is None else grids.loc[list(grid)])[_FIGURES]
        found.append({
            "from": rfc3339(part.start), "to": rfc3339(part.end), "totals": part.measured.totals,
            "grids": {str(i): plain(row) for i, row in figures.to_dict("index").items()},
        })  # fmt: skip
    payload = {
        "level": asked.level, "every": every, "swept": swept, **swaths(service, asked),
        "series": found, **missing(connection, asked.start),
    }  # fmt: skip
    return answer(request, payload, versions.read(connection, coverage.READS), media_type=JSON)
