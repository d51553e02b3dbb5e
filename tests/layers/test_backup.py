"""Backup and restore: all of it comes back, or nothing changes."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from layers.db import migrate
from layers.db.backup import backup, restore
from layers.db.cluster import Cluster
from layers.db.engine import SYSTEM, acting, conninfo, make_engine
from layers.errors import BackupError
from rows import everything, fill

REPOSITORY = Path(__file__).parents[2]
_NUMBERS = itertools.count(1)


def _create(cluster_url: str, name: str) -> str:
    server = conninfo(cluster_url).replace("dbname=patrolgrid", "dbname=postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return cluster_url.replace("/patrolgrid?", f"/{name}?")


@pytest.fixture
def empty_url(cluster_url: str) -> str:
    """URL of a database in which there is nothing at all; it goes with the session."""
    return _create(cluster_url, f"restored_{next(_NUMBERS)}")


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    """An engine on a database in which there is nothing at all."""
    made = make_engine(empty_url)
    yield made
    made.dispose()


@pytest.fixture
def file(engine: Engine, database_url: str, tmp_path: Path) -> Path:
    """A backup of a database with a little of everything."""
    fill(database_url)
    made = tmp_path / "all of it.backup"
    assert backup(database_url, made) == made.stat().st_size
    return made


def _is_in_order(engine: Engine) -> None:
    """New rows find their numbers, new days their partitions, and roles their rights."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(text("SELECT ensure_fix_partition(date '2026-04-01')"))
        connection.execute(
            text("INSERT INTO fixes (unit_no, time, lon, lat) VALUES (1, '2026-04-01', 100, 42)")
        )
        connection.execute(text("UPDATE fences SET margin_m = margin_m + 1 WHERE id = 'f'"))
        number = connection.execute(
            text(
                "INSERT INTO units (id, call_sign, kind, max_gap_s, top_speed_ms, accuracy_m)"
                " VALUES ('new', 'New', 'foot', 600, 5, 15) RETURNING unit_no"
            )
        ).scalar_one()
        event = connection.execute(
            text("INSERT INTO events (type, data) VALUES ('x', '{}') RETURNING id")
        ).scalar_one()
        assert (number, event) == (3, 2)
        assert connection.execute(text("SELECT count(*) FROM fence_versions")).scalar_one() == 4
        connection.rollback()
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        assert connection.execute(text("SELECT id FROM tokens")).scalar_one() == "tok"


def test_everything_comes_back_on_a_machine_that_has_none_of_it(
    engine: Engine, file: Path, tmp_path: Path
) -> None:
    # A server of its own: not even the roles are there.
    with Cluster(data_dir=tmp_path / "other").lease() as cluster_url:
        url = _create(cluster_url, "patrolgrid")
        restored = make_engine(url)
        restore(url, restored, file)
        assert everything(restored) == everything(engine)
        migrate.upgrade(restored)
        assert everything(restored) == everything(engine)
        _is_in_order(restored)
        again = tmp_path / "again.backup"
        backup(url, again)
        restored.dispose()
        assert abs(again.stat().st_size - file.stat().st_size) < file.stat().st_size / 10


def test_a_database_with_data_is_kept_unless_it_may_go(
    engine: Engine, database_url: str, file: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO teams (id) VALUES ('later')"))
    before = everything(engine)
    with pytest.raises(BackupError, match="--replace"):
        restore(database_url, engine, file)
    assert everything(engine) == before
    restore(database_url, engine, file, replace=True)
    after = everything(engine)
    assert after == {
        **before,
        "teams": [t for t in before["teams"] if "later" not in t],
        "layer_versions": after["layer_versions"],
    }
    # Each is a newer one than what was told of the data before.
    for was, now in zip(before["layer_versions"], after["layer_versions"], strict=True):
        name, shard, version, changed_at = was.strip("()").split(",")
        assert now.strip("()").split(",")[:3] == [name, shard, str(int(version) + 1000)]
        assert now.strip("()").split(",")[3] > changed_at
    _is_in_order(engine)


def test_a_database_with_nothing_but_roads_has_data(engine: Engine, file: Path) -> None:
    with engine.begin() as connection:
        for table in ("deliveries", "grids", "fences", "units", "fixes", "teams", "subscriptions"):
            connection.execute(text(f"TRUNCATE {table} CASCADE"))
    with pytest.raises(BackupError, match="--replace"):
        restore(str(engine.url), engine, file)


def test_history_comes_back_as_it_was_and_goes_on(
    engine: Engine, file: Path, empty: Engine, empty_url: str
) -> None:
    """Of a backup's own rows a restore makes no changes, and the next one is the next."""
    restore(empty_url, empty, file)
    before = everything(engine)
    assert len(before["changes"]) > 10
    assert everything(empty) == before
    with acting(empty, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(text("UPDATE roads SET name = 'New'"))
    after = everything(empty)
    for table in ("change_sets", "change_steps", "changes"):
        assert len(after[table]) == len(before[table]) + 1
    with empty.connect() as connection:
        numbers = connection.execute(text("SELECT set_no FROM change_sets ORDER BY 1")).scalars()
        assert list(numbers) == list(range(1, len(after["change_sets"]) + 1))


def test_a_database_with_nothing_but_history_has_data(engine: Engine, file: Path) -> None:
    with engine.begin() as connection:
        for table in ("deliveries", "grids", "fences", "units", "fixes", "teams", "subscriptions",
                      "settlements", "checkpoints", "posts", "cameras", "roads", "border",
                      "fence_versions"):  # fmt: skip
            connection.execute(text(f"TRUNCATE {table} CASCADE"))
    with pytest.raises(BackupError, match="--replace"):
        restore(str(engine.url), engine, file)


def test_a_restore_waits_for_nobody_who_only_has_a_connection(
    empty: Engine, empty_url: str, file: Path
) -> None:
    migrate.upgrade(empty)
    count = b"SELECT count(*) FROM fixes"
    with psycopg.connect(conninfo(empty_url), autocommit=True, prepare_threshold=0) as idle:
        assert idle.execute(count).fetchone() == (0,)
        restore(empty_url, empty, file)
        # The same connection and its prepared statement, after the tables were made anew.
        assert idle.execute(count).fetchone() == (600,)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.6, 0.9, 1.0])
def test_a_backup_that_was_cut_short_changes_nothing(
    engine: Engine, database_url: str, file: Path, share: float, tmp_path: Path
) -> None:
    whole = file.read_bytes()
    cut = tmp_path / "cut.backup"
    cut.write_bytes(whole[: min(int(len(whole) * share) + 5, len(whole) - 1)])
    before = everything(engine)
    with pytest.raises(BackupError) as refused:
        restore(database_url, engine, cut, replace=True)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(f"{cut}: ")
    if share:
        assert "it is not whole, or damaged" in str(refused.value)
    assert everything(engine) == before


@pytest.mark.parametrize("share", [0.6, 0.95])
def test_a_backup_that_was_damaged_changes_nothing(
    engine: Engine, database_url: str, file: Path, share: float, tmp_path: Path
) -> None:
    whole = bytearray(file.read_bytes())
    place = int(len(whole) * share)
    whole[place : place + 200] = bytes(200)
    damaged = tmp_path / "damaged.backup"
    damaged.write_bytes(whole)
    before = everything(engine)
    with pytest.raises(BackupError):
        restore(database_url, engine, damaged, replace=True)
    assert everything(engine) == before


def test_what_is_no_backup_of_ours_is_refused(
    engine: Engine, database_url: str, empty: Engine, empty_url: str, tmp_path: Path
) -> None:
    with pytest.raises(BackupError, match="no such file"):
        restore(database_url, engine, tmp_path / "missing")
    with pytest.raises(BackupError, match="no such file"):
        restore(database_url, engine, tmp_path)
    letter = tmp_path / "letter.backup"
    letter.write_text("Dear patrolgrid")
    with pytest.raises(BackupError, match="no backup"):
        restore(database_url, engine, letter)
    letter.write_text("")
    with pytest.raises(BackupError, match="no backup"):
        restore(database_url, engine, letter)
    # PostgreSQL's own format, but of something else: a database without our schema.
    with pytest.raises(BackupError, match="pg_dump"):
        backup(empty_url, tmp_path / "theirs.backup")
    with empty.begin() as connection:
        connection.execute(text("CREATE SCHEMA patrolgrid; CREATE TABLE patrolgrid.theirs (x int)"))
    backup(empty_url, tmp_path / "theirs.backup")
    with pytest.raises(BackupError, match="nothing of patrolgrid"):
        restore(database_url, engine, tmp_path / "theirs.backup")


def test_a_backup_that_fails_leaves_the_older_one_as_it_was(
    database_url: str, file: Path, tmp_path: Path
) -> None:
    before = file.read_bytes()
    with pytest.raises(BackupError) as refused:
        backup(database_url.replace("/test_", "/no_such_test_"), file)
    assert "\n" not in str(refused.value)
    assert file.read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == [file.name]
    with pytest.raises(BackupError, match="no folder"):
        backup(database_url, tmp_path / "missing" / "x.backup")


def test_a_backup_that_is_ended_leaves_no_half_file(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    fill(database_url)
    aim = tmp_path / "aim.backup"
    # Somebody holds a table that pg_dump must read: it waits until it is ended.
    with engine.begin() as holding:
        holding.execute(text("LOCK TABLE grids IN ACCESS EXCLUSIVE MODE"))
        with subprocess.Popen(
            [sys.executable, "-m", "api", "db", "backup", str(aim)],
            cwd=REPOSITORY, stderr=subprocess.PIPE,
            env={**os.environ, "PATROLGRID_DATABASE_URL": database_url},
        ) as process:  # fmt: skip
            deadline = time.monotonic() + 60
            while not list(tmp_path.glob(".aim*")):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.terminate()
            process.communicate(timeout=30)
        assert process.returncode == 128 + 15
    assert list(tmp_path.iterdir()) == []
