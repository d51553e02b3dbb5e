"""Where units stand, in blocks of them: a batch of many units writes few rows."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
