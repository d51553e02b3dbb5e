"""Stored fixes as paths, day by day and some units at a time: never all in memory at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from geo.coverage.ground import Ints
from geo.coverage.paths import Path, of_track
from geo.tracks import Track
from geo.tracks.columns import as_times
from layers.db import arrays
from layers.db.engine import raw
from layers.fixes.plain import micros, moment
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """Who the units are, by number; those that have left, too."""

    number: Ints  #: ascending
    kind: NDArray[np.object_]
    team: NDArray[np.object_]  #: "" without one
    max_gap_s: NDArray[np.float64]
    top_speed_ms: NDArray[np.float64]

    @classmethod
    def read(cls, connection: Connection) -> Units:
        """All units that there ever were."""
        rows = connection.execute(text(
            "SELECT unit_no, kind, coalesce(team, ''), max_gap_s, top_speed_ms FROM units"
            " ORDER BY unit_no"
        )).all()  # fmt: skip
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * 5
        return cls(
            number=np.array(columns[0], dtype=np.int64), kind=np.array(columns[1], dtype=object),
            team=np.array(columns[2], dtype=object), max_gap_s=np.array(columns[3], dtype=float),
            top_speed_ms=np.array(columns[4], dtype=float),
        )  # fmt: skip

    def take(self, at: NDArray[Any]) -> Units:
        """Some of them."""
        return Units(**{name: column[at] for name, column in vars(self).items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class Stretch:
    """The fixes of some units from one moment to another, as they were sent."""

    found: Mapping[int, Sequence[bytes]]  #: of each unit, with the few beside that decide its legs
    units: Units
    start_us: int
    end_us: int

    def path(self) -> Path:
        """What the units did; ``unit`` is the number."""
        numbers = sorted(self.found)
        parts = [b"".join(self.found[number]) for number in numbers]
        counts = np.array([len(part) // _ROW.itemsize for part in parts])
        rows = np.frombuffer(b"".join(parts), _ROW)
        unit = np.repeat(np.arange(len(numbers)), counts)
        time_us = rows["time_us"].astype(np.int64) + arrays.POSTGRES_EPOCH_US
        if ((time_us[1:] <= time_us[:-1]) & (unit[1:] == unit[:-1])).any():
            order = np.lexsort((time_us, unit))
            rows, time_us = rows[order], time_us[order]
        own = self.units.take(np.searchsorted(self.units.number, numbers))
        track = Track.of_arrays(
            [str(number) for number in numbers], unit, time_us, rows["lon"].astype(np.float64),
            rows["lat"].astype(np.float64), np.full(len(rows), np.nan),
            max_gap_s=own.max_gap_s, top_speed_ms=own.top_speed_ms,
        )  # fmt: skip
        path = of_track(track, _patrols(track, rows["patrol_no"].astype(np.int32)))
        return path._replace(unit=np.asarray(numbers, dtype=np.int32)[path.unit])


def midnights(start: datetime, end: datetime, zone: ZoneInfo) -> Ints:
    """Microseconds of the window's ends and of the local midnights between them, ascending."""
    found, day = [micros(start)], start.astimezone(zone).date()
    while (begins := _midnight(day := day + timedelta(days=1), zone)) < end:
        if micros(begins) > found[-1]:
            found.append(micros(begins))
    return np.array([*found, micros(end)])


def hours(start_us: int, end_us: int, zone: ZoneInfo) -> Ints:
    """Microseconds of the window's ends and of the full local hours between them, ascending."""
    # A zone may be off by quarters of an hour, and change that.
    every = np.arange(start_us - start_us % _QUARTER_US, end_us, _QUARTER_US)
    full = every[(as_times(every).tz_convert(zone).minute == 0) & (every > start_us)]
    return np.r_[start_us, full, end_us]


_QUARTER_US = 900_000_000


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def stretches(connection: Connection, units: Units, days: Ints) -> Iterator[Stretch]:
    """The paths of units between the moments ``days`` (microseconds, as ``midnights``)."""
    count = len(units.number)
    together = max(1, int(_ASKED / _A_DAY / max(count, 1)))
    group = max(1, _ASKED // _A_DAY)
    for first in range(0, len(days) - 1, together):
        start_us, end_us = int(days[first]), int(days[min(first + together, len(days) - 1)])
        for at in range(0, count, group):
            some = units.take(np.arange(at, min(at + group, count)))
            yield from _read(connection, some, start_us, end_us)


def beside(connection: Connection, numbers: Ints, start_us: int, end_us: int) -> dict[int, bytes]:
    """The few fixes of each unit before a window and after it that decide its legs, as sent."""
    asked = [arrays.int4(numbers), moment(start_us), moment(end_us)]
    with raw(connection).cursor() as cursor:
        rows: Any = cursor.execute(_BESIDE.encode(), asked, binary=True)
        return dict(rows)


def _read(connection: Connection, units: Units, start_us: int, end_us: int) -> Iterator[Stretch]:
    window = [moment(start_us), moment(end_us)]
    around = beside(connection, units.number, start_us, end_us)
    found: dict[int, list[bytes]] = {}
    size = 0
    with raw(connection).cursor() as cursor:
        query = _INSIDE.format(plus=" + 0" if end_us - start_us > _BROAD_US else "")
        asked = [*window, int(units.number[0]), int(units.number[-1])]
        rows: Any = cursor.stream(query.encode(), asked, binary=True)
        for number, packed in rows:
            found[number] = [packed, *_some(around.pop(number, None))]
            size += len(packed)
            if size > _HANDED_ON * _ROW.itemsize:
                yield Stretch(found=found, units=units, start_us=start_us, end_us=end_us)
                found, size = {}, 0
    found |= {number: [packed] for number, packed in around.items()}
    if found:
        yield Stretch(found=found, units=units, start_us=start_us, end_us=end_us)


def _some(packed: bytes | None) -> list[bytes]:
    return [] if packed is None else [packed]


def _patrols(track: Track, patrol_no: NDArray[np.int32]) -> NDArray[np.int32]:
    """The patrol that each step is of, 0 where none is stated: of a leg that of its first fix, of
    a gap that of both of its fixes."""
    of = patrol_no[track.row]
    before = np.r_[of[:1], of[:-1]]
    return np.where(track.is_leg | (before == of), before, 0).astype(np.int32)
