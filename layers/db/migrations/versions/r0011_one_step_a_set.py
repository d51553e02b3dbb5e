"""One set of changes moves a layer's version by one."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
