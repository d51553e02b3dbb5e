"""The breach engine alone, on one core, past 1,000 and 10,000 fences of all rules and sizes.

Invented journeys past invented fences; legs a second are medians of rounds. The peer is the usual
way with shapely: a tree of boxes and prepared polygons for the fixes alone, which finds no
passage, no crossing, no moment and no margin. ``make bench`` runs it; nothing here is a test.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import shapely

from geo.breaches import Fences, broken, walked, warm
from geo.tracks import Track
from tests.workload import Ground, fences, journeys, unit_frame

UNITS, FIXES, ROUNDS, SEED = 2_000, 200_000, 5, 1
ZONE = ZoneInfo("Asia/Shanghai")


def median_s(work: Callable[[], object]) -> float:
    """Median seconds of some rounds, after one to warm up."""
    work()
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def meeting(track: Track, drawn: gpd.GeoDataFrame) -> float:
    """Share of legs whose box meets a fence's."""
    leg = np.flatnonzero(track.is_leg)
    lon, lat = (np.stack([c[leg - 1], c[leg]]) for c in (track.lon, track.lat))
    boxes = shapely.box(lon.min(axis=0), lat.min(axis=0), lon.max(axis=0), lat.max(axis=0))
    tree = shapely.STRtree(shapely.envelope(drawn.geometry.to_numpy()))
    return len(np.unique(tree.query(boxes)[0])) / len(leg)


def by_shapely(track: Track, areas: np.ndarray, tree: shapely.STRtree) -> int:
    """How many fixes are in how many areas."""
    fix, area = tree.query(shapely.points(track.lon, track.lat))
    order = np.argsort(area, kind="stable")
    fix, area = fix[order], area[order]
    found = 0
    for one, rows in zip(*_groups(area), strict=True):
        at = fix[rows]
        found += int(shapely.contains_xy(areas[one], track.lon[at], track.lat[at]).sum())
    return found


def _groups(keys: np.ndarray) -> tuple[np.ndarray, list[slice]]:
    found, first = np.unique(keys, return_index=True)
    ends = [*first[1:], len(keys)]
    return found, [slice(a, b) for a, b in zip(first, ends, strict=True)]


def main() -> None:
    """Print what was seen."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warm()
    fixes = journeys(np.random.default_rng(SEED), Ground(), units=UNITS, steps=FIXES // UNITS)
    units = unit_frame(UNITS)
    frame = fixes.frame()
    track_s = median_s(lambda: Track.of(frame, units))
    track = Track.of(frame, units)
    first = np.unique(fixes.unit, return_index=True)[1]
    homes = np.column_stack([fixes.lon[first], fixes.lat[first]])
    legs = int(track.is_leg.sum())
    print(
        f"{legs:,} legs of {UNITS:,} units, one core; to tell legs from gaps takes"
        f" {track_s / len(fixes) * 1e6:.2f} µs a fix"
    )
    for count in (1_000, 10_000):
        drawn = fences(np.random.default_rng(SEED), Ground(), count, homes)
        ready = Fences.of(drawn)
        found = walked(track, units, ready, zone=ZONE).rows
        ours_s = median_s(lambda ready=ready: walked(track, units, ready, zone=ZONE))
        made_s = median_s(lambda drawn=drawn: Fences.of(drawn))
        areas = drawn.geometry.to_numpy()[drawn["rule"] != "line"]
        shapely.prepare(areas)
        tree = shapely.STRtree(areas)
        peer_s = median_s(lambda areas=areas, tree=tree: by_shapely(track, areas, tree))
        print(
            f"{count:6,} fences: {legs / ours_s / 1e6:5.2f} M legs/s, {peer_s / ours_s:4.1f} times"
            f" shapely's fixes in boxes; {meeting(track, drawn):.0%} of legs meet a fence's box,"
            f" {1000 * len(broken(found, ready)) / legs:.1f} breaches a 1,000 legs; made ready in"
            f" {made_s:.2f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
