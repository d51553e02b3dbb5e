"""What coverage takes: cells and legs, looked at once at the door."""

from __future__ import annotations

from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo import earth
from geo.earth import Geometries
from geo.errors import (
    MissingColumnError,
    NaiveTimeError,
    NoCrsError,
    OutOfRangeError,
    WrongGeometryError,
)

LEG_COLUMNS = (
    "unit", "patrol", "start", "end", "lon0", "lat0", "lon1", "lat1",
    "duration_s", "length_m", "is_leg",
)  # fmt: skip


def checked_cells(cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The cells in degrees, ordered by id as text: where two claim a place the first has it.

    Raises NoCrsError, WrongGeometryError (no valid polygon), OutOfRangeError (an id twice).
    """
    if cells.crs is None:
        raise NoCrsError("cells: no coordinate reference system; set it (EPSG:4326 for lon/lat)")
    if not cells.index.is_unique:
        twice = cells.index[cells.index.duplicated()][0]
        raise OutOfRangeError(f"cells: the id {twice!r} is there twice; make ids unique")
    degrees = cells.geometry.to_crs(earth.LONLAT)
    shapes = degrees.to_numpy()
    wrong = ~np.isin(shapely.get_type_id(shapes), (3, 6)) | shapely.is_empty(shapes)
    if wrong.any():
        raise WrongGeometryError(f"cell {cells.index[wrong][0]!r}: is no polygon; leave it out")
    broken = ~shapely.is_valid(shapes)
    if broken.any():
        reason = shapely.is_valid_reason(shapes[broken][0])
        raise WrongGeometryError(
            f"cell {cells.index[broken][0]!r}: invalid polygon ({reason}); repair it first"
        )
    degrees = gpd.GeoSeries(_in_one_turn(shapes), index=cells.index, crs=earth.LONLAT)
    order = np.argsort(cells.index.astype(str).to_numpy(dtype=object), kind="stable")
    return gpd.GeoDataFrame(geometry=degrees.iloc[order])


def _in_one_turn(polygons: Geometries) -> Geometries:
    """Polygons (degrees) side by side: what lies beyond the date line goes on past 180° east.

    A polygon in two parts is one again, and all are in the turn of longitude of the first.
    """
    bounds = shapely.bounds(polygons)
    if not len(polygons) or bounds[:, 2].max() - bounds[:, 0].min() <= 180:
        return polygons
    out = polygons.copy()
    for n in np.flatnonzero(bounds[:, 2] - bounds[:, 0] > 180):
        parts = shapely.get_parts(polygons[n])
        west = shapely.bounds(parts)[:, 2] <= 0
        if west.any() and not west.all():
            out[n] = shapely.multipolygons([
                _turned(part, 1) if beyond else part
                for part, beyond in zip(parts, west, strict=True)
            ])  # fmt: skip
    bounds = shapely.bounds(out)
    middle = (bounds[:, 0] + bounds[:, 2]) / 2
    turns = np.round((middle[0] - middle) / 360)
    for n in np.flatnonzero(turns):
        out[n] = _turned(out[n], turns[n])
    return out


def _turned(polygon: shapely.Geometry, turns: float) -> shapely.Geometry:
    return shapely.transform(polygon, lambda xy: xy + np.array([360 * turns, 0.0]))


def parents_of(
    ordered: gpd.GeoDataFrame, cells: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, NDArray[np.int64]]:
    """Checked cells, each after the one that it lies in, and the number of that one (-1: none).

    By the column ``parent`` of ``cells``, where there is one; a parent that is not among them is
    none. Raises OutOfRangeError for parents that go in a circle.
    """
    if "parent" not in cells.columns:
        return ordered, np.full(len(ordered), -1, dtype=np.int64)
    parent = ordered.index.get_indexer(cells["parent"].reindex(ordered.index)).astype(np.int64)
    parent[cells["parent"].reindex(ordered.index).isna().to_numpy()] = -1
    depth, above = np.zeros(len(parent), dtype=np.int64), parent
    while (above >= 0).any():
        depth += above >= 0
        above = np.where(above >= 0, parent[above], -1)
        if depth.max() > len(parent):
            name = ordered.index[int(np.flatnonzero(above >= 0)[0])]
            raise OutOfRangeError(f"cell {name!r}: its parents go in a circle; mend them")
    order = np.argsort(depth, kind="stable")
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    return ordered.iloc[order], np.where(parent >= 0, number[parent], -1)[order]


def checked_legs(legs: pd.DataFrame) -> pd.DataFrame:
    """The legs and gaps, by unit and start, numbered from 0.

    Raises MissingColumnError, NaiveTimeError, OutOfRangeError (numbers that are none).
    """
    missing = [name for name in LEG_COLUMNS if name not in legs.columns]
    if missing:
        raise MissingColumnError(f"legs: no column {', '.join(missing)}; see geo.tracks.legs")
    for name in ("start", "end"):
        if not isinstance(legs[name].dtype, pd.DatetimeTZDtype):
            raise NaiveTimeError(f"legs: {name!r} has no time zone; make it UTC")
    numbers = legs[["lon0", "lat0", "lon1", "lat1", "duration_s", "length_m"]].to_numpy(dtype=float)
    bad = ~np.isfinite(numbers).all(axis=1) | (numbers[:, 4:] < 0).any(axis=1)
    if bad.any():
        raise OutOfRangeError(
            f"legs: row {legs.index[bad][0]!r} has a place, time or length that is no number"
        )
    return legs.sort_values(["unit", "start", "end"], kind="stable", ignore_index=True)


def checked_swath(swath_m: float) -> float:
    """A full width in metres. Raises OutOfRangeError when it is none."""
    if not (np.isfinite(swath_m) and swath_m > 0):
        raise OutOfRangeError(f"swath_m={swath_m!r}: give the full width in metres, above 0")
    return float(swath_m)


def checked_window(start: datetime | None, end: datetime | None) -> None:
    """Raises NaiveTimeError or OutOfRangeError for a window that is none."""
    for name, time in (("start", start), ("end", end)):
        if time is not None and pd.Timestamp(time).tzinfo is None:
            raise NaiveTimeError(f"{name}={time}: no time zone; make it UTC")
    if start is not None and end is not None and not start < end:
        raise OutOfRangeError(f"the window ends ({end}) before it starts ({start}); swap them")


def lines_near(legs: pd.DataFrame, lon: float) -> np.ndarray:
    """Ends of legs (n, 4), each in one piece and in the turn of longitude nearest to ``lon``."""
    lines = np.array(legs[["lon0", "lat0", "lon1", "lat1"]], dtype=float, order="C")
    lines[:, 0] += 360 * np.round((lon - lines[:, 0]) / 360)
    lines[:, 2] += 360 * np.round((lines[:, 0] - lines[:, 2]) / 360)
    return lines
