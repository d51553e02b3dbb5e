"""Coverage of the border as a line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Connection

from geo import breaches
from geo.coverage.line import border_and_lines
from geo.coverage.rows import Flags, Ints
from geo.tracks.columns import micros as as_micros
from layers import frames
from layers.fixes import journeys
from layers.fixes.nearby import Near, Window, near
from layers.fixes.plain import micros

#: A degree of latitude is never shorter.
_DEGREE_M = 110_500
#: Lines are looked for no closer than so: a mile or two more of them is read.
_COARSE_DEG = 0.005
#: So many fixes are read at once, of units that send one every ten seconds.
_AT_ONCE, _A_DAY = 2_000_000, 8_640


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
    window = Window(start_us=micros(start), end_us=micros(end))
    parts = list(_near_legs(connection, line, window, swath_m / 2))
    legs = pd.concat(parts, ignore_index=True) if parts else journeys.legs(connection, units=[])
    stretches, lines = border_and_lines(
        line, legs, segment_m=segment_m, swath_m=swath_m, start=start, end=end
    )
    return Border(stretches=stretches, lines=lines)


def _near_legs(
    connection: Connection, line: gpd.GeoDataFrame, window: Window, reach_m: float
) -> Iterator[pd.DataFrame]:
    """The legs and gaps that may see a line, of some units at a time: those of which boxes around
    their fixes do not rule it out. Each has the patrol that it has among all of its unit's."""
    if line.empty:
        return
    units = journeys.parameters(connection).sort_index()
    found = near(connection, breaches.searched(_surroundings(line, reach_m)), units, window)
    there = np.unique(found.of)
    start, end = window.times
    days = (window.end_us - window.start_us) / 86_400e6
    together = max(1, int(_AT_ONCE / max(days * _A_DAY, 1)))
    for first in range(0, len(there), together):
        some = there[first : first + together]
        names = [str(name) for name in units.index[some]]
        legs = journeys.legs(connection, start=start, end=end, units=names)
        yield legs[_during(legs, pd.Index(names), found, some)]


def _during(legs: pd.DataFrame, names: Sequence[str], found: Near, some: Ints) -> Flags:
    """Whether each leg or gap touches a stretch in which its unit may have been near."""
    begin_us, end_us = as_micros(legs["start"], "legs"), as_micros(legs["end"], "legs")
    of = pd.Index(names).get_indexer(pd.Index(legs["unit"]))
    touches = np.zeros(len(legs), dtype=bool)
    for position, number in enumerate(some.tolist()):
        rows = np.flatnonzero(of == position)
        own = np.flatnonzero(found.of == number)
        at = np.searchsorted(found.to_us[own], begin_us[rows])  # stretches are apart, in order
        left = at < len(own)
        touches[rows[left]] = found.from_us[own][at[left]] <= end_us[rows[left]]
    return touches


def _surroundings(line: gpd.GeoDataFrame, reach_m: float) -> shapely.Geometry:
    """All that lies within reach of lines, and some more (degrees)."""
    south, north = line.total_bounds[[1, 3]]
    widest = max(abs(float(south)), abs(float(north))) + reach_m / _DEGREE_M + _COARSE_DEG
    reach_deg = reach_m / (_DEGREE_M * max(math.cos(math.radians(widest)), 0.01))
    coarse = shapely.simplify(line.geometry.to_numpy(), _COARSE_DEG)
    return shapely.union_all(shapely.buffer(coarse, reach_deg + 2 * _COARSE_DEG, quad_segs=16))
