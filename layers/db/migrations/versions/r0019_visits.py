"""When units were at the places of the plan, kept by day."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
