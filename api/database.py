"""Which database a process works on: the one that is set, or the private cluster."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from sqlalchemy import Engine, create_engine, text

from api.settings import Settings
from layers.db import migrate
from layers.db.cluster import OWNER, Cluster
from layers.db.engine import make_engine


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
            _make_database(url)
            yield url


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
            migrate.upgrade(engine)
            yield engine
        finally:
            engine.dispose()
