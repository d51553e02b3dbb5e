"""A month of fixes on disk: what the store takes, and what single requests take beside it.

Run by hand, never by ``make bench``: it fills up to 300 million fixes over 30 days (about 50 GB,
half an hour), by COPY into the partitions that ``ensure_fix_partition`` makes, in the order in
which fixes come. ``PYTHONPATH=. .venv/bin/python tests/bench/bench_month.py --million 30``
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import httpx
import numpy as np
import psycopg

from layers.breaches import adopting
from layers.db.engine import SYSTEM, acting, conninfo, make_engine
from layers.standings import lock
from tests.bench import answers
from tests.bench.answers import ALONE_US, DAY_US, Day, fill_day
from tests.bench.running import Machine, machine, serving
from tests.bench.sending import JSON, Door
from tests.workload import enrolments

UNITS = 2_000
#: Of disk for one fix: its row, its key and what is written ahead, with some to spare.
BYTES_A_FIX = 200
#: Free memory below which figures would say more of the machine than of the store.
LEAST_MEMORY_GB = 4
_SIZES = """
SELECT sum(pg_relation_size(c.oid)), sum(pg_indexes_size(c.oid)), count(*)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'fixes'::regclass
"""


def check_room(folder: Path, fixes: int) -> None:
    """Refuse to begin what would fill the disk; warn of little memory."""
    free = shutil.disk_usage(folder).free
    wanted = fixes * BYTES_A_FIX + 5 * 10**9
    if free < wanted:
        raise SystemExit(
            f"{folder} has {free / 1e9:.0f} GB free and {wanted / 1e9:.0f} GB may be needed: give"
            " fewer --million, or a --folder with more room"
        )
    memory = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    print(f"{free / 1e9:.0f} GB of disk and {memory:.0f} GB of memory are free")
    if memory < LEAST_MEMORY_GB:
        print("little memory is free: figures say more of the disk than of the store")


def fill(url: str, fixes: int, days: int) -> Day:
    """Fill the days, two at a time, and print what that took; the last day."""
    begun = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        filled = [pool.submit(_fill_one, url, fixes // days, n, days) for n in range(days)]
        for number, day in enumerate(as_completed(filled), 1):
            day.result()
            print(f"{number} of {days} days: {time.perf_counter() - begun:.0f} s", flush=True)
    seconds = time.perf_counter() - begun
    print(f"filled with {fixes / seconds:,.0f} fixes/s, the making of the walks included")
    return filled[-1].result()


def _fill_one(url: str, fixes: int, number: int, days: int) -> Day:
    # The first days are those that single requests are asked about.
    begin_us = ALONE_US + (number + 5 - days) * DAY_US
    with psycopg.connect(url) as connection:
        return fill_day(connection, fixes=fixes, units=UNITS, seed=number, begin_us=begin_us)


def sizes(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Print what the partitions take."""
    row = connection.execute(_SIZES.encode()).fetchone()
    count = connection.execute(b"SELECT count(*) FROM fixes").fetchone()
    assert row is not None
    assert count is not None
    table, index, rows = int(str(row[0])), int(str(row[1])), int(str(count[0]))
    print(
        f"{rows:,} fixes in {row[2]} partitions: {table / 1e9:.1f} GB of rows and"
        f" {index / 1e9:.1f} GB of keys, {(table + index) / rows:.0f} bytes a fix"
    )


def stand_at_newest(url: str) -> None:
    """Let units stand at their newest fix, walked: there is no fence that they could have met."""
    engine = make_engine(url)
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        numbers = np.arange(1, UNITS + 1)
        stand = lock(connection, numbers)
        adopting.stand_at_newest(connection, stand, numbers)
        places = stand.places(numbers)
        stand.heads["walked"][places] = stand.heads["sure"][places] = 1
        stand.save(connection)
    engine.dispose()


def ask(host: Machine, port: int, token: str, day: Day) -> None:
    """Print what single requests take, medians."""
    door = Door(port=port, token=token, media_type=JSON)
    headers = {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, headers=headers, timeout=600, trust_env=False) as client:
        print(f"a unit's track of the day: {answers.track_ms(client, 17, day.begin_us):,.1f} ms")
        print(f"presence-search over the day: {answers.presence_ms(client, day):,.0f} ms")
    after_us = day.begin_us + DAY_US
    late = answers.late_fix_ms(door, steps=8_640, day_us=after_us)
    print(f"a late fix in a day of 8,640: {late:.1f} ms", flush=True)
    print(f"one fix alone: {answers.one_fix_ms(door, day_us=after_us + DAY_US):.1f} ms")


def drop_oldest(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Print what it takes to let the oldest day go: detached, then dropped, as retention does."""
    row = connection.execute(
        b"SELECT inhrelid::regclass::text FROM pg_inherits"
        b" WHERE inhparent = 'fixes'::regclass ORDER BY 1 LIMIT 1"
    ).fetchone()
    assert row is not None
    begun = time.perf_counter()
    connection.execute(f"ALTER TABLE fixes DETACH PARTITION {row[0]}".encode())
    connection.execute(f"DROP TABLE {row[0]}".encode())
    connection.commit()
    print(f"the oldest day let go: {(time.perf_counter() - begun) * 1000:.0f} ms")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", type=float, default=30)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    fixes = int(options.million * 1_000_000)
    check_room(options.folder, fixes)
    with (
        tempfile.TemporaryDirectory(prefix="patrolgrid-month-", dir=options.folder) as folder,
        machine(Path(folder)) as host,
    ):
        token = host.migrated("month")
        with (
            serving(host, "month", 1) as http,
            psycopg.connect(conninfo(host.database("month"))) as connection,
        ):
            httpx.post(
                f"http://127.0.0.1:{http.ports[0]}/api/units",
                json=enrolments(UNITS),
                headers={"Authorization": f"Bearer {token}"},
                timeout=60,
            ).raise_for_status()
            day = fill(conninfo(host.database("month")), fixes, options.days)
            sizes(connection)
            connection.commit()
            stand_at_newest(host.database("month"))
            ask(host, http.ports[0], token, day)
            drop_oldest(connection)


if __name__ == "__main__":
    main()
