"""Boxes around the fixes of each unit in each quarter of an hour."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
