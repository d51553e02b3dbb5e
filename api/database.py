"""Which database a process works on: the one that is set, or the private cluster."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import TypeVar

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from api.settings import Settings
from layers.db import migrate
from layers.db.cluster import OWNER, Cluster
from layers.db.engine import make_engine
from layers.errors import DatabaseUnavailableError, LayersError

logger = logging.getLogger("patrolgrid.run")
Done = TypeVar("Done")
#: On a machine that compiles everything for the first time, with a demo to load beside.
READY_WITHIN_S = 300


@contextlib.contextmanager
def database(settings: Settings) -> Iterator[str]:
    """URL of the database, for as long as it is needed.

    Without PATROLGRID_DATABASE_URL this holds a lease on the private cluster, starting it if no
    running service did, and makes its database when it is new.
    """
    with _ended_in_order():
        if settings.database_url:
            yield settings.database_url
            return
        with Cluster(data_dir=settings.data_dir).lease() as url:
            patiently(settings, partial(_make_database, url))
            yield url


def patiently(settings: Settings, work: Callable[[], Done]) -> Done:
    """What ``work`` says; while the private database is down it is put up and asked again.

    Raises what ``work`` does where the database is another's, or stays away.
    """
    until = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            return work()
        except (DatabaseUnavailableError, OperationalError):
            if settings.database_url or time.monotonic() > until:
                raise
        logger.warning("the private database is down; it is started again")
        with contextlib.suppress(LayersError):
            Cluster(data_dir=settings.data_dir).ensure_running()
        time.sleep(0.5)


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C is taken, so that leases are given back and half files are removed.

    Whoever listens for it already, or will, is left alone.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def _make_database(url: str) -> None:
    server = create_engine(
        url.replace(f"/{OWNER}?", "/postgres?"), isolation_level="AUTOCOMMIT", pool_size=1
    )
    with server.connect() as connection:
        found = connection.execute(
            text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": OWNER}
        )
        if found.one_or_none() is None:
            connection.execute(text(f"CREATE DATABASE {OWNER} ENCODING 'UTF8'"))
    server.dispose()


@contextlib.contextmanager
def migrated(settings: Settings) -> Iterator[Engine]:
    """An engine on the database, brought to this release's schema first."""
    with database(settings) as url:
        engine = make_engine(url)
        try:
            patiently(settings, partial(migrate.upgrade, engine))
            yield engine
        finally:
            engine.dispose()
