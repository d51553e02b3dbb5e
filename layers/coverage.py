"""Coverage of the stored grids and border by the stored fixes, over a window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
from sqlalchemy import Connection

from geo import coverage as engine
from layers import frames
from layers.fixes import journeys
from layers.places import hierarchy
from layers.region import Region

#: The layers that a coverage answer is read from.
READS = ("fixes", "grids", "units")
BORDER_READS = ("border", "fixes", "units")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Every grid of a level with its figures, visited or not, and the totals."""

    grids: gpd.GeoDataFrame  #: index id; name, level, parent, geometry and the figures
    totals: dict[str, float]


def measure(
    connection: Connection,
    region: Region,
    *,
    start: datetime,
    end: datetime,
    level: str,
    swath_m: float,
) -> Measured:
    """Coverage of the grids of ``level`` from ``start`` to ``end``; RegionError for no level."""
    hierarchy.check_level(connection, level, region.level_names)
    grids = frames.places(connection, "grids", level=level)
    legs = journeys.legs(connection, start=start, end=end)
    found = engine.coverage(grids, legs, swath_m=swath_m)
    shown = grids[["name", "name_zh", "name_mn", "name_en", "level", "parent", "kind", "area_m2",
                   "geometry"]]  # fmt: skip
    return Measured(grids=shown.join(found.by_cell), totals=dict(found.totals))


def measure_border(
    connection: Connection, *, start: datetime, end: datetime, segment_m: float, swath_m: float
) -> gpd.GeoDataFrame:
    """What of each stretch of the border was seen from ``start`` to ``end``."""
    line = frames.places(connection, "border")
    legs = journeys.legs(connection, start=start, end=end)
    return engine.border(line, legs, segment_m=segment_m, swath_m=swath_m)
