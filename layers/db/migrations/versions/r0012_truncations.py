"""TRUNCATE is heard of: by tiles, by versions, and by the fences that went."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
