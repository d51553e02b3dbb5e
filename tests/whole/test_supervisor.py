"""The process tree comes up though its database falls while it does."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

import api.database
from api.database import database, patiently
from api.settings import Settings
from layers.db.cluster import Cluster
from layers.db.engine import make_engine
from layers.errors import DatabaseUnavailableError, LaterReleaseError


def asked(url: str) -> int:
    """What the server says to who connects anew."""
    fresh = make_engine(url.replace("/patrolgrid?", "/postgres?"))
    try:
        with fresh.connect() as connection:
            return int(connection.exec_driver_sql("SELECT 7").scalar_one())
    finally:
        fresh.dispose()


def server(settings: Settings) -> int:
    """The process of the private database."""
    folder = Cluster(data_dir=settings.data_dir).folder
    return int((folder / "postmaster.pid").read_text().split()[0])


def test_a_database_that_falls_while_the_service_starts_is_put_up_again() -> None:
    with tempfile.TemporaryDirectory(prefix="patrolgrid-") as folder:
        settings = Settings(data_dir=Path(folder) / "data")
        with Cluster(data_dir=settings.data_dir).lease() as url:
            killed = server(settings)
            os.kill(killed, signal.SIGKILL)
            assert patiently(settings, lambda: asked(url)) == 7
            assert server(settings) != killed


def test_a_database_that_falls_before_it_is_first_asked_is_put_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = api.database._make_database
    fallen = []

    def falls_first(url: str) -> None:
        if not fallen:
            fallen.append(server(settings))
            os.kill(fallen[0], signal.SIGKILL)
        made(url)

    monkeypatch.setattr(api.database, "_make_database", falls_first)
    with tempfile.TemporaryDirectory(prefix="patrolgrid-") as folder:
        settings = Settings(data_dir=Path(folder) / "data")
        with database(settings) as url:
            assert asked(url) == 7
            assert fallen[0] != server(settings)


def test_a_database_of_a_later_release_is_not_waited_for(tmp_path: Path) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise LaterReleaseError("of a later one")

    with pytest.raises(LaterReleaseError, match="of a later one"):
        patiently(Settings(data_dir=tmp_path), work)
    assert tries == [1]


def test_the_database_of_another_is_not_waited_for() -> None:
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/none")
    tries = []

    def work() -> None:
        tries.append(1)
        raise DatabaseUnavailableError("away")

    with pytest.raises(DatabaseUnavailableError, match="away"):
        patiently(settings, work)
    assert tries == [1]
