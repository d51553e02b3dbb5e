"""Whether the demo belongs in a database, how far it is in, and where its days end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from api.settings import Settings
from layers.db.engine import SYSTEM, acting

TOKEN_NOTE = "the demo's live replay"  # noqa: S105
READY, LOADING = "ready", "loading"


def wanted(engine: Engine) -> bool:
    """Whether the demo belongs here: it is in, or was begun, or the database is empty."""
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        return bool(
            connection.execute(
                text(
                    "SELECT EXISTS (SELECT FROM marks WHERE name = 'demo') OR NOT"
                    " (EXISTS (SELECT FROM grids) OR EXISTS (SELECT FROM units))"
                )
            ).scalar_one()
        )


def folder(settings: Settings) -> Path:
    """Where the demo's files are written."""
    return settings.data_dir / "demo"


def live_file(settings: Settings) -> Path:
    """The hours that are replayed."""
    return folder(settings) / "live.parquet"


def state(connection: Connection) -> str | None:
    """READY, LOADING, or None where there is no demo."""
    return _mark(connection, "demo")


def end(connection: Connection) -> datetime:
    """Where the demo's days end: at the time of its first loading, however often it was begun."""
    kept = _mark(connection, "demo_end")
    if kept is not None:
        return datetime.fromisoformat(kept)
    now = datetime.now(UTC).replace(microsecond=0)
    _set_mark(connection, "demo_end", now.isoformat())
    return now


def set_state(connection: Connection, state: str) -> None:
    """Note how far the demo is in."""
    _set_mark(connection, "demo", state)


def note_ready(engine: Engine) -> None:
    """Let the service say that it is ready: the demo is in, and the terminal has said where."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        if state(connection) != READY:
            set_state(connection, READY)


def _mark(connection: Connection, name: str) -> str | None:
    found = connection.execute(
        text("SELECT value FROM marks WHERE name = :name"), {"name": name}
    ).scalar_one_or_none()
    return None if found is None else str(found)


def _set_mark(connection: Connection, name: str, value: str) -> None:
    connection.execute(
        text(
            "INSERT INTO marks (name, value) VALUES (:name, to_jsonb(CAST(:value AS text)))"
            " ON CONFLICT (name) DO UPDATE"
            " SET value = excluded.value, marked_at = clock_timestamp()"
        ),
        {"name": name, "value": value},
    )
