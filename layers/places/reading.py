"""Reading features of the static layers, as GeoJSON wants them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, func, or_, select

from layers.errors import BadQueryError, NoSuchFeatureError
from layers.places import hierarchy
from layers.places.registry import LAYERS, Layer, layer

Feature = dict[str, Any]
Bounds = tuple[float, float, float, float]

MOST_FEATURES = 10_000
#: Members by which a change tells what else came of it; no part of the feature.
TOLD = frozenset({"also_changed", "not_kept"})
#: Enough decimals to write any coordinate so that it reads back as the same double: those below
#: 1e-8 are written with an exponent, and others have at most 17 digits after 8 noughts.
DECIMALS = 25


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some features of a layer, ordered by id."""

    features: list[Feature]
    next: str | None  #: give it as ``after`` for the page that follows; None: there is none


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How much a layer holds, and where."""

    count: int
    bbox: Bounds | None  #: west, south, east, north in degrees; None when it is empty


def features(
    connection: Connection,
    name: str,
    *,
    bbox: Sequence[float] | None = None,
    level: str | None = None,
    limit: int = 1000,
    after: str | None = None,
    written: bool = False,
) -> Page:
    """Features of a layer whose geometry meets ``bbox`` (degrees; west > east crosses 180°).

    Geometries are JSON already (msgspec.Raw) where they are to be ``written`` and no more. Raises
    NoSuchLayerError, and BadQueryError for a bbox, level or limit that cannot be.
    """
    of = layer(name)
    if not 1 <= limit <= MOST_FEATURES:
        raise BadQueryError(f"limit is {limit}: give 1 to {MOST_FEATURES}")
    query = select(*_fields(of)).order_by(of.table.c.id).limit(limit + 1)
    for condition in conditions(of, bbox=bbox, level=level):
        query = query.where(condition)
    if after is not None:
        query = query.where(of.table.c.id > after)
    rows = connection.execute(query).mappings().all()
    # To read numbers and write them again takes most of the time of a large page.
    shape: Callable[[str], Any] = _as_written if written else json.loads
    found = [_feature(of, row, shape) for row in rows[:limit]]
    return Page(features=found, next=str(found[-1]["id"]) if len(rows) > limit else None)


def feature(connection: Connection, name: str, feature_id: str, *, lock: bool = False) -> Feature:
    """One feature; ``lock`` keeps others from changing it until the transaction ends.

    Raises NoSuchLayerError, NoSuchFeatureError.
    """
    of = layer(name)
    query = select(*_fields(of)).where(of.table.c.id == feature_id)
    if lock:
        if of.name == "grids":
            hierarchy.lock(connection)
        query = query.with_for_update()
    # PostgreSQL's text holds no NUL, so nothing has such an id.
    row = None if "\0" in feature_id else connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NoSuchFeatureError(f"{of.name}: there is no feature {feature_id!r}")
    return _feature(of, row)


def summary(connection: Connection) -> dict[str, Summary]:
    """Number and extent of the features of every layer."""
    return {name: _summary(connection, of) for name, of in LAYERS.items()}


def bounds(connection: Connection) -> Bounds | None:
    """Extent in degrees of all static layers together; None when all are empty."""
    # What is computed lies where its sources do.
    stored = (of for of in LAYERS.values() if not of.read_only)
    boxes = [box for of in stored if (box := _summary(connection, of).bbox)]
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def extent(connection: Connection) -> Bounds | None:
    """Where the region is: the extent of the grids, else of the border, else None."""
    found = (_summary(connection, LAYERS[name]).bbox for name in ("grids", "border"))
    return next((bbox for bbox in found if bbox is not None), None)


def etag(one: Feature) -> str:
    """The strong ETag of a feature as GET gives it, in its quotes."""
    one = {member: value for member, value in one.items() if member not in TOLD}
    content = json.dumps(one, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'


def conditions(
    of: Layer, *, bbox: Sequence[float] | None, level: str | None
) -> list[ColumnElement[bool]]:
    """What a row must meet to be of ``level`` and in ``bbox``. Raises BadQueryError."""
    found: list[ColumnElement[bool]] = []
    if level is not None:
        if "level" not in of.columns:
            raise BadQueryError(f"{of.name} have no level: leave it out")
        found.append(of.table.c.level == level)
    if bbox is not None:
        geom = of.table.c.geom
        boxes = [_envelope(*box) for box in _boxes(bbox)]
        # && by itself finds the index even where ST_Intersects may not use it.
        found.append(or_(*(geom.op("&&")(box) & func.ST_Intersects(geom, box) for box in boxes)))
        if of.within is not None:
            # What is computed has no index; that which it lies in has one.
            held = or_(*(of.within.c.geom.op("&&")(box) for box in boxes))
            found.append(of.table.c.id.in_(select(of.within.c.id).where(held)))
    return found


def _boxes(bbox: Sequence[float]) -> list[Bounds]:
    if len(bbox) != 4 or not all(math.isfinite(edge) for edge in bbox):
        raise BadQueryError("bbox: give west,south,east,north in degrees")
    west, south, east, north = (float(edge) for edge in bbox)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise BadQueryError("bbox: give west,south,east,north in degrees, south below north")
    if west <= east:
        return [(west, south, east, north)]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def _envelope(west: float, south: float, east: float, north: float) -> ColumnElement[Any]:
    """The box; of no width it is a line or a point, where ST_MakeEnvelope would meet nothing."""
    corners = [func.ST_Point(west, south, 4326), func.ST_Point(east, north, 4326)]
    return func.ST_Envelope(func.ST_MakeLine(*corners))


def _fields(of: Layer) -> list[ColumnElement[Any]]:
    own = [of.table.c[name] for name in of.columns]
    return [of.table.c.id, *own, func.ST_AsGeoJSON(of.table.c.geom, DECIMALS).label("shape")]


def _summary(connection: Connection, of: Layer) -> Summary:
    box = func.ST_Extent(of.table.c.geom)
    edges = (func.ST_XMin(box), func.ST_YMin(box), func.ST_XMax(box), func.ST_YMax(box))
    query = select(func.count(), *edges).select_from(of.table)
    count, west, south, east, north = connection.execute(query).one()
    return Summary(count=count, bbox=(west, south, east, north) if count else None)


def _as_written(shape: str) -> msgspec.Raw:
    return msgspec.Raw(shape.encode())


def _feature(of: Layer, row: RowMapping, shape: Callable[[str], Any] = json.loads) -> Feature:
    return {
        "type": "Feature",
        "id": row["id"],
        "geometry": shape(row["shape"]),
        "properties": {name: _plain(row[name]) for name in of.columns},
    }


def _plain(value: Any) -> Any:
    """A value for JSON: times in UTC with Z."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
