"""Bringing a database to this release's schema, data and all."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from layers.db.engine import SCHEMA
from layers.errors import DatabaseUnavailableError


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("version_path_separator", "os")
    return config


def head() -> str:
    """The one revision that this release needs."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


def current(engine: Engine) -> str | None:
    """The revision that the database is at; None when it is empty."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
        return context.get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run what migrations are missing; several processes may call it at once.

    Raises DatabaseUnavailableError when the database is of a later release than this one.
    """
    scripts = ScriptDirectory.from_config(_config())
    known = {script.revision for script in scripts.walk_revisions()}
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('patrolgrid migrations'))"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
        at = context.get_current_revision()
        if at is not None and at not in known:
            raise DatabaseUnavailableError(
                f"the database is at revision {at}, which this release does not know: "
                "use the release that wrote it, or a later one"
            )
        if at == scripts.get_current_head():
            return
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
