"""The outbox's statements, one a file."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import TextClause, text


def statement(name: str) -> TextClause:
    """The statement in the file of that name."""
    return text(source(name))


def source(name: str) -> str:
    """The same as it is written, for psycopg."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
