"""GeoJSON (RFC 7946, and the older ``crs`` member), one document or one feature a line.

Read here and not through GDAL, which renumbers features whose ids repeat, forgets ids beside
others of another type, takes an unknown ``crs`` for WGS 84 and a broken geometry for none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import shapely
from pyproj import CRS
from shapely.errors import ShapelyError

from layers.errors import BadFileError
from layers.load.encoding import decode
from layers.load.plan import Plan
from layers.load.source import LONLAT, Shapes, Source, declared_crs, named, read_shapes

_NULL = msgspec.Raw(b"null")
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
        is_lines = path.suffix.lower() in _LINES or _is_sequence(text)
        features, crs = _lines(path, text) if is_lines else _document(path, plan, text)
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
        closed=shapes.closed,
        broken=shapes.broken,
        guessed=choice.guessed,
        notes=read.notes + choice.notes,
    )


def _is_sequence(text: bytes) -> bool:
    """Whether a text is of several documents, whatever its name: marked, or one a line."""
    if text.lstrip().startswith(b"\x1e"):
        return True
    first, _, rest = text.lstrip().partition(b"\n")
    try:
        return bool(rest.strip()) and msgspec.json.decode(first, type=_Feature).type == "Feature"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _lines(path: Path, text: bytes) -> tuple[list[_Feature], CRS]:
    lines = [line for line in text.replace(b"\x1e", b"\n").splitlines() if line.strip()]
    features = [msgspec.json.decode(line, type=_Feature) for line in lines]
    if any(one.type != "Feature" for one in features):
        raise BadFileError(f"{path.name}: not every line is a GeoJSON feature: write it again")
    return features, LONLAT


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
    closed = []
    for row in np.flatnonzero(shapely.is_missing(found)).tolist():
        if texts[row].strip() == b"null" or row in broken:
            continue
        found[row], was_open = _mended(texts[row])
        if found[row] is None:
            broken[row] = "its geometry cannot be read: mend it"
        elif was_open:
            closed.append(row)
    return Shapes(found=found, closed=closed, broken=broken)


def _mended(text: bytes) -> tuple[shapely.Geometry | None, bool]:
    """A geometry that could not be read, its positions cut to three numbers and its rings closed.

    None where that is no help; and whether a ring was open.
    """
    try:
        given = json.loads(text)
        given["coordinates"] = cut = _cut_positions(given["coordinates"])
        depth = {"Polygon": 1, "MultiPolygon": 2}.get(given["type"])
        if depth is not None:
            given["coordinates"] = _close_rings(cut, depth)
        return shapely.from_geojson(json.dumps(given)), given["coordinates"] != cut
    except (KeyError, TypeError, IndexError, ValueError, ShapelyError, RecursionError):
        return None, False


def _cut_positions(coordinates: list[Any]) -> list[Any]:
    """Coordinates without what follows a height: a measure, which some programs write."""
    if coordinates and not isinstance(coordinates[0], list):
        return coordinates[:3]
    return [_cut_positions(part) for part in coordinates]


def _close_rings(coordinates: list[Any], depth: int) -> list[Any]:
    if depth:
        return [_close_rings(part, depth - 1) for part in coordinates]
    return coordinates if coordinates[0] == coordinates[-1] else [*coordinates, coordinates[0]]
