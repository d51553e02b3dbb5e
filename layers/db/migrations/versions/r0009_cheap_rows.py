"""Loads of many rows again: one geometry a row, and no index that nobody needs."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
