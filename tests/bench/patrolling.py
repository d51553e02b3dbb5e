"""A full-scale day of patrols over irregular cells, both invented."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: West, south, east, north of the ground: some 270 km square.
BOUNDS = (103.0, 40.0, 106.2, 42.43)
STEP_S, DAY_S = 10, 86_400
#: Begins at midnight in Shanghai.
BEGINS_US = pd.Timestamp("2026-03-01", tz="Asia/Shanghai").value // 1000


@dataclass(frozen=True, kw_only=True)
class Day:
    """Fixes by unit and time, each column one array."""

    names: list[str]
    unit: Ints
    time_us: Ints
    lon: Floats
    lat: Floats

    def frame(self) -> pd.DataFrame:
        """The same as ``geo`` takes it."""
        return pd.DataFrame({
            "unit": pd.Categorical.from_codes(self.unit, self.names).astype("str"),
            "time": pd.DatetimeIndex(self.time_us.view("datetime64[us]"), tz="UTC"),
            "lon": self.lon, "lat": self.lat,
        })  # fmt: skip

    def units(self) -> pd.DataFrame:
        """Their parameters."""
        return pd.DataFrame(
            {"kind": "vehicle", "team": None, "max_gap_s": 600.0, "top_speed_ms": 50.0,
             "accuracy_m": 5.0},
            index=pd.Index(self.names, name="unit"),
        )  # fmt: skip


def day(rng: np.random.Generator, units: int) -> Day:
    """Every unit goes from place to place about its own post, stands a while, and goes on; a fix
    every 10 s, each 3 m off."""
    count = DAY_S // STEP_S
    west, south, east, north = BOUNDS
    lon, lat = np.empty((units, count)), np.empty((units, count))
    for u in range(units):
        post = rng.uniform((west + 0.4, south + 0.4), (east - 0.4, north - 0.4))
        stops = np.vstack((post, post + rng.normal(0, 0.12, (40, 2))))
        leg_m = np.hypot(*(np.diff(stops, axis=0) * (83_000, 111_000)).T)
        goes_s = leg_m / rng.uniform(1.2, 14, len(leg_m))
        stands_s = rng.exponential(900, len(leg_m))
        at_s = np.r_[0, np.cumsum(np.column_stack((stands_s, goes_s)).ravel())]
        way = np.repeat(stops, 2, axis=0)[:-1]
        t = np.arange(count) * STEP_S
        for k, out in enumerate((lon, lat)):
            out[u] = np.interp(t, at_s, way[:, k]) + rng.normal(0, 3 / 100_000, count)
    time_us = BEGINS_US + np.arange(count) * STEP_S * 1_000_000
    return Day(
        names=[f"u{u:04d}" for u in range(units)],
        unit=np.repeat(np.arange(units), count), time_us=np.tile(time_us, units),
        lon=lon.ravel(), lat=lat.ravel(),
    )  # fmt: skip


def cells(rng: np.random.Generator, count: int) -> gpd.GeoDataFrame:
    """Cells with bent edges that fill the ground, some with holes; index id."""
    west, south, east, north = BOUNDS
    seeds = shapely.MultiPoint(rng.uniform((west, south), (east, north), (count, 2)))
    frame = shapely.box(*BOUNDS)
    drawn = shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=frame))
    drawn = shapely.intersection(shapely.segmentize(drawn, 0.004), frame)
    bent = shapely.transform(drawn, _bent)
    holed = rng.random(len(bent)) < 0.1
    bent[holed] = shapely.difference(
        bent[holed], shapely.buffer(shapely.point_on_surface(bent[holed]), 0.004)
    )
    names = [f"c{n:05d}" for n in range(len(bent))]
    return gpd.GeoDataFrame(geometry=bent, index=pd.Index(names, name="id"), crs="EPSG:4326")


def _bent(xy: Floats) -> Floats:
    """Places moved by some hundred metres, neighbours alike, so that shared edges stay shared."""
    x, y = xy.T
    return xy + 0.004 * np.column_stack((
        np.sin(31 * y) + 0.5 * np.sin(83 * y + 1), np.sin(37 * x) + 0.5 * np.sin(71 * x + 2),
    ))  # fmt: skip
