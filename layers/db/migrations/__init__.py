"""Alembic's scripts; each runs the .sql file beside it. There is one head, and CI checks it."""

from __future__ import annotations

from sqlalchemy import Connection

from layers.db.engine import raw


def run_sql(connection: Connection, sql: str) -> None:
    """Run a script of several statements as it stands, in the migration's own transaction."""
    raw(connection).execute(sql.encode())
