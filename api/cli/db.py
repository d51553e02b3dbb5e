"""The database: migrations, backup, restore, and where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.database import database, migrated
from api.settings import read_settings
from layers.db import migrate
from layers.db.backup import backup as write_backup
from layers.db.backup import restore as read_backup
from layers.db.engine import make_engine

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
