"""What caches must hear of: which features changed, and where, until every cache has heard."""

from pathlib import Path

from alembic import op

from layers.db.migrations import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql").read_text())
