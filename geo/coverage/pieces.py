"""Time and metres of legs, split over cells by exact geometry."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.coverage.ground import Floats, Ground, Ints, lay, locate_all
from geo.coverage.inputs import checked_cells, checked_legs, lines_near
from geo.coverage.walk import chords, split_chords


def split(cells: gpd.GeoDataFrame, legs: pd.DataFrame) -> pd.DataFrame:
    """Legs cut where they pass from cell to cell, by unit and time; gaps are left out.

    Parameters
    ----------
    cells : index = id; polygons, any declared CRS. Edges are straight in lon/lat. Each instant
        is one cell's: on a shared edge (within 1 cm), or where cells overlap, the lower id (as
        text) has it.
    legs : the frame of ``geo.tracks.legs``.

    Returns
    -------
    Columns unit, patrol, cell (missing: outside all cells), start, end, patrol_s, patrol_m, stay
    (number of the stay of its unit in the cell; -1 outside). Standing legs have seconds and no
    metres. Seconds and metres of a leg's stretches sum to the leg's own.
    """
    grounds, rows = checked_cells(cells), checked_legs(legs)
    pieces = stretches(lay(grounds.geometry.to_numpy()), rows, middle_lon(grounds))
    leg = rows.iloc[pieces["leg"].to_numpy()].reset_index(drop=True)
    ids = pd.Series(grounds.index)
    span = leg["end"] - leg["start"]
    return pd.DataFrame({
        "unit": leg["unit"], "patrol": leg["patrol"],
        "cell": ids.reindex(pieces["cell"].where(pieces["cell"] >= 0)).reset_index(drop=True),
        "start": leg["start"] + span * pieces["from"], "end": leg["start"] + span * pieces["to"],
        "patrol_s": pieces["patrol_s"], "patrol_m": pieces["patrol_m"], "stay": pieces["stay"],
    })  # fmt: skip


def middle_lon(cells: gpd.GeoDataFrame) -> float:
    """The longitude about which legs are laid out."""
    if cells.empty:
        return 0.0
    west, _, east, _ = cells.total_bounds
    return float(west + east) / 2


def stretches(ground: Ground, rows: pd.DataFrame, lon: float) -> pd.DataFrame:
    """Pieces of the legs of ``rows`` (as ``checked_legs`` gives them), cells by number.

    Columns leg (row), cell (-1 outside), from, to (fractions), patrol_s, patrol_m, stay.
    """
    at = np.flatnonzero(rows["is_leg"].to_numpy(dtype=bool))
    length_m = rows["length_m"].to_numpy(dtype=float)
    lines = lines_near(rows, lon)
    pieces, line, parts = chords(lines[at], length_m[at])
    leg, cell, begin, end = split_chords(pieces, at[line], parts, ground)
    share = end - begin
    return pd.DataFrame({
        "leg": leg, "cell": cell, "from": begin, "to": end,
        "patrol_s": share * rows["duration_s"].to_numpy(dtype=float)[leg],
        "patrol_m": share * length_m[leg],
        "stay": _stays(rows, leg, cell, gap_cells(ground, rows, lines)),
    })  # fmt: skip


def gap_cells(ground: Ground, rows: pd.DataFrame, lines: Floats) -> Ints:
    """For each row that is a gap, the one cell that holds both its ends; else -1."""
    out = np.full(len(rows), -1, dtype=np.int64)
    at = np.flatnonzero(~rows["is_leg"].to_numpy(dtype=bool))
    begin = locate_all(lines[at, 0].copy(), lines[at, 1].copy(), ground)
    end = locate_all(lines[at, 2].copy(), lines[at, 3].copy(), ground)
    out[at] = np.where(begin == end, begin, -1)
    return out


def _stays(rows: pd.DataFrame, leg: Ints, cell: Ints, gap_cell: Ints) -> Ints:
    """Numbers the stays: one ends when its unit is elsewhere, is in a gap that does not begin
    and end in the cell, or is not in the frame at all."""
    unit = pd.factorize(rows["unit"])[0]
    begin, end = _microseconds(rows["start"]), _microseconds(rows["end"])
    is_leg = rows["is_leg"].to_numpy(dtype=bool)
    # a row goes on from the one before when it is the same unit's and no time is missing
    goes_on = np.r_[False, (unit[1:] == unit[:-1]) & (begin[1:] == end[:-1])][: len(rows)]
    breaks = np.cumsum(~goes_on | (~is_leg & (gap_cell < 0)))
    gaps_before = np.cumsum(~is_leg)
    same = np.r_[False, (cell[1:] == cell[:-1]) & (breaks[leg[1:]] == breaks[leg[:-1]])]
    same = same[: len(leg)] & (cell >= 0)
    after_gap = np.flatnonzero(same & (np.diff(gaps_before[leg], prepend=0) > 0))
    for piece in after_gap:  # few: the gaps between must all be held by this very cell
        between = gap_cell[leg[piece - 1] + 1 : leg[piece]]
        same[piece] = bool((between == cell[piece]).all())
    return np.where(cell >= 0, np.cumsum(~same) - 1, -1)


def _microseconds(times: pd.Series[Any]) -> NDArray[np.int64]:
    return times.dt.tz_convert("UTC").dt.as_unit("us").astype("int64").to_numpy()
