"""Fixes over HTTP until they are durable and their breaches decided, beside COPY alone.

2,000 units, batches of 1,000, synchronous commit; server, PostgreSQL and sender share the machine.
Every cell is held against ``geo.breaches.judge`` over the whole set of fixes. Figures are medians
of rounds: consecutive parts of one journey, after a first one that warms up and is not counted.
``make bench`` runs it; ``--cell`` picks by words of a cell's name, as in
``bench_ingest.py --cell "half late" --fixes 100000 --connections 8``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import numpy as np
import psycopg

from layers.db.engine import conninfo
from tests import reckoning
from tests.bench import answers, copying
from tests.bench.cells import BATCH, CELLS, SEED, Cell, queues, rounds, whole
from tests.bench.running import Http, Machine, machine, serving
from tests.bench.scenes import UNITS, Scene, scene, walked
from tests.bench.sending import JSON, Door, Line, RefusedError, Sent, lateness, send
from tests.workload import Fixes

#: Each has its next batch on the way while the others' are stored.
CONNECTIONS = 32
#: A round is to take so long, but has at least and at most so many fixes.
ROUND_S, LEAST, MOST, ROUNDS = 4, 32_000, 240_000, 3


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
    count = sum(one.fixes for one in sent)
    used = ", ".join(f"{who} {seconds / count * 1e6:.1f}" for who, seconds in cpu.items())
    print(
        f"{cell.name}: {rate:,.0f} fixes/s, {rate / peer:.3f} of COPY alone; a batch"
        f" {statistics.median(one.batch_ms for one in sent):.0f} ms;"
        f" {statistics.mean(lateness(part) for part in parts[1:]):.0%} late;"
        f" CPU in µs a fix: {used};"
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
        help=f"in a round; else as many as {ROUND_S} s take, found by a first try",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
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
        fixes = walked(whole(options.fixes or enough(host, options), options.rounds))
        host.migrated("peer")
        with psycopg.connect(conninfo(host.database("peer"))) as connection:
            peer = copying.rate(connection, fixes)
        print(
            f"{len(fixes):,} fixes of {UNITS:,} units in batches of {BATCH:,} (of a third of its"
            f" round, where that is less) over {options.connections} connections;"
            f" {os.cpu_count()} cores, shared by all."
            f" COPY alone: {peer:,.0f} fixes/s",
            flush=True,
        )
        measure_all(host, fixes, options, peer)
    print(f"all of it: {time.perf_counter() - begun:.0f} s")


def enough(host: Machine, options: argparse.Namespace) -> int:
    """How many fixes take about ROUND_S, by a first try that is not counted."""
    tried = walked(whole(LEAST, options.rounds))
    rate = measure(host, Cell(), scene(host, 1_000, tried), options, float("nan"))
    with psycopg.connect(conninfo(host.database("postgres")), autocommit=True) as server:
        server.execute(b"DROP DATABASE fences_1000 WITH (FORCE)")
    return int(np.clip(rate * ROUND_S, LEAST, MOST))


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
