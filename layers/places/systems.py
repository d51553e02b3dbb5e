"""The reference system that a GeoJSON object of 2008 may name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from layers.errors import BadFeatureError

#: The names of WGS 84 by longitude and latitude in the member crs of GeoJSON.
_WGS84 = re.compile(
    r"(?:urn:ogc:def:crs:|https?://www\.opengis\.net/def/crs/)?"
    r"(?:OGC[:/]+(?:[0-9.]+[:/])?CRS84h?|EPSG[:/]+(?:[0-9.]+[:/])?(?:4326|4979))",
    re.IGNORECASE,
)
_DEGREES = {"properties": {"name": "OGC:CRS84"}}


def check(given: Any) -> None:
    """Refuse a member ``crs`` that names another system than WGS 84 (RFC 7946, 4).

    In GeoJSON of 2008 it says what the coordinates are, which are stored as degrees here; null
    says that nobody knows.
    """
    said = given.get("crs", _DEGREES) if isinstance(given, Mapping) else _DEGREES
    properties = said.get("properties") if isinstance(said, Mapping) else None
    name = properties.get("name") if isinstance(properties, Mapping) else None
    if not isinstance(name, str) or not _WGS84.fullmatch(name.strip()):
        what = json.dumps(said if name is None else name, ensure_ascii=False, default=str)[:80]
        raise BadFeatureError(
            f"crs: it is {what}: give coordinates in degrees of WGS 84, longitude first, and leave"
            " the member crs out (RFC 7946)"
        )
