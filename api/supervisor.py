"""``patrolgrid run``: database, migrations, HTTP, worker and demo in one process tree.

What falls is put up again; SIGTERM or Ctrl-C ends all of it cleanly. If this process itself is
killed, the kernel ends its children, and the next start adopts the database that is left.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import FrameType

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from api import processes
from api.database import READY_WITHIN_S, database, patiently
from api.demo import state as demonstration
from api.links import page_url, sign_in_link
from api.settings import PREFIX, Settings
from layers.access import tokens
from layers.db import migrate
from layers.db.cluster import Cluster
from layers.db.engine import SYSTEM, acting, make_engine
from layers.errors import LayersError
from layers.region import Region

logger = logging.getLogger("patrolgrid.run")
STOP_WITHIN_S = 10


class _StopRequestedError(Exception):
    """SIGTERM or SIGINT came while the service was starting."""


@dataclass(kw_only=True)
class Stop:
    """Whether SIGTERM or SIGINT came.

    A start is cut short by an exception; a running service looks here, so that no library can
    take the exception for a failure of its own.
    """

    asked: threading.Event = field(default_factory=threading.Event)
    starting: bool = True

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Handle a signal; once is enough: a second must not cut the clean end short."""
        if self.asked.is_set():
            return
        self.asked.set()
        if self.starting:
            raise _StopRequestedError(signal.Signals(number).name)


@dataclass(kw_only=True)
class Child:
    """A process that is kept up."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    not_before: float = 0.0

    def start(self) -> None:
        """Start it; it ends with us, even if we are killed."""
        command = [sys.executable, "-m", "api", *self.arguments, "--parent", str(os.getpid())]
        # Its own process group: Ctrl-C reaches us alone, and we end it in order.
        self.process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, process_group=0
        )
        self.started = time.monotonic()

    started: float = field(default=0.0)

    def look_after(self) -> None:
        """Start it again if it fell, a little later each time that it falls at once."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.not_before:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        self.failures = 0 if now - self.started > 60 else self.failures + 1
        wait_s = min(30.0, 0.5 * 2**self.failures)
        logger.warning("%s ended (%s); it is started again in %.1f s", self.name, code, wait_s)
        self.process, self.not_before = None, now + wait_s

    def stop(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, until: float) -> None:
        """Wait for its end, and kill it at ``until``."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run(settings: Settings, *, demo: bool) -> None:
    """Run everything until SIGTERM or SIGINT."""
    region = Region.read(settings.region_file)
    processes.check_port(settings)
    with _stoppable() as stop:
        try:
            with database(settings) as url:
                _run(settings, region, url, stop, demo=demo)
        except Exception:
            # What a signal cut short may end as any library's own exception.
            if not stop.asked.is_set():
                raise


def _run(settings: Settings, region: Region, url: str, stop: Stop, *, demo: bool) -> None:
    engine = make_engine(url, pool_size=3)
    patiently(settings, partial(migrate.upgrade, engine))
    wanted = demo and demonstration.wanted(engine)
    http = _child("HTTP", ["serve", *(["--demo"] if wanted else [])], url)
    children = [http, _child("worker", ["worker"], url)]
    try:
        http.start()
        if wanted:
            _load_demo(settings, engine, region)
        _await_http(settings, http)
        patiently(settings, partial(_greet, settings, engine))
        if wanted:
            # Not before: who waits for /readyz then finds the link on the terminal.
            patiently(settings, partial(demonstration.note_ready, engine))
        # Not before: they would take the cores on which HTTP starts.
        children[1].start()
        if wanted:
            children.append(patiently(settings, partial(_replay, settings, engine, url)))
        stop.starting = False
        _watch(settings, engine, children, stop)
    finally:
        _stop(children)
        engine.dispose()


def _load_demo(settings: Settings, engine: Engine, region: Region) -> None:
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        if (
            demonstration.state(connection) == demonstration.READY
            and demonstration.live_file(settings).exists()
        ):
            return
    # Imported when it is needed: it brings seconds of geopandas with it, once in a lifetime.
    from api.demo import loading  # noqa: PLC0415

    loading.load(settings, engine, region)


def _child(name: str, arguments: list[str], url: str, **more: str) -> Child:
    environment = {**os.environ, f"{PREFIX}DATABASE_URL": url, **more}
    return Child(name=name, arguments=arguments, environment=environment)


def _replay(settings: Settings, engine: Engine, url: str) -> Child:
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        for token in tokens.list_tokens(connection):
            if token.note == demonstration.TOKEN_NOTE and token.revoked_at is None:
                tokens.revoke(connection, token.id)
        made = tokens.create(
            connection, ["ingest"], note=demonstration.TOKEN_NOTE, lifetime=timedelta(days=90)
        )
    child = _child(
        "replay", ["replay", "--url", page_url(settings)], url, **{f"{PREFIX}TOKEN": made.secret}
    )
    child.start()
    return child


@contextlib.contextmanager
def _stoppable() -> Iterator[Stop]:
    stop = Stop()
    before = {s: signal.signal(s, stop) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _await_http(settings: Settings, child: Child) -> None:
    """Wait until HTTP answers; a process that keeps falling is a failure of the start."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        child.look_after()
        if child.failures >= 3:
            raise LayersError("the HTTP service does not start; its messages are above")
        with contextlib.suppress(OSError):
            address = (settings.host or "127.0.0.1", settings.port)
            socket.create_connection(address, timeout=1).close()
            return
        time.sleep(0.1)
    raise LayersError(f"the HTTP service does not answer within {READY_WITHIN_S} s")


def _greet(settings: Settings, engine: Engine) -> None:
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        tokens.forget_expired(connection)
        link = sign_in_link(connection, settings, scopes=["admin"])
    lines = (
        f"patrolgrid runs at {page_url(settings)}/",
        f"Sign in with this link within {settings.link_minutes:.0f} minutes "
        "(`patrolgrid token link` prints another):",
        f"  {link}",
        "Ctrl-C ends it.",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _watch(settings: Settings, engine: Engine, children: list[Child], stop: Stop) -> None:
    cluster = None if settings.database_url else Cluster(data_dir=settings.data_dir)
    while not stop.asked.wait(0.5):
        for child in children:
            child.look_after()
        if cluster is not None and not _answers(engine):
            logger.warning("the private database is down; it is started again")
            with contextlib.suppress(LayersError):
                cluster.ensure_running()


def _answers(engine: Engine) -> bool:
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except DBAPIError:
        return False
    return True


def _stop(children: list[Child]) -> None:
    until = time.monotonic() + STOP_WITHIN_S
    for child in reversed(children):
        child.stop()
    for child in reversed(children):
        child.wait(until)
