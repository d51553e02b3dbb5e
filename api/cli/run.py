"""The whole service in one process tree."""

from __future__ import annotations

from typing import Annotated

import typer

from api import supervisor
from api.logs import configure_logging
from api.settings import read_settings

app = typer.Typer(add_completion=False)


@app.command()
def run(
    demo: Annotated[
        bool, typer.Option(help="on an empty database, load the demo region and replay it")
    ] = True,
) -> None:
    """Run everything: database, migrations, API, worker, and the demo's live replay."""
    settings = read_settings()
    configure_logging(settings)
    supervisor.run(settings, demo=demo)
