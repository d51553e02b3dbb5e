"""Compile ahead of the first judgement."""

from __future__ import annotations

from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.breaches.judge import judge
from geo.breaches.presence import may_be_in, searched


def warm() -> None:
    """Run every compiled function once: half a minute on a machine that has never done it, a
    moment where numba's cache has the result."""
    times = pd.date_range(datetime(2026, 3, 1, tzinfo=UTC), periods=6, freq="min")
    fixes = pd.DataFrame(
        {"unit": "u", "time": times, "lon": [0.0, 0.01, 0.02, 0.03, 0.04, 0.05], "lat": 0.001}
    )
    units = pd.DataFrame(
        {"max_gap_s": [600.0], "top_speed_ms": [50.0], "accuracy_m": [8.0]},
        index=pd.Index(["u"], name="unit"),
    )
    fences = gpd.GeoDataFrame(
        {"fence": ["a", "b", "c"], "rule": ["keep_out", "keep_in", "line"], "margin_m": 10.0},
        geometry=[
            shapely.box(0.015, 0, 0.025, 0.01),
            shapely.Point(0.035, 0).buffer(0.01, quad_segs=32),
            shapely.LineString([(0.02, -0.01), (0.02, 0.01)]),
        ],
        crs=4326,
    )
    judge(fixes, units, fences, timezone="UTC")
    one = np.ones(1)
    may_be_in(searched(shapely.box(0, 0, 2, 2)), one, one, one, one)
