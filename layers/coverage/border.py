"""Coverage of the border as a line."""

from __future__ import annotations

from datetime import datetime

import geopandas as gpd
from sqlalchemy import Connection

from geo import coverage as engine
from layers import frames
from layers.fixes import journeys


def measure_border(
    connection: Connection, *, start: datetime, end: datetime, segment_m: float, swath_m: float
) -> gpd.GeoDataFrame:
    """What of each stretch of the border was seen from ``start`` to ``end``."""
    line = frames.places(connection, "border")
    legs = journeys.legs(connection, start=start, end=end)
    return engine.border(line, legs, segment_m=segment_m, swath_m=swath_m)
