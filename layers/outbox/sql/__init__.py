"""The outbox's statements, one a file."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import TextClause, text


def statement(name: str) -> TextClause:
    """The statement in the file of that name."""
    return text((Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8"))
