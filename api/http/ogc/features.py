"""OGC API - Features: collections, their properties, their features."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import Path, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.http import schemas
from api.http.answers import GEOJSON, JSON, GeoJson, GeoJsonFeature, answer, rfc3339, tagged
from api.http.context import Reading
from api.http.identity import needs
from api.http.ogc.links import collection_links, collection_url, item_url, link, page_links, root
from api.http.ogc.parameters import CollectionId, Question, Viewed
from api.http.ogc.routing import router, takes_properties
from layers import search
from layers.places import Layer
from layers.versions import DataVersion

ItemId = Annotated[
    str, Path(alias="itemId", description="the feature's id; encode a slash in it as %2F")
]
_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"


def _collection(request: Request, connection: Connection, of: Layer, rel: str) -> dict[str, Any]:
    """A collection as it is told; its extent is that of what the asker may see."""
    where = search.extent(connection, of)
    extent: dict[str, Any] = {}
    if where.bbox is not None:
        extent["spatial"] = {"bbox": [list(where.bbox)], "crs": search.CRS84}
    if where.start is not None:
        ends = [rfc3339(where.start), rfc3339(where.end)]
        extent["temporal"] = {"interval": [ends], "trs": _GREGORIAN}
    return {
        "id": of.name,
        "title": of.titles["en"],
        "titles": dict(of.titles),
        "itemType": "feature",
        **({"extent": extent} if extent else {}),
        "crs": list(search.SYSTEMS),
        "storageCrs": search.CRS84,
        "links": collection_links(request, of, rel),
    }


@router.get("/collections", responses=schemas.answers(schemas.ogc.COLLECTIONS))
@needs("read")
def collections(request: Request, connection: Reading) -> Response:
    """What there is: the layers, and the breaches."""
    every = list(search.collections())
    payload = {
        "links": [link("self", f"{root(request)}/collections")],
        "numberMatched": len(every),
        "numberReturned": len(every),
        "crs": list(search.SYSTEMS),
        "collections": [_collection(request, connection, of, "self") for of in every],
    }
    return answer(request, payload, search.version(connection, *every), media_type=JSON)


@router.get("/collections/{collectionId}", responses=schemas.answers(schemas.ogc.COLLECTION))
@needs("read")
def collection(request: Request, connection: Reading, collection_id: CollectionId) -> Response:
    """One collection: its extent, reference systems and links."""
    of = search.collection(collection_id)
    payload = _collection(request, connection, of, "self")
    return answer(request, payload, search.version(connection, of), media_type=JSON)


_BY_PROPERTY = {
    "name": "properties_of_the_collection",
    "in": "query",
    "required": False,
    "description": "any property of the collection with the value that it must have",
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    "style": "form",
    "explode": True,
}


@router.get(
    "/collections/{collectionId}/items",
    response_class=GeoJson,
    openapi_extra={"parameters": [_BY_PROPERTY]},
)
@takes_properties
@needs("read")
def items(request: Request, connection: Reading, asked: Viewed, question: Question) -> Response:
    """Features of a collection by id: those that meet all that is asked."""
    of, view = asked.of, asked.view
    found = search.search(
        connection, of, question.conditions, order=question.order, limit=question.limit,
        offset=question.offset, start=question.start, view=view,
    )  # fmt: skip
    payload = {
        "type": "FeatureCollection",
        "numberMatched": found.matched,
        "numberReturned": len(found.features),
        "links": page_links(request, of, found),
        "features": found.features,
    }
    return _geojson(request, payload, search.version(connection, of), view)


@router.get("/collections/{collectionId}/items/{itemId:path}", response_class=GeoJsonFeature)
@needs("read")
def item(request: Request, connection: Reading, asked: Viewed, item_id: ItemId) -> Response:
    """One feature."""
    of = asked.of
    found = search.one(connection, of, item_id, asked.view)
    found["links"] = [
        link("self", item_url(request, of, item_id), GEOJSON),
        link("collection", collection_url(request, of)),
    ]
    return _geojson(request, found, search.version(connection, of), asked.view)


def _geojson(
    request: Request, payload: dict[str, Any], version: DataVersion, view: search.View
) -> Response:
    payload["data_version"], payload["as_of"] = version.data_version, rfc3339(version.as_of)
    # Times are texts already, geometries JSON: nothing to tidy.
    return tagged(
        request, msgspec.json.encode(payload), GEOJSON, **{"Content-Crs": f"<{view.system}>"}
    )
