"""One database for many tests: each works in a transaction that is rolled back."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import psycopg
from sqlalchemy import Connection, text

from layers.db.engine import make_engine


@functools.cache
def _database(cluster_url: str, template: str) -> str:
    """URL of the database, made once a session; it goes with the cluster."""
    server = cluster_url.replace("/patrolgrid?", "/postgres?").replace("+psycopg", "")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE scratch TEMPLATE {template}".encode())
    return cluster_url.replace("/patrolgrid?", "/scratch?")


@contextlib.contextmanager
def rolled_back(cluster_url: str, template: str) -> Iterator[Connection]:
    """A transaction as the writing role on an empty, migrated database; nothing of it stays."""
    engine = make_engine(_database(cluster_url, template), pool_size=1)
    try:
        with engine.connect() as connection, connection.begin() as transaction:
            connection.execute(text("SET LOCAL ROLE patrolgrid_write"))
            yield connection
            transaction.rollback()
    finally:
        engine.dispose()
