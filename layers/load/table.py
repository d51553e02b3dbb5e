"""CSV with longitude and latitude, or with geometry as WKT."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from layers.errors import BadFileError
from layers.load.plan import Plan
from layers.load.source import LONLAT, Source, named, read_shapes
from layers.places.columns import is_missing
from layers.places.shapes import Geometries

_LON = ("lon", "lng", "long", "longitude", "x")
_LAT = ("lat", "latitude", "y")
_WKT = ("wkt", "geometry", "geom", "the_geom")
_QUOTED = re.compile('"[^"]*"')
_SEPARATORS = ",;\t|"


def read(path: Path, plan: Plan) -> Source:
    """The rows of a CSV file; coordinates count as WGS 84. Raises BadFileError."""
    names, rows = read_rows(path)
    where = _coordinates(path, plan, names)
    choice = plan.choose(path, names, geometry=where)
    place = {name: n for n, name in enumerate(names)}
    columns: dict[str, Sequence[Any]] = {
        name: [row[place[name]] or None for row in rows] for name in choice.theirs
    }
    cells = [[row[place[name]] for row in rows] for name in where]
    read_cells = _from_wkt if len(where) == 1 else _points
    return Source(
        geometries=read_cells(path, *cells),
        columns=named(choice, columns),
        crs=None if plan.crs else LONLAT,
        dropped=choice.dropped,
        row_word="row",
    )


def read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file, blank lines left out, all rows as long as the header.

    Cells are separated by comma, semicolon, tab or ``|``; empty ones beyond the header's, which
    some programs write at the end of each row, are dropped. Raises BadFileError.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = _separator(file)
            file.seek(0)
            read = csv.reader(file, delimiter=separator, strict=True)
            names, *rows = [row for row in read if row] or [[]]
    except UnicodeDecodeError as error:
        raise BadFileError(
            f"{path.name}: it is not UTF-8 text (byte {error.start}): save it as UTF-8"
        ) from error
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
    return names, rows


def _separator(file: Iterable[str]) -> str:
    """What stands most often between the cells of the first line that is not blank."""
    header = next((line for line in file if line.strip()), "")
    return max(_SEPARATORS, key=_QUOTED.sub("", header).count)


def _coordinates(path: Path, plan: Plan, names: list[str]) -> list[str]:
    """The column of WKT, or those of longitude and latitude."""
    mapped = plan.mapping
    if "wkt" in mapped:
        return [mapped["wkt"]]
    lon = mapped.get("lon") or _first(names, _LON)
    lat = mapped.get("lat") or _first(names, _LAT)
    if lon is not None and lat is not None:
        return [lon, lat]
    wkt = _first(names, _WKT)
    if wkt is not None:
        return [wkt]
    raise BadFileError(
        f"{path.name}: it has no columns lon and lat, and none called wkt"
        f" (it has {', '.join(names) or 'nothing'}): name them with --map lon=… --map lat=…"
    )


def _first(names: list[str], known: tuple[str, ...]) -> str | None:
    by_word = {name.lower(): name for name in names}
    return next((by_word[word] for word in known if word in by_word), None)


def _points(path: Path, lon: list[str], lat: list[str]) -> Geometries:
    x, y = (_degrees(path, cells) for cells in (lon, lat))
    points = np.asarray(shapely.points(x, y), dtype=object)
    for row, (a, b) in enumerate(zip(lon, lat, strict=True)):
        if is_missing(a) and is_missing(b):
            points[row] = None
    return points


def _degrees(path: Path, cells: list[str]) -> Any:
    out = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        try:
            out[row] = float(cell) if cell.strip() else np.nan
        except ValueError as error:
            raise BadFileError(
                f"{path.name}: row {row + 1}: the coordinate {cell[:40]!r} is no number: write"
                " decimal degrees, such as 105.25"
            ) from error
    return out


def _from_wkt(path: Path, cells: list[str]) -> Geometries:
    given = np.empty(len(cells), dtype=object)
    given[:] = [None if is_missing(cell) else cell for cell in cells]
    found = read_shapes(path, given, shapely.from_wkt, row_word="row")
    for row in np.flatnonzero(shapely.is_missing(found)):
        if given[row] is not None:
            raise BadFileError(
                f"{path.name}: row {row + 1}: {str(given[row])[:40]!r} is no WKT: mend it"
            )
    return found
