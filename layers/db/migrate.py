"""Bringing a database to this release's schema, data and all."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, text

from layers.db.engine import SCHEMA
from layers.errors import LaterReleaseError

_FOLDER = Path(__file__).parent / "migrations"


def head() -> str:
    """The one revision that this release needs."""
    return _revisions()[-1]


def _revisions() -> list[str]:
    """All that this release knows, by the names of their files: ``r0001_layers.py`` is 0001."""
    return sorted(path.name[1:5] for path in (_FOLDER / "versions").glob("r*.py"))


def current(engine: Engine) -> str | None:
    """The revision that the database is at; None when it is empty."""
    with engine.connect() as connection:
        return _current(connection)


def _current(connection: Connection) -> str | None:
    table = f"{SCHEMA}.alembic_version"
    there = connection.execute(text("SELECT to_regclass(:table)"), {"table": table}).scalar_one()
    if there is None:
        return None
    return connection.execute(text(f"SELECT version_num FROM {table}")).scalar_one_or_none()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run what migrations are missing; several processes may call it at once.

    Raises LaterReleaseError when the database is of a later release than this one.
    """
    if current(engine) == head():
        return
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('patrolgrid migrations'))"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        at = _current(connection)
        if at is not None and at not in _revisions():
            raise LaterReleaseError(
                f"the database is at revision {at}, which this release does not know: "
                "use the release that wrote it, or a later one"
            )
        if at != head():
            _run(connection, revision)


def _run(connection: Connection, revision: str) -> None:
    # A quarter of a second, which a command on a database that is up to date does not wait for.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("version_path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
