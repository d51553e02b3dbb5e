"""Stored fixes, day by day and some units at a time: never all in memory at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from geo.coverage.ground import Ints
from geo.coverage.spells import Fixes
from layers.coverage.units import Units
from layers.db import arrays
from layers.db.engine import raw
from layers.fixes.plain import moment
from layers.fixes.read import CONTEXT

_ROW = np.dtype(
    [("time_us", ">i8"), ("lon", ">f8"), ("lat", ">f8"), ("patrol_no", ">i4")]
)  # fmt: skip
_PACKED = (
    "string_agg(timestamptz_send(f.time) || float8send(f.lon) || float8send(f.lat)"
    " || int4send(coalesce(f.patrol_no, 0)), '')"
)
# Fixes lie in the order in which they came: to read most of a day unit by unit, along the key,
# takes five times as long as to read all of it and leave some out; "+ 0" keeps off the key.
_INSIDE = (
    f"SELECT f.unit_no, {_PACKED} FROM fixes f WHERE f.time >= %s::timestamptz"
    " AND f.time < %s::timestamptz AND f.unit_no{plus} BETWEEN %s AND %s GROUP BY f.unit_no"
)
_BROAD_US = 4 * 3_600_000_000
_BESIDE = f"""
SELECT u.unit_no, {_PACKED} FROM unnest(%s::int[]) u (unit_no), LATERAL (
    (SELECT time, lon, lat, patrol_no FROM fixes WHERE unit_no = u.unit_no
     AND time < %s::timestamptz ORDER BY time DESC LIMIT {CONTEXT})
    UNION ALL
    (SELECT time, lon, lat, patrol_no FROM fixes WHERE unit_no = u.unit_no
     AND time >= %s::timestamptz ORDER BY time LIMIT {CONTEXT})) f GROUP BY u.unit_no
"""
#: So many fixes, about, are asked for at a time, and handed on at a time.
_ASKED, _HANDED_ON = 5_000_000, 300_000
#: Fixes of a unit that sends one every ten seconds.
_A_DAY = 8_640


@dataclass(frozen=True, kw_only=True)
class Packed:
    """Fixes of some units, as they were sent."""

    units: Sequence[int]
    rows: Sequence[bytes]  #: of each

    def fixes(self) -> Fixes:
        """By unit and time."""
        order = sorted(range(len(self.units)), key=self.units.__getitem__)
        parts = [self.rows[n] for n in order]
        counts = np.array([len(part) // _ROW.itemsize for part in parts], dtype=np.int64)
        numbers = np.array([self.units[n] for n in order], dtype=np.int32)
        rows, unit = np.frombuffer(b"".join(parts), _ROW), np.repeat(numbers, counts)
        time_us = rows["time_us"].astype(np.int64) + arrays.POSTGRES_EPOCH_US
        if ((time_us[1:] <= time_us[:-1]) & (unit[1:] == unit[:-1])).any():
            by_time = np.lexsort((time_us, unit))
            rows, time_us = rows[by_time], time_us[by_time]
        return Fixes(
            unit, time_us, rows["lon"].astype(np.float64), rows["lat"].astype(np.float64),
            rows["patrol_no"].astype(np.int32),
        )  # fmt: skip


def inside(connection: Connection, units: Units, days: Ints) -> Iterator[Packed]:
    """The fixes of units between the moments ``days`` (microseconds, as ``midnights``)."""
    count = len(units.number)
    together = max(1, int(_ASKED / _A_DAY / max(count, 1)))
    group = max(1, _ASKED // _A_DAY)
    for first in range(0, len(days) - 1, together):
        start_us, end_us = int(days[first]), int(days[min(first + together, len(days) - 1)])
        for at in range(0, count, group):
            some = units.number[at : at + group]
            yield from _read(connection, some, start_us, end_us)


def beside(connection: Connection, numbers: Ints, start_us: int, end_us: int) -> Packed:
    """The few fixes of each unit before a window and after it that decide its legs."""
    asked = [arrays.int4(numbers), moment(start_us), moment(end_us)]
    with raw(connection).cursor() as cursor:
        rows: Any = cursor.execute(_BESIDE.encode(), asked, binary=True).fetchall()
    return Packed(units=[number for number, _ in rows], rows=[packed for _, packed in rows])


def _read(connection: Connection, numbers: Ints, start_us: int, end_us: int) -> Iterator[Packed]:
    query = _INSIDE.format(plus=" + 0" if end_us - start_us > _BROAD_US else "")
    asked = [moment(start_us), moment(end_us), int(numbers[0]), int(numbers[-1])]
    units: list[int] = []
    parts: list[bytes] = []
    with raw(connection).cursor() as cursor:
        rows: Any = cursor.stream(query.encode(), asked, binary=True)
        for number, packed in rows:
            units.append(number)
            parts.append(packed)
            if sum(map(len, parts)) > _HANDED_ON * _ROW.itemsize:
                yield Packed(units=units, rows=parts)
                units, parts = [], []
    if units:
        yield Packed(units=units, rows=parts)
