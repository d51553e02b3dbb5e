"""Units and teams as they are sent, to enrol and to change them; described as they are taken."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)  # fmt: skip
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from api.http.paths import UNIT_VERB
from layers.region.kinds import KINDS
from layers.units.teams import KINDS as RANKS

#: As at the door of fixes: a number is understood as its digits, blanks around it do not count.
Identifier = Annotated[
    str,
    Field(coerce_numbers_to_str=True),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"\S"},
                {"type": "number"},
            ]
        }
    ),
]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Positive = Annotated[float, Field(gt=0, le=1e7, allow_inf_nan=False)]


#: What GET tells of a unit beside what it was enrolled as: its newest fix, and since when.
READ_ONLY = frozenset(
    {"enrolled_at", "memberships", "fix_time", "fix_age_s", "freshness", "accuracy_m", "speed_ms",
     "heading_deg", "altitude_m", "battery"}
)  # fmt: skip


def _either(own: JsonSchemaValue, name: str, other: str) -> None:
    """Describe that ``other`` is another word for ``name``, of which one alone may stand."""
    own["properties"][other] = own["properties"][name]
    needed = own.get("required", [])
    if name in needed:
        needed.remove(name)
        only: JsonSchemaValue = {"oneOf": [{"required": [name]}, {"required": [other]}]}
    else:
        only = {"not": {"required": [name, other]}}
    own.setdefault("allOf", []).append(only)


def _as_taken(own: JsonSchemaValue) -> JsonSchemaValue:
    """The schema of a unit's body: its properties alone, or a feature as GET gave it."""
    told = {**own, "properties": {**own["properties"], **{name: {} for name in sorted(READ_ONLY)}}}
    told["required"] = [name for name in own["required"] if name != "unit"]
    feature: JsonSchemaValue = {
        "type": "object",
        "title": f"{own['title']}AsFeature",
        "required": ["type", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": own["properties"]["unit"],
            "properties": told,
        },
    }
    if "unit" in own["required"]:
        feature["anyOf"] = [
            {"required": ["id"]}, {"properties": {"properties": {"required": ["unit"]}}},
        ]  # fmt: skip
    own["properties"] = {**own["properties"], "enrolled_at": {"description": "read-only"}}
    _either(own, "unit", "id")
    _either(own, "typical_accuracy_m", "accuracy_m")
    return {"anyOf": [own, feature], "title": own["title"]}


class UnitPut(BaseModel):
    """What a unit is to be; what is left out is its kind's."""

    model_config = ConfigDict(extra="forbid")

    unit: Annotated[Identifier | None, Field(validation_alias=AliasChoices("unit", "id"))] = (
        None  #: the path's, when it is given
    )
    kind: Annotated[Line, Field(json_schema_extra={"enum": list(KINDS)})]
    call_sign: Line | None = None
    team: Identifier | None = None
    max_gap_s: Positive | None = None
    top_speed_ms: Annotated[float | None, Field(ge=0, le=1000, allow_inf_nan=False)] = None
    accuracy_m: Annotated[
        Positive | None, Field(validation_alias=AliasChoices("typical_accuracy_m", "accuracy_m"))
    ] = None  #: typical, for a fix that states none

    @model_validator(mode="before")
    @classmethod
    def _as_it_was_got(cls, body: object) -> object:
        """A feature as GET gave it, changed: what cannot be changed is left aside."""
        if not isinstance(body, dict):
            return body
        if body.get("type") != "Feature":
            return {name: value for name, value in body.items() if name != "enrolled_at"}
        told = body.get("properties")
        if not isinstance(told, dict):
            raise ValueError("properties is no JSON object: give one")
        wanted = {name: value for name, value in told.items() if name not in READ_ONLY}
        named = {body.get("id"), wanted.get("unit")} - {None}
        if len(named) > 1:
            raise ValueError("its id and its property unit differ: leave one of them out")
        return {**wanted, **({"unit": named.pop()} if named else {})}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _as_taken(handler.resolve_ref_schema(handler(core_schema)).copy())


def _has_address(unit: str) -> str:
    if unit.endswith(f"/{UNIT_VERB}"):
        raise ValueError(f"an identifier that ends with /{UNIT_VERB} has no address: give another")
    return unit


class UnitIn(UnitPut):
    """A unit to enrol; what is left out is its kind's."""

    unit: Annotated[
        Identifier,
        AfterValidator(_has_address),
        Field(validation_alias=AliasChoices("unit", "id")),
    ]


class TeamPut(BaseModel):
    """What a team is to be; how many belong to it, never who."""

    model_config = ConfigDict(extra="forbid")

    team: Annotated[Identifier | None, Field(validation_alias=AliasChoices("team", "id"))] = (
        None  #: the path's, when it is given
    )
    name: Line | None = None
    name_zh: Line | None = None
    name_mn: Line | None = None
    name_en: Line | None = None
    kind: Annotated[Line, Field(json_schema_extra={"enum": list(RANKS)})] = "team"
    parent: Identifier | None = None
    people: Annotated[int | None, Field(ge=0, le=1_000_000)] = None

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        own = handler.resolve_ref_schema(handler(core_schema)).copy()
        _either(own, "team", "id")
        return own


class TeamIn(TeamPut):
    """A team to make."""

    team: Annotated[Identifier, Field(validation_alias=AliasChoices("team", "id"))]


def _one_or_many(body: object) -> str:
    return "many" if isinstance(body, list) else "one"


Units = Annotated[
    Annotated[UnitIn, Tag("one")] | Annotated[list[UnitIn], Tag("many")],
    Discriminator(_one_or_many),
]
Teams = Annotated[
    Annotated[TeamIn, Tag("one")] | Annotated[list[TeamIn], Tag("many")],
    Discriminator(_one_or_many),
]
