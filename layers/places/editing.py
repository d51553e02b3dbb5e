"""Creating, replacing and deleting one feature of a static layer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.exc import IntegrityError

from geo import antimeridian, earth
from layers.errors import (
    BadFeatureError,
    BadValueError,
    FeatureExistsError,
    InUseError,
    NoSuchFeatureError,
)  # fmt: skip
from layers.places import fences, hierarchy, neighbours, shapes, systems, turns
from layers.places.columns import text_of
from layers.places.reading import Feature, feature
from layers.places.registry import LAYERS, Layer, layer

MOST_ID_CHARACTERS = 200
#: What stands behind a feature's path to ask for something else of it.
VERBS = ("history", "undo")
_UNIQUE_VIOLATION = "23505"


def create(
    connection: Connection,
    name: str,
    given: Mapping[str, Any],
    *,
    lowest_level: str,
    levels: Sequence[str] = (),
) -> Feature:
    """Store a new GeoJSON feature under its id, else one that is made; gives it back as stored.

    ``lowest_level`` is a grid's when it names none; ``levels``, highest first, are those there
    may be. What is not kept of the feature, such as heights, is named in the member ``not_kept``.
    Raises BadFeatureError, FeatureExistsError, NoSuchLayerError, ReadOnlyLayerError; nothing is
    changed then.
    """
    of = layer(name)
    of.check_writable()
    row = _row(of, given, lowest_level, levels)
    feature_id = _given_id(of, given) or f"{of.alias}-{secrets.token_hex(6)}"
    _check_grid(of, feature_id, row)
    turns.take(connection, of.name)
    with connection.begin_nested():
        try:
            connection.execute(insert(of.table).values(id=feature_id, **row))
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) == _UNIQUE_VIOLATION:
                raise FeatureExistsError(
                    f"{of.name}: there is a feature {feature_id!r} already: change it with PUT"
                ) from error
            raise _refusal(of, feature_id, error) from error
        hierarchy.check(connection, of, [feature_id], levels=levels)
        return _told(feature(connection, of.name, feature_id), given)


def replace(
    connection: Connection,
    name: str,
    feature_id: str,
    given: Mapping[str, Any],
    *,
    lowest_level: str,
    levels: Sequence[str] = (),
    follow: bool = True,
) -> Feature:
    """Put a GeoJSON feature in the place of the one with that id; gives it back as stored.

    A property that is left out is emptied or gets its default; read-only ones are ignored. The
    neighbours of a grid ``follow`` where an edge that they share is moved (unless its parent, or
    at the top its level, changes too): their ids are the member ``also_changed``, if there are
    any. Without it an overlap is refused. ``not_kept`` and what is raised are as of ``create``,
    and NoSuchFeatureError.
    """
    of = layer(name)
    of.check_writable()
    before = hold(connection, of.name, feature_id)
    if _given_id(of, given) not in {None, feature_id}:
        raise BadFeatureError(f"{of.name} {feature_id!r}: the feature has another id: leave it out")
    row = _row(of, given, lowest_level, levels)
    _check_grid(of, feature_id, row)
    if of.name == "fences":
        fences.check_start(row["valid_from"], before["properties"]["valid_from"])
    with connection.begin_nested():
        try:
            connection.execute(update(of.table).where(of.table.c.id == feature_id).values(**row))
        except IntegrityError as error:
            raise _refusal(of, feature_id, error) from error
        stored = feature(connection, of.name, feature_id)
        moved = of.name == "grids" and _ground(stored) != _ground(before)
        also = _follow(connection, before, stored) if moved and follow else []
        hierarchy.check(connection, of, [feature_id, *also], levels=levels, moved=moved)
        if also:
            stored = {**feature(connection, of.name, feature_id), "also_changed": also}
    return _told(stored, given)


def hold(connection: Connection, name: str, feature_id: str) -> Feature:
    """One feature, which nobody else changes until the transaction ends.

    Raises NoSuchLayerError, NoSuchFeatureError.
    """
    of = layer(name)
    turns.take(connection, of.name)
    return feature(connection, of.name, feature_id, lock=True)


def _ground(grid: Feature) -> tuple[Any, ...]:
    """What the place of a grid in the hierarchy's ground depends on."""
    properties = grid["properties"]
    return grid["geometry"], properties["parent"], properties["level"]


def _follow(connection: Connection, before: Feature, stored: Feature) -> list[str]:
    """Ids of the neighbours that followed a moved edge."""
    parent = stored["properties"]["parent"]
    if parent != before["properties"]["parent"]:
        return []
    if parent is None and stored["properties"]["level"] != before["properties"]["level"]:
        return []
    was, now = (shapes.from_geojson(one["geometry"]) for one in (before, stored))
    return neighbours.follow(connection, str(stored["id"]), was, now)


def delete(connection: Connection, name: str, feature_id: str) -> list[tuple[str, str]]:
    """Take a feature out; a post takes its areas with it, a fence keeps its past versions.

    Gives back layer and id of all that went with it. Raises NoSuchLayerError, ReadOnlyLayerError,
    NoSuchFeatureError, and InUseError for a grid that has children.
    """
    of = layer(name)
    of.check_writable()
    hold(connection, of.name, feature_id)
    if of.name == "grids" and _referring(connection, "grids", "parent", feature_id):
        raise InUseError(f"grids {feature_id!r}: it is the parent of others: move them first")
    also = _going_along(connection, of, feature_id)
    gone = connection.execute(delete_from(of.table).where(of.table.c.id == feature_id))
    if gone.rowcount != 1:
        raise NoSuchFeatureError(f"{of.name}: there is no feature {feature_id!r}")
    return also


def _going_along(connection: Connection, of: Layer, feature_id: str) -> list[tuple[str, str]]:
    """Layer and id of what the database deletes with a feature."""
    found: list[tuple[str, str]] = []
    for other in LAYERS.values():
        for column in other.table.c if not other.read_only else ():
            for key in column.foreign_keys:
                if key.column.table is of.table and key.ondelete == "CASCADE":
                    asked = select(other.table.c.id).where(column == feature_id)
                    ids = connection.execute(asked.order_by(other.table.c.id)).scalars()
                    found += [(other.name, one) for one in ids]
    return found


def has_address(feature_id: str) -> bool:
    """Whether a URL can name this id: no folder of ours, which every client takes out of a path,
    and no word behind the last slash that asks for something else."""
    return feature_id not in {".", ".."} and feature_id.rpartition("/")[2] not in VERBS


def _referring(connection: Connection, name: str, column: str, feature_id: str) -> bool:
    table = LAYERS[name].table
    found = connection.execute(select(table.c.id).where(table.c[column] == feature_id).limit(1))
    return found.first() is not None


def _given_id(of: Layer, given: Mapping[str, Any]) -> str | None:
    """The feature's id, from its place or among its properties."""
    properties = given.get("properties")
    within = properties.get("id") if isinstance(properties, Mapping) else None
    found = given.get("id", within)
    if found is None:
        return None
    try:
        feature_id = text_of(found)
    except (ValueError, OverflowError) as error:
        raise BadFeatureError(f"{of.name}: the id is {found!r}: give a text") from error
    if not feature_id and str(found):
        raise BadFeatureError(
            f"{of.name}: the id {str(found)[:20]!r} has no character that anybody sees: give"
            " letters or digits"
        )
    if not 1 <= len(feature_id) <= MOST_ID_CHARACTERS:
        raise BadFeatureError(f"{of.name}: the id has no or more than {MOST_ID_CHARACTERS} letters")
    if not has_address(feature_id):
        raise BadFeatureError(f"{of.name}: the id {feature_id!r} has no address: give another")
    return feature_id


def _row(
    of: Layer, given: Mapping[str, Any], lowest_level: str, levels: Sequence[str]
) -> dict[str, Any]:
    """Columns and geometry as they are stored. Raises BadFeatureError."""
    if given.get("type") != "Feature":
        raise BadFeatureError("this is no GeoJSON feature: its type must be 'Feature'")
    if "properties" not in given:
        # Left out by mistake, it would empty whatever a PUT finds.
        raise BadFeatureError(
            "this is no GeoJSON feature: it has no member 'properties' (RFC 7946, 3.2): give all"
            " of them, or null for none"
        )
    systems.check(given)
    systems.check(given.get("geometry"))
    values = _values(of, given.get("properties"))
    shape = _shape(of, given.get("geometry"))
    if of.name == "grids":
        values["area_m2"] = float(earth.area_m2([shape])[0])
        values["level"] = values["level"] or lowest_level
        hierarchy.check_levels([values["level"]], levels)
    if of.name == "fences":
        fences.check_shape(values["rule"], str(shape.geom_type))
    return {**values, "geom": func.ST_GeomFromWKB(shapely.to_wkb(shape), 4326)}


def _check_grid(of: Layer, feature_id: str, row: Mapping[str, Any]) -> None:
    if of.name == "grids":
        hierarchy.check_parents([feature_id], [row["parent"]])
        hierarchy.check_areas([feature_id], [row["area_m2"]])


def _values(of: Layer, properties: Any) -> dict[str, Any]:
    if properties is None:
        properties = {}
    if not isinstance(properties, Mapping):
        raise BadFeatureError("properties is no JSON object: give one")
    unknown = sorted(str(name) for name in properties if name not in {*of.columns, "id"})
    if unknown:
        raise BadFeatureError(
            f"{of.name} have no property {unknown[0]!r}: they have {', '.join(of.columns)}"
        )
    values: dict[str, Any] = {}
    for name in of.writable:
        if name == "level" and properties.get(name) is None:
            values[name] = None
            continue
        try:
            values[name] = of.columns[name].parse(properties.get(name))
        except BadValueError as error:
            raise BadFeatureError(f"{of.name}: {error}") from error
    return values


def _told(stored: Feature, given: Mapping[str, Any]) -> Feature:
    """The feature with what is not kept of the one that was given, in a load's words."""
    high = bool(shapely.has_z(shapes.from_geojson(given.get("geometry"))))
    return {**stored, "not_kept": ["heights (Z)"]} if high else stored


def _shape(of: Layer, geometry: Any) -> shapely.Geometry:
    given = np.empty(1, dtype=object)
    given[0] = shapes.from_geojson(geometry)
    points = shapely.get_num_geometries(given[0])
    if of.geometries == ("Point",) and given[0].geom_type == "MultiPoint" and points > 1:
        raise BadFeatureError(
            f"{of.name}: the geometry is a MultiPoint of {points} points, where a Point is wanted:"
            " store each by itself"
        )
    # As in files: what crosses the antimeridian is cut there (RFC 7946, 3.1.9).
    cut = antimeridian.cut(given)
    if cut.faults:
        raise BadFeatureError(f"the feature {cut.faults[0]}")
    settled = shapes.settle(of, cut.geometries, lambda _: "the feature", repair=False)
    if len(settled.geometries) != 1 and cut.cut:
        raise BadFeatureError(
            f"{of.name}: the feature crosses the antimeridian: store each side of it by itself"
        )
    if len(settled.geometries) != 1:
        raise BadFeatureError(f"{of.name}: the feature has several lines: store each by itself")
    return settled.geometries[0]


def _refusal(of: Layer, feature_id: str, error: IntegrityError) -> BadFeatureError:
    """What a constraint would not take, without the statement."""
    rule = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or "a constraint"
    return BadFeatureError(f"{of.name} {feature_id!r}: the database refuses it ({rule}): mend it")
