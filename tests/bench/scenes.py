"""Databases with units and fences, the fixes that are sent to them, and what follows from these."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

import geopandas as gpd
import httpx
import numpy as np
import shapely

from geo import tracks
from tests import reckoning
from tests.bench.cells import SEED
from tests.bench.running import Machine, command, serving
from tests.workload import Fixes, Ground, enrolments, fences, journeys, unit_frame, write_fences

UNITS, GROUND, ZONE = 2_000, Ground(), "Asia/Shanghai"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A database that every cell clones, the fixes that are sent, and what follows from them."""

    database: str
    token: str
    fixes: Fixes
    expected: Counter[tuple[object, ...]]


def furnished(host: Machine, count: int, fixes: Fixes) -> tuple[str, str, gpd.GeoDataFrame]:
    """Units and fences in a database of their own, by our own door; with its name and a token."""
    name = f"fences_{count}"
    token = host.migrated(name)
    first = np.unique(fixes.unit, return_index=True)[1]
    homes = np.column_stack([fixes.lon[first], fixes.lat[first]])
    drawn = fences(np.random.default_rng(SEED), GROUND, count, homes)
    file = host.folder / f"{name}.geojson"
    write_fences(drawn, file)
    command(host, name, "load", "fences", str(file))
    with serving(host, name, 1) as http:
        httpx.post(
            f"http://127.0.0.1:{http.ports[0]}/api/units", json=enrolments(UNITS),
            headers={"Authorization": f"Bearer {token}"}, timeout=60,
        ).raise_for_status()  # fmt: skip
    return name, token, drawn


def scene(host: Machine, count: int, fixes: Fixes) -> Scene:
    """What a cell needs; prints what the fixes meet."""
    name, token, drawn = furnished(host, count, fixes)
    begun = time.perf_counter()
    expected = reckoning.judged(fixes.frame(), unit_frame(UNITS), drawn, ZONE)
    took_s = time.perf_counter() - begun
    print(
        f"{count:,} fences: {meeting(fixes, drawn):.0%} of legs meet a fence's box,"
        f" {1000 * expected.total() / len(fixes):.1f} breaches a 1,000 fixes; the reference, all at"
        f" once: {len(fixes) / took_s:,.0f} fixes/s", flush=True,
    )  # fmt: skip
    return Scene(database=name, token=token, fixes=fixes, expected=expected)


def meeting(fixes: Fixes, drawn: gpd.GeoDataFrame) -> float:
    """Share of legs whose box meets a fence's."""
    legs = tracks.legs(fixes.frame(), unit_frame(UNITS))
    lon, lat = legs[["lon0", "lon1"]].to_numpy(), legs[["lat0", "lat1"]].to_numpy()
    boxes = shapely.box(lon.min(axis=1), lat.min(axis=1), lon.max(axis=1), lat.max(axis=1))
    tree = shapely.STRtree(shapely.envelope(drawn.geometry.to_numpy()))
    return len(np.unique(tree.query(boxes)[0])) / len(legs)


def walked(count: int) -> Fixes:
    """The journeys that every cell sends."""
    steps = -(-count // UNITS)
    return journeys(np.random.default_rng(SEED), GROUND, units=UNITS, steps=steps)
