"""What a unit was doing at the fences when its walk stopped: deciding goes on from there."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
