"""Fixes by COPY alone, in rows of PostgreSQL's binary form that numpy lays out."""

from __future__ import annotations

import struct
import time
from typing import Any

import numpy as np
import psycopg

from tests.workload import Fixes

#: Rows in one transaction.
MANY = 8_000
COLUMNS = ("unit_no", "time", "lon", "lat", "accuracy_m", "received_at")
_EPOCH_US = 946_684_800_000_000  # PostgreSQL counts from 2000-01-01
_TYPES = (">i4", ">i8", ">f8", ">f8", ">f4", ">i8")
_ROW = np.dtype(
    [("count", ">i2")]
    + [
        field
        for name, kind in zip(COLUMNS, _TYPES, strict=True)
        for field in ((f"{name}_bytes", ">i4"), (name, kind))
    ]
)
_HEAD, _TAIL = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0), struct.pack(">h", -1)


def packed(fixes: Fixes) -> bytes:
    """The rows; units are numbered from 1, and what is not stated is stated as 5 m."""
    rows = np.zeros(len(fixes), dtype=_ROW)
    rows["count"] = len(COLUMNS)
    for name, kind in zip(COLUMNS, _TYPES, strict=True):
        rows[f"{name}_bytes"] = np.dtype(kind).itemsize
    rows["unit_no"] = fixes.unit + 1
    rows["time"] = rows["received_at"] = fixes.time_us - _EPOCH_US
    rows["lon"], rows["lat"] = fixes.lon, fixes.lat
    rows["accuracy_m"] = np.nan_to_num(fixes.accuracy_m, nan=5.0)
    return _HEAD + rows.tobytes() + _TAIL


def copy(connection: psycopg.Connection[Any], table: str, body: bytes) -> None:
    """One COPY into a table, committed."""
    statement = f"COPY {table} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
    with connection.cursor().copy(statement.encode()) as door:
        door.write(body)
    connection.commit()


def rate(connection: psycopg.Connection[Any], fixes: Fixes) -> float:
    """Fixes a second into a table that has the key of fixes and nothing more: the upper bound."""
    connection.execute("CREATE TABLE peer (LIKE patrolgrid.fixes)")
    connection.execute("ALTER TABLE peer ADD PRIMARY KEY (unit_no, time)")
    connection.commit()
    bodies = [packed(fixes.take(slice(n, n + MANY))) for n in range(0, len(fixes), MANY)]
    begun = time.perf_counter()
    for body in bodies:
        copy(connection, "peer", body)
    return len(fixes) / (time.perf_counter() - begun)
