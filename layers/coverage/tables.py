"""Coverage as one table, for files and notebooks: a row is a grid, a part of it, or a time."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import pandas as pd

from layers.coverage.measure import Measured
from layers.coverage.question import Part
from layers.coverage.series import Bin

REST = "rest_"


def table(found: Measured, by: Part | None = None) -> gpd.GeoDataFrame:
    """A row for each grid: what /api/coverage tells of it; index id.

    What is of a grid and of none that lies in it is ``rest_patrol_s``, ``rest_patrol_m`` and
    ``rest_unknown_s``, NaN where none does. What was asked ``by`` something has a row for each
    part, too, after its grid's: the column ``by`` says by what, and is missing for the whole;
    ``part`` names the part, "" where units have no team.
    """
    whole = found.grids.join(found.rest.add_prefix(REST))
    if by is None:
        return _geometry_last(whole)
    rows = [whole.assign(by=pd.NA, part=pd.NA)]
    for word, figures in found.parts.items():
        bare = found.grids.drop(columns=list(figures.columns))
        rows.append(bare.join(figures).assign(by=by, part=word))
    every = pd.concat([one.assign(_order=range(len(one))) for one in rows])
    every = every.sort_values("_order", kind="stable").drop(columns="_order")
    for n, name in enumerate(("by", "part")):
        every.insert(n, name, every.pop(name).astype("str"))  # what is missing stays so
    return _geometry_last(every)


def series_table(bins: Iterable[Bin], by: Part | None = None) -> gpd.GeoDataFrame:
    """The same for each part of a window, with when it begins and ends: ``from`` and ``to``."""
    rows = []
    for one in bins:
        frame = table(one.measured, by)
        frame.insert(0, "from", pd.Timestamp(one.start).as_unit("us"))
        frame.insert(1, "to", pd.Timestamp(one.end).as_unit("us"))
        rows.append(frame)
    return _geometry_last(pd.concat(rows))


def _geometry_last(frame: pd.DataFrame) -> gpd.GeoDataFrame:
    columns = [name for name in frame.columns if name != "geometry"]
    return gpd.GeoDataFrame(frame[[*columns, "geometry"]], geometry="geometry", crs=4326)
