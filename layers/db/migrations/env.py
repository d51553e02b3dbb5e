"""Alembic's environment: the connection is handed in by ``layers.db.migrate``."""

from alembic import context

from layers.db.engine import SCHEMA

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema=SCHEMA,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
