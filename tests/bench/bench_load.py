"""Loading 200,000 polygons beside ``ogr2ogr``, into the same database, in one run.

Invented grids that share their edges, 12 to 40 vertices each, in a FlatGeobuf file; both sides
write the same columns and end with a key and a spatial index. ``make bench`` runs it; the figure
is the ratio of the medians. Ours also judges every row, holds siblings against each other,
has more indexes and keeps what was done in the history.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray

from layers.db import migrate
from layers.db.cluster import Cluster
from layers.db.engine import SYSTEM, acting, make_engine
from layers.load import load

COLUMNS, ROWS = 500, 400
STEP_DEG = 0.05
ROUNDS = 3
LEVELS = ("banner", "sumu", "cell")

Floats = NDArray[np.float64]


def edges(starts: Floats, ends: Floats, rng: np.random.Generator) -> list[Floats]:
    """From each start, with 2 to 9 points a little to its left or right, not yet to its end."""
    found = []
    for start, end in zip(starts, ends, strict=True):
        part = np.linspace(0, 1, int(rng.integers(3, 11)), endpoint=False)[:, None]
        left = (end - start)[::-1] * (-1, 1)
        found.append(
            start + (end - start) * part + left * rng.uniform(-0.03, 0.03, part.shape) * (part > 0)
        )
    return found


def tiling(rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Cells that leave no ground between them; neighbours share every vertex of their edge."""
    x, y = np.meshgrid(np.arange(COLUMNS + 1), np.arange(ROWS + 1))
    corners = np.stack([95 + x * STEP_DEG, 30 + y * STEP_DEG], axis=-1)
    corners = corners + rng.uniform(-0.15, 0.15, corners.shape) * STEP_DEG
    east = edges(corners[:, :-1].reshape(-1, 2), corners[:, 1:].reshape(-1, 2), rng)
    north = edges(corners[:-1].reshape(-1, 2), corners[1:].reshape(-1, 2), rng)

    def back(line: Floats, end: Floats) -> Floats:
        return np.concatenate([end[None], line[:0:-1]])

    shapes = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            a, b = row * COLUMNS + column, row * (COLUMNS + 1) + column
            ring = [
                east[a],
                north[b + 1],
                back(east[a + COLUMNS], corners[row + 1, column + 1]),
                back(north[b], corners[row + 1, column]),
            ]
            shapes.append(shapely.Polygon(np.concatenate(ring)))
    count = len(shapes)
    return gpd.GeoDataFrame(
        {
            "id": [f"cell-{n:06d}" for n in range(count)],
            "name": [f"Cell {n}" for n in range(count)],
            "level": "cell",
            "kind": np.where(np.arange(count) % 10, "rural", "urban"),
            "team": [f"team-{n % 16}" for n in range(count)],
        },
        geometry=shapes,
        crs=4326,
    )


def ours_s(url: str, path: Path) -> float:
    """Seconds of our load into the empty layer of a new database."""
    engine = make_engine(url)
    migrate.upgrade(engine)
    begun = time.perf_counter()
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        report = load(connection, "grids", path, levels=LEVELS)
    taken = time.perf_counter() - begun
    engine.dispose()
    assert report.inserted == COLUMNS * ROWS
    return taken


def theirs_s(url: str, path: Path) -> float:
    """Seconds of ogr2ogr into a new table with its spatial index."""
    command = [
        "ogr2ogr", "-q", "-f", "PostgreSQL", f"PG:{url}", str(path), "-nln", "public.peer",
        "-overwrite", "-nlt", "PROMOTE_TO_MULTI", "-lco", "GEOMETRY_NAME=geom",
        "-lco", "SPATIAL_INDEX=GIST", "--config", "PG_USE_COPY", "YES",
    ]  # fmt: skip
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - begun


def main() -> None:
    """Print both medians and their ratio."""
    with tempfile.TemporaryDirectory(prefix="patrolgrid-bench-") as folder:
        path = Path(folder) / "cells.fgb"
        frame = tiling(np.random.default_rng(3))
        vertices = shapely.get_num_coordinates(frame.geometry.to_numpy()) - 1
        frame.to_file(path)
        print(
            f"loading {len(frame):,} polygons of {vertices.min()}-{vertices.max()} vertices,"
            f" {path.stat().st_size / 1e6:.0f} MB"
        )
        with Cluster(data_dir=Path(folder) / "data").lease() as url:
            server = url.replace("+psycopg", "").replace("/patrolgrid?", "/postgres?")
            theirs, ours = [], []
            for turn in range(ROUNDS):
                # Each has a new database, so that neither pays for what the other left behind.
                of = [f"{who}_{turn}" for who in ("theirs", "ours")]
                with psycopg.connect(server, autocommit=True) as admin:
                    for name in of:
                        admin.execute(f"CREATE DATABASE {name}")
                    admin.execute("CHECKPOINT")
                with psycopg.connect(server.replace("/postgres?", f"/{of[0]}?")) as peer:
                    peer.execute("CREATE EXTENSION postgis")
                theirs.append(theirs_s(server.replace("/postgres?", f"/{of[0]}?"), path))
                ours.append(ours_s(url.replace("/patrolgrid?", f"/{of[1]}?"), path))
                with psycopg.connect(server, autocommit=True) as admin:
                    for name in of:
                        admin.execute(f"DROP DATABASE {name}")
    of_theirs, of_ours = statistics.median(theirs), statistics.median(ours)
    print(f"  ogr2ogr with PG_USE_COPY  {of_theirs:6.1f} s")
    print(f"  patrolgrid load           {of_ours:6.1f} s   {of_ours / of_theirs:.2f} times")


if __name__ == "__main__":
    main()
