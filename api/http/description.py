"""The OpenAPI document: what FastAPI makes of the routes, and GeoJSON as it is."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from api.http.answers import GEOJSON, JSON, MVT, GeoJson, GeoJsonFeature

Json = dict[str, Any]


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


_POSITION: Json = {
    "type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3,
    "description": "longitude and latitude in degrees, WGS 84; a height is not kept",
}  # fmt: skip
_LINE: Json = {"type": "array", "items": _POSITION}
_RINGS: Json = {"type": "array", "items": _LINE}
_COORDINATES: dict[str, Json] = {
    "Point": _POSITION,
    "MultiPoint": _LINE,
    "LineString": _LINE,
    "MultiLineString": _RINGS,
    "Polygon": _RINGS,
    "MultiPolygon": {"type": "array", "items": _RINGS},
}
_GEOMETRIES: list[Json] = [
    {
        "type": "object",
        "title": kind,
        "required": ["type", "coordinates"],
        "properties": {"type": {"type": "string", "enum": [kind]}, "coordinates": coordinates},
    }
    for kind, coordinates in _COORDINATES.items()
]
_MEMBERS: Json = {
    "data_version": {"type": "string", "description": "of the data that it was computed from"},
    "as_of": {
        **_or_null({"type": "string", "format": "date-time"}),
        "description": "when that version was committed; null before there is data",
    },
    "links": {"type": "array", "items": _ref("Link")},
}
_FEATURE: Json = {
    "type": {"type": "string", "enum": ["Feature"]},
    "id": {"type": "string"},
    "geometry": _or_null(_ref("Geometry")),
    "properties": {"type": "object", "additionalProperties": True},
}
#: RFC 7946, with what this interface adds to it.
_SCHEMAS: dict[str, Json] = {
    "Link": {
        "type": "object",
        "required": ["rel", "href"],
        "properties": {
            **{name: {"type": "string"} for name in ("rel", "href", "type", "title")},
            "templated": {"type": "boolean"},
        },
    },
    "Geometry": {"oneOf": _GEOMETRIES},
    "Feature": {
        "type": "object",
        "required": ["type", "id", "geometry", "properties"],
        "properties": {
            **_FEATURE,
            **_MEMBERS,
            "also_changed": {
                "type": "array",
                "items": {"type": "string"},
                "description": "ids of others in the layer that a PUT or an undo changed with it",
            },
            "not_kept": {
                "type": "array",
                "items": {"type": "string"},
                "description": "what is not stored of the feature that was sent",
            },
        },
    },
    "FeatureToStore": {
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            **_FEATURE,
            "geometry": _ref("Geometry"),
            "properties": {
                **_or_null(_FEATURE["properties"]),
                "description": "one that is left out is emptied, or gets its default; null: all",
            },
        },
    },
    "FeatureCollection": {
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": _ref("Feature")},
            "numberReturned": {"type": "integer"},
            **_MEMBERS,
        },
    },
}
#: The body of a route that takes a feature.
FEATURE_BODY: Json = {
    "requestBody": {
        "required": True,
        "content": {
            GEOJSON: {"schema": _ref("FeatureToStore")},
            JSON: {"schema": _ref("FeatureToStore")},
        },
    }
}


_MAKING = threading.Lock()


def document(app: FastAPI) -> Json:
    """OpenAPI 3.1 of every route of ``app``."""
    # Two first requests at once would change one document under each other's hands.
    with _MAKING:
        if not hasattr(app.state, "description"):
            app.state.description = with_geojson(app.openapi(), app.state.routes)
    made: Json = app.state.description
    return made


def with_geojson(made: Json, routes: Iterable[BaseRoute]) -> Json:
    """A document of ``routes`` with the schemas of GeoJSON where FastAPI has a mere string."""
    made.setdefault("components", {}).setdefault("schemas", {}).update(_SCHEMAS)
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _describe(made["paths"][route.path_format][method.lower()], route)
    return made


def _describe(operation: Json, route: APIRoute) -> None:
    if route.openapi_extra == FEATURE_BODY:
        operation |= FEATURE_BODY  # FastAPI has put its own beside it
    kind = route.response_class
    content = operation["responses"].get(str(route.status_code or 200), {}).get("content", {})
    if MVT in content:
        content[MVT] = {"schema": {"type": "string", "format": "binary"}}
    if isinstance(kind, type) and issubclass(kind, GeoJson):
        name = "Feature" if issubclass(kind, GeoJsonFeature) else "FeatureCollection"
        # FastAPI has a string beside what a route says of its own
        own = content[GEOJSON]["schema"].get("allOf")
        content[GEOJSON] = {"schema": {"allOf": own} if own else _ref(name)}
