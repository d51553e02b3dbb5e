"""Fixes into their table in PostgreSQL's binary COPY format, built from arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from layers.fixes.columns import VALUES

_HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TAIL = b"\xff\xff"
COLUMNS = ("unit_no", "time", "lon", "lat", *VALUES, "patrol_no", "received_at")


def copy(
    connection: Connection[tuple[object, ...]], columns: Mapping[str, NDArray[np.generic]]
) -> None:
    """Copy rows into ``fixes``: ``columns`` as COLUMNS, times in
    microseconds since 2000.

    NaN and, of patrols, 0 are missing. Rows sorted by unit and time cost the index least.
    """
    with connection.cursor().copy(
        f"COPY fixes ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)".encode()
    ) as out:
        out.write(packed(columns))


def packed(columns: Mapping[str, NDArray[np.generic]]) -> bytes:
    """The rows as COPY takes them.

    A row in which nothing is missing is of one shape; those with the same ones missing, too: so
    each shape is a structured array, and rows go out shape by shape.
    """
    count = len(columns["unit_no"])
    absent = np.zeros(count, dtype=np.int64)
    for bit, name in enumerate(VALUES):
        absent |= np.isnan(columns[name].astype(np.float64)).astype(np.int64) << bit
    absent |= (columns["patrol_no"] == 0).astype(np.int64) << len(VALUES)
    shapes = np.unique(absent)
    parts = []
    for shape in shapes.tolist():
        rows = slice(None) if len(shapes) == 1 else absent == shape
        parts.append(_of_shape({name: value[rows] for name, value in columns.items()}, shape))
    return b"".join([_HEAD, *parts, _TAIL])


def _of_shape(columns: Mapping[str, NDArray[np.generic]], absent: int) -> bytes:
    optional = (*VALUES, "patrol_no")
    missing = {name for bit, name in enumerate(optional) if absent >> bit & 1}
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for name in COLUMNS:
        fields.append((f"{name}_bytes", ">i4"))
        if name not in missing:
            fields.append((name, _TYPES.get(name, ">f4")))
    rows = np.empty(len(columns["unit_no"]), dtype=np.dtype(fields))
    rows["count"] = len(COLUMNS)
    for name in COLUMNS:
        if name in missing:
            rows[f"{name}_bytes"] = -1
            continue
        rows[f"{name}_bytes"] = np.dtype(_TYPES.get(name, ">f4")).itemsize
        rows[name] = columns[name]
    return rows.tobytes()


_TYPES = {
    "unit_no": ">i4", "time": ">i8", "lon": ">f8", "lat": ">f8", "patrol_no": ">i4",
    "received_at": ">i8",
}  # fmt: skip
