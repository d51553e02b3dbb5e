"""The database: migrations, backup, restore, retention, and where it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from api.database import database, migrated
from api.settings import read_settings
from layers.db import migrate
from layers.db.backup import backup as write_backup
from layers.db.backup import restore as read_backup
from layers.db.engine import SYSTEM, acting, make_engine
from layers.errors import RetentionBusyError
from layers.region import Region

app = typer.Typer(
    help="The database behind the service.", no_args_is_help=True, add_completion=False
)


@app.command()
def upgrade() -> None:
    """Bring the database to this release's schema; its data stays."""
    with migrated(read_settings()) as engine:
        typer.echo(f"the database is at revision {migrate.current(engine)}")


@app.command()
def url() -> None:
    """Print where the database is, for psql; start the service first, or it goes again."""
    with database(read_settings()) as found:
        typer.echo(found.replace("+psycopg", ""))


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="where to write it")]) -> None:
    """Write everything to one file, while the service runs."""
    with database(read_settings()) as found:
        size = write_backup(found, file)
    typer.echo(f"{file}: {size / 1e6:.1f} MB")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="a file of `patrolgrid db backup`")],
    replace: Annotated[bool, typer.Option(help="let what is in the database go")] = False,
) -> None:
    """Bring everything back from a backup, then to this release's schema."""
    with database(read_settings()) as found:
        engine = make_engine(found)
        try:
            read_backup(found, engine, file, replace=replace)
            migrate.upgrade(engine)
        finally:
            engine.dispose()
    typer.echo(f"{file}: restored")


@app.command()
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
) -> None:
    """Drop fixes that are older than they are kept, now; the worker does it daily."""
    from layers.fixes import dropping  # noqa: PLC0415 - pandas, which the others need not wait for

    settings = read_settings()
    days = settings.kept_days(Region.read(settings.region_file).retention_days)
    if days is None:
        raise typer.BadParameter(
            "fixes are kept for ever: set PATROLGRID_RETENTION_DAYS, or the region's retention_days"
        )
    with migrated(settings) as engine:
        if dry_run:
            with acting(engine, SYSTEM, "patrolgrid_read") as connection:
                due = dropping.plan(connection, datetime.now(UTC), days)
            for one in due.drop:
                size = f"about {one.fixes} fixes, {one.size_bytes / 1e6:.1f} MB"
                typer.echo(f"would drop {one.name}: {size}")
            for one in due.thin:
                typer.echo(f"would delete from {one.name} what is before {due.edge.date()}")
            typer.echo(f"edge: {due.edge.date()}; {len(due.drop)} partitions to drop,"
                       f" {len(due.held)} held")  # fmt: skip
            return
        done = dropping.drop(engine, retention_days=days)
    if done is None:
        raise RetentionBusyError
    typer.echo(
        f"edge: {done.edge.date()}; {len(done.dropped)} partitions dropped, {done.deleted} fixes"
        f" deleted beside, {done.held} partitions held"
    )
    if done.left:
        raise RetentionBusyError(
            f"{len(done.left)} partitions are in use, {done.left[0]} first (a backup or a long"
            " query): run it again later"
        )
