"""Fixes over HTTP until they are durable and their breaches decided, beside COPY alone.

2,000 units, batches of 1,000, synchronous commit; server, PostgreSQL and sender share the machine.
Every cell is held against ``geo.breaches.judge`` over the whole set of fixes. Figures are medians
of rounds: consecutive parts of one journey, after a first one that warms up and is not counted.
``make bench`` runs it; ``--cell`` picks by words of a cell's name, as in
``bench_ingest.py --cell "half late" --fixes 400000``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import httpx
import numpy as np
import psycopg
import shapely

from geo import tracks
from layers.db.engine import conninfo
from tests import reckoning
from tests.bench import answers, copying
from tests.bench.running import Http, Machine, command, machine, serving
from tests.bench.sending import ARROW, JSON, NDJSON, Door, Line, RefusedError, Sent, lateness, send
from tests.workload import Fixes, Ground, enrolments, fences, journeys, unit_frame, write_fences

UNITS, BATCH, ROUNDS, WARM = 2_000, 1_000, 3, 0.1
#: A cell is to take so long, but has at least and at most so many fixes.
CELL_S, LEAST, MOST = 8, 4_000, 240_000
GROUND, ZONE, SEED = Ground(), "Asia/Shanghai", 1


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One condition."""

    fences: int = 1_000
    processes: int = 1
    order: str = "in order"  #: or "half late", or "reversed": the newest batch first
    media_type: str = NDJSON
    shared: bool = False  #: every connection speaks of every unit

    @property
    def name(self) -> str:
        """Its condition in words."""
        form = {JSON: "JSON", NDJSON: "NDJSON", ARROW: "Arrow"}[self.media_type]
        return (
            f"{self.order}, {self.fences:,} fences, {self.processes} "
            f"process{'es' * (self.processes > 1)}, {form}{', shared units' * self.shared}"
        )


CELLS = (
    Cell(media_type=JSON), Cell(), Cell(media_type=ARROW), Cell(processes=2),
    Cell(processes=2, shared=True), Cell(order="half late"), Cell(order="half late", processes=2),
    Cell(order="reversed"), Cell(order="reversed", processes=2),
    Cell(fences=10_000), Cell(fences=10_000, processes=2),
)  # fmt: skip


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


def queues(cell: Cell, fixes: Fixes, connections: int) -> list[list[Fixes]]:
    """For each connection its batches of one round, in the order of sending: four or more."""
    rng = np.random.default_rng(SEED)
    of = np.arange(len(fixes)) if cell.shared else fixes.unit
    made = []
    for n in range(connections):
        own = fixes.take(np.flatnonzero(of % connections == n))
        size = int(np.clip(len(own) // 4, 20, BATCH))
        if cell.order == "half late":
            late = rng.random(len(own)) < 0.5
            after = np.arange(len(own)) + late * rng.uniform(0.5, 2.5, len(own)) * size
            own = own.take(np.argsort(after, kind="stable"))
        if cell.order == "reversed":
            own = own.take(slice(None, None, -1))
        made.append([own.take(slice(at, at + size)) for at in range(0, len(own), size)])
    return made


def rounds(fixes: Fixes, count: int) -> list[Fixes]:
    """The first to warm up, then ``count`` of equal size, in the order of time."""
    cuts = np.linspace(len(fixes) * WARM, len(fixes), count + 1).astype(int)
    return [fixes.take(slice(a, b)) for a, b in zip([0, *cuts], [*cuts, None], strict=False)][
        : count + 1
    ]


def measure(
    host: Machine, cell: Cell, of: Scene, options: argparse.Namespace, peer: float
) -> float:
    """Run a cell and print its line; fixes a second, 0 where the form is not taken."""
    database = "cell"
    with psycopg.connect(conninfo(host.database("postgres")), autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())
    host.make(database, of.database)
    parts = [queues(cell, part, options.connections) for part in rounds(of.fixes, options.rounds)]
    with serving(host, database, cell.processes) as http:
        doors = [
            Door(port=port, token=of.token, media_type=cell.media_type) for port in http.ports
        ] * options.connections
        try:
            sent, cpu = _sent(host, http, doors[: options.connections], parts)
        except RefusedError as error:
            if error.status != 415:
                raise
            print(f"{cell.name}: not taken here (415), left out", flush=True)
            return 0.0
        with _client(http.ports[0], of.token) as client:
            got = reckoning.told(client)
    wrong = reckoning.differences(got, of.expected)
    rate = statistics.median(one.rate for one in sent)
    total = sum(cpu.values())
    used = ", ".join(
        f"{who} {seconds:.1f} s ({seconds / total:.0%})" for who, seconds in cpu.items()
    )
    print(
        f"{cell.name}: {rate:,.0f} fixes/s, {rate / peer:.3f} of COPY alone; a batch"
        f" {statistics.median(one.batch_ms for one in sent):.0f} ms;"
        f" {statistics.mean(lateness(part) for part in parts[1:]):.0%} late; CPU {used};"
        f" breaches {'NOT EQUAL ' + str(wrong) if wrong else 'equal'} ({got.total():,})",
        flush=True,
    )  # fmt: skip
    return rate


def _sent(
    host: Machine, http: Http, doors: Sequence[Door], parts: Sequence[Sequence[Sequence[Fixes]]]
) -> tuple[list[Sent], dict[str, float]]:
    """Send all rounds; what each of the counted ones took, and the CPU of all three."""
    lines = [Line(door.port) for door in doors]
    found: list[Sent] = []
    before = (0.0, 0.0)
    # The day's partition is made by one alone, as in all of a day but its first second.
    lines[0].ask(doors[0].request(parts[0][0][0].take(slice(0, 1))))
    for number, part in enumerate(parts):
        requests = [
            [door.request(batch) for batch in queue]
            for door, queue in zip(doors, part, strict=True)
        ]
        if number == 1:
            before = http.cpu_s(), host.postgres_s()
        done = send(lines, requests, sum(len(batch) for queue in part for batch in queue))
        found += [done] if number else []
    cpu = {
        "server": http.cpu_s() - before[0], "PostgreSQL": host.postgres_s() - before[1],
        "sender": sum(one.sender_s for one in found),
    }  # fmt: skip
    for line in lines:
        line.close()
    return found, cpu


def _client(port: int, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"},
        timeout=300, trust_env=False,
    )  # fmt: skip


def alone(host: Machine, of: Scene, options: argparse.Namespace) -> None:
    """Print what single requests take: one fix, a late one, and a search of a big day."""
    database = "alone"
    host.make(database, of.database)
    with serving(host, database, 1) as http, _client(http.ports[0], of.token) as client:
        door = Door(port=http.ports[0], token=of.token, media_type=JSON)
        fresh, late = answers.one_fix_ms(door), answers.late_fix_ms(door, steps=8_640)
        print(f"one fix alone: {fresh:.1f} ms; a late fix in a day of 8,640: {late:.1f} ms")
        with psycopg.connect(conninfo(host.database(database))) as connection:
            day = answers.fill_day(connection, fixes=options.day, units=UNITS, seed=SEED)
        for side, side_deg in answers.SIDES_DEG.items():
            took = answers.presence_ms(client, day, side_deg)
            print(f"presence-search, {side}, over a day of {options.day:,} fixes: {took:,.0f} ms")
        print(f"the same, everywhere: {answers.everywhere_ms(client, day):,.0f} ms", flush=True)


def asked() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", help="only cells whose names have these words; 'alone': singles")
    parser.add_argument(
        "--fixes",
        type=int,
        help=f"in a cell; else as many as {CELL_S} s take, found by a first try",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--day", type=int, default=1_000_000, help="fixes in the big day")
    return parser.parse_args()


def main() -> None:
    """Print the figures."""
    options = asked()
    begun = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="patrolgrid-bench-") as folder,
        machine(Path(folder)) as host,
    ):
        fixes = walked(options.fixes or enough(host, options))
        host.migrated("peer")
        with psycopg.connect(conninfo(host.database("peer"))) as connection:
            peer = copying.rate(connection, fixes)
        print(
            f"{len(fixes):,} fixes of {UNITS:,} units in batches of {BATCH:,} (of a quarter of a"
            f" round, where that is less) over {options.connections} connections;"
            f" {os.cpu_count()} cores, shared by all."
            f" COPY alone: {peer:,.0f} fixes/s",
            flush=True,
        )
        measure_all(host, fixes, options, peer)
    print(f"all of it: {time.perf_counter() - begun:.0f} s")


def walked(count: int) -> Fixes:
    """The journeys that every cell sends."""
    steps = -(-count // UNITS)
    return journeys(np.random.default_rng(SEED), GROUND, units=UNITS, steps=steps)


def enough(host: Machine, options: argparse.Namespace) -> int:
    """How many fixes take about CELL_S, by a first try that is not counted."""
    rate = measure(host, Cell(), scene(host, 1_000, walked(LEAST)), options, float("nan"))
    with psycopg.connect(conninfo(host.database("postgres")), autocommit=True) as server:
        server.execute(b"DROP DATABASE fences_1000 WITH (FORCE)")
    return int(np.clip(rate * CELL_S, LEAST, MOST))


def measure_all(host: Machine, fixes: Fixes, options: argparse.Namespace, peer: float) -> None:
    """Every cell that is asked for, then the single requests."""
    scenes: dict[int, Scene] = {}

    def at(count: int) -> Scene:
        if count not in scenes:
            scenes[count] = scene(host, count, fixes)
        return scenes[count]

    for cell in CELLS:
        if not options.cell or options.cell in cell.name:
            measure(host, cell, at(cell.fences), options, peer)
    if options.cell in {None, "alone"}:
        alone(host, at(1_000), options)


if __name__ == "__main__":
    main()
