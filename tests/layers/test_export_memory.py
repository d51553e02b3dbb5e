"""An export holds some thousand features at a time; the old file stays until the new is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from layers import export
from layers.db.engine import SYSTEM, acting, make_engine
from layers.errors import DatabaseUnavailableError

REPOSITORY = Path(__file__).parents[2]
COUNT, CORNERS = 40_000, 150
#: What the features are as WKB alone, and what an export may take of memory.
ALL_MB, MOST_MB = COUNT * CORNERS * 16 / 1e6, 64

FILL = """
WITH line AS (
    SELECT ST_SetSRID(ST_MakeLine(ST_MakePoint(100 + k / 997.0, 40 + sin(k) / 991) ORDER BY k),
                      4326) AS geom
    FROM generate_series(1, :corners) k)
INSERT INTO roads (id, class, geom)
SELECT 'road-' || lpad(n::text, 6, '0'), 'track', ST_Translate(geom, n * 1e-6, n * 1e-7)
FROM line, generate_series(1, :count) n
"""
#: One file to warm up, then how much the process grew at most, in megabytes.
MEASURE = """
import sys
from pathlib import Path
from layers import export, frames
from layers.db.engine import SYSTEM, acting, make_engine

def peak_mb():
    # Of this program alone: ru_maxrss begins with that of the process which started it.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

url, path, how = sys.argv[1:]
with acting(make_engine(url), SYSTEM, "patrolgrid_read") as connection:
    export.export(connection, "roads", path, bbox=(100, 39, 100.0011, 41))
    before = peak_mb()
    if how == "streamed":
        export.export(connection, "roads", path)
    else:
        export.write(frames.places(connection, "roads"), path)
    print(peak_mb() - before)
"""


@pytest.fixture(scope="module")
def full(file_database_url: str) -> str:
    """URL of a database with many long roads."""
    engine = make_engine(file_database_url)
    with engine.begin() as connection:
        connection.execute(text(FILL), {"count": COUNT, "corners": CORNERS})
    engine.dispose()
    return file_database_url


def grown_mb(url: str, path: Path, how: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, url, str(path), how],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


@pytest.mark.parametrize("suffix", [".geojson", ".csv", ".parquet", ".fgb", ".gpkg"])
def test_an_export_stays_small_however_large_the_layer(
    full: str, tmp_path: Path, suffix: str
) -> None:
    assert grown_mb(full, tmp_path / f"roads{suffix}", "streamed") < MOST_MB
    assert (tmp_path / f"roads{suffix}").stat().st_size > ALL_MB / 10 * 1e6


def test_the_measure_sees_what_stands_in_memory(full: str, tmp_path: Path) -> None:
    assert grown_mb(full, tmp_path / "roads.fgb", "whole") > 1.5 * MOST_MB


@pytest.fixture
def reading(full: str) -> Iterator[Engine]:
    made = make_engine(full)
    yield made
    made.dispose()


def test_an_export_is_of_one_moment_whatever_happens_meanwhile(
    reading: Engine, tmp_path: Path
) -> None:
    # Some of those that are read first, in the middle and last; each is kept as it was, too.
    some = "(right(id, 6)::int - 1) % 4000 < 40"

    def change(_: int) -> None:
        with reading.begin() as other:
            other.execute(
                text(f"UPDATE roads SET surface = 'sand' WHERE surface IS NULL AND {some}")
            )

    path = tmp_path / "roads.fgb"  # the fastest, with its texts as they are
    try:
        with acting(reading, SYSTEM, "patrolgrid_read") as connection:
            assert export.export(connection, "roads", path, told=change) == COUNT
        assert b"sand" not in path.read_bytes()
    finally:
        with reading.begin() as other:
            changed = other.execute(text("UPDATE roads SET surface = NULL WHERE surface = 'sand'"))
    assert changed.rowcount == COUNT // 100


@pytest.mark.parametrize("suffix", [".geojson", ".parquet", ".fgb", ".gpkg"])
def test_a_database_lost_on_the_way_is_told_and_the_old_file_stays(
    reading: Engine, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"roads{suffix}"
    path.write_text("old")

    def lose(_: int) -> None:
        with reading.connect() as other:
            other.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE relation = 'roads'::regclass AND pid <> pg_backend_pid()"
            )

    with (
        pytest.raises(DatabaseUnavailableError),
        acting(reading, SYSTEM, "patrolgrid_read") as connection,
    ):
        export.export(connection, "roads", path, told=lose)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [(path.name, "old")]


@pytest.mark.parametrize("suffix", [".csv", ".gpkg"])
def test_an_ended_export_leaves_the_old_file_and_no_half_of_a_new_one(
    full: str, tmp_path: Path, suffix: str
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / f"roads{suffix}"
    path.write_text("old")
    command = subprocess.Popen(
        [sys.executable, "-m", "api", "export", "roads", str(path)],
        cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PATROLGRID_DATABASE_URL": full, "PATROLGRID_DATA_DIR": str(tmp_path)},
    )  # fmt: skip
    while len(list(folder.iterdir())) == 1:
        assert command.poll() is None
        time.sleep(0.005)
    command.send_signal(signal.SIGTERM)
    _, complaints = command.communicate(timeout=60)
    assert command.returncode == 128 + signal.SIGTERM, complaints
    assert [(one.name, one.read_text()) for one in folder.iterdir()] == [(path.name, "old")]
