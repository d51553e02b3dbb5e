"""What is killed comes back, what is ended is gone, and what was acknowledged stays."""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from layers.db.cluster import Cluster
from layers.db.engine import conninfo
from service import Service

FENCE = {
    "type": "Feature",
    "id": "relics",
    "properties": {"name": "Relics", "rule": "keep_out"},
    "geometry": {
        "type": "Polygon",
        "coordinates": [
            [[103.1, 41.9], [103.2, 41.9], [103.2, 42.1], [103.1, 42.1], [103.1, 41.9]]
        ],
    },
}
OUTSIDE, INSIDE = 103.095, 103.105  # 830 m apart: half a minute for a car
LATITUDE = 42.0


def until(holds: Callable[[], object], what: str, within_s: float = 90) -> None:
    """Wait until something holds; fails when it never does."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children(service: Service) -> dict[str, int]:
    """The service's processes by their command."""
    assert service.process is not None
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if parent == service.process.pid and "api" in command:
            found[command[command.index("api") + 1]] = int(folder.name)
    return found


def answers(service: Service) -> bool:
    """Whether it says that it is ready."""
    try:
        return httpx.get(f"{service.url}/readyz", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def cluster(service: Service) -> Cluster:
    """Its private cluster."""
    return Cluster(data_dir=service.data_dir)


def nothing_is_left(service: Service, *pids: int) -> None:
    """Neither processes nor a server, nor somebody at the port."""
    until(lambda: not any(alive(pid) for pid in pids), "its processes are gone")
    assert not cluster(service).running()
    with pytest.raises(httpx.ConnectError):
        httpx.get(service.url, timeout=5, trust_env=False)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service without the demo, with one fence and a few units put in over HTTP."""
    made = Service(data_dir=tmp_path_factory.mktemp("resilience") / "data")
    try:
        made.start("--no-demo")
        made.wait_until_ready()
        with made.client() as client:
            for unit in ("a", "b", "c"):
                done = client.post("/api/units", json={"unit": unit, "kind": "vehicle"})
                assert done.status_code == 201, done.text
            done = client.post("/api/layers/fences", json=FENCE)
            assert done.status_code == 201, done.text
        yield made
    finally:
        made.end()
        cluster(made).stop()


@pytest.fixture
def running(service: Service) -> Service:
    """The same, up: the test before may have ended it."""
    if service.process is None or service.process.poll() is not None:
        service.start("--no-demo")
    service.wait_until_ready()
    until(lambda: {"serve", "worker"} <= children(service).keys(), "both processes run")
    return service


def units(client: httpx.Client) -> list[str]:
    """The units that the service tells of."""
    return [feature["id"] for feature in client.get("/api/units").json()["features"]]


# What is killed comes back -----------------------------------------------------------------


def test_what_is_killed_is_started_again(running: Service) -> None:
    before = children(running)
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    until(
        lambda: (
            before.keys() == (now := children(running)).keys()
            and not set(before.values()) & set(now.values())
        ),
        "both are there again",
    )
    until(lambda: answers(running), "it answers again")
    with running.client() as client:
        assert units(client) == ["a", "b", "c"]


def test_a_killed_database_is_started_again_and_meanwhile_said_to_be_away(
    running: Service,
) -> None:
    before, pid = children(running), running.server_pid()
    with running.client() as client:
        os.kill(pid, signal.SIGKILL)
        seen = set()
        until(
            lambda: (
                seen.add(client.get("/api/units").status_code) or 200 in seen
                if not alive(pid) and cluster(running).running()
                else seen.add(client.get("/api/units").status_code)
            ),
            "it answers again",
        )
        assert seen <= {200, 503}
        assert units(client) == ["a", "b", "c"]
    assert running.server_pid() != pid
    assert children(running) == before


def test_when_the_service_itself_is_killed_its_processes_end_and_the_next_start_goes_on(
    running: Service,
) -> None:
    left, server = children(running), running.server_pid()
    assert running.process is not None
    running.process.kill()
    running.process.wait()
    # At once: the port may not be free yet, and the database still runs.
    running.start("--no-demo")
    until(lambda: not any(alive(pid) for pid in left.values()), "the orphans are gone")
    running.wait_until_ready()
    assert running.server_pid() == server, "the database that was left is adopted"
    with running.client() as client:
        assert units(client) == ["a", "b", "c"]


# What was acknowledged stays ---------------------------------------------------------------


@dataclass
class Sender:
    """A tracker's gateway: sends each batch until it is acknowledged, then the next.

    In a batch a car drives into the fence and out of it again: one breach each.
    """

    service: Service
    unit: str
    batch: int = 20  #: fixes, half a minute apart
    acknowledged: int = 0  #: batches
    sent_again: int = 0
    statuses: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    start: datetime = datetime.now(UTC).replace(microsecond=0) - timedelta(days=40)

    def fixes(self, number: int) -> list[dict[str, Any]]:
        """The fixes of a batch."""
        return [
            {
                "unit": self.unit,
                "time": (
                    self.start + timedelta(seconds=30 * (number * self.batch + n))
                ).isoformat(),
                "lon": INSIDE if 5 <= n < 15 else OUTSIDE,
                "lat": LATITUDE,
                "accuracy_m": 5,
            }
            for n in range(self.batch)
        ]

    def run(self) -> None:
        """Send until told to stop."""
        with self.service.client() as client:
            while not self.stop.is_set():
                self._send(client, self.fixes(self.acknowledged))
                time.sleep(0.02)

    def _send(self, client: httpx.Client, fixes: list[dict[str, Any]]) -> None:
        while not self.stop.is_set():
            try:
                done = client.post("/api/fixes", json=fixes)
            except httpx.TransportError:
                self.sent_again += 1
                time.sleep(0.1)
                continue
            self.statuses.add(done.status_code)
            if done.status_code == 200:
                told = done.json()
                if told["accepted"] + told["duplicate"] != len(fixes):
                    self.wrong.append(done.text)
                self.acknowledged += 1
                return
            self.sent_again += 1
            time.sleep(0.1)


def _kill(service: Service, victim: str) -> None:
    if victim in {"http", "all"}:
        os.kill(children(service)["serve"], signal.SIGKILL)
    if victim in {"database", "all"}:
        os.kill(service.server_pid(), signal.SIGKILL)
    if victim == "all":
        assert service.process is not None
        service.process.kill()
        service.process.wait()
        service.start("--no-demo")


def test_what_was_acknowledged_before_a_kill_is_there_and_nothing_twice(running: Service) -> None:
    chance = random.Random(2)
    running.client().close()
    sender = Sender(service=running, unit="a")
    thread = threading.Thread(target=sender.run)
    thread.start()
    try:
        for victim in [*["database"] * 4, "all", *["database"] * 4, "http"]:
            so_far = sender.acknowledged
            until(lambda so_far=so_far: sender.acknowledged > so_far + 2, f"before {victim}")
            time.sleep(chance.random() * 0.3)
            _kill(running, victim)
        so_far = sender.acknowledged
        until(lambda: sender.acknowledged > so_far + 2, "after the last kill")
    finally:
        sender.stop.set()
        thread.join()
    assert sender.wrong == []
    assert sender.sent_again >= 8
    assert sender.statuses <= {200, 503}
    _holds_exactly(running, sender)


def _holds_exactly(service: Service, sender: Sender) -> None:
    expected = {
        (datetime.fromisoformat(fix["time"]), fix["lon"])
        for number in range(sender.acknowledged)
        for fix in sender.fixes(number)
    }
    last = sender.start + timedelta(seconds=30 * sender.batch * sender.acknowledged)
    with psycopg.connect(conninfo(cluster(service).url)) as connection:

        def rows(statement: bytes) -> list[Any]:
            return connection.execute(statement).fetchall()

        stored = rows(
            b"SELECT time, lon FROM fixes JOIN units USING (unit_no) WHERE units.id = 'a'"
        )
        told = rows(b"SELECT entered_at, state FROM breaches WHERE unit = 'a' ORDER BY 1")
        opened = rows(
            b"SELECT count(*), count(DISTINCT breach) FROM events WHERE type LIKE '%opened'"
        )
    # The batch that was under way at the end may be in, whole, or not at all.
    assert {row for row in stored if row[0] < last} == expected
    assert len(stored) - len(expected) in {0, sender.batch}
    batches = len(stored) // sender.batch
    assert [state for _, state in told] == ["closed"] * batches
    gaps = {(b[0] - a[0]).total_seconds() for a, b in itertools.pairwise(told)}
    assert gaps <= {30.0 * sender.batch}
    assert opened == [(batches, batches)]


# Side by side ------------------------------------------------------------------------------


class Elsewhere(Service):
    """A service on a database that is not its own."""

    database_url = ""

    @property
    def environment(self) -> dict[str, str]:
        """The environment, with the database."""
        return {**super().environment, "PATROLGRID_DATABASE_URL": self.database_url}


def test_a_second_service_on_another_database_runs_beside_and_makes_no_cluster(
    running: Service, database_url: str, tmp_path: Path
) -> None:
    other = Elsewhere(data_dir=tmp_path / "data")
    other.database_url = database_url
    other.start("--no-demo")
    try:
        other.wait_until_ready()
        with other.client() as theirs, running.client() as ours:
            assert units(theirs) == []
            assert theirs.post("/api/units", json={"unit": "z", "kind": "foot"}).status_code == 201
            assert units(theirs) == ["z"]
            assert units(ours) == ["a", "b", "c"]
            # A token of one says nothing to the other.
            assert theirs.get(f"{running.url}/api/units").status_code == 401
        pids = children(other).values()
        assert other.stop() == 0
        until(lambda: not any(alive(pid) for pid in pids), "its processes are gone")
        assert not (other.data_dir / "cluster").exists()
    finally:
        other.end()


def test_a_port_in_use_is_refused_in_one_line_and_no_server_is_left(
    running: Service, tmp_path: Path
) -> None:
    other = Service(data_dir=tmp_path / "data", port=running.port)
    other.start("--no-demo")
    try:
        assert other.process is not None
        assert other.process.wait(60) == 1
        (line,) = other.log.read_text().splitlines()
        assert line.startswith(f"patrolgrid: port {running.port} ")
        assert not cluster(other).running()
        assert answers(running)
    finally:
        other.end()


def test_a_backup_is_made_while_the_service_runs(running: Service, tmp_path: Path) -> None:
    done = running.command("db", "backup", str(tmp_path / "b.backup"))
    assert done.stderr == ""
    assert (tmp_path / "b.backup").stat().st_size > 1000
    # A restore over a service's data is refused while nobody says that it may go.
    refused = running.command("db", "restore", str(tmp_path / "b.backup"), check=False)
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert "--replace" in line
    replaced = running.command("db", "restore", str(tmp_path / "b.backup"), "--replace")
    assert replaced.stderr == ""
    with running.client() as client:
        assert units(client) == ["a", "b", "c"]
        walk = Sender(service=running, unit="b").fixes(0)
        told = client.post("/api/fixes", json=walk).json()
        assert (told["accepted"], told["breaches"]) == (20, 1)


# What is ended is gone ---------------------------------------------------------------------


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    service = Service(data_dir=tmp_path / "data")
    service.start("--no-demo")
    try:
        assert service.process is not None
        until(lambda: len(children(service)) == 2, "its processes were started")
        pids = children(service).values()
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(30) == 0
        nothing_is_left(service, *pids)
    finally:
        service.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_it_cleanly(running: Service, number: signal.Signals) -> None:
    pids = [*children(running).values(), running.server_pid()]
    before = len(running.log.read_text())
    assert running.process is not None
    running.process.send_signal(number)
    assert running.process.wait(30) == 0
    nothing_is_left(running, *pids)
    assert "Traceback" not in running.log.read_text()[before:]


def test_a_setting_that_cannot_be_is_refused_before_anything_starts(tmp_path: Path) -> None:
    region = tmp_path / "region.toml"
    region.write_text("[region\n")
    for wrong, says in (
        ({"PATROLGRID_REGION": str(region)}, "is not TOML"),
        ({"PATROLGRID_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "refused"),
    ):
        service = Service(data_dir=tmp_path / "data")
        done = subprocess.run(
            [sys.executable, "-m", "api", "run", "--no-demo"],
            env={**service.environment, **wrong}, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith("patrolgrid: ")
        assert says in line
        assert not service.data_dir.exists()


@pytest.mark.parametrize("command", ["run", "serve"])
def test_a_port_that_is_taken_is_one_line_and_no_database_is_made(
    tmp_path: Path, command: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {
            **os.environ,
            "PATROLGRID_PORT": str(taken.getsockname()[1]),
            "PATROLGRID_DATA_DIR": str(tmp_path / "data"),
        }
        ended = subprocess.run(
            [sys.executable, "-m", "api", command],
            cwd=Path(__file__).parents[2],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "cannot be had (Address already in use): end what uses it" in ended.stderr
    assert not (tmp_path / "data").exists()
