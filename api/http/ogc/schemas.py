"""JSON schemas of the collections: what filters may name, and what features look like."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import Response

from api.http import schemas
from api.http.answers import encode, tagged
from api.http.identity import needs
from api.http.ogc.links import SCHEMA, collection_url
from api.http.ogc.parameters import CollectionId
from api.http.ogc.routing import router
from layers import search
from layers.places import Column, Layer

_ROLE = "x-ogc-role"
_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "json": {"type": "object"},
}


class SchemaDocument(Response):
    """A JSON schema, as the OpenAPI document is to have it."""

    media_type = SCHEMA


@router.get(
    "/collections/{collectionId}/queryables",
    response_class=SchemaDocument,
    responses=schemas.answers(schemas.ogc.SCHEMA, media_type=SCHEMA),
)
@needs("read")
def queryables(request: Request, collection_id: CollectionId) -> Response:
    """The properties that filters may name."""
    of = search.collection(collection_id)
    kinds = of.geometries
    geometry = f"geometry-{kinds[0].lower()}" if len(kinds) == 1 else "geometry-any"
    return _schema(
        request, of, "queryables",
        properties={
            "id": {"type": "string", _ROLE: "id"},
            **{one.name: told(one) for one in comparable(of)},
            "geom": {"format": geometry, _ROLE: "primary-geometry"},
        },
        additionalProperties=False,
    )  # fmt: skip


@router.get(
    "/collections/{collectionId}/schema",
    response_class=SchemaDocument,
    responses=schemas.answers(schemas.ogc.SCHEMA, media_type=SCHEMA),
)
@needs("read")
def schema(request: Request, collection_id: CollectionId) -> Response:
    """What a feature of the collection looks like in GeoJSON."""
    of = search.collection(collection_id)
    kinds = [{"$ref": f"https://geojson.org/schema/{kind}.json"} for kind in of.geometries]
    return _schema(
        request, of, "schema",
        required=["type", "id", "geometry", "properties"],
        properties={
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string"},
            "geometry": kinds[0] if len(kinds) == 1 else {"oneOf": kinds},
            "properties": {
                "type": "object",
                "properties": {one.name: told(one) for one in of.columns.values()},
            },
        },
    )  # fmt: skip


def comparable(of: Layer) -> list[Column]:
    """The columns that a value can be compared with."""
    return [one for one in of.columns.values() if one.kind != "json"]


def told(one: Column) -> dict[str, Any]:
    """A column as a schema tells it."""
    limits = {"minimum": one.least, "maximum": one.most, "exclusiveMinimum": one.above}
    return {
        "title": one.name,
        **_TYPES[one.kind],
        **({"enum": list(one.choices)} if one.choices else {}),
        **{name: value for name, value in limits.items() if value is not None},
        **({"readOnly": True} if one.read_only else {}),
    }


def _schema(request: Request, of: Layer, name: str, **more: object) -> Response:
    payload = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{collection_url(request, of)}/{name}",
        "type": "object",
        "title": of.titles["en"],
        **more,
    }
    return tagged(request, encode(payload), SCHEMA)
