"""CSV with longitude and latitude, or with geometry as WKT."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from layers.errors import BadFileError
from layers.load import angle
from layers.load.encoding import decode
from layers.load.plan import Plan
from layers.load.source import LONLAT, Shapes, Source, named, read_shapes
from layers.places.columns import is_missing

_LON = ("lon", "lng", "long", "longitude", "x", "经度", "东经", "долгота", "уртраг")
_LAT = ("lat", "latitude", "y", "纬度", "北纬", "широта", "өргөрөг")
_WKT = ("wkt", "geometry", "geom", "the_geom")
#: One column of both, longitude first, as AMap's services write it.
_PAIR = ("location", "lnglat", "lonlat", "经纬度", "坐标")
_QUOTED = re.compile('"[^"]*"')
_SEPARATORS = ",;\t|"
#: Excel's own first line: which separator it is to take.
_EXCEL = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Table:
    """The cells of a CSV file."""

    names: list[str]
    rows: list[list[str]]  #: each as long as the header
    notes: list[str]  #: which code page it was in, where that had to be found out


def read(path: Path, plan: Plan) -> Source:
    """The rows of a CSV file; coordinates count as WGS 84. Raises BadFileError."""
    table = read_table(path, plan.encoding)
    names, rows = table.names, table.rows
    where = _coordinates(path, plan, names)
    choice = plan.choose(path, names, geometry=where)
    place = {name: n for n, name in enumerate(names)}
    columns: dict[str, Sequence[Any]] = {
        name: [row[place[name]] or None for row in rows] for name in choice.theirs
    }
    cells = [[row[place[name]] for row in rows] for name in where]
    shapes = _shapes(path, where, cells)
    return Source(
        geometries=shapes.found,
        columns=named(choice, columns),
        crs=None if plan.crs else LONLAT,
        dropped=choice.dropped,
        row_word="row",
        closed=shapes.closed,
        broken=shapes.broken,
        notes=table.notes,
    )


def read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file, as ``read_table`` gives them."""
    table = read_table(path)
    return table.names, table.rows


def read_table(path: Path, encoding: str | None = None) -> Table:
    """Header and rows of a CSV file, blank lines left out, all rows as long as the header.

    Cells are separated by comma, semicolon, tab or ``|``; empty ones beyond the header's, which
    some programs write at the end of each row, are dropped. Raises BadFileError.
    """
    decoded = decode(path.name, path.read_bytes(), encoding)
    text, separator = _separator(decoded.text.removeprefix("\ufeff"))
    try:
        read = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        names, *rows = [row for row in read if row] or [[]]
    except csv.Error as error:
        raise BadFileError(f"{path.name}: it is no CSV ({error}): mend it") from error
    names = [name.strip() for name in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadFileError(f"{path.name}: two columns are called {twice[0]!r}: rename one")
    for n, row in enumerate(rows):
        while len(row) > len(names) and not row[-1]:
            row.pop()
        if len(row) != len(names):
            raise BadFileError(
                f"{path.name}: row {n + 1} has {len(row)} cells, the header {len(names)}: mend it"
                " (write numbers with a point, and quote what holds a separator)"
            )
    return Table(names=names, rows=rows, notes=decoded.notes)


def _separator(text: str) -> tuple[str, str]:
    """The text from its header on, and what stands most often between the header's cells."""
    excel = _EXCEL.match(text)
    if excel and excel[1] in _SEPARATORS:
        return text[excel.end() :], excel[1]
    header = next((line for line in io.StringIO(text) if line.strip()), "")
    return text, max(_SEPARATORS, key=_QUOTED.sub("", header).count)


def _coordinates(path: Path, plan: Plan, names: list[str]) -> list[str]:
    """The column of WKT or of pairs, or those of longitude and latitude."""
    mapped = plan.mapping
    if "wkt" in mapped:
        return [mapped["wkt"]]
    lon = mapped.get("lon") or _first(names, _LON)
    lat = mapped.get("lat") or _first(names, _LAT)
    if lon is not None and lat is not None:
        return [lon, lat]
    one = _first(names, _WKT) or _first(names, _PAIR)
    if one is not None:
        return [one]
    raise BadFileError(
        f"{path.name}: it has no columns lon and lat, and none called wkt"
        f" (it has {', '.join(names) or 'nothing'}): name them with --map lon=… --map lat=…"
    )


def _first(names: list[str], known: tuple[str, ...]) -> str | None:
    by_word = {name.lower(): name for name in names}
    return next((by_word[word] for word in known if word in by_word), None)


def _shapes(path: Path, where: list[str], cells: list[list[str]]) -> Shapes:
    if len(where) == 2:
        return _points(path, where, *cells)
    if where[0].lower() not in _PAIR:
        return _from_wkt(cells[0])
    halves = [cell.strip(" []()").split(",") if cell.strip() else ["", ""] for cell in cells[0]]
    odd = {n: _NO_PAIR.format(cells[0][n][:40]) for n, pair in enumerate(halves) if len(pair) != 2}
    whole = [("", "") if n in odd else (pair[0], pair[1]) for n, pair in enumerate(halves)]
    shapes = _points(path, where * 2, [a for a, _ in whole], [b for _, b in whole])
    return Shapes(found=shapes.found, closed=[], broken=odd | shapes.broken)


_NO_PAIR = "{!r} is no pair of longitude and latitude, such as 105.25,41.5: mend it"


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
    # Only where a number is missing can both cells be blank, which is no place at all.
    for row in np.flatnonzero(np.isnan(x) & np.isnan(y)).tolist():
        if is_missing(lon[row]) and is_missing(lat[row]):
            points[row] = None
    broken = {row: str(error) for row, error in (wrong_y | wrong_x).items()}
    return Shapes(found=points, closed=[], broken=broken)


def _from_wkt(cells: list[str]) -> Shapes:
    given = np.empty(len(cells), dtype=object)
    given[:] = [None if is_missing(cell) else cell for cell in cells]
    found, broken = read_shapes(given, shapely.from_wkt)
    closed = []
    for row in np.flatnonzero(shapely.is_missing(found)).tolist():
        if given[row] is None or row in broken:
            continue
        found[row] = shapely.from_wkt(_closed(given[row]), on_invalid="ignore")
        if found[row] is None:
            broken[row] = f"{given[row][:40]!r} is no WKT: mend it"
        else:
            closed.append(row)
    return Shapes(found=found, closed=closed, broken=broken)


def _closed(text: str) -> str:
    """WKT whose rings end where they begin."""

    def ring(found: re.Match[str]) -> str:
        first, last = (found[1].split(",")[n].split() for n in (0, -1))
        return found[0] if first == last else f"({found[1]}, {' '.join(first)})"

    is_area = text.strip().upper().startswith(("POLYGON", "MULTIPOLYGON"))
    return re.sub(r"\(([^()]+)\)", ring, text) if is_area else text
