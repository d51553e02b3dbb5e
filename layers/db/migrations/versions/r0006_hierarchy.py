"""The hierarchy of grids holds, and what no post looks after is a layer."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
