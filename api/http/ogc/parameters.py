"""What is asked of a collection's features: the parameters of OGC API - Features, parts 1 to 3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request
from sqlalchemy import ColumnElement

from api.http.answers import after
from api.http.errors import ApiError
from api.http.questions import numbers_of
from layers import search
from layers.places import Layer
from layers.places.reading import conditions as meeting

MOST_FEATURES = 10_000
_DEFAULT_FEATURES = 1000
#: Beyond what PostgreSQL's OFFSET takes; no collection comes near it.
_MOST_OFFSET = 2**53
#: A cursor holds what is sorted by: of a layer's few texts 1,000 characters each, at most.
_MOST_CURSOR = 60_000
CollectionId = Annotated[
    str,
    Path(
        alias="collectionId",
        description="a layer's name, or breaches",
        json_schema_extra={"enum": [one.name for one in search.collections()]},
    ),
]


def _system(name: str) -> Any:
    """A parameter that takes a reference system."""
    return Query(alias=name, max_length=200, json_schema_extra={"enum": list(search.SYSTEMS)})


Filter = Annotated[
    str | None, Query(alias="filter", max_length=20_000, description="a condition in CQL2")
]
Language = Annotated[
    Literal["cql2-text", "cql2-json"] | None,
    Query(alias="filter-lang", description="cql2-json is told by its first brace, too"),
]
Limit = Annotated[
    int,
    Query(
        ge=1,
        le=2**53,
        description=f"features in an answer; more than {MOST_FEATURES} are not given",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A collection and how its features are to be shown."""

    of: Layer
    view: search.View


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which features, in what order, and which page of them."""

    conditions: list[ColumnElement[Any]]
    order: list[search.Sort]
    limit: int
    offset: int
    start: search.Position | None  #: where the page begins


def _viewed(
    collection_id: CollectionId,
    crs: Annotated[str | None, _system("crs")] = None,
    properties: Annotated[
        str | None, Query(max_length=2000, description="the properties to show, by commas")
    ] = None,
) -> Shown:
    of = search.collection(collection_id)
    shown = None if properties is None else search.chosen(of, properties)
    return Shown(of=of, view=search.View(system=search.known(crs, "crs"), properties=shown))


Viewed = Annotated[Shown, Depends(_viewed)]


def _near(
    shown: Viewed,
    bbox: Annotated[
        str | None, Query(max_length=400, description="lower corner, upper corner; by commas")
    ] = None,
    bbox_crs: Annotated[str | None, _system("bbox-crs")] = None,
) -> list[ColumnElement[Any]]:
    """The condition of ``bbox``."""
    system = search.known(bbox_crs, "bbox-crs")
    if bbox is None:
        return []
    try:
        numbers = numbers_of(bbox)
    except ValueError:
        raise ApiError(400, "bad_bbox", f"bbox: {bbox[:60]!r}: give four numbers") from None
    return meeting(shown.of, bbox=search.box(numbers, system), level=None)


def _when(
    shown: Viewed,
    datetime: Annotated[
        str | None, Query(max_length=100, description="a time, or start/end; .. is no end")
    ] = None,
) -> list[ColumnElement[Any]]:
    """The condition of ``datetime``."""
    return [] if datetime is None else search.during(shown.of, search.interval(datetime))


def _filtered(
    shown: Viewed,
    text: Filter = None,
    language: Language = None,
    filter_crs: Annotated[str | None, _system("filter-crs")] = None,
) -> list[ColumnElement[Any]]:
    """The condition of ``filter``."""
    system = search.known(filter_crs, "filter-crs")
    if text is None:
        return []
    told = "cql2-json" if re.match(r"\s*\{", text) else "cql2-text"
    return [search.condition(shown.of, text, language=language or told, system=system)]


def _question(
    request: Request,
    shown: Viewed,
    near: Annotated[list[ColumnElement[Any]], Depends(_near)],
    when: Annotated[list[ColumnElement[Any]], Depends(_when)],
    filtered: Annotated[list[ColumnElement[Any]], Depends(_filtered)],
    sortby: Annotated[
        str | None, Query(max_length=1000, description="properties by commas; - for descending")
    ] = None,
    limit: Limit = _DEFAULT_FEATURES,
    offset: Annotated[int, Query(ge=0, le=_MOST_OFFSET, description="features passed over")] = 0,
    cursor: Annotated[
        str | None, Query(max_length=_MOST_CURSOR, description="where a page ended, from a link")
    ] = None,
) -> Selection:
    own = [
        search.equals(shown.of, name, value)
        for name, value in request.query_params.multi_items()
        if name not in PARAMETERS
    ]
    order = [] if sortby is None else search.order_by(shown.of, sortby)
    place = after(cursor)
    return Selection(
        conditions=[*near, *when, *filtered, *own],
        order=order,
        limit=min(limit, MOST_FEATURES),
        offset=offset,
        start=None if place is None else search.position(shown.of, order, place),
    )


#: The parameters of items that are no properties.
PARAMETERS = frozenset(
    {"f", "crs", "properties", "bbox", "bbox-crs", "datetime", "filter", "filter-lang",
     "filter-crs", "sortby", "limit", "offset", "cursor"}
)  # fmt: skip
Question = Annotated[Selection, Depends(_question)]
