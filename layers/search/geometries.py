"""Places in a question: reference systems by their address, boxes and geometries from outside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from layers.errors import BadQueryError

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG_4326 = "http://www.opengis.net/def/crs/EPSG/0/4326"
EPSG_3857 = "http://www.opengis.net/def/crs/EPSG/0/3857"
#: The reference systems of questions and answers: degrees by longitude and latitude, by latitude
#: and longitude (EPSG's order), and Web Mercator's metres.
SYSTEMS = (CRS84, EPSG_4326, EPSG_3857)
_EARTH_M = 6378137.0  # radius of the sphere of Web Mercator
_HALF_M = math.pi * _EARTH_M
#: What shapely raises for something that is no geometry, or one that nests without end.
_NO_GEOMETRY = (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError,
                RecursionError, shapely.errors.ShapelyError)  # fmt: skip
Box = tuple[float, float, float, float]


def known(system: str | None, of: str) -> str:
    """A supported system's address; CRS84 for None. Raises BadQueryError that names ``of``."""
    if system is None:
        return CRS84
    found = system.strip("[]")
    # Safe CURIEs and the URNs that GDAL and QGIS also write.
    short = {"EPSG:4326": EPSG_4326, "EPSG:3857": EPSG_3857, "OGC:CRS84": CRS84,
             "urn:ogc:def:crs:OGC:1.3:CRS84": CRS84, "urn:ogc:def:crs:EPSG::4326": EPSG_4326,
             "urn:ogc:def:crs:EPSG::3857": EPSG_3857}  # fmt: skip
    found = short.get(found, found)
    if found not in SYSTEMS:
        raise BadQueryError(f"{of}: {system[:80]!r} is not supported: give {', '.join(SYSTEMS)}")
    return found


def lonlat(system: str, x: float, y: float) -> tuple[float, float]:
    """A position of ``system`` as longitude and latitude in degrees."""
    if system == EPSG_4326:
        return y, x
    if system == EPSG_3857:
        # Beyond its square there is nothing; the poles are at infinity.
        lat = math.degrees(2 * math.atan(math.exp(min(max(y / _EARTH_M, -50), 50))) - math.pi / 2)
        return x / _HALF_M * 180, lat
    return x, y


def box(numbers: Sequence[float], system: str, of: str = "bbox") -> Box:
    """West, south, east, north in degrees from four numbers, or six with heights.

    West may be greater than east: the box then crosses 180°. Raises BadQueryError.
    """
    if len(numbers) == 6:
        numbers = [numbers[at] for at in (0, 1, 3, 4)]
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise BadQueryError(f"{of}: give four numbers (or six, with heights): lower corner, upper")
    west, south = lonlat(system, numbers[0], numbers[1])
    east, north = lonlat(system, numbers[2], numbers[3])
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise BadQueryError(
            f"{of}: in degrees it is {west:g},{south:g},{east:g},{north:g}: longitudes are -180 to "
            "180, latitudes -90 to 90, the lower one first"
        )
    return west, south, east, north


def shape_of(told: Mapping[str, Any], system: str) -> BaseGeometry:
    """A geometry, or a ``bbox``, of a filter in degrees. Raises BadQueryError."""
    if "bbox" in told:
        numbers = told["bbox"]
        if not isinstance(numbers, list) or not all(_is_number(one) for one in numbers):
            raise BadQueryError("filter: BBOX takes four numbers")
        west, south, east, north = box([float(one) for one in numbers], system, "filter: BBOX")
        if west <= east:
            return _rectangle(west, south, east, north)
        halves = [_rectangle(west, south, 180, north), _rectangle(-180, south, east, north)]
        return shapely.union_all(halves)
    try:
        found = shapely.geometry.shape(told)
        found = shapely.force_2d(found)
        found = shapely.transform(found, lambda places: _degrees(places, system))
    except _NO_GEOMETRY:
        raise BadQueryError("filter: a geometry in it is no GeoJSON geometry") from None
    places = shapely.get_coordinates(found)
    if not len(places) or not bool(np.all(np.abs(places) <= [180, 90])):
        raise BadQueryError("filter: a geometry in it is empty, or leaves -180 to 180, -90 to 90")
    if not shapely.is_valid(found):
        raise BadQueryError(
            f"filter: a geometry in it is not valid: {shapely.is_valid_reason(found)[:100]}"
        )
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _rectangle(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """A box; of no width it is a line, of no size a point."""
    if west < east and south < north:
        return shapely.box(west, south, east, north)
    if west == east and south == north:
        return shapely.Point(west, south)
    return shapely.LineString([(west, south), (east, north)])


def _degrees(places: Any, system: str) -> Any:
    return np.array([lonlat(system, x, y) for x, y in places.tolist()]).reshape(-1, 2)
