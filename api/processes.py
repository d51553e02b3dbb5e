"""The service's processes, each stateless: HTTP and worker; and what they need to run."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator

import uvicorn

from api.database import database
from api.http.app import create_app
from api.http.routes.page import DIST
from api.jobs.worker import work as run_worker
from api.settings import Settings
from geo import response
from layers.db import migrate
from layers.db.cluster import server_programs
from layers.db.engine import make_engine
from layers.errors import LayersError
from layers.region import Region, RegionError

logger = logging.getLogger("patrolgrid")
_PR_SET_PDEATHSIG = 1


def end_with(parent: int | None) -> None:
    """Ask the kernel to end this process when ``parent`` dies, however it dies (Linux)."""
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("patrolgrid: the process that started this one is gone")


def serve(settings: Settings, *, demo: bool) -> None:
    """Serve HTTP until SIGTERM."""
    region = Region.read(settings.region_file)
    with database(settings) as url:
        engine = make_engine(url, pool_size=16)
        app = create_app(settings, engine, region, demo=demo)
        # The response kernels compile once a machine; meanwhile the rest answers.
        threading.Thread(target=response.warm, name="warm", daemon=True).start()
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=4,
            timeout_keep_alive=30,
            proxy_headers=False,
        )
        engine.dispose()


def work(settings: Settings) -> None:
    """Run the worker until SIGTERM."""
    with database(settings) as url:
        run_worker(url, allowed=settings.webhook_allow)


def examine(settings: Settings) -> Iterator[tuple[str, str, bool]]:
    """What this installation has: name, what was found, whether that is a fault."""
    yield "Python", sys.version.split()[0], False
    try:
        yield "PostgreSQL with PostGIS", str(server_programs()), False
    except LayersError as error:
        yield "PostgreSQL with PostGIS", str(error), settings.database_url is None
    try:
        region = Region.read(settings.region_file)
        yield "region", f"{settings.region_file} ({region.timezone})", False
    except RegionError as error:
        yield "region", str(error), True
    page = (DIST / "index.html").is_file()
    yield "map page", str(DIST) if page else "not built: run `make setup`", not page
    try:
        with database(settings) as url:
            engine = make_engine(url, pool_size=1)
            at = migrate.current(engine)
            engine.dispose()
            yield "database", f"revision {at}, this release needs {migrate.head()}", False
    except LayersError as error:
        yield "database", str(error), True
