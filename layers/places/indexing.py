"""A layer's index of geometry, made after the rows of a large first load, not with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from layers.places.registry import Layer

#: Rows from which on that is worth barring the layer's readers until the load ends.
MANY = 2_000


@contextmanager
def after_rows(cursor: psycopg.Cursor[Any], of: Layer, count: int) -> Iterator[None]:
    """Store ``count`` new rows within, and hold them against what they refer to.

    The layer must have been empty and unread for the index to wait; else it grows with the rows.
    """
    off = False
    if count > MANY:
        row = cursor.execute("SELECT put_index_off(%s)", [of.name]).fetchone()
        off = bool(row and row[0])
    yield
    if off:
        cursor.execute("SELECT make_index(%s)", [of.name])
