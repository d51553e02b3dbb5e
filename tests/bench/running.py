"""A private database, HTTP processes on it, and what CPU each of them used (from /proc)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from layers.access import tokens
from layers.db import migrate
from layers.db.cluster import Cluster
from layers.db.engine import SYSTEM, acting, conninfo, make_engine
from tests.service import free_port

ROOT = Path(__file__).parents[2]
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A cluster that is up, and its databases by name."""

    cluster: Cluster
    folder: Path
    url: str

    def database(self, name: str) -> str:
        """URL of a database."""
        return self.url.replace("/patrolgrid?", f"/{name}?")

    def make(self, name: str, template: str = "template1") -> None:
        """Make a database; one that has a template has all that is in it."""
        with psycopg.connect(conninfo(self.database("postgres")), autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())

    def migrated(self, name: str) -> str:
        """Make an empty database of ours; a token that may do everything."""
        self.make(name)
        engine = make_engine(self.database(name))
        migrate.upgrade(engine)
        with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
            token = tokens.create(connection, ["admin"]).secret
        engine.dispose()
        return token

    def postgres_s(self) -> float:
        """CPU seconds of the server so far, of processes that have ended, too."""
        server = int((self.cluster.folder / "postmaster.pid").read_text().split()[0])
        return _seconds(server, ended=True) + sum(_seconds(pid) for pid in _children(server))


@contextlib.contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """A private cluster, up for as long as it is needed."""
    # As Ctrl-C: whatever ends this, no server is left.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    cluster = Cluster(data_dir=folder / "data")
    with cluster.lease() as url:
        yield Machine(cluster=cluster, folder=folder, url=url)


@dataclass(frozen=True, kw_only=True)
class Http:
    """HTTP processes on one database."""

    ports: list[int]
    processes: list[subprocess.Popen[bytes]]

    def cpu_s(self) -> float:
        """CPU seconds so far."""
        return sum(_seconds(process.pid) for process in self.processes)


@contextlib.contextmanager
def serving(machine: Machine, database: str, processes: int) -> Iterator[Http]:
    """So many ``patrolgrid serve``, ready."""
    with contextlib.ExitStack() as stack:
        made = Http(ports=[], processes=[])
        log = stack.enter_context((machine.folder / f"{database}.log").open("ab"))
        for _ in range(processes):
            port = free_port()
            process = subprocess.Popen(
                [sys.executable, "-m", "api", "serve"],
                env={**_quiet(), "PATROLGRID_DATABASE_URL": machine.database(database),
                     "PATROLGRID_DATA_DIR": str(machine.folder), "PATROLGRID_PORT": str(port)},
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
            stack.callback(_end, process)
            made.ports.append(port)
            made.processes.append(process)
        for port in made.ports:
            _await(port)
        yield made


def command(machine: Machine, database: str, *arguments: str) -> None:
    """Run a command of patrolgrid on a database."""
    environment = {
        **_quiet(), "PATROLGRID_DATABASE_URL": machine.database(database),
        "PATROLGRID_DATA_DIR": str(machine.folder),
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "api", *arguments], env=environment, cwd=ROOT, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def _quiet() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("PATROLGRID_")}


def _await(port: int) -> None:
    for _ in range(1200):
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"no service answers at port {port}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _children(parent: int) -> Sequence[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(folder.name))
    return found


def _seconds(pid: int, *, ended: bool = False) -> float:
    """CPU seconds of a process, with those of its ended children where asked for."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(int(ticks) for ticks in fields[11 : 15 if ended else 13]) / _TICK
    return 0.0
