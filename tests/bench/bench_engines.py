"""The engines beside the usual way of doing the same, in one run; figures are ratios of medians.

Invented walks over invented cells. ``make bench`` runs it; nothing here is a test.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import breaches, coverage, grids, tracks

UNITS, FIXES, SWATH_M = 40, 2_000, 500.0
ROUNDS = 3


def median_s(work: Callable[[], object]) -> float:
    """Median seconds of some rounds, after one to warm up."""
    work()
    return statistics.median(once_s(work) for _ in range(ROUNDS))


def once_s(work: Callable[[], object]) -> float:
    """Seconds of one round."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def walks(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Units that wander over a square of about 100 km, a fix every 30 s."""
    frames = []
    for unit in range(UNITS):
        heading = np.cumsum(rng.normal(0, 0.3, FIXES))
        step_deg = 0.002
        lon = 104 + rng.uniform(0, 1) + np.cumsum(step_deg * np.cos(heading))
        lat = 41 + rng.uniform(0, 1) + np.cumsum(step_deg * np.sin(heading))
        time_ = pd.date_range("2026-03-01", periods=FIXES, freq="30s", tz="UTC")
        frames.append(pd.DataFrame({"unit": f"u{unit}", "time": time_, "lon": lon, "lat": lat}))
    fixes = pd.concat(frames, ignore_index=True)
    units = pd.DataFrame(
        {
            "kind": "vehicle",
            "team": None,
            "max_gap_s": 600.0,
            "top_speed_ms": 50.0,
            "accuracy_m": 8.0,
        },
        index=pd.Index([f"u{u}" for u in range(UNITS)], name="unit"),
    )
    return fixes, units


def by_overlay(cells: gpd.GeoDataFrame, legs: pd.DataFrame) -> pd.Series:
    """The usual way to a share: project, buffer, unite, intersect."""
    lines = shapely.linestrings(
        np.stack([legs[["lon0", "lat0"]].to_numpy(), legs[["lon1", "lat1"]].to_numpy()], axis=1)
    )
    metric = cells.to_crs(32648)
    swath = gpd.GeoSeries(lines, crs=4326).to_crs(32648).buffer(SWATH_M / 2).union_all()
    return metric.intersection(swath).area / metric.area


def by_clip(cells: gpd.GeoDataFrame, legs: pd.DataFrame) -> pd.Series:
    """The usual way to metres in cells: a spatial join and a clip."""
    lines = shapely.linestrings(
        np.stack([legs[["lon0", "lat0"]].to_numpy(), legs[["lon1", "lat1"]].to_numpy()], axis=1)
    )
    shapes = cells.geometry.to_numpy()
    cell, leg = shapely.STRtree(lines).query(shapes, predicate="intersects")
    part = shapely.length(shapely.intersection(lines[leg], shapes[cell])) / shapely.length(
        lines[leg]
    )
    return pd.Series(legs["length_m"].to_numpy()[leg] * part).groupby(cell).sum()


def main() -> None:
    """Print what was seen."""
    rng = np.random.default_rng(1)
    fixes, units = walks(rng)
    legs = tracks.legs(fixes, units)
    area = gpd.GeoDataFrame(geometry=[shapely.box(103.5, 40.5, 105.5, 42.5)], crs=4326)
    cells = grids.draw(area, shape="hexagon", size_m=5_000)
    middles = shapely.get_coordinates(shapely.centroid(cells.geometry.to_numpy()))[::40]
    fences = breaches.Fences.of(
        gpd.GeoDataFrame(
            {"fence": [f"f{i}" for i in range(len(middles))], "rule": "keep_out"},
            geometry=list(shapely.buffer(shapely.points(middles), 0.01)), crs=4326,
        )
    )  # fmt: skip
    print(f"{len(fixes):,} fixes, {len(legs):,} legs, {len(cells):,} cells, {len(middles)} fences")
    ours_s = median_s(lambda: coverage.coverage(cells, legs, swath_m=SWATH_M))
    # Once each: they take a minute, and their ratio to ours is far above the noise.
    share_s = once_s(lambda: by_overlay(cells, legs))
    clip_s = once_s(lambda: by_clip(cells, legs))
    print(
        f"coverage, all figures   {ours_s:8.2f} s   {len(legs) / ours_s:12,.0f} legs/s   "
        "buffer + overlay (share alone) and clip (metres alone): "
        f"{(share_s + clip_s) / ours_s:.1f} times as long"
    )
    judged_s = median_s(lambda: breaches.judge(fixes, units, fences, timezone="Asia/Shanghai"))
    print(f"breaches, whole history {judged_s:8.2f} s   {len(fixes) / judged_s:12,.0f} fixes/s")
    legs_s = median_s(lambda: tracks.legs(fixes, units))
    print(f"legs from fixes         {legs_s:8.2f} s   {len(fixes) / legs_s:12,.0f} fixes/s")


if __name__ == "__main__":
    main()
