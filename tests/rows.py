"""A little of everything in a database, and everything that is in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psycopg
from sqlalchemy import Engine, text

from layers.db.engine import conninfo

SOME_OF_EVERYTHING = Path(__file__).with_name("rows.sql").read_text()

#: Every table with its rows, ordered; a partitioned table with those of its partitions. What caches
#: must hear of is of one server alone.
_TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'patrolgrid'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition AND c.relname <> 'cache_changes' ORDER BY 1
"""


def fill(url: str) -> None:
    """Put a little of everything into an empty database."""
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute(SOME_OF_EVERYTHING.encode())


def everything(engine: Engine) -> Mapping[str, list[str]]:
    """Every row of every table, as text."""
    with engine.connect() as connection:
        return {
            name: list(
                connection.execute(
                    text(f'SELECT CAST(t AS text) FROM patrolgrid."{name}" AS t ORDER BY 1')
                ).scalars()
            )
            for name in connection.execute(text(_TABLES)).scalars()
        }
