"""What units did in hours and days that are over, kept for coverage."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
