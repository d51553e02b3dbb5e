"""Geometry on its way in: what a layer takes, what is repaired, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError

from layers.errors import BadFeatureError
from layers.places.registry import Layer

if TYPE_CHECKING:
    from geo.rings import Rings

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
_COLLECTION = 7
#: Geometries from which on machine code and a second thread are worth their start.
_MANY, _CHUNK = 2_000, 10_000
#: A polygon of less encloses nothing.
_LEAST_M2 = 0.1
_M_PER_DEG = 111_195.0


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Geometries as they are stored, and how they came to be."""

    geometries: Geometries  #: 2D, valid, exteriors anticlockwise, of the layer's type
    owner: NDArray[np.intp]  #: row that each came from; a line of several parts has several
    repaired: list[str]  #: what was wrong with which row


@dataclass(kw_only=True)
class Judged:
    """Geometries row by row: 2D and valid where nothing is said against them."""

    geometries: Geometries
    faults: dict[int, str]  #: row → why it is refused
    repaired: dict[int, str]  #: row → what was wrong and is mended
    rings: Rings | None = None  #: of the geometries, where they are many polygons and all fine

    def refuse(self, wrong: NDArray[np.bool_], why: str) -> None:
        """Refuse rows; the first fault of a row is kept. Their geometry becomes None."""
        for row in np.flatnonzero(wrong).tolist():
            self.faults.setdefault(row, why)
            self.geometries[row] = None


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

    Invalid polygons are made valid (GEOS MakeValid, method *structure*: the ground that the rings
    enclose). A collection of nothing but what the layer takes is merged. ``present``: all that
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
    _make_valid(layer, judged)
    _judge_areas(judged)
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


def _by_two(work: Callable[[Geometries], Any], geometries: Geometries) -> NDArray[Any]:
    """``work`` on many geometries by two threads: GEOS lets go of the interpreter."""
    if len(geometries) < _MANY:
        return np.asarray(work(geometries))
    with ThreadPoolExecutor(2, thread_name_prefix="geos") as threads:
        return np.concatenate(list(threads.map(work, np.array_split(geometries, 2))))


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
            merged = shapely.union_all(np.asarray(shapely.make_valid(parts)))
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


def _make_valid(layer: Layer, judged: Judged) -> None:
    given = judged.geometries
    perhaps = np.arange(len(given))
    if layer.geometries == ("MultiPolygon",) and len(given) >= _MANY:
        # numba's second is for those who need it.
        from geo.rings import Rings  # noqa: PLC0415
        from geo.simple import surely_valid  # noqa: PLC0415

        rings = Rings.of(given)
        judged.rings = None if shapely.is_missing(given).any() else rings
        with ThreadPoolExecutor(1, thread_name_prefix="rings") as thread:
            if layer.name == "grids":
                thread.submit(lambda: rings.loose)  # neighbours are asked for it, in a moment
            perhaps = np.flatnonzero(~surely_valid(rings, len(given)))
    valid = _by_two(shapely.is_valid, given[perhaps]) | shapely.is_missing(given[perhaps])
    bad = perhaps[~valid]
    if not len(bad):
        return
    judged.rings = None
    reasons = shapely.is_valid_reason(given[bad])
    areas = np.isin(shapely.get_type_id(given[bad]), (3, 6))
    mended = shapely.make_valid(given[bad], method="structure", keep_collapsed=False)
    lost = np.zeros(len(given), dtype=bool)
    for row, is_area, shape, reason in zip(bad.tolist(), areas, mended, reasons, strict=True):
        given[row] = _polygons(shape)
        if not is_area or shapely.is_empty(given[row]):
            lost[row] = True
        elif row in judged.repaired:
            judged.repaired[row] += f"; {reason}"
        else:
            judged.repaired[row] = reason
    judged.refuse(lost, "has a geometry that encloses or spans nothing: mend it")


def _judge_areas(judged: Judged) -> None:
    """Refuse polygons whose corners lie on one line but for a float's last digits."""
    area = shapely.area(judged.geometries)
    thin = np.flatnonzero(np.isin(shapely.get_type_id(judged.geometries), (3, 6)) & (area < 1e-6))
    box = shapely.bounds(judged.geometries[thin])
    cos = np.cos(np.radians(np.abs(box[:, [1, 3]]).mean(axis=1)))
    lost = np.zeros(len(area), dtype=bool)
    lost[thin[area[thin] * cos * _M_PER_DEG**2 < _LEAST_M2]] = True
    judged.refuse(
        lost, "has a geometry that encloses nothing: its corners lie on one line: mend it"
    )


def _polygons(shape: shapely.Geometry) -> shapely.Geometry:
    """The areas of a repaired shape; lines and points that fell out of it are left."""
    if shapely.get_type_id(shape) in (3, 6):
        return shape
    areas = [part for part in shapely.get_parts(shape) if shapely.get_dimensions(part) == 2]
    return shapely.union_all(areas) if areas else shapely.Polygon()
