"""Coverage of a full-scale day: from arrays, from the database, and from what is kept up; then of a
month of such days, and of a year of the demo region.

Invented patrols over invented cells; ratios against buffer and overlay in geopandas, of a sample of
the cells. ``make bench`` runs it; nothing here is a test.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg
import shapely

from geo.coverage import Fixes, Pace, survey
from layers import coverage
from layers.coverage import Question, keeping
from layers.coverage.series import Bin, Every
from layers.db import arrays
from layers.db.engine import SYSTEM, acting, conninfo, make_engine
from layers.fixes import copying
from layers.fixes.columns import VALUES
from layers.region import Region
from tests.bench import patrolling
from tests.bench.patrolling import Day
from tests.bench.repeating import demo, repeated
from tests.bench.running import ROOT, Machine, command, machine

SWATH_M, SAMPLE, ROUNDS, DEMO_DAYS = 500.0, 12, 3, 14
BEGINS = datetime.fromisoformat("2026-03-01T00:00:00+08:00")


def memory_gb() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def median_s(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median seconds of some rounds."""
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return statistics.median(took)


def from_arrays(day: Day, cells: gpd.GeoDataFrame) -> pd.DataFrame:
    """All figures of a day, from fixes as arrays."""
    fixes = Fixes(
        day.unit.astype(np.int32), day.time_us, day.lon, day.lat,
        np.zeros(len(day.lon), dtype=np.int32),
    )  # fmt: skip
    units = len(day.names)
    pace = Pace(
        number=np.arange(units), max_gap_s=np.full(units, 600.0),
        top_speed_ms=np.full(units, 50.0),
    )  # fmt: skip
    ends = BEGINS + timedelta(days=1)
    return survey(cells, fixes, pace, swath_m=SWATH_M, start=BEGINS, end=ends).by_cell


def by_overlay(day: Day, cells: gpd.GeoDataFrame, sample: np.ndarray) -> np.ndarray:
    """Shares as most compute them: legs near a cell, buffered, united and cut to it."""
    metric = cells.to_crs(32648)
    follows = np.flatnonzero(day.unit[1:] == day.unit[:-1])
    lines = gpd.GeoSeries(
        shapely.linestrings(np.stack([
            np.column_stack((day.lon[follows], day.lat[follows])),
            np.column_stack((day.lon[follows + 1], day.lat[follows + 1])),
        ], axis=1)), crs=4326,
    ).to_crs(32648)  # fmt: skip
    tree = lines.sindex
    found = []
    begun = time.perf_counter()
    for cell in metric.geometry.to_numpy()[sample]:
        near = lines.iloc[tree.query(cell, predicate="dwithin", distance=SWATH_M / 2)]
        swept = near.buffer(SWATH_M / 2).union_all()
        found.append(cell.intersection(swept).area / cell.area)
    took_s = time.perf_counter() - begun
    print(
        f"buffer and overlay, {len(sample)} cells: {took_s:.1f} s; of {len(cells):,} cells"
        f" (extrapolated): {took_s * len(cells) / len(sample):,.0f} s", flush=True,
    )  # fmt: skip
    return np.array([took_s * len(cells) / len(sample), *found])


def fill(host: Machine, day: Day, cells: gpd.GeoDataFrame) -> str:
    """A database with the cells, the units, and the day in the order in which it came."""
    host.migrated("coverage")
    file = host.folder / "cells.geojson"
    cells.reset_index().assign(level="cell").to_file(file, driver="GeoJSON")
    command(host, "coverage", "load", "grids", str(file))
    nan = np.full(len(day.lon), np.nan, np.float32)
    with psycopg.connect(conninfo(host.database("coverage"))) as connection:
        connection.execute("SET search_path = patrolgrid, public")
        connection.execute(
            "INSERT INTO units (id, call_sign, kind, max_gap_s, top_speed_ms, accuracy_m)"
            " SELECT name, name, 'vehicle', 600, 50, 5 FROM unnest(%s::text[]) name ORDER BY name",
            [day.names],
        )
        first = connection.execute("SELECT min(unit_no) FROM units").fetchone()
        for one in np.unique(day.time_us // 86_400_000_000).tolist():
            connection.execute(
                "SELECT ensure_fix_partition(%s::date)", [str(np.datetime64(one, "D"))]
            )
        order = np.lexsort((day.unit, day.time_us))
        for at in np.array_split(order, max(1, len(order) // 500_000)):
            times = day.time_us[at] - arrays.POSTGRES_EPOCH_US
            copying.copy(connection, {
                "unit_no": day.unit[at] + int(str(first[0] if first else 1)), "time": times,
                "lon": day.lon[at], "lat": day.lat[at],
                **dict.fromkeys(VALUES, nan[at]),
                "patrol_no": np.zeros(len(at), dtype=int), "received_at": times,
            })  # fmt: skip
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE patrolgrid.fixes")
    return host.database("coverage")


def main() -> None:
    """Print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=1_000)
    parser.add_argument("--cells", type=int, default=3_059)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    day, cells = patrolling.day(rng, options.units), patrolling.cells(rng, options.cells)
    print(f"{len(day.lon):,} fixes of {options.units:,} units, {len(cells):,} cells", flush=True)
    whole = from_arrays(day, cells)
    ours_s = median_s(lambda: from_arrays(day, cells))
    print(
        f"from arrays: {ours_s:.2f} s, {len(day.lon) / ours_s:,.0f} fixes/s; with the fixes and the"
        f" cells in {memory_gb():.2f} GB of memory at most", flush=True,
    )  # fmt: skip
    sample = rng.choice(len(cells), SAMPLE, replace=False)
    overlay_s, *theirs = by_overlay(day, cells, sample)
    off = 100 * np.abs(whole["visited_share"].to_numpy()[sample] - theirs).max()
    print(
        f"ours is {overlay_s / ours_s:,.0f} times as fast; shares differ by {off:.2f} points at"
        " most (theirs is on UTM, in a buffer of 64 corners)", flush=True,
    )  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="patrolgrid-coverage-") as folder,
        machine(Path(folder)) as host,
    ):
        region = Region.read(ROOT / "fixtures" / "region.toml")
        url = fill(host, day, cells)
        stored(url, region)
        of_month(url, region)
        of_year(host, region)


def of_month(url: str, region: Region) -> None:
    """Print what a month by cell takes, from what is kept up."""
    engine = make_engine(url)
    begun = time.perf_counter()
    repeated(engine, url, region, BEGINS, 1, 31)
    took_s = time.perf_counter() - begun
    ends = BEGINS + timedelta(days=31)

    def ask(from_day: int) -> coverage.Measured:
        start = BEGINS + timedelta(days=from_day)
        with acting(engine, SYSTEM, "patrolgrid_read") as connection:
            return coverage.answer(
                connection, region, Question(start=start, end=ends, level="cell")
            )

    ask(0)
    print(
        f"March by cell, kept up (a kept day, said to be that of all 31: {took_s:.0f} s):"
        f" {median_s(lambda: ask(0)):.2f} s; but for its first day, of 30 kept days:"
        f" {median_s(lambda: ask(1), 1):.2f} s", flush=True,
    )  # fmt: skip
    engine.dispose()


def of_year(host: Machine, region: Region) -> None:
    """Print what a year of the demo region by month and gacha takes, from what is kept up."""
    host.migrated("demo")
    url = host.database("demo")
    engine, first = make_engine(url), datetime.fromisoformat("2025-01-01T00:00:00+08:00")
    begun = time.perf_counter()
    count = demo(engine, url, region, host.folder / "demo", first, DEMO_DAYS)
    repeated(engine, url, region, first, DEMO_DAYS, 365)
    took_s = time.perf_counter() - begun

    def ask(begins: datetime, ends: datetime, every: Every) -> list[Bin]:
        question = Question(start=begins, end=ends, level="gacha")
        with acting(engine, SYSTEM, "patrolgrid_read") as connection:
            return list(coverage.series(connection, region, question, every))

    march, april = first + timedelta(days=59), first + timedelta(days=90)
    of_all = first, first + timedelta(days=365)
    found = ask(*of_all, "month")
    print(
        f"a year of the demo region by month and gacha ({DEMO_DAYS} kept days of {count:,} fixes in"
        f" all, said to be those after them, too: {took_s:.0f} s): {len(found)} months,"
        f" {median_s(lambda: ask(*of_all, 'month')):.2f} s; its March alone:"
        f" {median_s(lambda: ask(march, april, 'month')) * 1000:.0f} ms; its March by day:"
        f" {median_s(lambda: ask(march, april, 'day')):.2f} s", flush=True,
    )  # fmt: skip
    engine.dispose()


def stored(url: str, region: Region) -> None:
    """Print what the same takes from the database."""
    engine = make_engine(url)
    question = Question(start=BEGINS, end=BEGINS + timedelta(days=1), level="cell")

    def ask(**more: object) -> coverage.Measured:
        asked = Question(**{**vars(question), **more})
        with acting(engine, SYSTEM, "patrolgrid_read") as connection:
            return coverage.answer(connection, region, asked)

    fresh = ask()
    print(f"from the database: {median_s(ask):.2f} s", flush=True)
    print(f"by hour, computed: {median_s(lambda: ask(by='hour'), 1):.2f} s", flush=True)
    print(f"another swath (5 km), computed: {median_s(lambda: ask(swath_m=5000.0), 1):.2f} s")
    begun = time.perf_counter()
    keeping.keep_up(engine, region, now=BEGINS + timedelta(days=4), patience_s=600)
    print(f"kept up: {time.perf_counter() - begun:.2f} s", flush=True)
    kept = ask()
    pd.testing.assert_frame_equal(kept.grids, fresh.grids, check_exact=True)
    print(
        f"a read of what is kept up: {median_s(ask, 9) * 1000:.0f} ms, the same to the last digit"
    )
    engine.dispose()


if __name__ == "__main__":
    main()
