"""Features of a collection by conditions, in pages, with how many there are in all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, func, select
from sqlalchemy.exc import DataError, InternalError

from layers.errors import BadFilterError, BadQueryError, BadValueError, NoSuchFeatureError
from layers.places import Layer
from layers.places.columns import Column, shown
from layers.search.collections import time_columns
from layers.search.geometries import CRS84, EPSG_3857, EPSG_4326
from layers.search.positions import Position, Sort, at, beyond, ordered, sorted_columns, whole
from layers.search.times import Span, instant

Sql = ColumnElement[Any]
Feature = dict[str, Any]
Bounds = tuple[float, float, float, float]
#: Enough decimals to write any coordinate so that it reads back as the same double.
_DECIMALS = 25
#: Python also reads the digits of every script; CQL2 has these alone. Empty: it has no value.
_NUMBER = re.compile(r"(?:-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)?")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A page of features (geometries are JSON already), and how many meet the conditions."""

    features: list[Feature]
    matched: int
    next: Position | None = None  #: where the page behind begins; None: there is none
    previous: Position | None = None  #: likewise before


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Where and when a collection's features are; None where there are none, or without end."""

    bbox: Bounds | None  #: west, south, east, north in degrees
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, kw_only=True)
class View:
    """How features are shown."""

    system: str = CRS84  #: the reference system of their geometry
    properties: tuple[str, ...] | None = None  #: those that are shown; None: all


def search(
    connection: Connection,
    of: Layer,
    conditions: Sequence[Sql],
    *,
    order: Sequence[Sort] = (),
    limit: int,
    offset: int = 0,
    start: Position | None = None,
    view: View,
) -> Found:
    """The features that meet all ``conditions``, by ``order`` and then by id.

    They are those behind (or before) ``start``, so that pages that follow each other lose and
    double nothing that is there all the while, whatever else comes and goes; ``offset`` passes
    over so many. All statements see one state of the data when the transaction does. Raises
    BadFilterError when a condition cannot be computed, such as a division by zero.
    """
    key = of.table.c.id
    backward = start is not None and start.backward
    by = [one.flipped() if backward else one for one in whole(order)]
    sql = ordered(of, by)
    paged = [*conditions, *([] if start is None else [beyond(of, by, start.values)])]
    try:
        counted = select(func.count()).select_from(of.table).where(*conditions)
        matched = int(connection.execute(counted).scalar_one())
        # Which rows first, so that what is passed over is never written as JSON.
        page = select(key).where(*paged).order_by(*sql).limit(limit + 1).offset(offset)
        query = select(*_fields(of, view), *sorted_columns(of, by))
        query = query.where(key.in_(page.subquery().select())).order_by(*sql)
        rows = connection.execute(query).mappings().all()
    except (DataError, InternalError) as error:
        raise BadFilterError(
            "filter: it cannot be computed: a number leaves its range, a division is by zero, or "
            "a pattern or geometry does not fit"
        ) from error
    more, rows = len(rows) > limit, rows[:limit]
    if backward:
        rows = rows[::-1]
    features = [_feature(of, row, view) for row in rows]
    if not rows:
        return Found(features=features, matched=matched)
    # Where one came from there is a page, even if it were empty by now.
    behind, before = (True, more) if backward else (more, start is not None or offset > 0)
    return Found(
        features=features,
        matched=matched,
        next=at(rows[-1], backward=False) if behind else None,
        previous=at(rows[0], backward=True) if before else None,
    )


def one(connection: Connection, of: Layer, identity: str, view: View) -> Feature:
    """The feature of that id. Raises NoSuchFeatureError."""
    row = None
    if "\0" not in identity:  # PostgreSQL's text holds none, so nothing has such an id
        query = select(*_fields(of, view)).where(of.table.c.id == identity)
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NoSuchFeatureError(f"{of.name}: there is no feature {identity[:200]!r}")
    return _feature(of, row, view)


def extent(connection: Connection, of: Layer) -> Extent:
    """Where and when the features are that this transaction may see."""
    box = func.ST_Extent(of.table.c.geom)
    edges = [func.ST_XMin(box), func.ST_YMin(box), func.ST_XMax(box), func.ST_YMax(box)]
    names = time_columns(of)
    if names is None:
        row = connection.execute(select(*edges).select_from(of.table)).one()
        return Extent(bbox=_bounds(row), start=None, end=None)
    start, end = names
    ends = [func.min(of.table.c[start]), func.max(of.table.c[end or start])]
    row = connection.execute(select(*edges, *ends).select_from(of.table)).one()
    return Extent(bbox=_bounds(row), start=row[4], end=row[5] if start == end else None)


def _bounds(row: Sequence[Any]) -> Bounds | None:
    return None if row[0] is None else (row[0], row[1], row[2], row[3])


def during(of: Layer, span: Span) -> list[Sql]:
    """The condition that a feature is of that time; one without a time is of any."""
    names = time_columns(of)
    if names is None:
        return []
    first = of.table.c[names[0]]
    found: list[Sql] = []
    if span[1] is not None:
        found.append(first.is_(None) | (first <= span[1]))
    if span[0] is not None and names[1] is not None:
        last = of.table.c[names[1]]
        found.append(last.is_(None) | (last >= span[0]))
    return found


def equals(of: Layer, name: str, text: str) -> Sql:
    """The condition that a property is what ``text`` says. Raises BadQueryError."""
    column = _column(of, name, "query parameter")
    if column is None:
        return of.table.c.id == text
    if column.kind == "json":
        raise BadQueryError(f"{name}: it holds JSON, and is not compared")
    if column.kind == "text":
        return of.table.c[name] == text
    if column.kind == "time":
        return of.table.c[name] == instant(text, name)
    try:
        if column.kind in {"integer", "number"} and not _NUMBER.fullmatch(text):
            raise BadValueError(f"{name} is {shown(text)}: give it in plain digits, such as 5")
        value = Column(name=name, kind=column.kind).parse(text)
    except BadValueError as error:
        raise BadQueryError(str(error)) from None
    return of.table.c[name].is_(None) if value is None else of.table.c[name] == value


def order_by(of: Layer, text: str) -> list[Sort]:
    """What ``name,-other`` sorts by. Raises BadQueryError."""
    found: list[Sort] = []
    for part in text.split(","):
        name = part.strip().removeprefix("-").removeprefix("+")
        column = _column(of, name, "sortby")
        if column is not None and column.kind == "json":
            raise BadQueryError(f"sortby: {name} holds JSON, and has no order")
        found.append(Sort(column=name, descending=part.strip().startswith("-")))
    return found


def chosen(of: Layer, text: str) -> tuple[str, ...]:
    """The properties that ``name,other`` names. Raises BadQueryError."""
    names = {part.strip() for part in text.split(",")} - {""}
    for name in names:
        _column(of, name, "properties")
    return tuple(name for name in of.columns if name in names)


def _column(of: Layer, name: str, where: str) -> Column | None:
    """The column of that name, None for the id. Raises BadQueryError."""
    if name != "id" and name not in of.columns:
        raise BadQueryError(
            f"{where} {name[:60]!r}: {of.name} have no such property; there are "
            f"{', '.join(('id', *of.columns))}"
        )
    return of.columns.get(name)


def _fields(of: Layer, view: View) -> list[Sql]:
    table = of.table
    geometry: Sql = table.c.geom
    if view.system == EPSG_3857:
        geometry = func.mercator(table.c.geom)
    elif view.system == EPSG_4326:
        geometry = func.ST_FlipCoordinates(table.c.geom)
    names = of.columns if view.properties is None else view.properties
    shape = func.ST_AsGeoJSON(geometry, _DECIMALS, 0).label("shape")
    return [table.c.id, *(table.c[name] for name in names), shape]


def _feature(of: Layer, row: RowMapping, view: View) -> Feature:
    names = of.columns if view.properties is None else view.properties
    return {
        "type": "Feature",
        "id": row["id"],
        # As PostGIS wrote it: reading its numbers to write them again takes most of the time.
        "geometry": msgspec.Raw(row["shape"].encode()),
        "properties": _plain({name: row[name] for name in names}),
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values for JSON: times in UTC with Z."""
    return {
        name: value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime)
        else value
        for name, value in values.items()
    }
