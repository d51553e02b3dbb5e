"""Fixes from the store as frames for ``geo``, by binary COPY straight into arrays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from psycopg import Connection as Psycopg
from sqlalchemy import Connection, text

from layers.db.engine import raw

# A row of COPY … (FORMAT BINARY): the number of fields, then each with its length before it.
_ROW = np.dtype(
    [
        ("fields", ">i2"), ("l0", ">i4"), ("unit_no", ">i4"), ("l1", ">i4"), ("time", ">i8"),
        ("l2", ">i4"), ("lon", ">f8"), ("l3", ">i4"), ("lat", ">f8"), ("l4", ">i4"),
        ("accuracy_m", ">f4"), ("l5", ">i4"), ("patrol_no", ">i4"),
    ]
)  # fmt: skip
_HEADER_BYTES, _TRAILER_BYTES = 19, 2
_POSTGRES_EPOCH_US = 946_684_800_000_000  # 2000-01-01
# Missing values would make rows of uneven length: NaN and 0 stand for them.
_COLUMNS = (
    "f.unit_no, f.time, f.lon, f.lat, coalesce(f.accuracy_m, 'NaN'), coalesce(f.patrol_no, 0)"
)
#: How many fixes beyond a window are read with it: the outlier rule looks at neighbours.
CONTEXT = 3


def fixes(
    connection: Connection,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    units: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Stored fixes from ``start`` to ``end``, ordered by unit and time.

    With each unit's last few before the window and first few after it, so that legs and gaps
    that cross its ends are whole. Columns: unit, time (UTC), lon, lat, accuracy_m, patrol_id.
    """
    numbers = _numbers(connection, units)
    parts = [_copy(raw(connection), _inside(start, end), numbers)]
    if start is not None:
        parts.append(_copy(raw(connection), _beside("<", "DESC", start), numbers))
    if end is not None:
        parts.append(_copy(raw(connection), _beside(">=", "ASC", end), numbers))
    rows = np.concatenate(parts)
    rows = rows[np.lexsort((rows["time"], rows["unit_no"]))]
    return _frame(connection, rows, numbers)


def fixes_since(connection: Connection, since: dict[int, datetime | None]) -> pd.DataFrame:
    """All fixes of some units (by number), each from its own moment on; None is from the first."""
    numbers = _numbers(connection, None, list(since))
    values = ", ".join(f"({int(number)}, {_literal(moment)})" for number, moment in since.items())
    query = (
        f"SELECT {_COLUMNS} FROM (VALUES {values}) w (u, since),"
        " LATERAL (SELECT * FROM fixes WHERE unit_no = w.u AND time >= w.since ORDER BY time"
        " OFFSET 0) f"
    )
    rows = _copied(raw(connection), query)
    rows = rows[np.lexsort((rows["time"], rows["unit_no"]))]
    return _frame(connection, rows, numbers)


def _literal(moment: datetime | None) -> str:
    if moment is None:
        return "timestamptz '0001-01-01 00:00:00+00'"
    return f"timestamptz '{moment.astimezone(UTC).isoformat()}'"


def _numbers(
    connection: Connection, units: Sequence[str] | None, only: Sequence[int] | None = None
) -> dict[int, str]:
    """Units by number; those that have left, too: what they did stays true."""
    rows = connection.execute(
        text(
            "SELECT unit_no, id FROM units"
            " WHERE (CAST(:units AS text[]) IS NULL OR id = ANY(:units))"
            " AND (CAST(:only AS int[]) IS NULL OR unit_no = ANY(:only))"
        ),
        {
            "units": None if units is None else list(units),
            "only": None if only is None else list(only),
        },
    )
    return dict(rows.all())


def _inside(start: datetime | None, end: datetime | None) -> str:
    until = f"AND f.time < {_literal(end)}" if end is not None else ""
    return f"SELECT {_COLUMNS} FROM fixes f WHERE f.time >= {_literal(start)} {until}"


def _beside(side: str, order: str, moment: datetime) -> str:
    return (
        f"SELECT {_COLUMNS} FROM units u, LATERAL (SELECT * FROM fixes g"
        f" WHERE g.unit_no = u.unit_no AND g.time {side} {_literal(moment)}"
        f" ORDER BY g.time {order} LIMIT {CONTEXT}) f"
    )


def _copy(
    connection: Psycopg[tuple[object, ...]], query: str, numbers: dict[int, str]
) -> np.ndarray:
    joint = " AND " if " LATERAL " not in query else " WHERE "
    listed = ", ".join(str(int(number)) for number in numbers) or "NULL"
    return _copied(connection, f"{query}{joint}f.unit_no IN ({listed})")


def _copied(connection: Psycopg[tuple[object, ...]], query: str) -> np.ndarray:
    # Only numbers and times of our own making are written into the text of a COPY.
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)".encode()) as copy:
        data = b"".join(copy)
    count = (len(data) - _HEADER_BYTES - _TRAILER_BYTES) // _ROW.itemsize
    return np.frombuffer(data, _ROW, count, _HEADER_BYTES)


def _frame(connection: Connection, rows: np.ndarray, numbers: dict[int, str]) -> pd.DataFrame:
    known = pd.Series(numbers, dtype="str")
    patrol_no = rows["patrol_no"].astype(np.int64)
    wanted = [int(n) for n in np.unique(patrol_no) if n]
    names: dict[int, str] = {}
    if wanted:
        found = connection.execute(
            text("SELECT patrol_no, id FROM patrols WHERE patrol_no = ANY(:wanted)"),
            {"wanted": wanted},
        )
        names = dict(found.all())
    time_us = rows["time"].astype(np.int64) + _POSTGRES_EPOCH_US
    return pd.DataFrame(
        {
            "unit": known.reindex(rows["unit_no"].astype(np.int64)).to_numpy(),
            "time": pd.DatetimeIndex(time_us.view("datetime64[us]"), tz="UTC"),
            "lon": rows["lon"].astype(np.float64),
            "lat": rows["lat"].astype(np.float64),
            "accuracy_m": rows["accuracy_m"].astype(np.float64),
            "patrol_id": pd.Series(names, dtype="str").reindex(patrol_no).to_numpy(),
        }
    )
