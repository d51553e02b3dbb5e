"""Time and metres of paths, split over cells by exact geometry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.coverage import paths
from geo.coverage.ground import Ground, lay
from geo.coverage.inputs import checked_cells, checked_legs, parents_of
from geo.coverage.paths import LEG, Path
from geo.coverage.rows import Ints
from geo.coverage.walk import Pieces, walk
from geo.tracks.columns import as_times, instant

#: A window without an end.
FOREVER_US = 1 << 62


@dataclass(frozen=True, kw_only=True)
class Terrain:
    """Cells ready for a walk, each after the one that it lies in."""

    ids: pd.Index  #: of the cells, by number
    frame: gpd.GeoDataFrame  #: in degrees, in that order
    parent: Ints  #: cell → the cell that it lies in; -1 without
    ground: Ground
    lon: float  #: about which paths are laid out

    @classmethod
    def of(cls, cells: gpd.GeoDataFrame) -> Terrain:
        """Cells of one level, or of a hierarchy by their column ``parent`` (see ``coverage``)."""
        ordered = checked_cells(cells)
        ordered, parent = parents_of(ordered, cells)
        return cls(
            ids=ordered.index, frame=ordered, parent=parent, lon=_middle_lon(ordered),
            ground=lay(ordered.geometry.to_numpy(), parent),
        )  # fmt: skip

    @property
    def holders(self) -> pd.Index:
        """The cells that others lie in."""
        return self.ids[np.unique(self.parent[self.parent >= 0])]

    def levels(self) -> Iterator[tuple[Ints, Ints]]:
        """Level by level from the lowest: its cells, and for each place which of them (by position)
        has it, -1 for none; the last item is of what is outside all cells."""
        depth = np.zeros(len(self.ids), dtype=np.int64)
        for cell in np.flatnonzero(self.parent >= 0):  # parents come before their children
            depth[cell] = depth[self.parent[cell]] + 1
        above = np.arange(len(self.ids))
        for level in range(depth.max(initial=0), -1, -1):
            cells = np.flatnonzero(depth == level)
            position = np.full(len(self.ids) + 1, -1)
            position[cells] = np.arange(len(cells))
            yield cells, position[np.r_[np.where(depth[above] == level, above, -1), -1]]
            above = np.where(depth[above] == level, self.parent[above], above)

    def pieces(self, path: Path, slots: Ints) -> Pieces:
        """What units did in each place without a break, by unit and time, cut at the slots."""
        laid = paths.near(path, self.lon)
        bends = paths.bends(laid)
        parts = paths.by_threads(
            laid, lambda begin, end: walk(laid, begin, end, bends, self.ground, slots)
        )
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def split(cells: gpd.GeoDataFrame, legs: pd.DataFrame) -> pd.DataFrame:
    """Legs cut where they pass from cell to cell, by unit and time; gaps are left out.

    Parameters
    ----------
    cells : index = id; polygons, any declared CRS. Edges are straight in lon/lat. Each instant
        is one cell's: on a shared edge (within 1 cm), or where cells overlap, the lower id (as
        text) has it. Of cells that lie in others (by a column ``parent``) the lowest has it.
    legs : the frame of ``geo.tracks.legs``.

    Returns
    -------
    Columns unit, patrol, cell (missing: outside all cells), start, end, patrol_s, patrol_m: one row
    for all that a unit did without a break in a cell, on one patrol. Standing legs have seconds and
    no metres. Seconds and metres of the stretches sum to the legs' own, to the last digit.
    """
    terrain, rows = Terrain.of(cells), checked_legs(legs)
    pieces = terrain.pieces(paths.of_legs(rows), slots_of(None, None))
    pieces = pieces[pieces["kind"] == LEG]
    units = pd.Series(pd.factorize(rows["unit"])[1], dtype=rows["unit"].dtype)
    patrols = pd.Series(pd.factorize(rows["patrol"])[1], dtype=rows["patrol"].dtype)
    named = {
        "unit": units.reindex(pieces["unit"]), "patrol": patrols.reindex(pieces["patrol"] - 1),
        "cell": pd.Series(terrain.ids).reindex(pieces["place"]),
    }  # fmt: skip
    return pd.DataFrame({name: values.reset_index(drop=True) for name, values in named.items()} | {
        "start": as_times(pieces["start_us"].copy()), "end": as_times(pieces["end_us"].copy()),
        "patrol_s": (pieces["end_us"] - pieces["start_us"]) / 1e6,
        "patrol_m": pieces["length_um"] / 1e6,
    })  # fmt: skip


def slots_of(start: datetime | None, end: datetime | None) -> Ints:
    """A window as the one slot of a walk."""
    return np.array([
        -FOREVER_US if start is None else instant(start, "start"),
        FOREVER_US if end is None else instant(end, "end"),
    ])  # fmt: skip


def _middle_lon(cells: gpd.GeoDataFrame) -> float:
    """The longitude about which legs are laid out."""
    if cells.empty:
        return 0.0
    west, _, east, _ = cells.total_bounds
    return float(west + east) / 2
