"""Fixes from the store as frames for ``geo``: packed by the server, read straight into arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from psycopg import Connection as Psycopg
from sqlalchemy import Connection, text

from layers.db import arrays
from layers.db.engine import raw

# One fix as the server packs it; one value a unit comes over, not one row a fix, which Python
# would have to handle one by one.
_ROW = np.dtype(
    [
        ("unit_no", ">i4"), ("time", ">i8"), ("lon", ">f8"), ("lat", ">f8"),
        ("accuracy_m", ">f4"), ("patrol_no", ">i4"),
    ]
)  # fmt: skip
# Missing values would make rows of uneven length: NaN and 0 stand for them.
_PACKED = (
    "int4send(f.unit_no) || timestamptz_send(f.time) || float8send(f.lon) || float8send(f.lat)"
    " || float4send(coalesce(f.accuracy_m, 'NaN')) || int4send(coalesce(f.patrol_no, 0))"
)
_POSTGRES_EPOCH_US = 946_684_800_000_000  # 2000-01-01
_COLUMNS = "f.unit_no, f.time, f.lon, f.lat, f.accuracy_m, f.patrol_no"
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
    parts = [_of_units(raw(connection), _inside(start, end), numbers)]
    if start is not None:
        parts.append(_of_units(raw(connection), _beside("<", "DESC", start), numbers))
    if end is not None:
        parts.append(_of_units(raw(connection), _beside(">=", "ASC", end), numbers))
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
    rows = _fetched(raw(connection), query)
    rows = rows[np.lexsort((rows["time"], rows["unit_no"]))]
    return _frame(connection, rows, numbers)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Stored fixes as arrays of one length, by unit and time."""

    unit_no: NDArray[np.int64]
    time_us: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]  #: NaN where it was not stated


def rows_since(
    connection: Connection,
    numbers: NDArray[np.int64],
    since_us: NDArray[np.int64],
    until_us: NDArray[np.int64] | None = None,
) -> Rows:
    """All fixes of units (by number, sorted), each from its own moment on (and up to one)."""
    # One array a unit and column comes over: neither side handles fixes one by one.
    found: Any = raw(connection).execute(
        "SELECT w.unit_no, x.* FROM unnest(%s::int[], %s::timestamptz[], %s::timestamptz[])"
        "  AS w (unit_no, since, until),"
        " LATERAL (SELECT array_send(array_agg(f.time)), array_send(array_agg(f.lon)),"
        "  array_send(array_agg(f.lat)), array_send(array_agg(coalesce(f.accuracy_m, 'NaN')))"
        "  FROM (SELECT time, lon, lat, accuracy_m FROM fixes g WHERE g.unit_no = w.unit_no"
        "   AND g.time >= w.since AND g.time <= w.until ORDER BY g.time) f) x ORDER BY w.unit_no",
        [
            arrays.int4(numbers),
            arrays.times_or_never(since_us),
            arrays.times_or_never(np.full(len(numbers), _NEVER) if until_us is None else until_us),
        ],
        binary=True,
    )
    rows = [row for row in found if row[1] is not None]
    columns = [arrays.items([row[k] for row in rows], item) for k, item in _SENT.items()]
    counts = [arrays.count(row[1], "i8") for row in rows]
    return Rows(
        unit_no=np.repeat(np.array([row[0] for row in rows], dtype=np.int64), counts),
        time_us=columns[0] + arrays.POSTGRES_EPOCH_US,
        lon=columns[1], lat=columns[2], accuracy_m=columns[3],
    )  # fmt: skip


_NEVER = np.iinfo(np.int64).max
#: Columns of ``rows_since``, and how an item of each is sent after its length.
_SENT = {1: "i8", 2: "f8", 3: "f8", 4: "f4"}


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


def _of_units(
    connection: Psycopg[tuple[object, ...]], query: str, numbers: dict[int, str]
) -> np.ndarray:
    joint = " AND " if " LATERAL " not in query else " WHERE "
    listed = ", ".join(str(int(number)) for number in numbers) or "NULL"
    return _fetched(connection, f"{query}{joint}f.unit_no IN ({listed})")


def _fetched(connection: Psycopg[tuple[object, ...]], query: str) -> np.ndarray:
    # Only numbers and times of our own making are written into the text of a query.
    packed = f"SELECT string_agg({_PACKED}, '') FROM ({query}) f GROUP BY f.unit_no"
    with connection.cursor(binary=True) as cursor:
        cursor.execute(packed.encode())
        return np.frombuffer(b"".join(row[0] for row in cursor), _ROW)  # type: ignore[misc]


def _frame(connection: Connection, rows: np.ndarray, numbers: dict[int, str]) -> pd.DataFrame:
    patrol_no = rows["patrol_no"].astype(np.int64)
    wanted = [int(n) for n in np.unique(patrol_no) if n]
    names: dict[int, str | None] = {0: None}
    if wanted:
        found = connection.execute(
            text("SELECT patrol_no, id FROM patrols WHERE patrol_no = ANY(:wanted)"),
            {"wanted": wanted},
        )
        names.update(dict(found.all()))
    time_us = rows["time"].astype(np.int64) + _POSTGRES_EPOCH_US
    return pd.DataFrame(
        {
            "unit": _named(rows["unit_no"].astype(np.int64), numbers),
            "time": pd.DatetimeIndex(time_us.view("datetime64[us]"), tz="UTC"),
            "lon": rows["lon"].astype(np.float64),
            "lat": rows["lat"].astype(np.float64),
            "accuracy_m": rows["accuracy_m"].astype(np.float64),
            "patrol_id": _named(patrol_no, names),
        }
    )


def _named(
    numbers: np.ndarray, names: Mapping[int, str] | Mapping[int, str | None]
) -> pd.api.extensions.ExtensionArray:
    """The name of each number, taken from one small array of names."""
    found, position = np.unique(numbers, return_inverse=True)
    return pd.array([names[int(number)] for number in found], dtype="str").take(position)
