"""Who was inside a polygon between two times, with no fence at all."""

from __future__ import annotations

from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.breaches.fences import Fences
from geo.breaches.judge import stays
from geo.tracks.columns import as_times, instant, micros


def presence(
    fixes: pd.DataFrame,
    units: pd.DataFrame,
    polygon: shapely.Geometry,
    start: datetime | None = None,
    end: datetime | None = None,
) -> pd.DataFrame:
    """The stays and passages inside ``polygon`` (degrees) that meet start..end, cut there.

    ``fixes`` should reach beyond the window by a leg on either side. Columns: unit, entered_at,
    exited_at (of who was still inside at the last fix: the window's end, NaT without one),
    evidence, unknown_s (of the whole stay), lon, lat (of the entry, uncut). None is no end of the
    window. Raises as ``stays``.
    """
    frame = gpd.GeoDataFrame(
        {"fence": ["polygon"], "rule": ["presence"]}, geometry=[polygon], crs="EPSG:4326"
    )
    found = stays(fixes, units, Fences.of(frame))
    entered, exited = micros(found["entered_at"], "stays"), micros(found["exited_at"], "stays")
    still = found["exited_at"].isna().to_numpy()
    meets = np.ones(len(found), dtype=bool)
    if start is not None:
        start_us = instant(start, "start")
        meets &= still | (exited > start_us)
        entered = np.maximum(entered, start_us)
    if end is not None:
        end_us = instant(end, "end")
        meets &= entered < end_us
        exited = np.where(still, end_us, np.minimum(exited, end_us))
    columns = ["unit", "evidence", "unknown_s", "lon", "lat"]
    out = found[columns].assign(entered_at=as_times(entered), exited_at=as_times(exited))
    order = ["unit", "entered_at", "exited_at", *columns[1:]]
    return out.loc[meets, order].reset_index(drop=True)
