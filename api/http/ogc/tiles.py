"""OGC API - Tiles: the collections as vector tiles, in the one grid that all of our tiles have."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import Path, Request
from starlette.responses import Response

from api.http import schemas
from api.http.answers import JSON, MVT, answer
from api.http.context import Parts, Reading, Who
from api.http.errors import ApiError
from api.http.identity import needs
from api.http.ogc.links import SCHEME, Link, collection_url, link, root
from api.http.ogc.parameters import CollectionId
from api.http.ogc.routing import router
from api.http.tiledoor import tile_answer
from geo.earth import MERCATOR_HALF_M
from geo.errors import OutOfRangeError
from layers import search
from layers.places import Layer
from layers.tiles import FIELDS, MERGED, MOST_ZOOM

_QUAD = "WebMercatorQuad"
_QUAD_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{_QUAD}"
_NOWHERE = (0.0, 0.0, 0.0, 0.0)
_CRS = "http://www.opengis.net/def/crs/EPSG/0/3857"
_SIDE = 256  # pixels of a tile, as the definition of the grid counts them
_PIXEL_M = 0.00028  # the standard's size of a pixel on a screen
Grid = Annotated[
    str,
    Path(
        alias="tileMatrixSetId",
        description="the tile matrix set",
        json_schema_extra={"enum": [_QUAD]},
    ),
]
Place = Annotated[str, Path(pattern=r"^[0-9]{1,9}$", description="a number of the tile")]
Row = Annotated[
    str, Path(pattern=r"^[0-9]{1,9}(\.mvt|\.pbf)?$", description="row; .mvt or .pbf may follow")
]


class Mvt(Response):
    """A vector tile, as the OpenAPI document is to have it."""

    media_type = MVT


def fields(of: Layer) -> dict[str, str]:
    """What features carry in tiles, with TileJSON's words for the types."""
    kinds = {name: of.columns[name].kind for name in FIELDS[of.name] if name in of.columns}
    named = dict.fromkeys(("id", *FIELDS[of.name]), "text") | kinds | {MERGED: "integer"}
    return {name: _WORDS.get(kind, "String") for name, kind in named.items()}


_WORDS = {"number": "Number", "integer": "Number", "boolean": "Boolean"}


def _known(name: str) -> None:
    if name != _QUAD:
        raise ApiError(404, "no_such_tile_matrix_set", f"{name[:60]!r}: there is {_QUAD} alone")


@router.get("/tileMatrixSets", responses=schemas.answers(schemas.ogc.GRIDS))
@needs("read")
def tile_matrix_sets(request: Request) -> Response:
    """The grids that there are tiles in."""
    url = f"{root(request)}/tileMatrixSets/{_QUAD}"
    listed = {"id": _QUAD, "title": _QUAD, "uri": _QUAD_URI, "crs": _CRS,
              "links": [link("self", url)]}  # fmt: skip
    return answer(request, {"tileMatrixSets": [listed]}, media_type=JSON)


@router.get("/tileMatrixSets/{tileMatrixSetId}", responses=schemas.answers(schemas.ogc.GRID))
@needs("read")
def tile_matrix_set(request: Request, grid: Grid) -> Response:
    """The definition of a grid: its matrices, from the whole world down."""
    _known(grid)
    payload = {
        "id": _QUAD,
        "title": "Google Maps Compatible for the World",
        "uri": _QUAD_URI,
        "crs": _CRS,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [_matrix(z) for z in range(MOST_ZOOM + 1)],
    }
    return answer(request, payload, media_type=JSON)


def _matrix(z: int) -> dict[str, Any]:
    count = 1 << z
    cell_m = 2 * MERCATOR_HALF_M / (_SIDE * count)
    return {
        "id": str(z),
        "scaleDenominator": cell_m / _PIXEL_M,
        "cellSize": cell_m,
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": [-MERCATOR_HALF_M, MERCATOR_HALF_M],
        "tileWidth": _SIDE,
        "tileHeight": _SIDE,
        "matrixWidth": count,
        "matrixHeight": count,
    }


def _tileset_links(request: Request, of: Layer) -> list[Link]:
    url = f"{collection_url(request, of)}/tiles/{_QUAD}"
    return [
        link("self", url, title=f"{of.titles['en']} in {_QUAD}"),
        link(SCHEME, f"{root(request)}/tileMatrixSets/{_QUAD}"),
        link("item", f"{url}/{{tileMatrix}}/{{tileCol}}/{{tileRow}}", MVT, templated=True),
        link("describedby", f"{url}/tilejson.json", title="TileJSON"),
        link("http://www.opengis.net/def/rel/ogc/1.0/geodata", collection_url(request, of)),
    ]


def _tileset(request: Request, of: Layer) -> dict[str, Any]:
    return {
        "title": of.titles["en"],
        "dataType": "vector",
        "crs": _CRS,
        "tileMatrixSetId": _QUAD,
        "tileMatrixSetURI": _QUAD_URI,
        "links": _tileset_links(request, of),
    }


@router.get("/collections/{collectionId}/tiles", responses=schemas.answers(schemas.ogc.TILESETS))
@needs("read")
def tilesets(request: Request, collection_id: CollectionId) -> Response:
    """The tilesets of a collection."""
    of = search.collection(collection_id)
    payload = {
        "links": [link("self", f"{collection_url(request, of)}/tiles")],
        "tilesets": [_tileset(request, of)],
    }
    return answer(request, payload, media_type=JSON)


@router.get(
    "/collections/{collectionId}/tiles/{tileMatrixSetId}",
    responses=schemas.answers(schemas.ogc.TILESET),
)
@needs("read")
def tileset(
    request: Request,
    connection: Reading,
    collection_id: CollectionId,
    grid: Grid,
) -> Response:
    """A tileset: where its tiles are, and which of them hold anything."""
    of = search.collection(collection_id)
    _known(grid)
    bbox = search.extent(connection, of).bbox
    payload = _tileset(request, of)
    payload["layers"] = [{"id": of.name, "title": of.titles["en"], "dataType": "vector"}]
    if bbox is not None:
        corners = {"lowerLeft": list(bbox[:2]), "upperRight": list(bbox[2:])}
        payload["boundingBox"] = {**corners, "crs": search.CRS84}
        payload["tileMatrixSetLimits"] = [_limits(z, bbox) for z in range(MOST_ZOOM + 1)]
    return answer(request, payload, search.version(connection, of), media_type=JSON)


def _limits(z: int, bbox: tuple[float, float, float, float]) -> dict[str, Any]:
    """The tiles of a matrix that meet the box."""
    first_column, last_row = _tile_at(z, bbox[0], bbox[1])
    last_column, first_row = _tile_at(z, bbox[2], bbox[3])
    return {
        "tileMatrix": str(z),
        "minTileRow": first_row,
        "maxTileRow": last_row,
        "minTileCol": first_column,
        "maxTileCol": last_column,
    }


def _tile_at(z: int, lon: float, lat: float) -> tuple[int, int]:
    """Column and row of the tile that holds a place; beyond the square, those at its edge."""
    count = 1 << z
    slope = math.asinh(math.tan(math.radians(min(max(lat, -89.9), 89.9))))
    column, row = (lon / 360 + 0.5) * count, (0.5 - slope / (2 * math.pi)) * count
    return min(max(int(column), 0), count - 1), min(max(int(row), 0), count - 1)


@router.get(
    "/collections/{collectionId}/tiles/{tileMatrixSetId}/tilejson.json",
    responses=schemas.answers(schemas.layers.TILEJSON),
)
# GDAL's MVT driver looks for it by this name.
@router.get(
    "/collections/{collectionId}/tiles/{tileMatrixSetId}/metadata.json",
    responses=schemas.answers(schemas.layers.TILEJSON),
)
@needs("read")
def tilejson(
    request: Request,
    connection: Reading,
    collection_id: CollectionId,
    grid: Grid,
) -> Response:
    """TileJSON 3 of a collection."""
    of = search.collection(collection_id)
    _known(grid)
    bbox = search.extent(connection, of).bbox
    payload = {
        "tilejson": "3.0.0",
        "name": of.titles["en"],
        "tiles": [f"{collection_url(request, of)}/tiles/{_QUAD}/{{z}}/{{x}}/{{y}}"],
        "minzoom": 0,
        "maxzoom": MOST_ZOOM,
        # Without bounds GDAL would look into every tile of the world.
        "bounds": bbox or _NOWHERE,
        "vector_layers": [{"id": of.name, "fields": fields(of)}],
    }
    return answer(request, payload, search.version(connection, of), media_type=JSON)


@router.get("/collections/{collectionId}/tiles/{tileMatrixSetId}/{z}/{x}/{y}", response_class=Mvt)
@needs("read")
async def tile(
    request: Request,
    service: Parts,
    principal: Who,
    collection_id: CollectionId,
    grid: Grid,
    z: Place,
    x: Place,
    y: Row,
) -> Response:
    """One vector tile, the same as /tiles/{z}/{x}/{y}.mvt?layers= of it: zoom, column, row."""
    of = search.collection(collection_id)
    _known(grid)
    place = int(z), int(x), int(y.partition(".")[0])
    try:
        return await tile_answer(request, service, principal, (of.name,), *place)
    except OutOfRangeError as error:
        raise ApiError(404, "no_such_tile", str(error)) from None
