"""Stored fixes, some hours or days and some units at a time: never all in memory at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from geo.coverage.rows import Ints
from geo.coverage.spells import Fixes
from layers.coverage.moments import HOUR_US
from layers.coverage.units import Units
from layers.db import arrays
from layers.db.engine import raw
from layers.fixes.plain import moment

_ROW = np.dtype(
    [("time_us", ">i8"), ("lon", ">f8"), ("lat", ">f8"), ("patrol_no", ">i4")]
)  # fmt: skip
#: Fixes as ``Packed`` reads them.
PACKED = (
    "string_agg(timestamptz_send(f.time) || point_send(point(f.lon, f.lat))"
    " || int4send(coalesce(f.patrol_no, 0)), '')"
)
_INSIDE = (
    f"SELECT f.unit_no, {PACKED} FROM fixes f WHERE f.time >= %s::timestamptz"
    " AND f.time < %s::timestamptz AND f.unit_no = ANY(%s) GROUP BY f.unit_no"
)
# Fixes lie in the order in which they came: to go from one to the next along the key takes five
# times as long as to look up in the key in which pages they are, and read these as they lie.
_AS_THEY_LIE = "SET LOCAL enable_indexscan = off"
_AS_BEFORE = "SET LOCAL enable_indexscan = on"
#: So many fixes, about, are asked for at a time, and handed on at a time: while some are worked
#: on, the next are read.
_ASKED, _HANDED_ON = 1_500_000, 300_000
#: Fixes of a unit that sends one every ten seconds.
_AN_HOUR = 360
#: What is asked for at a time begins and ends with these parts of a day, or with a day.
_HOURS = (12, 8, 6, 4, 3, 2, 1)


@dataclass(frozen=True, kw_only=True)
class Packed:
    """Fixes of some units, as they were sent."""

    units: Sequence[int]
    rows: Sequence[bytes]  #: of each

    @classmethod
    def of(cls, rows: Sequence[tuple[int, bytes]]) -> Packed:
        """What was told of each unit."""
        return cls(units=[number for number, _ in rows], rows=[packed for _, packed in rows])

    def __add__(self, other: Packed) -> Packed:
        return Packed(units=[*self.units, *other.units], rows=[*self.rows, *other.rows])

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


def inside(connection: Connection, units: Units, start_us: int, end_us: int) -> Iterator[Packed]:
    """The fixes of units from one moment to another, in the order of time; of the same time, some
    units after others."""
    for begin_us, until_us in pairwise(_pieces(len(units.number), start_us, end_us)):
        group = max(1, int(_ASKED / _AN_HOUR / max(1, (until_us - begin_us) / HOUR_US)))
        for at in range(0, len(units.number), group):
            yield from _read(connection, units.number[at : at + group], begin_us, until_us)


def _pieces(count: int, start_us: int, end_us: int) -> list[int]:
    """A window's ends, and where between them what is asked for of so many units ends."""
    asked_h = _ASKED / _AN_HOUR / max(count, 1)
    hours = next((hours for hours in _HOURS if hours <= asked_h), 1)
    span_us = (int(asked_h // 24) * 24 or hours) * HOUR_US
    inner = range((start_us // span_us + 1) * span_us, end_us, span_us)
    return [start_us, *inner, end_us]


def _read(connection: Connection, numbers: Ints, start_us: int, end_us: int) -> Iterator[Packed]:
    asked = [moment(start_us), moment(end_us), arrays.int4(numbers)]
    units: list[int] = []
    parts: list[bytes] = []
    size = 0
    connection.execute(text(_AS_THEY_LIE))
    with raw(connection).cursor() as cursor:
        rows: Any = cursor.stream(_INSIDE.encode(), asked, binary=True)
        for number, packed in rows:
            units.append(number)
            parts.append(packed)
            size += len(packed)
            if size > _HANDED_ON * _ROW.itemsize:
                yield Packed(units=units, rows=parts)
                units, parts, size = [], [], 0
    connection.execute(text(_AS_BEFORE))
    if units:
        yield Packed(units=units, rows=parts)
