"""The HTTP service alone."""

from __future__ import annotations

import logging
import threading
from typing import Annotated

import typer
import uvicorn
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from api import processes
from api.database import database
from api.http.app import create_app
from api.http.wire import Protocol
from api.intake import scan
from api.logs import configure_logging
from api.settings import Settings, read_settings
from geo import breaches, coverage, plan, response, tiles
from layers.breaches.catching_up import catch_up
from layers.db import migrate
from layers.db.engine import make_engine
from layers.errors import DatabaseUnavailableError
from layers.region import Region

logger = logging.getLogger("patrolgrid.serve")
app = typer.Typer(add_completion=False)


@app.command()
def serve(
    demo: Annotated[bool, typer.Option(hidden=True)] = False,
    parent: Annotated[int | None, typer.Option(hidden=True, help="end with this process")] = None,
) -> None:
    """Run the HTTP service alone, on a database that is up."""
    settings = read_settings()
    configure_logging(settings)
    processes.end_with(parent)
    _serve(settings, demo=demo)


def _serve(settings: Settings, *, demo: bool) -> None:
    region = Region.read(settings.region_file)
    processes.check_port(settings)
    with database(settings) as url:
        engine = make_engine(url, pool_size=16)
        _catch_up(engine, region)
        application = create_app(settings, engine, region, demo=demo)
        # What is compiled compiles once a machine; meanwhile the rest answers.
        threading.Thread(target=_warm, name="warm", daemon=True).start()
        uvicorn.run(
            application,
            host=settings.host,
            port=settings.port,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=4,
            timeout_keep_alive=30,
            proxy_headers=False,
            http=Protocol,
            loop="uvloop",
            ws="none",
        )
        engine.dispose()


def _catch_up(engine: Engine, region: Region) -> None:
    """Walk units anew whose walks an upgrade left in another form; their fixes would wait."""

    def said(done: int, units: int) -> None:
        logger.info("breaches are made ready for new fixes: %d of %d units", done, units)

    try:
        if migrate.current(engine) == migrate.head():
            catch_up(engine, region, done=said)
    except (DatabaseUnavailableError, OperationalError):
        logger.warning("the database does not answer yet")


def _warm() -> None:
    tiles.warm()  # first, as the page asks for tiles at once
    scan.warm()
    breaches.warm()
    response.warm()
    coverage.warm()
    plan.warm()
