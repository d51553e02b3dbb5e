"""Vector tiles and their TileJSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.http.answers import JSON, answer, tagged
from api.http.context import Parts, Reading
from api.http.identity import Guarded, needs
from layers import places, versions
from layers.tiles import tile as cutting

router = APIRouter(route_class=Guarded, tags=["tiles"])

MVT = "application/vnd.mapbox-vector-tile"


class Mvt(Response):
    """A vector tile, as the OpenAPI document is to have it."""

    media_type = MVT


Layers = Annotated[
    str | None, Query(max_length=400, description="layer names, comma-separated; all without it")
]


def _named(layers: str | None) -> list[str]:
    if not layers:
        return [name for name in cutting.FIELDS if name != "breaches"]
    parts = [part.strip() for part in layers.split(",") if part.strip()]
    return [part if part in cutting.FIELDS else places.canonical(part) for part in parts]


@router.get("/tiles/{z}/{x}/{y}.mvt", response_class=Mvt)
@needs("read")
def tile(
    request: Request, connection: Reading, z: int, x: int, y: int, layers: Layers = None
) -> Response:
    """One vector tile with several layers."""
    body = cutting.tile(connection, z, x, y, _named(layers))
    return tagged(request, body, MVT)


def _type(layer: str, field: str) -> str:
    """TileJSON's word for what stands in a field."""
    columns = places.LAYERS[layer].columns if layer in places.LAYERS else {}
    number = field in columns and columns[field].kind in {"number", "integer"}
    return "Number" if number else "String"


@router.get("/tiles.json")
@needs("read")
def tilejson(
    request: Request, service: Parts, connection: Reading, layers: Layers = None
) -> Response:
    """TileJSON 3 of the layers asked for."""
    named = _named(layers)
    base = (service.settings.public_url or str(request.base_url)).rstrip("/")
    bounds = places.bounds(connection)
    fields = dict.fromkeys(cutting.SHARED_FIELDS, "String")
    payload = {
        "tilejson": "3.0.0",
        "name": "patrolgrid",
        "tiles": [f"{base}/tiles/{{z}}/{{x}}/{{y}}.mvt?layers={','.join(named)}"],
        "minzoom": 0,
        "maxzoom": cutting.MAX_ZOOM,
        **({"bounds": bounds} if bounds else {}),
        "vector_layers": [
            {"id": name, "fields": fields | {one: _type(name, one) for one in cutting.FIELDS[name]}}
            for name in named
        ],
    }
    # The bounds are those of all places.
    read = sorted({*named, *places.LAYERS})
    return answer(request, payload, versions.read(connection, read), media_type=JSON)
