"""Vector tiles and their TileJSON."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import StringConstraints
from starlette.responses import Response

from api.http import schemas
from api.http.answers import JSON, MVT, Between, answer, rfc3339, right_of, tagged
from api.http.context import Parts, Reading, Service, Who
from api.http.identity import Guarded, needs
from api.http.routes.coverage import Level, Swath, measured, question, swaths, told
from api.http.tiledoor import cache_status, tile_answer
from layers import coverage, places, tiles, versions
from layers.coverage import Question
from layers.db.engine import Principal, acting
from layers.places import hierarchy
from layers.tiles import Key
from layers.versions import DataVersion

router = APIRouter(route_class=Guarded, tags=["tiles"])

COVERAGE = "coverage"


class Mvt(Response):
    """A vector tile, as the OpenAPI document is to have it."""

    media_type = MVT


Layers = Annotated[
    list[Annotated[str, StringConstraints(max_length=400)]] | None,
    Query(
        max_length=50,
        description="layer names, comma-separated or one by one, breaches and coverage too;"
        " without it the places. With coverage: from, to, level and swath_m as of /api/coverage",
    ),
]


def _named(layers: list[str] | None) -> tuple[tuple[str, ...], bool]:
    """The stored layers that are asked for, and whether coverage is."""
    parts = [part.strip() for part in ",".join(layers or ()).split(",") if part.strip()]
    others = [part for part in parts if part != COVERAGE]
    if parts and not others:
        return (), True
    return tiles.drawn(",".join(others) if parts else None), len(others) < len(parts)


@router.get("/tiles/{z}/{x}/{y}.mvt", response_class=Mvt)
@needs("read")
async def tile(
    request: Request,
    service: Parts,
    principal: Who,
    window: Between,
    z: int,
    x: int,
    y: int,
    layers: Layers = None,
    level: Level = None,
    swath_m: Swath = None,
    v: Annotated[
        str | None,
        Query(
            max_length=400,
            description="anything: a map asks anew for what it holds by another. With coverage:"
            " the data_version of an answer of /api/coverage, whose figures the tile is to have",
        ),
    ] = None,
) -> Response:
    """One vector tile with several layers."""
    named, with_coverage = _named(layers)
    if not with_coverage:
        return await tile_answer(request, service, principal, named, z, x, y)
    tiles.check(named, z, x, y)
    asked = question(service, window, level, swath_m)
    cells, version, kept = await to_thread.run_sync(_cells, service, principal, asked, v)
    key = Key(right=right_of(principal), layers=named, z=z, x=x, y=y, beside=cells.beside(z))
    stored, drawn_before = await service.tiles.ask(principal, key)
    body = await to_thread.run_sync(cells.layer, z, x, y, len(stored.body))
    whole = versions.joined([stored.version, version])
    headers = {
        "Data-Version": whole.data_version,
        "As-Of": rfc3339(whole.as_of) or "",
        # A hit: neither was anything measured, nor a stored layer drawn.
        "Cache-Status": cache_status(hit=kept and (drawn_before or not named)),
    }
    return tagged(request, stored.body + body, MVT, **headers)


def _cells(
    service: Service, principal: Principal, asked: Question, v: str | None
) -> tuple[tiles.Cells, DataVersion, bool]:
    """The cells with their figures over a window, ready for tiles; whether these were kept.

    Of now, or of the version ``v`` while what was told of it is kept: a map's tiles and the
    figures beside it are then of the same data, and are measured once while fixes come in.
    """
    held = told(service, principal, asked, v) if v else None
    if held is None:
        with acting(service.engine, principal, "patrolgrid_read") as connection:
            held = measured(service, principal, connection, asked)
    grids = held.measured.grids
    key = ("tiles", right_of(principal), held.digest, asked)
    kept = service.kept.peek(key) is not None
    return service.kept.get(key, lambda: tiles.Cells.of(grids)), held.version, kept


def _type(layer: str, field: str) -> str:
    """TileJSON's word for what stands in a field."""
    if layer == COVERAGE:
        return "Number" if field in tiles.FIGURES else "String"
    columns = places.LAYERS[layer].columns if layer in places.LAYERS else {}
    kind = columns[field].kind if field in columns else "text"
    return {"number": "Number", "integer": "Number", "boolean": "Boolean"}.get(kind, "String")


@router.get("/tiles.json", responses=schemas.answers(schemas.layers.TILEJSON))
@needs("read")
def tilejson(
    request: Request,
    service: Parts,
    connection: Reading,
    window: Between,
    layers: Layers = None,
    level: Level = None,
    swath_m: Swath = None,
) -> Response:
    """TileJSON 3 of the layers asked for."""
    named, with_coverage = _named(layers)
    shown = (*named, COVERAGE) if with_coverage else named
    query = {"layers": ",".join(shown)}
    if with_coverage:
        # Named here, so that all tiles of a map are of one window.
        asked = question(service, window, level, swath_m)
        hierarchy.check_level(connection, asked.level, service.region.level_names)
        query |= {
            "from": rfc3339(asked.start) or "", "to": rfc3339(asked.end) or "",
            "level": asked.level,
        }  # fmt: skip
        swath = swaths(service, asked)["swath_m"]
        query |= {"swath_m": f"{swath:g}"} if swath is not None else {}
    base = (service.settings.public_url or str(request.base_url)).rstrip("/")
    bounds = tiles.extent(connection, [*named, *(["grids"] if with_coverage else [])])
    payload = {
        "tilejson": "3.0.0",
        "name": "patrolgrid",
        "tiles": [f"{base}/tiles/{{z}}/{{x}}/{{y}}.mvt?{urlencode(query, safe=',:')}"],
        "minzoom": 0,
        "maxzoom": tiles.MOST_ZOOM,
        **({"bounds": bounds} if bounds else {}),
        "vector_layers": [
            {
                "id": name,
                "minzoom": 0,
                "maxzoom": tiles.MOST_ZOOM,
                "fields": {one: _type(name, one) for one in ("id", *_fields(name))}
                | {tiles.MERGED: "Number"},
            }
            for name in shown
        ],
    }
    reads = sorted({*named, *(coverage.READS if with_coverage else ())})
    return answer(request, payload, versions.read(connection, reads), media_type=JSON)


def _fields(name: str) -> tuple[str, ...]:
    return tiles.CELL_FIELDS if name == COVERAGE else tiles.FIELDS[name]
