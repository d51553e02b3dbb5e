"""Where a table keeps its places: two columns, one of pairs, or geometry as text; and its cells."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from layers.errors import BadFileError
from layers.load import angle, single
from layers.load.plan import Plan
from layers.load.source import OPEN, Shapes, declared_crs, from_wkb, read_shapes
from layers.places.columns import is_missing

_LON = ("lon", "lng", "long", "longitude", "x", "经度", "东经", "долгота", "уртраг", "point_x",
        "xcoord", "x_coord", "coord_x", "x坐标", "横坐标", "lon_dd", "long_dd", "longitude_dd",
        "easting", "east")  # fmt: skip
_LAT = ("lat", "latitude", "y", "纬度", "北纬", "широта", "өргөрөг", "point_y", "ycoord", "y_coord",
        "coord_y", "y坐标", "纵坐标", "lat_dd", "latitude_dd", "northing", "north")  # fmt: skip
_WKT = ("wkt", "geometry", "geom", "the_geom", "wkb", "ewkt", "ewkb", "wkb_geometry", "geojson",
        "shape", "wkt_geom", "geom_wkt")  # fmt: skip
#: One column of both, longitude first, as AMap's services write it …
_PAIR = ("location", "lnglat", "lonlat", "经纬度", "坐标")
#: … latitude first, and those whose order their values must tell.
_PAIR_LAT_FIRST = ("latlon", "latlng", "lat_lon", "lat_lng", "lat,lon", "lat, lon", "纬经度")
_PAIR_EITHER = ("coords", "coord", "coordinates", "coordinate", "gps", "point", "position",
                "координаты", "солбицол", "坐标点", "地理坐标")  # fmt: skip
#: What stands behind a name: a unit, or a letter of the axis.
_BEHIND = re.compile(r"\s*(?:[(（\[].*[)）\]]|[,_\s]\s*(?:deg|degrees|град|градусы|dms|wgs84)\.?)$")
_LONGEST_NAME = 40  #: of a column of places; a cell may be a polygon of megabytes
_DATUM = {"GCJ-02": "gcj02", "BD-09": "bd09"}
_SHIFTED = {
    **dict.fromkeys(("gcj", "火星", "高德", "amap", "腾讯", "mars"), "GCJ-02"),
    **dict.fromkeys(("bd09", "bd_", "baidu", "百度"), "BD-09"),
}
_HEX = re.compile(r"(?:\\x|0x)?((?:00|01)[0-9a-f]{8,})", re.IGNORECASE)
_SRID = re.compile(r"\s*SRID\s*=\s*(\d{1,6})\s*;\s*(.*)", re.IGNORECASE | re.DOTALL)
_HALVES = re.compile("[,，;；|/、]")
_NO_PAIR = "{!r} is no pair of longitude and latitude, such as 105.25,41.5: mend it"
_EITHER = "{!r} may be longitude or latitude first: name the column lonlat or latlon"


def columns(path: Path, plan: Plan, names: list[str], below: Sequence[list[str]] = ()) -> list[str]:
    """The column of geometry or of pairs, or those of longitude and latitude; ``below`` are the
    first rows beneath the header, one of which may be what should be it. Raises BadFileError."""
    mapped = plan.mapping
    if "wkt" in mapped:
        return [mapped["wkt"]]
    lon = mapped.get("lon") or _first(names, _LON)
    lat = mapped.get("lat") or _first(names, _LAT)
    if lon is not None and lat is not None:
        return [lon, lat]
    for n, cells in enumerate(below, start=1):
        row = [cell for cell in cells if len(cell) <= _LONGEST_NAME]
        if _first(row, _LON) is not None and _first(row, _LAT) is not None:
            raise BadFileError(
                f"{path.name}: row {n} beneath its header looks like the header"
                f" ({', '.join(filter(None, row))}): take out what stands above it"
            )
    one = _first(names, _WKT) or _first(names, _PAIR + _PAIR_LAT_FIRST + _PAIR_EITHER)
    if one is not None:
        return [one]
    raise BadFileError(
        f"{path.name}: it has no columns lon and lat, and none called wkt"
        f" (it has {', '.join(names) or 'nothing'}): name them with --map lon=… --map lat=…"
    )


def note_shifted(where: list[str], datum: str | None) -> list[str]:
    """Whether columns are called as those of Chinese web maps, and nobody said so."""
    said = (
        "" if datum else next((_SHIFTED[k] for n in where for k in _SHIFTED if k in n.lower()), "")
    )
    called = " and ".join(map(repr, where))
    return (
        [f"{called} are called as those of {said}: is it --datum {_DATUM[said]}?"] if said else []
    )


def are_named(names: list[str]) -> bool:
    """Whether a header names what holds a place."""
    both = _first(names, _LON) is not None and _first(names, _LAT) is not None
    return both or _first(names, _WKT + _PAIR + _PAIR_LAT_FIRST + _PAIR_EITHER) is not None


def plain_name(name: str) -> str:
    """A column's name without what stands behind it: ``Longitude (deg)`` is ``longitude``."""
    return _BEHIND.sub("", name.strip().lower())


def _first(names: list[str], known: tuple[str, ...]) -> str | None:
    by_word = {plain_name(name): name for name in reversed(names)}
    by_word |= {name.lower(): name for name in reversed(names)}
    by_word |= {name: name for name in names}
    return next((by_word[word] for word in known if word in by_word), None)


def read(
    path: Path, where: list[str], cells: list[list[str]]
) -> tuple[Shapes, CRS | None, list[str]]:
    """Geometries of the cells of the columns ``where``, the CRS that they name themselves, and
    what to tell of them. Raises BadFileError.
    """
    if len(where) == 2:
        return _points(path, where, *cells), None, []
    name = plain_name(where[0])
    if name in _PAIR + _PAIR_LAT_FIRST + _PAIR_EITHER:
        return _pairs(path, where[0], cells[0])
    shapes, crs = _texts(path, cells[0])
    return shapes, crs, []


def _pairs(path: Path, name: str, cells: list[str]) -> tuple[Shapes, CRS | None, list[str]]:
    """Points of pairs; which half is which is told by the name, else by letters and sizes."""
    halves = [_halves(cell) for cell in cells]
    odd = {n: _NO_PAIR.format(cells[n][:40]) for n, pair in enumerate(halves) if pair is None}
    whole = [pair or ("", "") for pair in halves]
    first, second = [a for a, _ in whole], [b for _, b in whole]
    order = _order(name, first, second)
    if order is None:
        row = next(n for n, cell in enumerate(cells) if not is_missing(cell))
        raise BadFileError(f"{path.name}: {name!r}: " + _EITHER.format(cells[row][:40]))
    lon, lat = (second, first) if order == "lat" else (first, second)
    shapes = _points(path, [name, name], lon, lat)
    notes = [] if order == "lon" else [f"{name!r} was read as latitude first, then longitude"]
    return Shapes(found=shapes.found, mended={}, broken=odd | shapes.broken), None, notes


def _halves(cell: str) -> tuple[str, str] | None:
    """The two texts of a pair; blank ones of a blank cell."""
    plain = re.sub(r"^\s*point\s*(?=\()", "", cell, flags=re.IGNORECASE).strip(" []()（）\t")
    if not plain:
        return "", ""
    parts = [part.strip() for part in _HALVES.split(plain)]
    if len(parts) == 4 and "." not in plain:  # 104,5, 41,5
        parts = [f"{parts[0]}.{parts[1]}", f"{parts[2]}.{parts[3]}"]
    if len(parts) == 1:
        parts = plain.split()
    return (parts[0], parts[1]) if len(parts) == 2 else None


def _order(name: str, first: list[str], second: list[str]) -> str | None:
    """``lon`` or ``lat``: which of the halves comes first; None where nothing tells."""
    fits = {}
    for order, lon, lat in (("lon", first, second), ("lat", second, first)):
        x, wrong_x = angle.column(lon, "longitude")
        y, wrong_y = angle.column(lat, "latitude")
        bad = (np.abs(y) > 90) | (np.abs(x) > 180)
        bad[[row for wrong in (wrong_x, wrong_y) for row, e in wrong.items() if e.swapped]] = True
        fits[order] = ~bad[~np.isnan(x) | ~np.isnan(y) | bad]
    said = plain_name(name)
    told = {**dict.fromkeys(_PAIR, "lon"), **dict.fromkeys(_PAIR_LAT_FIRST, "lat")}.get(said)
    if told is not None:
        # What the name says holds, unless no row at all can be so.
        other = "lat" if told == "lon" else "lon"
        never = len(fits[told]) and not fits[told].any()
        return other if never and fits[other].all() else told
    if fits["lon"].all() != fits["lat"].all():
        return "lon" if fits["lon"].all() else "lat"
    return None


def _points(path: Path, names: list[str], lon: list[str], lat: list[str]) -> Shapes:
    """Points of two columns. Raises BadFileError where each holds the other's."""
    x, wrong_x = angle.column(lon, "longitude")
    y, wrong_y = angle.column(lat, "latitude")
    if any(
        wrong_x[row].swapped and wrong_y[row].swapped for row in wrong_x.keys() & wrong_y.keys()
    ):
        raise BadFileError(
            f"{path.name}: {names[0]!r} holds latitudes and {names[1]!r} longitudes, as their"
            f" letters say: --map lon={names[1]} --map lat={names[0]}"
        )
    points = np.asarray(shapely.points(x, y), dtype=object)
    broken = {row: str(error) for row, error in (wrong_y | wrong_x).items()}
    # Only where a number is missing can a cell be blank; where both are, that is no place at all.
    for row in np.flatnonzero(np.isnan(x) | np.isnan(y)).tolist():
        blank = [is_missing(lon[row]), is_missing(lat[row])]
        if all(blank):
            points[row] = None
        elif any(blank):
            which = "longitude" if blank[0] else "latitude"
            broken.setdefault(row, f"its {which} is empty: give it one, or take the row out")
    return Shapes(found=points, mended={}, broken=broken)


def _texts(path: Path, cells: list[str]) -> tuple[Shapes, CRS | None]:
    """Geometries written as WKT, EWKT, WKB or EWKB in hexadecimal, or GeoJSON, and the one CRS
    that they name. Raises BadFileError where they name several."""
    given = np.empty(len(cells), dtype=object)
    given[:] = [None if is_missing(cell) else cell.strip() for cell in cells]
    srid = np.zeros(len(cells), dtype=int)
    for row, cell in enumerate(given):
        if cell is not None and (said := _SRID.fullmatch(cell)):
            srid[row], given[row] = int(said[1]), said[2]
    is_hex = np.array([cell is not None and bool(_HEX.fullmatch(cell)) for cell in given], bool)
    is_json = np.array([cell is not None and cell.startswith("{") for cell in given], bool)
    plain = given.copy()
    plain[is_hex | is_json] = None
    shapes = _from_wkt(plain)
    found, broken, mended = shapes.found, shapes.broken, dict(shapes.mended)
    if is_hex.any():
        binary = _from_hex(given, np.flatnonzero(is_hex))
        found[is_hex] = binary.found[is_hex]
        srid = np.where(is_hex, np.maximum(shapely.get_srid(found), 0), srid)
        broken, mended = broken | binary.broken, mended | dict(binary.mended)
    if is_json.any():
        found[is_json], odd = read_shapes(given[is_json], shapely.from_geojson)
        broken |= {int(np.flatnonzero(is_json)[n]): why for n, why in odd.items()}
    for row in np.flatnonzero(is_json).tolist():
        if found[row] is None and row not in broken:
            broken[row] = f"{given[row][:40]!r} is no GeoJSON geometry: mend it"
    named = sorted(set(srid[srid > 0].tolist()))
    if len(named) > 1:
        raise BadFileError(
            f"{path.name}: its geometries are of several CRSs (SRID {named[0]} and {named[1]}):"
            " write all in one"
        )
    crs = declared_crs(path, f"EPSG:{named[0]}") if named else None
    return Shapes(found=found, mended=mended, broken=broken), crs


def _from_hex(given: NDArray[np.object_], rows: NDArray[np.intp]) -> Shapes:
    binary = np.full(len(given), None, dtype=object)
    odd = {}
    for row in rows.tolist():
        digits = _HEX.fullmatch(given[row])
        try:
            binary[row] = binascii.unhexlify(digits[1] if digits else "")
        except binascii.Error:
            odd[row] = "its geometry is no whole WKB: mend it"
    shapes = from_wkb(binary)
    return Shapes(found=shapes.found, mended=shapes.mended, broken=odd | shapes.broken)


def _from_wkt(given: NDArray[np.object_]) -> Shapes:
    found, broken = read_shapes(given, shapely.from_wkt)
    mended = {}
    for row in np.flatnonzero(shapely.is_missing(found)).tolist():
        if given[row] is None or row in broken:
            continue
        found[row] = shapely.from_wkt(single.wkt(given[row]), on_invalid="ignore")
        if found[row] is not None:
            continue
        found[row] = shapely.from_wkt(_closed(given[row]), on_invalid="ignore")
        if found[row] is None:
            broken[row] = f"{given[row][:40]!r} is no WKT: mend it"
        else:
            mended[row] = OPEN
    return Shapes(found=found, mended=mended, broken=broken)


def _closed(text: str) -> str:
    """WKT whose rings end where they begin."""

    def ring(found: re.Match[str]) -> str:
        first, last = (found[1].split(",")[n].split() for n in (0, -1))
        return found[0] if first == last else f"({found[1]}, {' '.join(first)})"

    is_area = text.strip().upper().startswith(("POLYGON", "MULTIPOLYGON"))
    return re.sub(r"\(([^()]+)\)", ring, text) if is_area else text
