"""A fence's edit holds from its ``valid_from`` where it says one; what is shown is what holds."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
