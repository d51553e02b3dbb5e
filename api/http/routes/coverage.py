"""Coverage: how much of each grid, and of each stretch of border, was really patrolled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

import geopandas as gpd
import shapely
from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.http import schemas, tables
from api.http.answers import (
    Between,
    GeoJson,
    Window,
    answer,
    collection,
    feature,
    last_days,
    rfc3339,
    right_of,
)  # fmt: skip
from api.http.context import Parts, Reading, Service, Who
from api.http.identity import Guarded, needs
from api.http.underway import EventStream, Progress, waited_for
from layers import coverage, versions
from layers.coverage import Done, Part, Question, unheard
from layers.db.engine import Principal
from layers.errors import NoSuchFeatureError
from layers.fixes import retention
from layers.versions import DataVersion

router = APIRouter(route_class=Guarded, tags=["coverage"])

DEFAULT_DAYS = 7
Swath = Annotated[
    float | None,
    Query(
        gt=0,
        le=100_000,
        allow_inf_nan=False,
        description="full width seen, m; the region's, by kind",
    ),
]


def features(frame: gpd.GeoDataFrame, *, geometry: bool = True) -> list[dict[str, object]]:
    """A frame's rows as features: its index is their id, its columns their properties."""
    frame = without(frame, geometry=geometry)
    columns = [name for name in frame.columns if name != frame.geometry.name]
    rows = frame[columns].to_dict("records")
    return [
        feature(
            str(i),
            None if g is None else shapely.geometry.mapping(g),
            {"id": str(i), **plain(row)},
        )
        for i, g, row in zip(frame.index, frame.geometry, rows, strict=True)
    ]


def without(frame: gpd.GeoDataFrame, *, geometry: bool) -> gpd.GeoDataFrame:
    """The frame as it is, or with no geometry in any row."""
    return frame if geometry else frame.set_geometry([None] * len(frame), crs=frame.crs)


def plain(row: dict[str, object]) -> dict[str, object]:
    """Missing text is null, not NaN."""
    return {
        name: (None if isinstance(value, float) and value != value else value)  # noqa: PLR0124
        for name, value in row.items()
    }


Level = Annotated[str | None, Query(max_length=100, description="the region's lowest")]
By = Annotated[
    Part | None,
    Query(description="the figures once more by how units travel, by team or by local hour"),
]


Grids = Annotated[
    list[Annotated[str, Query(max_length=200)]] | None,
    Query(max_length=1_000, description="ids, one by one; without it all grids of the level"),
]
Geometry = Annotated[bool, Query(description="false: the figures alone")]


def question(
    service: Service,
    window: Window,
    level: str | None,
    swath_m: float | None,
    by: Part | None = None,
) -> Question:
    """The last 7 days and the region's lowest level, where nothing else is said."""
    start, end = last_days(window, DEFAULT_DAYS)
    return Question(
        start=start, end=end, level=level or service.region.lowest_level, swath_m=swath_m, by=by
    )


@dataclass(frozen=True, kw_only=True)
class Told:
    """Coverage, and by what it is known."""

    digest: str
    measured: coverage.Measured
    version: DataVersion


def measured(
    service: Service,
    principal: Principal,
    connection: Connection,
    asked: Question,
    done: Done = unheard,
) -> Told:
    """Coverage as the data is, computed once for all who ask with one right.

    Where the version moved by fixes that say nothing of the window, nothing is computed again.
    ``done`` hears how far it has come, where it is computed for this call alone.
    """
    right, version = right_of(principal), versions.read(connection, coverage.READS)
    key = right, asked

    def compute() -> coverage.Measured:
        with service.underway.telling(key, done) as heard:
            return coverage.answer(connection, service.region, asked, heard)

    def measure() -> Told:
        digest = coverage.known(connection, asked)
        found = service.kept.get(("coverage of", right, digest, asked), compute)
        return Told(digest=digest, measured=found, version=version)

    with service.underway.wanted(key):
        return service.kept.get(("coverage", right, version.data_version, asked), measure)


def told(service: Service, principal: Principal, asked: Question, data_version: str) -> Told | None:
    """What was told somebody of that right at that version of the data, while it is kept here."""
    found: Told | None = service.kept.peek(("coverage", right_of(principal), data_version, asked))
    return found


@router.get(
    "/api/coverage",
    response_class=GeoJson,
    responses=tables.responses(schemas.coverage.COVERAGE),
)
@needs("read")
def get_coverage(
    request: Request,
    service: Parts,
    principal: Who,
    connection: Reading,
    window: Between,
    level: Level = None,
    swath_m: Swath = None,
    by: By = None,
    grid: Grids = None,
    geometry: Geometry = True,
    f: tables.F = None,
) -> Response:
    """Every grid of a level with its figures over a window (default: the last 7 days).

    Patrolled is what was seen in legs: a fix between two gaps is no visit, and its time is unknown.
    A swath reaches into grids that nobody entered: `visited_share` may be there without `visits`.
    Of `totals`, `patrol_s` and `patrol_m` are in grids of this level; `outside_s`, `outside_m` and
    `unknown_s` are of none; `tracks_s` is all of it, with the grids' own `unknown_s`. By `team`,
    what a unit did is the team's that it was of then ("": of none).

    With `outside_s` and `unknown_s` of `totals`, which are what no grid of this level has, Σ over
    these grids of `patrol_s` and `unknown_s` is the tracks' own time, to the last microsecond; a
    grid that others lie in is its children plus its `rest`. Grids of several levels are to be
    summed only where none lies in another, whether it has a parent or not. `parts`, where asked for
    `by` one, has the same figures part by part. `swept` says whether ground is kept up by that
    swath, or computed from the fixes, which takes longer. `fixes_from` is there where the window
    begins before it: older fixes were dropped by retention, but for days that a hold keeps, so that
    what the figures say of the time before is less than was patrolled. As CSV (which has no
    geometry) or GeoParquet a row is a grid, then with `by` each of its parts (`by` says so, and
    `part` which); `rest` is `rest_patrol_s` and so on.
    """
    of = tables.asked(request, f)
    asked = question(service, window, level, swath_m, by)
    told = measured(service, principal, connection, asked, waited_for(request))
    found = told.measured
    some = chosen(found, asked, grid)
    if of is not None:
        frame = coverage.table(found, by)
        frame = without(frame if grid is None else frame.loc[some], geometry=geometry)
        return tables.answered(request, of, frame, "coverage", told.version)
    shown = features(found.grids.loc[some], geometry=geometry)
    for one, own in zip(shown, _beside(found, some, by), strict=True):
        properties = one["properties"]
        assert isinstance(properties, dict)
        properties |= own
    payload = collection(
        shown, totals=found.totals, level=asked.level, **swaths(service, asked), swept=found.swept,
        **{"from": rfc3339(asked.start), "to": rfc3339(asked.end)},
        **missing(connection, asked.start),
    )  # fmt: skip
    return tables.of_json(answer(request, payload, told.version))


@router.get("/api/coverage/progress", response_class=EventStream)
@needs("read")
async def watch_coverage(
    request: Request,
    service: Parts,
    principal: Who,
    window: Between,
    level: Level = None,
    swath_m: Swath = None,
    by: By = None,
    grid: Grids = None,
    _geometry: Annotated[bool, Query(alias="geometry", description="as of the answer")] = True,
    _f: Annotated[str | None, Query(alias="f", description="as of the answer")] = None,
) -> Response:
    """Events while `/api/coverage` of the same query is computed, whoever asked for it first.

    `progress` has `done` and `of`, seconds of the window; then comes `ready` with the `href` of an
    answer that is there at once, or `failed` with a problem document, and nothing after it. A
    client that goes away ends what is computed for it alone.
    """
    asked = question(service, window, level, swath_m, by)

    def compute(connection: Connection, done: Done) -> dict[str, object]:
        found = measured(service, principal, connection, asked, done)
        chosen(found.measured, asked, grid)
        return {
            "href": answered(request, asked), "data_version": found.version.data_version,
            "swept": found.measured.swept,
        }  # fmt: skip

    return Progress(request, (right_of(principal), asked), principal, compute)


def answered(request: Request, asked: Question) -> str:
    """Where the answer is whose progress is told: its window named, as "now" goes on."""
    window = {"from": rfc3339(asked.start) or "", "to": rfc3339(asked.end) or ""}
    others = [pair for pair in request.query_params.multi_items() if pair[0] not in window]
    path = request.url.path.removesuffix("/progress")
    return f"{path}?{urlencode([*window.items(), *others], safe=':')}"


def swaths(service: Service, asked: Question) -> dict[str, object]:
    """The swath; where kinds of unit have their own, each of them."""
    of_kind = asked.swaths_m(service.region)
    one = set(of_kind.values())
    return {"swath_m": one.pop()} if len(one) == 1 else {"swath_m": None, "swaths_m": of_kind}


def chosen(found: coverage.Measured, asked: Question, grid: list[str] | None) -> list[str]:
    """The ids of the grids that are asked for, all where none is named. Raises
    NoSuchFeatureError."""
    strangers = sorted(set(grid or ()) - set(found.grids.index))
    if strangers:
        raise NoSuchFeatureError(f"grids {strangers[0]!r}: there is none of level {asked.level}")
    return found.grids.index.tolist() if grid is None else list(dict.fromkeys(grid))


def _beside(found: coverage.Measured, some: list[str], by: Part | None) -> list[dict[str, object]]:
    """What grids say beside their figures: the rest of those that others lie in, and the parts
    that did anything."""
    rest = {i: plain(row) for i, row in found.rest.to_dict("index").items()}
    parts = {
        word: [plain(row) for row in frame.loc[some].to_dict("records")]
        for word, frame in found.parts.items()
    }
    beside: list[dict[str, object]] = []
    for n, i in enumerate(some):
        own: dict[str, object] = {"rest": rest[i]} if i in rest else {}
        beside.append(own | ({"parts": {w: rows[n] for w, rows in parts.items()}} if by else {}))
    return beside


def missing(connection: Connection, start: datetime) -> dict[str, object]:
    """Where a window begins before what is stored of its tracks: from when they are whole."""
    edge = retention.edge(connection)
    return {"fixes_from": rfc3339(edge)} if edge is not None and start < edge else {}
