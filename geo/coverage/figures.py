"""The figures of coverage, by cell and in all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo import tracks
from geo.coverage.ground import Ints, lay
from geo.coverage.inputs import (
    checked_cells,
    checked_legs,
    checked_swath,
    checked_window,
    lines_near,
)
from geo.coverage.pieces import gap_cells, middle_lon, stretches
from geo.coverage.sweep import shares


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much of each cell was patrolled.

    Σ ``by_cell`` of patrol_s and unknown_s, plus ``totals`` outside_s and unknown_s, is tracks_s.
    """

    #: indexed like the cells: visited_share (0-1), patrol_s, patrol_m, unknown_s, visits (separate
    #: stays of a unit), patrols and units (distinct), first_visit, last_visit (UTC, NaT if never)
    by_cell: pd.DataFrame
    #: patrol_s, patrol_m (in cells), unknown_s (gaps that no cell holds), outside_s, outside_m
    #: (legs outside all cells), tracks_s (all of the tracks' time), units, patrols (distinct, with
    #: a leg anywhere)
    totals: dict[str, float | int]


def coverage(
    cells: gpd.GeoDataFrame,
    legs: pd.DataFrame,
    *,
    swath_m: float,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Coverage:
    """How much of each cell the legs patrolled between ``start`` and ``end``.

    Parameters
    ----------
    cells : index = id; polygons of one level, any declared CRS.
    legs : the frame of ``geo.tracks.legs``, cut at the window's ends.
    swath_m : full width that a patrol is taken to see.

    Time and metres are split by exact geometry (``split`` says whose an edge is); a gap has no
    metres, and its seconds are the ``unknown_s`` of the one cell that holds both its ends, else
    of the totals; a stay goes on over such a gap. ``visited_share`` is a union (``visited_share``
    says how exact).

    Raises MissingColumnError, NoCrsError, WrongGeometryError, NaiveTimeError, OutOfRangeError.
    """
    checked_window(start, end)
    swath_m, ordered = checked_swath(swath_m), checked_cells(cells)
    rows = checked_legs(legs)
    if start is not None or end is not None:
        rows = checked_legs(tracks.cut(rows, start, end))
    polygons, lon = ordered.geometry.to_numpy(), middle_lon(ordered)
    ground = lay(polygons)
    pieces = stretches(ground, rows, lon)
    holder = gap_cells(ground, rows, lines_near(rows, lon))
    by_cell = _figures(pieces, rows, holder, len(ordered))
    by_cell.insert(0, "visited_share", shares(polygons, rows, swath_m))
    by_cell.index = ordered.index
    return Coverage(by_cell=by_cell.reindex(cells.index), totals=_totals(pieces, rows, holder))


def _figures(pieces: pd.DataFrame, rows: pd.DataFrame, holder: Ints, count: int) -> pd.DataFrame:
    """All figures but the share; cells by number."""
    held = pieces[pieces["cell"] >= 0]
    cell, leg = held["cell"].to_numpy(), held["leg"].to_numpy()
    gap_s = np.where(holder >= 0, rows["duration_s"].to_numpy(dtype=float), 0.0)
    first, last = _first_and_last(held, rows, count)
    return pd.DataFrame({
        "patrol_s": np.bincount(cell, held["patrol_s"], count),
        "patrol_m": np.bincount(cell, held["patrol_m"], count),
        "unknown_s": np.bincount(np.maximum(holder, 0), gap_s, count)[:count],
        "visits": _distinct(cell, held["stay"].to_numpy(), count),
        "patrols": _distinct(cell, pd.factorize(rows["patrol"])[0][leg], count),
        "units": _distinct(cell, pd.factorize(rows["unit"])[0][leg], count),
        "first_visit": first, "last_visit": last,
    })  # fmt: skip


def _distinct(cell: Ints, code: Ints, count: int) -> Ints:
    """How many different codes each cell has; -1 is none."""
    named = code >= 0
    pairs = pd.unique(cell[named] * (code.max(initial=0) + 1) + code[named])
    return np.bincount(pairs // (code.max(initial=0) + 1), minlength=count)


def _first_and_last(
    held: pd.DataFrame, rows: pd.DataFrame, count: int
) -> tuple[pd.Series, pd.Series]:
    """When each cell was first and last patrolled, to the microsecond."""
    cell, leg = held["cell"].to_numpy(), held["leg"].to_numpy()
    begin = rows["start"].dt.as_unit("us").astype("int64").to_numpy()[leg]
    span = rows["end"].dt.as_unit("us").astype("int64").to_numpy()[leg] - begin
    never = np.iinfo(np.int64).max
    first, last = np.full(count, never), np.full(count, -never)
    np.minimum.at(first, cell, begin + np.rint(span * held["from"].to_numpy()).astype(np.int64))
    np.maximum.at(last, cell, begin + np.rint(span * held["to"].to_numpy()).astype(np.int64))
    return _visits(first, first < never), _visits(last, first < never)


def _visits(time_us: Ints, seen: NDArray[np.bool_]) -> pd.Series:
    """Microseconds as UTC times, NaT where not ``seen``."""
    times = pd.Series(np.where(seen, time_us, 0).astype("datetime64[us]"))
    return times.where(seen).dt.tz_localize("UTC")


def _totals(pieces: pd.DataFrame, rows: pd.DataFrame, holder: Ints) -> dict[str, float | int]:
    inside = (pieces["cell"] >= 0).to_numpy()
    is_leg = rows["is_leg"].to_numpy(dtype=bool)
    duration_s = rows["duration_s"].to_numpy(dtype=float)
    return {
        "patrol_s": float(pieces["patrol_s"][inside].sum()),
        "patrol_m": float(pieces["patrol_m"][inside].sum()),
        "unknown_s": float(duration_s[~is_leg & (holder < 0)].sum()),
        "outside_s": float(pieces["patrol_s"][~inside].sum()),
        "outside_m": float(pieces["patrol_m"][~inside].sum()),
        "tracks_s": float(duration_s.sum()),
        "units": int(rows["unit"][is_leg].nunique()),
        "patrols": int(rows["patrol"][is_leg].nunique()),
    }
