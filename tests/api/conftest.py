"""The application on a fresh database, and clients that show a token of each scope."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import httpx
import pytest
import shapely
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.cli import main
from api.http.app import create_app
from api.http.wire import Protocol
from api.settings import Settings
from layers.access import tokens
from layers.db.engine import SYSTEM, acting, make_engine
from layers.region import Region
from rows import fill
from service import free_port
from tests.api.command_words import Ended, Run

REGION = Path(__file__).parents[2] / "fixtures" / "region.toml"


@pytest.fixture(scope="session")
def region() -> Region:
    """The demo's region file."""
    return Region.read(REGION)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a test: nothing of the environment but a data folder of its own."""
    return Settings(data_dir=tmp_path, webhook_allow="127.0.0.0/8")  # type: ignore[arg-type]


@contextmanager
def serving(app: FastAPI) -> Iterator[httpx.Client]:
    """A client without identity of a real server on loopback."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=port, log_config=None, timeout_graceful_shutdown=1, ws="none", http=Protocol
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
        yield client
    server.should_exit = True
    thread.join()


@pytest.fixture
def application(settings: Settings, engine: Engine, region: Region) -> FastAPI:
    """The application on a fresh database."""
    return create_app(settings, engine, region)


@pytest.fixture
def anybody(application: FastAPI) -> Iterator[httpx.Client]:
    """A client that shows no identity."""
    with serving(application) as client:
        yield client


@pytest.fixture
def token(engine: Engine) -> Callable[[str], str]:
    """Make a token with a scope."""

    def make(scope: str) -> str:
        with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
            return tokens.create(connection, [scope]).secret

    return make


@pytest.fixture
def admin(anybody: httpx.Client, token: Callable[[str], str]) -> httpx.Client:
    """A client that may do everything."""
    anybody.headers["Authorization"] = f"Bearer {token('admin')}"
    return anybody


@pytest.fixture
def run(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run a command in this process, on the test's own database."""
    monkeypatch.setenv("PATROLGRID_DATABASE_URL", database_url)
    monkeypatch.setenv("PATROLGRID_DATA_DIR", str(tmp_path / "data"))

    def command(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["patrolgrid", *(str(a) for a in arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        if isinstance(code, str):  # as the interpreter does
            return Ended(code=1, out=out, err=f"{err}{code}\n")
        assert isinstance(code, int | None)
        return Ended(code=code or 0, out=out, err=err)

    return command


@pytest.fixture
def land(tmp_path: Path) -> Path:
    """A file with one grid, 0.2° wide."""
    cell = shapely.box(103.0, 42.0, 103.2, 42.2)
    frame = gpd.GeoDataFrame(
        {"id": ["banner"], "name": ["Banner"], "level": ["banner"]}, geometry=[cell], crs=4326
    )
    file = tmp_path / "land.geojson"
    frame.to_file(file)
    return file


#: 40 cameras, 0.1° apart in rows of ten; every other one was heard of, a day after the one before.
CAMERAS = """
INSERT INTO cameras (id, site, name, last_heartbeat, geom)
SELECT 'k' || lpad(n::text, 2, '0'), 'site ' || n % 4, 'Kamera ' || n,
    CASE WHEN n % 2 = 0 THEN timestamptz '2026-03-01T00:00:00Z' + n * interval '1 day' END,
    ST_SetSRID(ST_MakePoint(110 + (n % 10) * 0.1, 45 + (n / 10) * 0.1), 4326)
FROM generate_series(0, 39) n
"""


@pytest.fixture(scope="module")
def cameras(
    file_database_url: str, region: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of a service with a little of everything, and forty cameras; tests only read."""
    fill(file_database_url)
    engine = make_engine(file_database_url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM cameras"))
        connection.execute(text(CAMERAS))
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        secret = tokens.create(connection, ["read"]).secret
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    with serving(create_app(settings, engine, region)) as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        yield client
    engine.dispose()
