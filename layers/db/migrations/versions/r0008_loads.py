"""Loads of many rows: what GEOS judged is not judged again, and shapes cost no call each."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
