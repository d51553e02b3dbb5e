"""Rows to PostgreSQL's binary COPY: each column becomes bytes at once, Arrow joins them to rows.

A field is its length in four bytes and its value; a missing one has the length -1. See
https://www.postgresql.org/docs/current/sql-copy.html and, for geometry, PostGIS's EWKB.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from psycopg import sql
from psycopg.copy import QueuedLibpqWriter

from layers.places import ewkb
from layers.places.columns import Kind
from layers.places.registry import Layer

#: Told of so many rows as they are sent.
Advance = Callable[[int], None]

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_CHUNK_ROWS = 2_000
_AREA = "area_m2"


def no_advance(_: int) -> None:
    """Tell nobody."""


def names(of: Layer, columns: Iterable[str]) -> list[str]:
    """What is filled of a row when ``columns`` are given: these, and what the geometry says."""
    return ["id", *columns, *([_AREA] if _AREA in of.columns else []), "geom"]


def copy(
    cursor: psycopg.Cursor[Any],
    table: sql.Composable,
    of: Layer,
    ids: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    shapes: ewkb.Shapes,
    advance: Advance,
) -> None:
    """COPY ``names`` of rows into a table. Values must be parsed."""
    filled = names(of, columns)
    listed = sql.SQL(", ").join(map(sql.Identifier, filled))
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, listed)
    head = pa.scalar(struct.pack("!h", len(filled)), pa.large_binary())
    kept = [_of_kind("text", ids)]
    kept += [_of_kind(of.columns[name].kind, values) for name, values in columns.items()]
    # Sent by a thread, so that the next rows are made while PostgreSQL takes these.
    with cursor.copy(query, writer=QueuedLibpqWriter(cursor)) as sent:
        sent.write(_HEADER)
        for start in range(0, len(ids), _CHUNK_ROWS):
            end = min(start + _CHUNK_ROWS, len(ids))
            fields = [column.slice(start, end - start) for column in kept]
            if _AREA in filled:
                fields.append(_fixed(shapes.areas_m2(start, end).astype(">f8")))
            fields.append(shapes.part(start, end))
            parts = [part for field in fields for part in (_lengths(field), _present(field))]
            rows = pc.binary_join_element_wise(head, *parts, pa.scalar(b"", pa.large_binary()))
            sent.write(_bytes(rows))
            advance(end - start)
        sent.write(b"\xff\xff")


def _lengths(field: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    """The four bytes before each value."""
    return _fixed(pc.fill_null(pc.binary_length(field), -1).to_numpy().astype(">i4"))


def _present(field: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    return pc.fill_null(field, b"") if field.null_count else field


def _bytes(rows: pa.LargeBinaryArray) -> memoryview:
    """All values of an array, one after the other."""
    start = np.frombuffer(rows.buffers()[1], dtype=np.int64)
    first, last = start[rows.offset], start[rows.offset + len(rows)]
    return memoryview(rows.buffers()[2])[first:last]


def _fixed(values: NDArray[Any], known: pa.Buffer | None = None) -> pa.LargeBinaryArray:
    """Numbers as their bytes; each bit of ``known``, if given, says whether one is there."""
    start = np.arange(len(values) + 1, dtype=np.int64) * values.dtype.itemsize
    return pa.Array.from_buffers(
        pa.large_binary(), len(values), [known, pa.py_buffer(start), pa.py_buffer(values)]
    )


def _of_kind(kind: Kind, values: Sequence[Any]) -> pa.LargeBinaryArray:
    """Each value's bytes; null for a missing one."""
    if kind == "text":
        return pa.array(values, pa.large_string()).cast(pa.large_binary())
    if kind == "number":
        known = pa.array(values, pa.float64())
        return _fixed(pc.fill_null(known, 0).to_numpy().astype(">f8"), known.buffers()[0])
    pack = _PACKERS[kind]
    return pa.array([None if v is None else pack(v) for v in values], pa.large_binary())


def _json(value: Any) -> bytes:
    # jsonb: a version before the text.
    return b"\1" + json.dumps(value, ensure_ascii=False).encode()


def _microseconds(value: datetime) -> int:
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


_PACKERS: dict[Kind, Callable[[Any], bytes]] = {
    "integer": struct.Struct("!i").pack,
    "boolean": struct.Struct("!?").pack,
    "time": lambda v: struct.pack("!q", _microseconds(v)),
    "json": _json,
}
