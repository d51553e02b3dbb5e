"""The process tree comes up though its database falls while it does."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from api.settings import Settings
from api.supervisor import patiently
from layers.db.cluster import Cluster
from layers.db.engine import make_engine
from layers.errors import DatabaseUnavailableError


def asked(url: str) -> int:
    """What the server says to who connects anew."""
    fresh = make_engine(url.replace("/patrolgrid?", "/postgres?"))
    try:
        with fresh.connect() as connection:
            return int(connection.exec_driver_sql("SELECT 7").scalar_one())
    finally:
        fresh.dispose()


def test_a_database_that_falls_while_the_service_starts_is_put_up_again() -> None:
    with tempfile.TemporaryDirectory(prefix="patrolgrid-") as folder:
        settings = Settings(data_dir=Path(folder) / "data")
        cluster = Cluster(data_dir=settings.data_dir)
        with cluster.lease() as url:
            server = int((cluster.folder / "postmaster.pid").read_text().split()[0])
            os.kill(server, signal.SIGKILL)
            assert patiently(settings, lambda: asked(url)) == 7
            assert int((cluster.folder / "postmaster.pid").read_text().split()[0]) != server


def test_the_database_of_another_is_not_waited_for() -> None:
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/none")
    tries = []

    def work() -> None:
        tries.append(1)
        raise DatabaseUnavailableError("away")

    with pytest.raises(DatabaseUnavailableError, match="away"):
        patiently(settings, work)
    assert tries == [1]
