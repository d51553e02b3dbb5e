"""Rows of the static layers as GeoDataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import ColumnElement, Connection, Select, func, select

from layers.places import layer
from layers.places.columns import Kind
from layers.places.reading import conditions
from layers.places.tables import fence_versions as versions_table

_DTYPES: dict[Kind, str] = {
    "text": "str",
    "integer": "Int64",
    "number": "float64",
    "boolean": "bool",
    "time": "datetime64[us, UTC]",
    "json": "object",
}


def places(
    connection: Connection,
    name: str,
    *,
    level: str | None = None,
    bbox: Sequence[float] | None = None,
) -> gpd.GeoDataFrame:
    """A static layer: index ``id`` in its order, its columns, geometry in EPSG:4326.

    ``level`` is of grids; ``bbox`` is west, south, east, north in degrees. Times are UTC, an
    empty text is NaN, ``active`` and ``applies_to`` are dictionaries or None. Raises
    NoSuchLayerError, and BadQueryError for a level or bbox that cannot be.
    """
    of = layer(name)
    fields: list[ColumnElement[object]] = [of.table.c[column] for column in ("id", *of.columns)]
    query = select(*fields, func.ST_AsBinary(of.table.c.geom)).order_by(of.table.c.id)
    for condition in conditions(of, bbox=bbox, level=level):
        query = query.where(condition)
    kinds: dict[str, Kind] = {"id": "text", **{c.name: c.kind for c in of.columns.values()}}
    return _frame(connection, query, kinds).set_index("id")


def fence_versions(connection: Connection) -> gpd.GeoDataFrame:
    """Every version of every fence, deleted ones too, as ``geo.breaches.judge`` takes them.

    Columns fence, version, number (of the version among all), valid_from, valid_to (UTC; NaT:
    open-ended), name, rule, direction,
    margin_m, dwell_s, active, applies_to, severity, geometry in EPSG:4326.
    """
    table = versions_table
    of = layer("fences")
    kinds: dict[str, Kind] = {
        "fence": "text", "version": "integer", "number": "integer", "valid_to": "time",
    }  # fmt: skip
    kinds |= {c.name: c.kind for c in of.columns.values() if c.name in table.c}
    fields = [column for column in table.c if column.name != "geom"]
    query = select(*fields, func.ST_AsBinary(table.c.geom)).order_by(table.c.fence, table.c.version)
    frame = _frame(connection, query, {column.name: kinds[column.name] for column in fields})
    return frame.astype({"version": "int64"})


def _frame(
    connection: Connection, query: Select[*tuple[Any, ...]], kinds: dict[str, Kind]
) -> gpd.GeoDataFrame:
    """The query's rows: columns of ``kinds`` in their order, then the geometry as WKB."""
    rows = connection.execute(query).all()
    cells = list(zip(*rows, strict=True)) if rows else [()] * (len(kinds) + 1)
    columns = {
        name: _series(values, kind)
        for (name, kind), values in zip(kinds.items(), cells[:-1], strict=True)
    }
    shapes = shapely.from_wkb(np.array([bytes(wkb) for wkb in cells[-1]], dtype=object))
    return gpd.GeoDataFrame(pd.DataFrame(columns), geometry=shapes, crs="EPSG:4326")


def _series(values: Sequence[object], kind: Kind) -> pd.Series:
    if kind == "time":
        # Through UTC microseconds: rows may carry times of different offsets.
        return pd.Series(pd.to_datetime(list(values), utc=True)).astype(_DTYPES[kind])
    return pd.Series(list(values), dtype=_DTYPES[kind])
