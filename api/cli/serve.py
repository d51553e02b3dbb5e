"""The HTTP service alone."""

from __future__ import annotations

import threading
from typing import Annotated

import typer
import uvicorn

from api import processes
from api.database import database
from api.http.app import create_app
from api.http.wire import Protocol
from api.intake import scan
from api.logs import configure_logging
from api.settings import Settings, read_settings
from geo import response, tiles
from layers.db.engine import make_engine
from layers.region import Region

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


def _warm() -> None:
    tiles.warm()  # first, as the page asks for tiles at once
    scan.warm()
    response.warm()
