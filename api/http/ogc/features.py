"""OGC API - Features: collections, their properties, their features."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.http.answers import GEOJSON, JSON, GeoJson, answer, encode, rfc3339, tagged
from api.http.context import Reading
from api.http.identity import needs
from api.http.ogc.links import SCHEMA, collection_links, collection_url, item_url, link
from api.http.ogc.links import page_links, root
from api.http.ogc.parameters import CollectionId, Question, Viewed
from api.http.ogc.routing import Format, router, takes_properties
from layers import search
from layers.places import Column, Layer
from layers.versions import DataVersion

ItemId = Annotated[str, Path(description="the feature's id; encode a slash in it as %2F")]
_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "json": {"type": "object"},
}


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


@router.get("/collections")
@needs("read")
def collections(request: Request, connection: Reading, f: Format = None) -> Response:
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


@router.get("/collections/{collectionId}")
@needs("read")
def collection(
    request: Request, connection: Reading, collectionId: CollectionId, f: Format = None  # noqa: N803
) -> Response:
    """One collection: its extent, reference systems and links."""
    of = search.collection(collectionId)
    payload = _collection(request, connection, of, "self")
    return answer(request, payload, search.version(connection, of), media_type=JSON)


@router.get("/collections/{collectionId}/queryables")
@needs("read")
def queryables(request: Request, collectionId: CollectionId, f: Format = None) -> Response:  # noqa: N803
    """The properties that filters may name, as a JSON schema."""
    of = search.collection(collectionId)
    return _schema(request, of, [one for one in of.columns.values() if one.kind != "json"])


@router.get("/collections/{collectionId}/schema")
@needs("read")
def schema(request: Request, collectionId: CollectionId, f: Format = None) -> Response:  # noqa: N803
    """The properties of the features, as a JSON schema."""
    of = search.collection(collectionId)
    return _schema(request, of, list(of.columns.values()))


def _schema(request: Request, of: Layer, columns: list[Column]) -> Response:
    role = "x-ogc-role"
    properties = {
        "id": {"type": "string", role: "id"},
        **{one.name: _property(one) for one in columns},
        "geom": {"format": _geometry(of), role: "primary-geometry"},
    }
    payload = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{collection_url(request, of)}/{request.url.path.rsplit('/', 1)[-1]}",
        "type": "object",
        "title": of.titles["en"],
        "properties": properties,
        "additionalProperties": False,
    }
    return tagged(request, encode(payload), SCHEMA)


def _property(one: Column) -> dict[str, Any]:
    limits = {"minimum": one.least, "maximum": one.most, "exclusiveMinimum": one.above}
    return {
        "title": one.name,
        **_TYPES[one.kind],
        **({"enum": list(one.choices)} if one.choices else {}),
        **{name: value for name, value in limits.items() if value is not None},
        **({"readOnly": True} if one.read_only else {}),
    }


def _geometry(of: Layer) -> str:
    return f"geometry-{of.geometries[0].lower()}" if len(of.geometries) == 1 else "geometry-any"


@router.get("/collections/{collectionId}/items", response_class=GeoJson)
@takes_properties
@needs("read")
def items(
    request: Request, connection: Reading, asked: Viewed, question: Question, f: Format = None
) -> Response:
    """Features of a collection by id: those that meet all that is asked."""
    of, view = asked.of, asked.view
    found = search.search(
        connection, of, question.conditions, order=question.order, limit=question.limit,
        offset=question.offset, view=view,
    )  # fmt: skip
    returned = len(found.features)
    payload = {
        "type": "FeatureCollection",
        "numberMatched": found.matched,
        "numberReturned": returned,
        "links": page_links(
            request, of, limit=question.limit, offset=question.offset, returned=returned,
            matched=found.matched,
        ),
        "features": found.features,
    }  # fmt: skip
    return _geojson(request, payload, search.version(connection, of), view)


@router.get("/collections/{collectionId}/items/{itemId:path}", response_class=GeoJson)
@needs("read")
def item(
    request: Request, connection: Reading, asked: Viewed, itemId: ItemId, f: Format = None  # noqa: N803
) -> Response:
    """One feature."""
    of = asked.of
    found = search.one(connection, of, itemId, asked.view)
    found["links"] = [
        link("self", item_url(request, of, itemId), GEOJSON),
        link("collection", collection_url(request, of)),
    ]
    return _geojson(request, found, search.version(connection, of), asked.view)


def _geojson(
    request: Request, payload: dict[str, Any], version: DataVersion, view: search.View
) -> Response:
    payload["data_version"], payload["as_of"] = version.data_version, rfc3339(version.as_of)
    return tagged(request, encode(payload), GEOJSON, **{"Content-Crs": f"<{view.system}>"})
