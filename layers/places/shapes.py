"""Geometry on its way in: what a layer takes, what is repaired, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError

from geo.enclosed import enclosed
from layers.errors import BadFeatureError
from layers.places import mending
from layers.places.judged import Geometries, Judged
from layers.places.registry import Layer

if TYPE_CHECKING:
    from geo.rings import Rings

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
_COLLECTION = 7
_CHUNK = 10_000


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


def judge_present(geometries: Geometries) -> Judged:
    """Refuse rows without geometry, without points, or with coordinates that are not finite."""
    judged = Judged(geometries=geometries.copy(), faults={}, repaired={})
    absent = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    judged.refuse(absent, "has no geometry: give it one, or take the row out")
    # A part of them at a time: there are fifty times as many coordinates as geometries.
    parts = np.split(geometries, range(_CHUNK, len(geometries), _CHUNK))
    if not all(np.isfinite(shapely.get_coordinates(some)).all() for some in parts):
        xy, owner = shapely.get_coordinates(geometries, return_index=True)
        lost = np.zeros(len(geometries), dtype=bool)
        lost[owner[~np.isfinite(xy).all(axis=1)]] = True
        judged.refuse(lost, "has a coordinate that is NaN or infinite: mend it")
    return judged


def judge(layer: Layer, geometries: Geometries, *, present: bool = False) -> Judged:
    """Geometries in degrees for ``layer``: flat, on the earth, of its types, made valid.

    Invalid polygons are made valid, and parts of a line that span nothing left out (``mending``).
    A collection of nothing but what the layer takes is merged. ``present``: all that
    ``judge_present`` refuses is None already, and needs no further look.
    """
    if present:
        judged = Judged(geometries=geometries.copy(), faults={}, repaired={})
    else:
        judged = judge_present(geometries)
    flat = judged.geometries
    high = shapely.has_z(flat) | shapely.has_m(flat)
    flat[high] = shapely.force_2d(flat[high])
    _judge_on_earth(judged)
    _merge_collections(layer, judged)
    _judge_types(layer, judged)
    mending.leave_out_parts(judged)
    mending.make_valid(layer, judged)
    mending.judge_areas(judged)
    if layer.geometries == ("Point",):
        several = shapely.get_num_geometries(judged.geometries) > 1
        judged.refuse(several, "has several points: give it one")
    return judged


def _judge_on_earth(judged: Judged) -> None:
    box = shapely.bounds(judged.geometries)
    lon, lat = np.abs(box[:, [0, 2]]).max(axis=1), np.abs(box[:, [1, 3]]).max(axis=1)
    judged.refuse(
        (lat > 90) & (lat <= 180) & (lon <= 90),
        "has a latitude beyond 90 while its longitude could be one: longitude and latitude"
        " look swapped; write longitude first",
    )
    judged.refuse(
        (lon > 180) | (lat > 90),
        "lies off the earth (longitude within ±180, latitude within ±90):"
        " if these are metres, declare their CRS",
    )


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Geometries one by one, as they are stored but for their parts."""

    geometries: Geometries  #: exteriors run anticlockwise
    owner: NDArray[np.intp]  #: row that each is of
    rings: Rings | None  #: of all of them, where they are known


def spread(layer: Layer, geometries: Geometries, rings: Rings | None = None) -> Spread:
    """Judged geometries; the parts of a line are told apart. ``rings`` are theirs, if known."""
    owner = np.arange(len(geometries))
    if layer.geometries in {("Point",), ("LineString",)}:
        parts, owner = shapely.get_parts(geometries, return_index=True)
        there = ~shapely.is_empty(parts)  # a track may have a segment of nothing
        return Spread(geometries=parts[there], owner=owner[there], rings=None)
    if rings is None:
        return Spread(geometries=shapely.orient_polygons(geometries), owner=owner, rings=None)
    turned = rings.misturned()
    if not len(turned):
        return Spread(geometries=geometries, owner=owner, rings=rings)
    out = geometries.copy()
    out[turned] = shapely.orient_polygons(out[turned])
    return Spread(geometries=out, owner=owner, rings=type(rings).of(out))


def multi(geometries: Geometries) -> Geometries:
    """Polygons as multipolygons of one part; what else there is stays."""
    single = shapely.get_type_id(geometries) == 3
    if not single.any():
        return geometries
    out = geometries.copy()
    out[single] = shapely.multipolygons(out[single], indices=np.arange(single.sum()))
    return out


def settle(layer: Layer, geometries: Geometries, where: Where, *, repair: bool = True) -> Settled:
    """Geometries in degrees as ``layer`` stores them; several parts of a line are told apart.

    Raises BadFeatureError for the first that has no place in the layer, and without ``repair``
    for one that would have to be mended.
    """
    judged = judge(layer, np.asarray(geometries, dtype=object))
    if judged.faults:
        row = min(judged.faults)
        same = sum(why == judged.faults[row] for why in judged.faults.values())
        more = f" ({same - 1} more like it)" if same > 1 else ""
        raise BadFeatureError(f"{where(row)}: {judged.faults[row]}{more}")
    repaired = [f"{where(row)}: {what}" for row, what in sorted(judged.repaired.items())]
    if repaired and not repair:
        raise BadFeatureError(f"{repaired[0]}: mend the geometry")
    found = spread(layer, judged.geometries)
    stored = multi(found.geometries) if layer.geometries == ("MultiPolygon",) else found.geometries
    return Settled(geometries=stored, owner=found.owner, repaired=repaired)


def type_names(geometries: Geometries) -> NDArray[np.str_]:
    """GeoJSON type of each geometry."""
    return np.asarray(_NAMES[shapely.get_type_id(geometries)])


def _taken(layer: Layer) -> set[str]:
    return {name for stored in layer.geometries for name in _TAKES.get(stored, {stored})}


def _merge_collections(layer: Layer, judged: Judged) -> None:
    """A collection of polygons, of lines or of one point becomes these; others stay, to be refused.

    Polygons of a collection may overlap, so they are united.
    """
    taken = _taken(layer)
    for row in np.flatnonzero(shapely.get_type_id(judged.geometries) == _COLLECTION).tolist():
        parts = _flattened(judged.geometries[row])
        kinds = set(shapely.get_type_id(parts).tolist())
        if kinds == {3} and {"Polygon", "MultiPolygon"} & taken:
            merged = shapely.union_all([enclosed(part)[0] for part in parts])
        elif kinds == {1} and {"LineString", "MultiLineString"} & taken:
            merged = shapely.multilinestrings(parts)
        elif kinds == {0} and "Point" in taken:
            merged = shapely.multipoints(parts)
        else:
            continue
        judged.geometries[row] = merged
        judged.repaired[row] = f"a collection of {len(parts)} parts, kept as one"


def _flattened(collection: shapely.Geometry) -> Geometries:
    """The single parts of a collection, of whatever depth."""
    parts = np.array([collection], dtype=object)
    while (shapely.get_type_id(parts) > 3).any():
        parts = shapely.get_parts(parts)
    return parts


def _judge_types(layer: Layer, judged: Judged) -> None:
    taken = _taken(layer)
    kinds = shapely.get_type_id(judged.geometries)
    for kind in np.unique(kinds[kinds >= 0]):
        if _NAMES[kind] not in taken:
            judged.refuse(
                kinds == kind,
                f"is a {_NAMES[kind]}: {layer.name} takes {' or '.join(sorted(taken))}",
            )
