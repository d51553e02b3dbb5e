"""What this installation has and lacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import typer
from sqlalchemy.exc import DBAPIError

from api.database import database
from api.http.routes.page import DIST
from api.settings import Settings, read_settings
from layers.db import migrate
from layers.db.cluster import server_programs
from layers.db.engine import make_engine
from layers.errors import LayersError
from layers.region import Region, RegionError

app = typer.Typer(add_completion=False)


@app.command()
def doctor() -> None:
    """Say what this installation has and lacks; exit code 1 when something is missing."""
    faults = 0
    for name, found, fault in _examine(read_settings()):
        typer.echo(f"{'ok  ' if not fault else 'LACK'}  {name}: {found}")
        faults += fault
    raise typer.Exit(1 if faults else 0)


def _examine(settings: Settings) -> Iterator[tuple[str, str, bool]]:
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
        yield "database", _revision(settings), False
    except (LayersError, DBAPIError) as error:
        yield "database", " ".join(str(error).split()), True


def _revision(settings: Settings) -> str:
    with database(settings) as url:
        engine = make_engine(url, pool_size=1)
        try:
            at = migrate.current(engine)
        finally:
            engine.dispose()
    found = "is empty" if at is None else f"is at revision {at}"
    return f"{found}; this release needs {migrate.head()}"
