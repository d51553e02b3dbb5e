"""The application on a fresh database, and clients that show a token of each scope."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy import Engine

from api.http.app import create_app
from api.settings import Settings
from layers.access import tokens
from layers.db.engine import SYSTEM, acting
from layers.region import Region
from service import free_port

REGION = Path(__file__).parents[2] / "fixtures" / "region.toml"


@pytest.fixture(scope="session")
def region() -> Region:
    """The demo's region file."""
    return Region.read(REGION)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a test: nothing of the environment but a data folder of its own."""
    return Settings(data_dir=tmp_path, webhook_allow="127.0.0.0/8")  # type: ignore[arg-type]


@pytest.fixture
def anybody(settings: Settings, engine: Engine, region: Region) -> Iterator[httpx.Client]:
    """A client that shows no identity, of a real server on loopback."""
    port = free_port()
    app = create_app(settings, engine, region)
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1, ws="none")
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
