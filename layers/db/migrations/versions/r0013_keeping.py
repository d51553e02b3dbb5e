"""Fixes are kept for as long as is set: the edge, holds, coarse partitions of long ago."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
