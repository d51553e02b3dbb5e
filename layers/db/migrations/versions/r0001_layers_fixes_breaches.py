"""Every layer, units and fixes, breaches, the outbox, tokens; and the unprivileged roles."""

from pathlib import Path

from alembic import op

from layers.db.engine import ROLES
from layers.db.migrations import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    # Every command reads every revision, and most need none.
    from procrastinate import App, PsycopgConnector  # noqa: PLC0415

    connection = op.get_bind()
    here = Path(__file__)
    run_sql(connection, ROLES.read_text())
    run_sql(connection, here.with_suffix(".sql").read_text())
    # The queue's own tables come with its release, which the lock file pins.
    run_sql(connection, App(connector=PsycopgConnector()).schema_manager.get_schema())
    run_sql(connection, here.with_name("r0001_grants.sql").read_text())
