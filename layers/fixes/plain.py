"""Fixes that need no comparison: new ones are copied, late ones go in where nothing is.

What meets a stored fix, or another of its batch, at one time is left to ``store.place``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from layers.db import arrays
from layers.db.engine import raw
from layers.fixes.columns import VALUES
from layers.fixes.copying import COLUMNS, copy

Ints = NDArray[np.int64]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES = {
    "unit_no": "int", "patrol_no": "int", "time": "timestamptz", "lon": "float8", "lat": "float8",
}  # fmt: skip


_PACK: dict[str, Callable[[NDArray[Any]], arrays.Packed]] = {
    "unit_no": arrays.int4, "patrol_no": arrays.int4, "time": arrays.times,
    "lon": arrays.float8, "lat": arrays.float8,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Sound fixes as arrays of one length."""

    place: Ints  #: where the units stand
    unit_no: Ints
    time_us: Ints
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    told: Mapping[str, NDArray[np.float32]]  #: VALUES as the table holds them
    patrol_no: Ints  #: 0 where there is none

    def take(self, at: Ints | NDArray[np.bool_]) -> Rows:
        """Some of them."""
        return Rows(
            place=self.place[at], unit_no=self.unit_no[at], time_us=self.time_us[at],
            lon=self.lon[at], lat=self.lat[at],
            told={name: column[at] for name, column in self.told.items()},
            patrol_no=self.patrol_no[at],
        )  # fmt: skip


def moment(time_us: int) -> datetime:
    """Microseconds since 1970 as a time in UTC."""
    return _EPOCH + timedelta(microseconds=int(time_us))


def micros(time: datetime) -> int:
    """A time as microseconds since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def put_new(connection: Connection, rows: Rows, received: datetime) -> None:
    """Store fixes that are later than all of their units; sorted by unit and time, one a time."""
    if len(rows.unit_no):
        copy(raw(connection), _packed(rows, received))


def put_late(connection: Connection, rows: Rows, received: datetime) -> NDArray[np.bool_]:
    """Store fixes where there is none of their unit and time; which of them were stored."""
    stored = np.zeros(len(rows.unit_no), dtype=bool)
    if not len(stored):
        return stored
    names = COLUMNS[:-1]
    found: Any = raw(connection).execute(
        f"WITH made AS (INSERT INTO fixes ({', '.join(COLUMNS)})"
        f" SELECT w.unit_no, w.time, w.lon, w.lat, {', '.join('w.' + name for name in VALUES)},"
        " nullif(w.patrol_no, 0), %s::timestamptz"
        f" FROM unnest({_casts(names)}) AS w ({', '.join(names)})"
        " ON CONFLICT DO NOTHING RETURNING unit_no, time)"
        " SELECT count(*), array_send(array_agg(unit_no)), array_send(array_agg(time)) FROM made",
        [received, *_arrays(rows, names)],
        binary=True,
    )
    count, units, times = found.fetchone()
    if count in {0, len(stored)}:
        stored[:] = count > 0
        return stored
    unit_no = np.r_[rows.unit_no, arrays.items([units], "i4")]
    time_us = np.r_[rows.time_us, arrays.items([times], "i8") + arrays.POSTGRES_EPOCH_US]
    order = np.lexsort((np.arange(len(unit_no)), time_us, unit_no))
    again = (np.diff(unit_no[order]) == 0) & (np.diff(time_us[order]) == 0)
    stored[order[:-1][again]] = True
    return stored


def _casts(names: Sequence[str]) -> str:
    return ", ".join(f"%s::{_TYPES.get(name, 'real')}[]" for name in names)


def _arrays(rows: Rows, names: Sequence[str]) -> list[arrays.Packed]:
    return [_PACK.get(name, arrays.float4)(_column(rows, name)) for name in names]


def _column(rows: Rows, name: str) -> NDArray[Any]:
    if name == "time":
        return rows.time_us
    found: NDArray[Any] = rows.told[name] if name in VALUES else getattr(rows, name)
    return found


def _packed(rows: Rows, received: datetime) -> dict[str, NDArray[np.generic]]:
    at = np.full(len(rows.unit_no), micros(received) - arrays.POSTGRES_EPOCH_US)
    return {name: _column(rows, name) for name in COLUMNS[:-1]} | {
        "time": rows.time_us - arrays.POSTGRES_EPOCH_US,
        "received_at": at,
    }
