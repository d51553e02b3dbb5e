"""Numbers beside a fix's place that mean nothing (NaN, a speed of -1) go, and stay out."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
