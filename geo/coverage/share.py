"""The visited share of cells: a union of swaths, and never a sum."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.coverage import paths
from geo.coverage.inputs import checked_cells, checked_legs, checked_swath
from geo.coverage.paths import Path
from geo.coverage.pieces import slots_of
from geo.coverage.rows import Floats, Ints
from geo.coverage.swept import Swept, plots_of
from geo.earth import Geometries


def visited_share(cells: gpd.GeoDataFrame, legs: pd.DataFrame, *, swath_m: float) -> pd.Series:
    """Share (0-1) of each cell's area within ``swath_m / 2`` metres of the legs, like ``cells``.

    ``cells``: polygons, any declared CRS, index = id. ``legs``: the frame of ``geo.tracks.legs``;
    gaps cover nothing, a unit that stands covers a disc, a leg outside a cell covers what it
    reaches of it. Within 0.2 percentage points of the geodesic union for swaths of 50 m to 5 km
    and cells of 0.1 to 5,000 km². Raises WrongGeometryError for a cell as wide as the world.
    """
    ordered, rows, swath = checked_cells(cells), checked_legs(legs), checked_swath(swath_m)
    path = paths.of_legs(rows)
    found = shares(ordered.geometry.to_numpy(), [(path, swath)], slots_of(None, None))
    return pd.Series(found, index=ordered.index).reindex(cells.index).rename("visited_share")


def shares(polygons: Geometries, swept_by: Sequence[tuple[Path, float]], cuts: Ints) -> Floats:
    """Visited shares of polygons in degrees by several paths, each with its swath in metres.

    The lattices are those of the narrowest swath. ``cuts``: see ``Plots.sweep``.
    """
    out = np.zeros(len(polygons))
    some = [(path, swath_m) for path, swath_m in swept_by if len(path.lon)]
    if not some or not len(polygons):
        return out
    for plots, own in plots_of(polygons, min(swath_m for _, swath_m in some)):
        parts = [plots.sweep(path, swath, cuts) for path, swath in some]
        swept = Swept.union(plots.lattice, parts)
        out[own] = np.nan_to_num(plots.shares(swept))
    return out
