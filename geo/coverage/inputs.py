"""What coverage takes: cells and legs, looked at once at the door."""

from __future__ import annotations

from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import earth
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
    order = np.argsort(cells.index.astype(str).to_numpy(dtype=object), kind="stable")
    return gpd.GeoDataFrame(geometry=degrees.iloc[order])


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
