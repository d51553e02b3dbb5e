"""Geometry on its way in: what a layer takes, what is repaired, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError

from layers.errors import BadFeatureError
from layers.places.registry import Layer

Geometries = NDArray[np.object_]
#: Names a row for a message, such as ``row 3 (id 'A-12')``.
Where = Callable[[int], str]

_NAMES = np.array(
    ["Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString",
     "MultiPolygon", "GeometryCollection"]
)  # fmt: skip
#: What comes in, by what is stored.
_TAKES = {
    "Point": {"Point", "MultiPoint"},
    "LineString": {"LineString", "MultiLineString"},
    "MultiPolygon": {"Polygon", "MultiPolygon"},
}


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Geometries as they are stored, and how they came to be."""

    geometries: Geometries  #: 2D, valid, exteriors anticlockwise, of the layer's type
    owner: NDArray[np.intp]  #: row that each came from; a line of several parts has several
    repaired: list[str]  #: what was wrong with which row


def from_geojson(value: Any) -> shapely.Geometry:
    """The geometry of a GeoJSON geometry object. Raises BadFeatureError."""
    if not isinstance(value, Mapping):
        raise BadFeatureError("the geometry is missing: give a GeoJSON geometry object")
    try:
        found = shapely.from_geojson(json.dumps(value, allow_nan=False))
    except (ShapelyError, ValueError, TypeError, RecursionError) as error:
        said = str(error).splitlines()[0][:120]
        raise BadFeatureError(f"the geometry cannot be read ({said}): mend it") from error
    if str(found.geom_type) != value.get("type"):
        raise BadFeatureError("the geometry is no GeoJSON geometry object: mend it")
    return found


def check_present(geometries: Geometries, where: Where) -> None:
    """Raise BadFeatureError unless every geometry is there, has points, and these are finite."""
    absent = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    _refuse(absent, where, "has no geometry: give it one, or take the row out")
    xy, owner = shapely.get_coordinates(geometries, return_index=True)
    lost = np.zeros(len(geometries), dtype=bool)
    lost[owner[~np.isfinite(xy).all(axis=1)]] = True
    _refuse(lost, where, "has a coordinate that is NaN or infinite: mend it")


def check_on_earth(geometries: Geometries, where: Where) -> None:
    """Raise BadFeatureError unless every coordinate is a longitude and latitude in degrees."""
    box = shapely.bounds(geometries)
    lon, lat = np.abs(box[:, [0, 2]]).max(axis=1), np.abs(box[:, [1, 3]]).max(axis=1)
    _refuse(
        (lat > 90) & (lat <= 180) & (lon <= 90),
        where,
        "has a latitude beyond 90 while its longitude could be one: longitude and latitude"
        " look swapped; write longitude first",
    )
    _refuse(
        (lon > 180) | (lat > 90),
        where,
        "lies off the earth (longitude within ±180, latitude within ±90):"
        " if these are metres, declare their CRS",
    )


def settle(layer: Layer, geometries: Geometries, where: Where, *, repair: bool = True) -> Settled:
    """Geometries in degrees as ``layer`` stores them; several parts of a line are told apart.

    With ``repair``, invalid polygons are made valid (GEOS MakeValid, method *structure*: the
    ground that the rings enclose) and listed. Raises BadFeatureError for what has no place in
    the layer, and without ``repair`` for what is invalid.
    """
    flat = np.asarray(shapely.force_2d(geometries), dtype=object)
    check_present(flat, where)
    check_on_earth(flat, where)
    _check_types(layer, flat, where)
    valid, repaired = _valid(flat, where, repair=repair)
    owner = np.arange(len(valid))
    if layer.geometries == ("Point",):
        _refuse(shapely.get_num_geometries(valid) > 1, where, "has several points: give it one")
    if layer.geometries in {("Point",), ("LineString",)}:
        valid, owner = shapely.get_parts(valid, return_index=True)
    if layer.geometries == ("MultiPolygon",):
        single = shapely.get_type_id(valid) == 3
        valid[single] = shapely.multipolygons(valid[single], indices=np.arange(single.sum()))
    return Settled(geometries=shapely.orient_polygons(valid), owner=owner, repaired=repaired)


def type_names(geometries: Geometries) -> NDArray[np.str_]:
    """GeoJSON type of each geometry."""
    return np.asarray(_NAMES[shapely.get_type_id(geometries)])


def _check_types(layer: Layer, geometries: Geometries, where: Where) -> None:
    taken = {name for stored in layer.geometries for name in _TAKES.get(stored, {stored})}
    names = type_names(geometries)
    wrong = ~np.isin(names, sorted(taken))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise BadFeatureError(
            f"{where(first)}: is a {names[first]}: {layer.name} takes {' or '.join(sorted(taken))}"
        )


def _valid(geometries: Geometries, where: Where, *, repair: bool) -> tuple[Geometries, list[str]]:
    bad = np.flatnonzero(~shapely.is_valid(geometries))
    if not len(bad):
        return geometries.copy(), []
    reasons = [f"{where(int(i))}: {shapely.is_valid_reason(geometries[i])}" for i in bad]
    if not repair:
        raise BadFeatureError(f"{reasons[0]}: mend the geometry")
    out = geometries.copy()
    mended = shapely.make_valid(out[bad], method="structure", keep_collapsed=False)
    out[bad] = [_polygons(shape) for shape in mended]
    lines = ~np.isin(shapely.get_type_id(geometries), (3, 6))
    lost = shapely.is_empty(out) | (lines & ~shapely.is_valid(geometries))
    _refuse(lost, where, "has a geometry that encloses or spans nothing: mend it")
    return out, reasons


def _polygons(shape: shapely.Geometry) -> shapely.Geometry:
    """The areas of a repaired shape; lines and points that fell out of it are left."""
    if shapely.get_type_id(shape) in (3, 6):
        return shape
    areas = [part for part in shapely.get_parts(shape) if shapely.get_dimensions(part) == 2]
    return shapely.union_all(areas) if areas else shapely.Polygon()


def _refuse(wrong: NDArray[np.bool_], where: Where, why: str) -> None:
    if wrong.any():
        count = int(wrong.sum())
        more = f" ({count - 1} more like it)" if count > 1 else ""
        raise BadFeatureError(f"{where(int(np.flatnonzero(wrong)[0]))}: {why}{more}")
