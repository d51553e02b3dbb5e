"""What keeping coverage up takes from the rate at which fixes come in.

Fixes over HTTP, as ``bench_ingest`` sends them, in turns with and without a process beside that
does what the worker does for coverage: each hour of fixes that is over is kept, with the ground
that units swept in 5,000 cells. Time runs much faster than it does: an hour of fixes comes in some
seconds. What came in while the keeper was stopped it makes up for in its turn: it has the work of
twice the fixes. ``make bench`` runs it; nothing here is a test.
"""

from __future__ import annotations

import contextlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import psycopg
import shapely

from layers.coverage import keeping
from layers.db.engine import conninfo, make_engine
from layers.region import Region
from tests.bench.cells import Cell, queues
from tests.bench.running import ROOT, command, machine, serving
from tests.bench.scenes import UNITS, furnished, walked
from tests.bench.sending import Door, Line, send
from tests.workload import Fixes

#: Each turn has so many fixes, an hour of them; the first is to warm up.
FIXES, TURNS, CONNECTIONS = 720_000, 9, 32
#: The worker does it every minute; here, where time runs faster, more often.
EVERY_S = 3
_SIDE = 71  # cells: some 5,000 in all


def grids(fixes: Fixes) -> gpd.GeoDataFrame:
    """Cells all over the ground on which units go."""
    west, east = np.quantile(fixes.lon, (0.001, 0.999))
    south, north = np.quantile(fixes.lat, (0.001, 0.999))
    x, y = np.linspace(west, east, _SIDE + 1), np.linspace(south, north, _SIDE + 1)
    i, j = (index.ravel() for index in np.indices((_SIDE, _SIDE)))
    return gpd.GeoDataFrame(
        {"id": [f"g{n:04d}" for n in range(len(i))], "level": "cell"}, crs="EPSG:4326",
        geometry=shapely.box(x[i], y[j], x[i + 1], y[j + 1]),
    )  # fmt: skip


def keep(url: str) -> None:
    """Keep coverage up for as long as this lives, as of the newest fix."""
    engine, region = make_engine(url), Region.read(ROOT / "fixtures" / "region.toml")
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        while True:
            # the hours that have fixes are known without a look at these
            row = connection.execute(
                b"SELECT to_timestamp(max(shard) * 3600.0 + 200) FROM patrolgrid.layer_versions"
                b" WHERE layer = 'fix_hours' AND shard > 0"
            ).fetchone()
            now = row[0] if row else None
            print(keeping.keep_up(engine, region, now=now, patience_s=30), flush=True)
            time.sleep(EVERY_S)


@contextlib.contextmanager
def keeper(url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that keeps coverage up, stopped until it is to go on."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, __file__, "--keep", url], cwd=ROOT, stdout=said, stderr=said
        )
        try:
            while not log.stat().st_size:  # until it has done so once
                time.sleep(0.1)
            process.send_signal(signal.SIGSTOP)
            yield process
        finally:
            process.kill()
            process.wait()


def rate(doors: list[Door], part: Fixes, beside: subprocess.Popen[bytes] | None) -> float:
    """Fixes a second of a turn; a process that is to work beside goes on for as long."""
    lines = [Line(door.port) for door in doors]
    parts = queues(Cell(), part, CONNECTIONS)
    requests = [
        [door.request(batch) for batch in own] for door, own in zip(doors, parts, strict=True)
    ]
    if beside:
        beside.send_signal(signal.SIGCONT)
    found = send(lines, requests, len(part))
    if beside:
        beside.send_signal(signal.SIGSTOP)
    for line in lines:
        line.close()
    return found.rate


def main() -> None:
    """Print what was seen."""
    fixes = walked(FIXES * TURNS)
    with (
        tempfile.TemporaryDirectory(prefix="patrolgrid-keeping-") as folder,
        machine(Path(folder)) as host,
    ):
        name, token, _ = furnished(host, 1_000, fixes)
        file = host.folder / "grids.geojson"
        grids(fixes).to_file(file, driver="GeoJSON")
        command(host, name, "load", "grids", str(file))
        url, rates = host.database(name), dict[bool, list[float]]({False: [], True: []})
        with serving(host, name, 1) as http:
            doors = [Door(port=http.ports[0], token=token, media_type=Cell().media_type)]
            first = Line(http.ports[0])
            first.ask(doors[0].request(fixes.take(slice(0, 1))))
            first.close()
            with keeper(url, host.folder / "kept.log") as process:
                for turn, at in enumerate(range(0, len(fixes), FIXES)):
                    part, kept = fixes.take(slice(at, at + FIXES)), turn % 2 == 0
                    found = rate(doors * CONNECTIONS, part, process if kept and turn else None)
                    rates[kept] += [found] if turn else []
        with psycopg.connect(conninfo(url)) as connection:
            row = connection.execute(b"SELECT count(*) FROM patrolgrid.coverage_spells").fetchone()
    alone, beside = (statistics.median(rates[kept]) for kept in (False, True))
    print(
        f"fixes of {UNITS:,} units into {FIXES * TURNS:,}: {alone:,.0f} fixes/s; with coverage kept"
        f" up beside, of {len(grids(fixes)):,} cells ({row[0] if row else 0} spells, of"
        f" twice the fixes that came meanwhile): {beside:,.0f}, {1 - beside / alone:.0%} less",
        flush=True,
    )


if __name__ == "__main__":
    keep(sys.argv[2]) if sys.argv[1:2] == ["--keep"] else main()
