"""A first load of a layer makes the index of its geometry after its rows, in one go."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
