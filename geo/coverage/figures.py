"""The figures of coverage, by cell and in all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.coverage import paths
from geo.coverage.inputs import checked_legs, checked_swath, checked_window
from geo.coverage.pieces import FOREVER_US, Terrain, slots_of
from geo.coverage.rows import Floats, Ints
from geo.coverage.share import shares
from geo.coverage.tally import NEVER, Tally, overall
from geo.coverage.walk import Pieces
from geo.tracks.columns import as_times


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much of each cell was patrolled.

    Σ of patrol_s and unknown_s over the cells that lie in no other, plus ``totals`` outside_s and
    unknown_s, is tracks_s; a cell that others lie in is these plus its ``rest``.
    """

    #: indexed like the cells: visited_share (0-1), patrol_s, patrol_m, unknown_s, visits (separate
    #: stays of a unit), patrols and units (distinct), first_visit, last_visit (UTC, NaT if never),
    #: days_since_visit (from the last one to the window's end, NaN if never), longest_unvisited_s
    by_cell: pd.DataFrame
    #: of cells that others lie in: patrol_s, patrol_m, unknown_s outside all of these
    rest: pd.DataFrame
    #: patrol_s, patrol_m (in cells), unknown_s (gaps that no cell holds), outside_s, outside_m
    #: (legs outside all cells), tracks_s (all of the tracks' time), units, patrols (distinct, with
    #: a leg anywhere)
    totals: dict[str, float | int]

    def reindex(self, index: pd.Index) -> Coverage:
        """The same, its cells in another order."""
        holders = [name for name in index if name in self.rest.index]
        return replace(self, by_cell=self.by_cell.reindex(index), rest=self.rest.reindex(holders))


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
    cells : index = id; polygons, any declared CRS. With a column ``parent`` they are a hierarchy:
        what lies in a cell is its parent's, too. A parent that is not among them counts as none.
    legs : the frame of ``geo.tracks.legs``, cut at the window's ends.
    swath_m : full width that a patrol is taken to see.

    Time and metres are split by exact geometry (``split`` says whose an edge is); a gap has no
    metres, and its seconds are the ``unknown_s`` of the lowest cell that holds both its ends, else
    of the totals; a stay goes on over such a gap. ``visited_share`` is a union (``visited_share``
    says how exact). Without ``start`` or ``end`` the window is the tracks' own time.

    Raises MissingColumnError, NoCrsError, WrongGeometryError, NaiveTimeError, OutOfRangeError.
    """
    checked_window(start, end)
    swath_m, rows, terrain = checked_swath(swath_m), checked_legs(legs), Terrain.of(cells)
    path, window = paths.of_legs(rows), slots_of(start, end)
    share = shares(terrain.frame.geometry.to_numpy(), [(path, swath_m)], window)
    return coverage_of(terrain, terrain.pieces(path, window), share, window).reindex(cells.index)


def coverage_of(terrain: Terrain, pieces: Pieces, share: Floats, window: Ints) -> Coverage:
    """The coverage of cells by pieces (by unit and time), whose shares are known."""
    by_cell = _by_cell(terrain, pieces, _whole(window, pieces)).reindex(terrain.ids)
    by_cell.insert(0, "visited_share", share)
    return Coverage(
        by_cell=by_cell, rest=_rest(terrain, pieces), totals=totals(pieces, pieces["place"])
    )


def _whole(window: Ints, pieces: Pieces) -> Ints:
    """The window, ending where the tracks do at an end that it has not."""
    begin, end = window.tolist()
    if len(pieces):
        begin = begin if begin > -FOREVER_US else int(pieces["start_us"].min())
        end = end if end < FOREVER_US else int(pieces["end_us"].max())
    unknown = begin == -FOREVER_US or end == FOREVER_US
    return np.array([0, 0] if unknown else [begin, end])


def _by_cell(terrain: Terrain, pieces: Pieces, window: Ints) -> pd.DataFrame:
    """All figures but the share, level by level: a cell has what its children have."""
    return pd.concat([
        figures(
            Tally(pieces, of_place[pieces["place"]], len(cells)), int(window[0]), int(window[1])
        ).set_axis(terrain.ids[cells])
        for cells, of_place in terrain.levels()
    ])  # fmt: skip


def figures(tally: Tally, start_us: int, end_us: int) -> pd.DataFrame:
    """The figures of groups over a window, but for their share."""
    first, last = tally.first_and_last()
    sums = tally.sums()
    return pd.DataFrame({
        "patrol_s": sums["patrol_us"] / 1e6, "patrol_m": sums["patrol_um"] / 1e6,
        "unknown_s": sums["unknown_us"] / 1e6, **tally.counts(),
        "first_visit": as_times(first), "last_visit": as_times(last),
        "days_since_visit": np.where(last == NEVER, np.nan, (end_us - last) / 86_400e6),
        "longest_unvisited_s": tally.longest_without(start_us, end_us) / 1e6,
    })  # fmt: skip


def _rest(terrain: Terrain, pieces: Pieces) -> pd.DataFrame:
    """What is of a cell and of none that lies in it."""
    place = pieces["place"].astype(np.int64)
    sums = Tally(pieces, place, len(terrain.ids)).sums()
    frame = pd.DataFrame({
        "patrol_s": sums["patrol_us"] / 1e6, "patrol_m": sums["patrol_um"] / 1e6,
        "unknown_s": sums["unknown_us"] / 1e6,
    }, index=terrain.ids)  # fmt: skip
    return frame.loc[terrain.holders]


def totals(pieces: Pieces, group: Ints) -> dict[str, float | int]:
    """The totals of pieces, each in a group (-1: none)."""
    sums, patrols = overall(pieces, group >= 0)
    inside_us, inside_um, unknown_us, outside_us, outside_um, tracks_us, units = sums.tolist()
    return {
        "patrol_s": inside_us / 1e6, "patrol_m": inside_um / 1e6, "unknown_s": unknown_us / 1e6,
        "outside_s": outside_us / 1e6, "outside_m": outside_um / 1e6, "tracks_s": tracks_us / 1e6,
        "units": units, "patrols": patrols,
    }  # fmt: skip
