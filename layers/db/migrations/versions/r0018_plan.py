"""A plan: which grids, checkpoints and posts are to be visited how often."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
