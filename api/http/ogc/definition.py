"""The routes under /ogc in OpenAPI 3.0, as GDAL, QGIS and the standard want to read them."""

from __future__ import annotations

import copy
from typing import Any

from fastapi import Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from api.http import description, schemas
from api.http.answers import encode, tagged
from api.http.identity import needs
from api.http.ogc.links import OPENAPI, root
from api.http.ogc.parameters import MOST_FEATURES
from api.http.ogc.routing import router
from api.http.ogc.schemas import comparable, told
from layers import search

_ITEMS = "/collections/{collectionId}/items"


class Definition(Response):
    """This document, as it is to have itself."""

    media_type = OPENAPI


@router.get(
    "/api",
    response_class=Definition,
    responses=schemas.answers(schemas.service.OPENAPI, media_type=OPENAPI),
)
@needs("read")
def definition(request: Request) -> Response:
    """The routes under /ogc in OpenAPI 3.0."""
    made = description.with_geojson(
        get_openapi(
            title="patrolgrid: OGC API",
            version=request.app.version,
            openapi_version="3.0.3",
            routes=router.routes,
            servers=[{"url": root(request)}],
        ),
        router.routes,
    )
    made["paths"] = {
        path.removeprefix(router.prefix) or "/": told for path, told in made["paths"].items()
    }
    _as_the_standard_writes(made["paths"][_ITEMS]["get"]["parameters"])
    made["paths"] |= _items_of_each(made["paths"][_ITEMS])
    # Where QGIS looks for the largest page.
    made.setdefault("components", {})["parameters"] = {
        "limit": {
            "name": "limit",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": MOST_FEATURES, "default": 1000},
        }
    }
    return tagged(request, encode(in_3_0(made)), OPENAPI)


def _as_the_standard_writes(parameters: list[dict[str, Any]]) -> None:
    """Describe ``bbox`` as a list, and lists as written with commas (Features, Core, 7.15)."""
    for one in parameters:
        if one["in"] == "query" and one.get("style", "form") == "form" and "explode" not in one:
            one |= {"style": "form", "explode": False}
        if one["name"] == "bbox":
            numbers = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
            one["schema"] = numbers


def _items_of_each(template: dict[str, Any]) -> dict[str, Any]:
    """The items of each collection by its name, with its properties as parameters.

    So that clients such as GDAL let the server compare them.
    """
    found = {}
    for of in search.collections():
        one = copy.deepcopy(template["get"])
        one["operationId"] = f"items_of_{of.name}"
        one["summary"] = of.titles["en"]
        one["parameters"] = [
            *(each for each in one["parameters"] if each["in"] != "path"),
            *(
                {"name": each.name, "in": "query", "required": False, "schema": told(each)}
                for each in comparable(of)
            ),
        ]
        found[_ITEMS.replace("{collectionId}", of.name)] = {"get": one}
    return found


def in_3_0(node: Any) -> Any:
    """A part of an OpenAPI 3.1 document as 3.0 writes it: ``nullable`` for a type null."""
    if isinstance(node, list):
        return [in_3_0(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {name: in_3_0(value) for name, value in node.items()}
    if isinstance(found.get("exclusiveMinimum"), int | float):
        found |= {"minimum": found["exclusiveMinimum"], "exclusiveMinimum": True}
    kinds = found.get("anyOf")
    if isinstance(kinds, list) and {"type": "null"} in kinds:
        rest = [one for one in kinds if one != {"type": "null"}]
        del found["anyOf"]
        alone = rest[0] if len(rest) == 1 and "$ref" not in rest[0] else {"anyOf": rest}
        found = {**found, **alone, "nullable": True}
    return found
