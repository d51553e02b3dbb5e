"""A first load of a layer makes its index after its rows; triggers name their own schema."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
