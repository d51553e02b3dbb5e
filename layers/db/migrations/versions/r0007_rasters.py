"""Rasters: elevation, speed, land cover."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
