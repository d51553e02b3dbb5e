"""Files of fixes as JSON: objects or GeoJSON features, in one list or one a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from api.intake import records
from layers.errors import BadFileError, BadFixesError

#: Suffixes of files with an object a line.
LINES = (".ndjson", ".jsonl", ".geojsonl", ".geojsons")
#: How a GeoJSON of before RFC 7946 says that its coordinates are longitudes and latitudes.
_LONLAT = ("CRS84", ":4326")

Item = Mapping[str, object]


def read(path: Path) -> pd.DataFrame:
    """The rows of a JSON file, a point's place as lon and lat. Raises BadFileError."""
    text = path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\x1e", b"")
    try:
        if path.suffix.lower() in LINES:
            items = [
                records.value(line, f"line {number}")
                for number, line in enumerate(text.split(b"\n"), 1)
                if line.strip()
            ]
        else:
            items = _items(path, records.value(text, "the file"))
    except BadFixesError as error:
        raise BadFileError(f"{path.name}: {error}") from None
    rows = [_row(path, number, item) for number, item in enumerate(items, 1)]
    return pd.DataFrame(rows, dtype=object)


def _items(path: Path, found: object) -> list[object]:
    if isinstance(found, dict) and found.get("type") == "FeatureCollection":
        _check_crs(path, found)
        found = found.get("features")
    if not isinstance(found, list):
        raise BadFileError(f"{path.name}: it is no list of fixes and no FeatureCollection")
    return found


def _check_crs(path: Path, collection: Item) -> None:
    crs = collection.get("crs")
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not str(name).endswith(_LONLAT):
        raise BadFileError(
            f"{path.name}: its coordinates are in {str(name)[:60]}: give longitudes and latitudes"
            " (EPSG:4326)"
        )


def _row(path: Path, number: int, item: object) -> Item:
    """What an item says; one that is no object says nothing."""
    if not isinstance(item, dict):
        return {}
    if item.get("type") != "Feature":
        return item
    properties = item.get("properties")
    row = dict(properties) if isinstance(properties, dict) else {}
    geometry = item.get("geometry")
    if not isinstance(geometry, dict):
        return {**row, "lon": None, "lat": None}
    if geometry.get("type") != "Point":
        raise BadFileError(
            f"{path.name}: feature {number} is a {str(geometry.get('type'))[:40]}: fixes are"
            " points, one a feature: give those"
        )
    place = geometry.get("coordinates")
    lon, lat, *above = [*(place if isinstance(place, list) else []), None, None][:3]
    if above[0] is not None and "altitude_m" not in row:
        row["altitude_m"] = above[0]
    return {**row, "lon": lon, "lat": lat}
