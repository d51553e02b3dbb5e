"""Coverage as one table, for files and notebooks: a row is a grid, a part of it, or a time."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import pandas as pd

from layers.coverage.measure import Measured
from layers.coverage.series import Bin

REST = "rest_"


def table(found: Measured) -> gpd.GeoDataFrame:
    """A row for each grid: what /api/coverage tells of it; index id.

    What is of a grid and of none that lies in it is ``rest_patrol_s``, ``rest_patrol_m`` and
    ``rest_unknown_s``, NaN where none does. Where it was asked ``by`` something there is a row for
    each part, too, after its grid's: the column ``part`` names it, and is missing for the whole.
    """
    whole = found.grids.join(found.rest.add_prefix(REST))
    if not found.parts:
        return _geometry_last(whole)
    bare = found.grids.drop(columns=list(next(iter(found.parts.values())).columns))
    rows = [whole.assign(part=pd.NA)]
    rows += [bare.join(figures).assign(part=word) for word, figures in found.parts.items()]
    every = pd.concat([one.assign(_order=range(len(one))) for one in rows])
    every = every.sort_values("_order", kind="stable").drop(columns="_order")
    every.insert(0, "part", every.pop("part"))
    return _geometry_last(every)


def series_table(bins: Iterable[Bin]) -> gpd.GeoDataFrame:
    """The same for each part of a window, with when it begins and ends: ``from`` and ``to``."""
    rows = []
    for one in bins:
        frame = table(one.measured)
        frame.insert(0, "from", pd.Timestamp(one.start).as_unit("us"))
        frame.insert(1, "to", pd.Timestamp(one.end).as_unit("us"))
        rows.append(frame)
    return _geometry_last(pd.concat(rows))


def _geometry_last(frame: pd.DataFrame) -> gpd.GeoDataFrame:
    if "part" in frame:
        frame = frame.astype({"part": "str"})  # what is missing stays so
    columns = [name for name in frame.columns if name != "geometry"]
    return gpd.GeoDataFrame(frame[[*columns, "geometry"]], geometry="geometry", crs=4326)
