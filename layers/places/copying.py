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

import psycopg
import shapely
from psycopg import sql
from psycopg.copy import QueuedLibpqWriter

from layers.places.columns import Kind
from layers.places.registry import Layer
from layers.places.shapes import Geometries

#: Told of so many rows as they are sent.
Advance = Callable[[int], None]

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_NULL = b"\xff\xff\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_CHUNK_ROWS = 2_000
_LENGTH = struct.Struct("!i").pack
_WITH_SRID = b"\x20" + struct.pack("<i", 4326)


def no_advance(_: int) -> None:
    """Tell nobody."""


def copy(
    cursor: psycopg.Cursor[Any],
    table: sql.Composable,
    of: Layer,
    ids: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    geometries: Geometries,
    advance: Advance,
) -> None:
    """COPY id, ``columns`` and geometry of rows into a table. Values must be parsed."""
    listed = sql.SQL(", ").join(map(sql.Identifier, ["id", *columns, "geom"]))
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, listed)
    head = itertools.repeat(struct.pack("!h", len(columns) + 2))
    # Sent by a thread, so that the next rows are made while PostgreSQL takes these.
    with cursor.copy(query, writer=QueuedLibpqWriter(cursor)) as sent:
        sent.write(_HEADER)
        for start in range(0, len(ids), _CHUNK_ROWS):
            part = slice(start, start + _CHUNK_ROWS)
            some = {name: values[part] for name, values in columns.items()}
            fields = _fields(of, ids[part], some, geometries[part])
            sent.write(b"".join(itertools.chain.from_iterable(zip(head, *fields, strict=False))))
            advance(len(fields[0]))
        sent.write(b"\xff\xff")


def _fields(
    of: Layer, ids: Sequence[str], columns: Mapping[str, Sequence[Any]], geometries: Geometries
) -> list[Sequence[bytes]]:
    """Every column's fields: id, ``columns``, geometry."""
    return [
        _texts(ids),
        *(_of_kind(of.columns[name].kind, values) for name, values in columns.items()),
        _geometries(geometries),
    ]


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
    wkb = shapely.to_wkb(geometries, output_dimension=2, byte_order=1)
    # EWKB: a flag in the type's highest byte, and the SRID after it.
    return [
        b"".join((_LENGTH(len(one) + 4), one[:4], _WITH_SRID, memoryview(one)[5:])) for one in wkb
    ]
