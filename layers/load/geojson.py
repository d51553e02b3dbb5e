"""GeoJSON (RFC 7946, and the older ``crs`` member), one document or one feature a line.

Read here and not through GDAL, which renumbers features whose ids repeat, forgets ids beside
others of another type, takes an unknown ``crs`` for WGS 84 and a broken geometry for none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import shapely
from pyproj import CRS
from shapely.errors import ShapelyError

from layers.errors import BadFileError
from layers.load import single
from layers.load.encoding import decode
from layers.load.plan import Plan
from layers.load.source import LONLAT, OPEN, Shapes, Source, declared_crs, named, read_shapes
from layers.places.columns import shown

_NULL = msgspec.Raw(b"null")
_LISTED = "a JSON array of features was read as a FeatureCollection"
_LINES = {".geojsonl", ".geojsons", ".geojsonseq", ".ndjson"}


class _Feature(msgspec.Struct):
    type: str = ""
    geometry: msgspec.Raw = _NULL
    properties: dict[str, Any] | None = None
    id: str | int | float | None = None


class _Document(msgspec.Struct):
    type: str = ""
    features: list[_Feature] | msgspec.UnsetType = msgspec.UNSET
    crs: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET


def read(path: Path, plan: Plan) -> Source:
    """The features of a GeoJSON file. Raises BadFileError."""
    read = decode(path.name, path.read_bytes(), plan.encoding)
    text = read.text.removeprefix("\ufeff").encode()
    try:
        features, crs, told = _features(path, plan, text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFileError(f"{path.name}: it is no GeoJSON ({error}): write it again") from error
    names = list(dict.fromkeys(name for one in features for name in one.properties or ()))
    choice = plan.choose(path, names)
    columns: dict[str, Sequence[Any]] = {
        name: [(one.properties or {}).get(name) for one in features] for name in choice.theirs
    }
    shapes = _geometries([bytes(one.geometry) for one in features])
    ids = [one.id for one in features]
    return Source(
        geometries=shapes.found,
        columns=named(choice, columns),
        crs=crs,
        dropped=choice.dropped,
        feature_ids=None if all(one is None for one in ids) else ids,
        mended=shapes.mended,
        broken=shapes.broken,
        guessed=choice.guessed,
        notes=read.notes + told + choice.notes,
    )


def _features(path: Path, plan: Plan, text: bytes) -> tuple[list[_Feature], CRS | None, list[str]]:
    """The features of a text, the CRS that they are in, and what to tell."""
    if _is_sequence(path, text):
        return _lines(path, text), LONLAT, []
    if text.lstrip().startswith(b"["):
        return _list(path, text), None if plan.crs else LONLAT, [_LISTED]
    return *_document(path, plan, text), []


def _is_sequence(path: Path, text: bytes) -> bool:
    """Whether a text is of several documents: marked, one a line, or named so and not one."""
    if text.lstrip().startswith(b"\x1e"):
        return True
    first, _, rest = text.lstrip().partition(b"\n")
    if rest.strip() and _is(first, _Feature) == "Feature":
        return True
    if path.suffix.lower() not in _LINES or text.lstrip().startswith(b"["):
        return False
    return _is(text, _Document) is None


def _is(text: bytes, kind: type[_Feature | _Document]) -> str | None:
    """The ``type`` of a text that is one JSON object, and no more; None for others."""
    try:
        return msgspec.json.decode(text, type=kind).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _lines(path: Path, text: bytes) -> list[_Feature]:
    lines = text.replace(b"\x1e", b"\n").splitlines()
    features = []
    for n, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            features.append(msgspec.json.decode(line, type=_Feature))
        except msgspec.DecodeError as error:
            raise BadFileError(
                f"{path.name}: line {n} is no GeoJSON feature ({error}): write one feature a line"
            ) from error
        if features[-1].type != "Feature":
            raise BadFileError(
                f"{path.name}: line {n} is no GeoJSON feature but of type"
                f" {features[-1].type[:40]!r}: write one feature a line"
            )
    return features


def _list(path: Path, text: bytes) -> list[_Feature]:
    """The features of a JSON array of them, which is no GeoJSON but is meant to be."""
    features = msgspec.json.decode(text, type=list[_Feature])
    for n, one in enumerate(features, start=1):
        if one.type != "Feature":
            raise BadFileError(
                f"{path.name}: it is a JSON array whose entry {n} is no GeoJSON feature: give a"
                " FeatureCollection"
            )
    return features


def _document(path: Path, plan: Plan, text: bytes) -> tuple[list[_Feature], CRS | None]:
    found = msgspec.json.decode(text, type=_Document)
    if found.type == "FeatureCollection" and isinstance(found.features, list):
        wrong = [n for n, one in enumerate(found.features) if one.type != "Feature"]
        if wrong:
            raise BadFileError(f"{path.name}: feature {wrong[0] + 1}: it is no GeoJSON feature")
        features = found.features
    elif found.type == "Feature":
        features = [msgspec.json.decode(text, type=_Feature)]
    elif found.type in shapely.GeometryType.__members__ or found.type.endswith(
        ("Point", "String", "Polygon", "Collection")
    ):
        features = [_Feature(type="Feature", geometry=msgspec.Raw(text))]
    else:
        raise BadFileError(
            f"{path.name}: it is JSON but no GeoJSON (type {found.type!r}): give a"
            " FeatureCollection"
        )
    if found.crs is msgspec.UNSET and plan.crs is not None:
        # RFC 7946 would mean degrees; whoever names another knows better.
        return features, None
    return features, _crs(path, found.crs)


def _crs(path: Path, said: dict[str, Any] | msgspec.UnsetType | None) -> CRS | None:
    if said is msgspec.UNSET:
        return LONLAT
    if not isinstance(said, dict):
        return None  # "crs": null says that it is not known
    properties = said.get("properties")
    name = properties.get("name") if isinstance(properties, dict) else None
    return declared_crs(path, name or json.dumps(said))


def _geometries(texts: list[bytes]) -> Shapes:
    given = np.empty(len(texts), dtype=object)
    given[:] = texts
    found, broken = read_shapes(given, shapely.from_geojson)
    mended = {}
    for row in np.flatnonzero(shapely.is_missing(found)).tolist():
        if texts[row].strip() == b"null" or row in broken:
            continue
        found[row], what = _mended(texts[row])
        if found[row] is None:
            broken[row] = f"its geometry cannot be read{what}: mend it"
        elif what:
            mended[row] = what
    return Shapes(found=found, mended=mended, broken=broken)


def _mended(text: bytes) -> tuple[shapely.Geometry | None, str]:
    """A geometry that could not be read, its positions cut to three numbers, its rings closed and
    its lines' single positions twice; and what had to be told of that.

    None where that is no help, and which position is none.
    """
    try:
        given = json.loads(text)
        if given["type"] == "GeometryCollection":
            return _mended_parts(given["geometries"])
        kind, coordinates = given["type"], given["coordinates"]
        leaves = list(_positions(coordinates))
        for n, one in enumerate(leaves, start=1):
            if not (len(one) > 1 and all(map(_is_number, one[:2])) and _is_height(one[2:3])):
                return None, f" (position {n} is {shown(json.dumps(one))})"
        cut = single.positions(kind, _cut_positions(coordinates))
        depth = {"Polygon": 1, "MultiPolygon": 2}.get(kind)
        closed = cut if depth is None else _close_rings(list(cut), depth)
        whats = [OPEN] if closed != cut else []
        if (count := sum(one[2:3] == [None] for one in leaves)) > 0:
            whats.append(f"{count} heights are null" if count > 1 else "a height is null")
        return shapely.from_geojson(json.dumps({**given, "coordinates": closed})), "; ".join(whats)
    except (KeyError, TypeError, IndexError, ValueError, ShapelyError, RecursionError):
        return None, ""


def _mended_parts(parts: list[Any]) -> tuple[shapely.Geometry | None, str]:
    """A collection of geometries, each as ``_mended`` gives it."""
    mended = [_mended(json.dumps(part).encode()) for part in parts]
    lost = next((what for shape, what in mended if shape is None), None)
    if lost is not None:
        return None, lost
    whats = "; ".join(what for _, what in mended if what)
    return shapely.GeometryCollection([shape for shape, _ in mended]), whats


def _positions(coordinates: list[Any]) -> Iterator[list[Any]]:
    """The positions of a geometry, in their order."""
    if coordinates and isinstance(coordinates[0], list):
        for part in coordinates:
            yield from _positions(part)
    else:
        yield coordinates


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_height(said: list[Any]) -> bool:
    return said in ([], [None]) or _is_number(said[0])


def _cut_positions(coordinates: list[Any]) -> list[Any]:
    """Coordinates without what follows a height (a measure, which some programs write), and
    without heights that are null."""
    if coordinates and not isinstance(coordinates[0], list):
        return coordinates[: 2 if coordinates[2:3] == [None] else 3]
    return [_cut_positions(part) for part in coordinates]


def _close_rings(coordinates: list[Any], depth: int) -> list[Any]:
    if depth:
        return [_close_rings(part, depth - 1) for part in coordinates]
    return coordinates if coordinates[0] == coordinates[-1] else [*coordinates, coordinates[0]]
