"""Words that schemas are written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
COUNT: Json = {"type": "integer", "minimum": 0}
FLAG: Json = {"type": "boolean"}
MOMENT: Json = {"type": "string", "format": "date-time"}
ANYTHING: Json = {"type": "object", "additionalProperties": True}
#: West, south, east, north in degrees.
BOX: Json = {"type": "array", "items": NUMBER, "minItems": 4, "maxItems": 4}


def or_null(schema: Json) -> Json:
    """What may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Json) -> Json:
    """A list of such."""
    return {"type": "array", "items": schema}


def by_name(schema: Json) -> Json:
    """Such by their names."""
    return {"type": "object", "additionalProperties": schema}


def one_of(*words: str) -> Json:
    """One of these words."""
    return {"type": "string", "enum": list(words)}


def told(schema: Json, description: str) -> Json:
    """A schema with what it means."""
    return {**schema, "description": description}


def ref(name: str) -> Json:
    """A schema of ``api.http.description`` by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(
    members: Mapping[str, Json], *, may: Mapping[str, Json] | None = None, is_open: bool = False
) -> Json:
    """An object that has all ``members``, and ``may`` have some; others only if it ``is_open``."""
    return {
        "type": "object",
        **({"required": list(members)} if members else {}),
        "properties": {**members, **(may or {})},
        "additionalProperties": is_open,
    }


#: What an answer computed from data carries beside it.
VERSION: dict[str, Json] = {
    "data_version": told(TEXT, "of the data that it was computed from"),
    "as_of": told(or_null(MOMENT), "when that version was committed; null before there is data"),
}
LINKS = listed(ref("Link"))
#: What stands by every figure over a window.
WINDOW: dict[str, Json] = {"from": MOMENT, "to": MOMENT}


def collected(
    properties: Json, members: Mapping[str, Json], *, may: Mapping[str, Json] | None = None
) -> Json:
    """A FeatureCollection whose features have those ``properties``, with further members."""
    one = {"allOf": [ref("Feature"), {"type": "object", "properties": {"properties": properties}}]}
    beside = record({"features": listed(one), **members}, may=may, is_open=True)
    return {"allOf": [ref("FeatureCollection"), beside]}


def answers(schema: Json, status: int = 200, media_type: str = "application/json") -> Any:
    """The ``responses`` of a route that answers so."""
    return {status: {"content": {media_type: {"schema": schema}}}}
