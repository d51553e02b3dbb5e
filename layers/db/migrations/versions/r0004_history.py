"""Every change of a layer is kept: what was before, when, and by which token."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
