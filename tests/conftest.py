"""One private cluster a test session, a migrated template, and a clone of it for each test."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import Engine
from xdist.scheduler import LoadFileScheduling

from layers.db import migrate
from layers.db.cluster import Cluster
from layers.db.engine import make_engine
from service import Service

# A machine that has more to do is no fault of what is tested.
settings.register_profile("patrolgrid", deadline=None)
settings.load_profile("patrolgrid")

#: What takes long begins first, or one of the workers ends long after the others: folders and
#: files, the longest first.
_LONG = (
    "web", "notebooks", "whole", "soak", "test_schema_fuzz.py", "test_export_memory.py",
    "fixtures", "test_ahead.py", "test_coverage_progress.py", "test_coverage_keeping.py",
    "test_versions.py", "test_ogc_gdal.py", "test_coverage_border_lines.py", "test_presence.py",
    "test_undo_reference.py", "test_tiles_mosaic.py", "test_races.py",
)  # fmt: skip
#: What asks the demo's service: together, so that it is started once and not by each worker.
_OF_THE_DEMO = ("tests/web/", "tests/notebooks/", "tests/whole/test_demo.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, each file together."""
    items.sort(key=lambda item: min(map(_turn, (item.path.parent.name, item.path.name))))


def _turn(name: str) -> int:
    return _LONG.index(name) if name in _LONG else len(_LONG)


class _ByFile(LoadFileScheduling):
    """Hands whole files to workers, in their order, and what asks the demo as if it were one."""

    def _split_scope(self, nodeid: str) -> str:
        return "demo" if nodeid.startswith(_OF_THE_DEMO) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """How tests are handed out where whole files are asked for."""
    return _ByFile(config, log) if config.option.dist == "loadfile" else None


_NUMBERS = itertools.count(1)
#: In memory where there is such a folder: a database is cloned for each of hundreds of tests.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture(scope="session")
def demo_service() -> Iterator[Service]:
    """The whole service on the demo region, started once a session."""
    with tempfile.TemporaryDirectory(prefix="patrolgrid-demo-") as folder:
        service = Service(data_dir=Path(folder) / "data")
        service.start()
        try:
            service.wait_until_ready()
            yield service
        finally:
            service.end()


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    """URL of a running private cluster; its databases go with the session."""
    with (
        tempfile.TemporaryDirectory(prefix="patrolgrid-tests-", dir=_MEMORY) as folder,
        Cluster(data_dir=Path(folder)).lease() as url,
    ):
        with _server(url) as server:
            # These databases last for seconds; what must survive a kill has a cluster of its own.
            server.execute("ALTER SYSTEM SET fsync = off")
            server.execute("ALTER SYSTEM SET full_page_writes = off")
            server.execute("SELECT pg_reload_conf()")
        yield url


def _in_database(url: str, name: str) -> str:
    return url.replace("/patrolgrid?", f"/{name}?")


def _server(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection that may create and drop databases."""
    return psycopg.connect(_in_database(url, "postgres").replace("+psycopg", ""), autocommit=True)


@pytest.fixture(scope="session")
def template_database(cluster_url: str) -> str:
    """Name of a migrated, empty database to clone."""
    with _server(cluster_url) as server:
        server.execute("CREATE DATABASE template_patrolgrid")
    engine = make_engine(_in_database(cluster_url, "template_patrolgrid"))
    migrate.upgrade(engine)
    engine.dispose()
    return "template_patrolgrid"


@contextmanager
def clone(cluster_url: str, template: str) -> Iterator[str]:
    """URL of a fresh clone of the template, for as long as it is needed."""
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    with _server(cluster_url) as server:
        # By copying files: through the log, as by default, it takes six times as long.
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY".encode())
    yield _in_database(cluster_url, name)
    with _server(cluster_url) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def database_url(cluster_url: str, template_database: str) -> Iterator[str]:
    """URL of a fresh, migrated, empty database."""
    with clone(cluster_url, template_database) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh, migrated, empty database."""
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def file_database_url(cluster_url: str, template_database: str) -> Iterator[str]:
    """URL of one database for a file, where a clone for each test would take most of the time."""
    with clone(cluster_url, template_database) as url:
        yield url


@pytest.fixture
def outbox_engine(file_database_url: str) -> Iterator[Engine]:
    """An engine on the file's database, in which nobody has been told anything."""
    made = make_engine(file_database_url)
    with made.begin() as connection:
        for table in ("subscriptions", "events", "breaches", "procrastinate_jobs"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    yield made
    made.dispose()
