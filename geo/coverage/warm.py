"""Compile ahead of the first coverage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import tracks
from geo.coverage.figures import coverage
from geo.coverage.lattice import TILE, Lattice
from geo.coverage.spells import Fixes, Pace, Seen, Spell
from geo.coverage.stamping import WORDS
from geo.coverage.survey import survey
from geo.coverage.swept import Swept
from geo.coverage.walk import PIECE


def warm() -> None:
    """Run every compiled function once: half a minute on a machine that has never done it, a
    moment where numba's cache has the result."""
    begins = datetime(2026, 3, 1, tzinfo=UTC)
    times = pd.date_range(begins, periods=6, freq="5min")
    # one step that is short, one that bends, and one that is a gap
    lon = [100.0, 100.001, 100.031, 100.04, 103.0, 103.001]
    fixes = pd.DataFrame({"unit": "u", "time": times, "lon": lon, "lat": 40.001})
    units = pd.DataFrame(
        {"max_gap_s": [600.0], "top_speed_ms": [50.0]}, index=pd.Index(["u"], name="unit")
    )
    cells = gpd.GeoDataFrame(
        {"parent": [None, "a"]}, index=pd.Index(["a", "b"], name="id"), crs=4326,
        geometry=[shapely.box(100, 40, 100.05, 40.05), shapely.box(100, 40, 100.02, 40.02)],
    )  # fmt: skip
    coverage(cells, tracks.legs(fixes, units), swath_m=500.0)
    pace = Pace(number=np.array([1]), max_gap_s=np.array([600.0]), top_speed_ms=np.array([50.0]))
    sent = Fixes(
        np.ones(6, np.int32), int(begins.timestamp()) * 1_000_000 + np.arange(6) * 300_000_000,
        np.array(lon), np.full(6, 40.001), np.zeros(6, np.int32),
    )  # fmt: skip
    # Straight from arrays, as the service does it.
    survey(cells, sent, pace, swath_m=500.0, start=begins, end=begins + timedelta(hours=1))
    nothing = Seen.together([])
    Spell.of(sent, pace, lambda _: nothing).ended(pace, lambda _: nothing)
    out_of_order = np.zeros(2, PIECE)
    out_of_order["unit"] = 1, 0
    Seen(pieces=out_of_order, swept={}).sorted()
    tile = Swept(
        lattice=Lattice(lon_block=0, lat_block=0, step_m=25.0), tile=np.zeros(1, np.int64),
        bits=np.zeros((1, TILE, WORDS), np.uint64),
    )  # fmt: skip
    Swept.union(tile.lattice, [tile, tile])
