"""Coverage of the border as a line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
from sqlalchemy import Connection

from geo.coverage.line import border_and_lines
from layers import frames
from layers.fixes import journeys


@dataclass(frozen=True, kw_only=True)
class Border:
    """The border, stretch by stretch and line by line."""

    stretches: gpd.GeoDataFrame  #: as ``geo.coverage.border`` gives them
    lines: gpd.GeoDataFrame  #: the same, each line as one stretch


def measure_border(
    connection: Connection, *, start: datetime, end: datetime, segment_m: float, swath_m: float
) -> Border:
    """What of each stretch of the border was seen from ``start`` to ``end``."""
    line = frames.places(connection, "border")
    legs = journeys.legs(connection, start=start, end=end)
    stretches, lines = border_and_lines(
        line, legs, segment_m=segment_m, swath_m=swath_m, start=start, end=end
    )
    return Border(stretches=stretches, lines=lines)
