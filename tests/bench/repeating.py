"""Kept coverage of some days, said to be that of the days after them: a year takes no year to fill.

What is read of it is as much as of real days, for every day has its own rows; only that each does
again what one before it did, and that no fixes lie under it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
from sqlalchemy import Engine, text

import fixtures.demo
from api.demo.loading import load_places
from layers import versions
from layers.coverage import keeping
from layers.coverage.moments import HOUR_US
from layers.coverage.packing import packed, unpacked
from layers.db import arrays
from layers.db.engine import SYSTEM, acting, conninfo
from layers.fixes import copying
from layers.fixes.columns import VALUES
from layers.fixes.plain import micros
from layers.region import Region

_DAY = timedelta(days=1)


def repeated(
    engine: Engine, url: str, region: Region, first: datetime, real: int, days: int
) -> None:
    """Keep up ``real`` days from a local midnight on, ``days`` in all with those that repeat them,
    and the months that these make. The region's time zone has no summer time."""
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("SET search_path = patrolgrid, public")
        for n in range(-1, days):
            day = str((first + (n + 1) * _DAY).date())
            connection.execute("SELECT ensure_fix_partition(%s::date)", [day])
    keeping.keep_up(engine, region, now=first + (real + 0.5) * _DAY, patience_s=3600)
    for n in range(real, days):
        _copied(engine, first + (n % real) * _DAY, first + n * _DAY)
    keeping.keep_up(engine, region, now=first + (days + 40) * _DAY, patience_s=3600)


def _copied(engine: Engine, source: datetime, begins: datetime) -> None:
    """The spell of one day as that of another."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        row = connection.execute(
            text("SELECT * FROM coverage_spells WHERE begins = :begins AND ends = :ends"),
            {"begins": source, "ends": source + _DAY},
        ).mappings().one()  # fmt: skip
        spell, shift_us = unpacked(row["content"]), micros(begins) - micros(source)
        pieces = spell.seen.pieces.copy()
        pieces["start_us"] += shift_us
        pieces["end_us"] += shift_us
        moved = replace(
            spell, seen=replace(spell.seen, pieces=pieces),
            edges=spell.edges._replace(time_us=spell.edges.time_us + shift_us),
        )  # fmt: skip
        hour = micros(begins) // HOUR_US
        connection.execute(keeping._KEEP, {
            **row, "begins": begins, "ends": begins + _DAY, "content": packed(moved),
            "version": versions.of_hours(connection, hour, hour + 23),
        })  # fmt: skip


def demo(engine: Engine, url: str, region: Region, folder: Path, first: datetime, days: int) -> int:
    """The demo's places and units, and its fixes of some days; how many these are."""
    fixtures.demo.write(folder, end=first + days * _DAY, days=days)
    load_places(engine, region, folder)
    frame = pd.read_parquet(folder / "fixes.parquet").drop_duplicates(["unit", "time"])
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("SET search_path = patrolgrid, public")
        numbers = dict(connection.execute("SELECT id, unit_no FROM units").fetchall())
        for day in frame["time"].dt.date.unique():
            connection.execute("SELECT ensure_fix_partition(%s::date)", [str(day)])
        time_us = frame["time"].dt.as_unit("us").astype("int64").to_numpy()
        nan = np.full(len(frame), np.nan, np.float32)
        times = time_us - arrays.POSTGRES_EPOCH_US
        copying.copy(connection, {
            "unit_no": frame["unit"].map(numbers).to_numpy(), "time": times,
            "lon": frame["lon"].to_numpy(), "lat": frame["lat"].to_numpy(),
            **dict.fromkeys(VALUES, nan), "patrol_no": np.zeros(len(frame), dtype=int),
            "received_at": times,
        })  # fmt: skip
    return len(frame)
