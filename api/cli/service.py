"""Everything that runs: the whole service, or one of its processes."""

from __future__ import annotations

from typing import Annotated

import typer

from api import processes, supervisor
from api.logs import configure_logging
from api.settings import read_settings

app = typer.Typer(no_args_is_help=True)
_PARENT = Annotated[int | None, typer.Option(hidden=True, help="end with this process")]


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


@app.command()
def serve(demo: Annotated[bool, typer.Option(hidden=True)] = False, parent: _PARENT = None) -> None:
    """Run the HTTP service alone, on a database that is up."""
    settings = read_settings()
    configure_logging(settings)
    processes.end_with(parent)
    processes.serve(settings, demo=demo)


@app.command()
def worker(parent: _PARENT = None) -> None:
    """Run the worker alone: webhook deliveries and housekeeping."""
    settings = read_settings()
    configure_logging(settings)
    processes.end_with(parent)
    processes.work(settings)


@app.command()
def doctor() -> None:
    """Say what this installation has and lacks; exit code 1 when something is missing."""
    faults = 0
    for name, found, fault in processes.examine(read_settings()):
        typer.echo(f"{'ok  ' if not fault else 'LACK'}  {name}: {found}")
        faults += fault
    raise typer.Exit(1 if faults else 0)
