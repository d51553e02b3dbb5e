"""What this installation has and lacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import typer
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from api.database import database
from api.http.routes.page import DIST
from api.settings import Settings, read_settings
from layers.db import migrate
from layers.db.cluster import server_programs
from layers.db.engine import SYSTEM, acting, make_engine
from layers.errors import LayersError
from layers.fixes import dropping, holds, retention
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
    region = None
    try:
        region = Region.read(settings.region_file)
        yield "region", f"{settings.region_file} ({region.timezone})", False
    except RegionError as error:
        yield "region", str(error), True
    page = (DIST / "index.html").is_file()
    yield "map page", str(DIST) if page else "not built: run `make setup`", not page
    try:
        found, kept = _database(settings, region)
        yield "database", found, False
        yield "retention", kept, False
    except (LayersError, DBAPIError) as error:
        yield "database", " ".join(str(error).split()), True


def _database(settings: Settings, region: Region | None) -> tuple[str, str]:
    """At which revision the database is, and for how long it keeps fixes."""
    with database(settings) as url:
        engine = make_engine(url, pool_size=1)
        try:
            at = migrate.current(engine)
            kept = _retention(engine, settings.kept_days(region.retention_days if region else None))
        finally:
            engine.dispose()
    found = "is empty" if at is None else f"is at revision {at}"
    return f"{found}; this release needs {migrate.head()}", kept


def _retention(engine: Engine, days: float | None) -> str:
    said = "fixes are kept for ever" if days is None else f"fixes are kept for {days:g} days"
    if migrate.current(engine) != migrate.head():
        return said
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        edge = retention.edge(connection)
        stored = len(dropping.partitions(connection))
        held = len(holds.listed(connection, limit=1_000_000, in_force_at=datetime.now(UTC)))
    gone = "none were dropped" if edge is None else f"those before {edge.date()} were dropped"
    return f"{said}; {gone}; partitions: {stored}, holds in force: {held}"
