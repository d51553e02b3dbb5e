"""Rows to PostgreSQL's binary COPY: each column becomes bytes at once, rows are joined from them.

A field is its length in four bytes and its value; a missing one has the length -1. See
https://www.postgresql.org/docs/current/sql-copy.html and, for geometry, PostGIS's EWKB.
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
import shapely
from psycopg import sql

from layers.places.columns import Kind
from layers.places.registry import Layer
from layers.places.shapes import Geometries

#: Told of so many rows as they are sent.
Advance = Callable[[int], None]
Fields = list[Sequence[bytes]]

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_NULL = b"\xff\xff\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_CHUNK_ROWS = 2_000


def no_advance(_: int) -> None:
    """Tell nobody."""


def fields(
    of: Layer, ids: Sequence[str], columns: Mapping[str, Sequence[Any]], geometries: Geometries
) -> Fields:
    """Every column's fields: id, ``columns``, geometry. Values must be parsed."""
    return [
        _texts(ids),
        *(_of_kind(of.columns[name].kind, values) for name, values in columns.items()),
        _geometries(geometries),
    ]


def copy(
    cursor: psycopg.Cursor[Any],
    table: sql.Composable,
    listed: sql.Composable,
    given: Fields,
    advance: Advance,
) -> None:
    """COPY rows of fields into a table's columns."""
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, listed)
    head = itertools.repeat(struct.pack("!h", len(given)))
    rows = len(given[0])
    with cursor.copy(query) as sent:
        sent.write(_HEADER)
        for start in range(0, rows, _CHUNK_ROWS):
            part = [column[start : start + _CHUNK_ROWS] for column in given]
            sent.write(b"".join(itertools.chain.from_iterable(zip(head, *part, strict=False))))
            advance(len(part[0]))
        sent.write(b"\xff\xff")


def _of_kind(kind: Kind, values: Sequence[Any]) -> Sequence[bytes]:
    if kind == "text":
        return _texts(values)
    if kind == "json":
        # jsonb: a version before the text.
        return [_NULL if v is None else _field(b"\1" + _json(v)) for v in values]
    pack = _PACKERS[kind]
    return [_NULL if v is None else pack(v) for v in values]


def _texts(values: Sequence[str | None]) -> Sequence[bytes]:
    distinct = set(values)
    known = {v: _NULL if v is None else _field(v.encode()) for v in distinct}
    return [known[v] for v in values]


def _field(value: bytes) -> bytes:
    return struct.pack("!i", len(value)) + value


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _microseconds(value: datetime) -> int:
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


_PACKERS: dict[Kind, Callable[[Any], bytes]] = {
    "integer": lambda v: struct.pack("!ii", 4, v),
    "number": lambda v: struct.pack("!id", 8, v),
    "boolean": lambda v: struct.pack("!i?", 1, v),
    "time": lambda v: struct.pack("!iq", 8, _microseconds(v)),
}


def _geometries(geometries: Geometries) -> Sequence[bytes]:
    located = shapely.set_srid(np.asarray(geometries, dtype=object), 4326)
    wkb = shapely.to_wkb(located, include_srid=True, byte_order=1)
    return [struct.pack("!i", len(one)) + one for one in wkb]
