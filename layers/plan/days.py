"""When units were at places, day by day: days that are over are remembered, and stored.

A day's answer is a matter of its fixes and of the few of each unit beside it, so it is good for as
long as these are what they were: or, as is told faster, all fixes of the days beside it.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Connection, Engine, text

from layers import versions
from layers.coverage.moments import DAY_US, HOUR_US, midnight, midnights
from layers.db.engine import raw
from layers.fixes import journeys, stretches
from layers.fixes.plain import micros, moment
from layers.fixes.read import CONTEXT
from layers.plan.stayed import Stayed

#: So much is held in memory, of each database.
_MOST_BYTES = 256_000_000
_LOCK = threading.Lock()
#: What stored rows are of beside what was asked.
_LAYOUT = 1
_STORED = "SELECT begins, ends, version, {} FROM visit_days WHERE asked = %s AND begins = ANY(%s)"
_STORE = text(
    "INSERT INTO visit_days (asked, begins, ends, version, content)"
    " VALUES (:asked, :begins, :ends, :version, :content) ON CONFLICT (asked, begins, ends)"
    " DO UPDATE SET version = excluded.version, content = excluded.content"
)
Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """Questions that may be answered together."""

    told: Sequence[bytes]  #: by what each is known
    beside_us: int  #: how far beside a day fixes count for it
    #: the answers to some of the questions, by number, of the time from one moment to another
    read: Callable[[int, int, Sequence[int]], Sequence[Stayed]]


def about(connection: Connection) -> tuple[str, int]:
    """What all answers are of beside the fixes: who asks, and the units; and how far beside a day
    fixes count for it."""
    units = journeys.parameters(connection).sort_index()
    seen = connection.execute(text(
        "SELECT current_setting('patrolgrid.area', true) || '/'"
        " || current_setting('patrolgrid.team', true)"
    )).scalar_one()  # fmt: skip
    longest_us = int(units["max_gap_s"].max() * 1e6) if len(units) else 0
    return f"{_LAYOUT}\n{seen}\n{units.to_csv()}", max(DAY_US, longest_us)


def digest(*told: bytes) -> bytes:
    """By what a question is known."""
    return hashlib.blake2b(b"\0".join(told), digest_size=16).digest()


def answered(
    connection: Connection, asked: Asked, start_us: int, end_us: int, zone: ZoneInfo
) -> list[list[Stayed]]:
    """The answer to each question, by the parts of a window: local days."""
    days = list(pairwise(midnights(start_us, end_us, zone).tolist()))
    today = midnight(moment(end_us).astimezone(zone).date(), zone)
    over = [day for day in days if day[1] <= today]
    version = _versions(connection, asked, over, end_us)
    found = [_known(connection, one, version) for one in asked.told]
    for day in days:
        missing = [n for n, own in enumerate(found) if day not in own]
        for n, one in zip(missing, asked.read(*day, missing) if missing else [], strict=True):
            found[n][day] = one
            if day in version:
                _remember(connection.engine, _key(asked.told[n], day, version[day]), one)
    return [[own[day] for day in days] for own in found]


def due(connection: Connection, asked: Asked, days: Sequence[Span], now_us: int) -> list[Span]:
    """The days, of some that are over by now, of which not every answer is stored."""
    version = _versions(connection, asked, days, now_us)
    there = [_stored(connection, one, version, "''") for one in asked.told]
    return [day for day in days if not all(day in own for own in there)]


def unstored(
    connection: Connection, asked: Asked, days: Sequence[Span], now_us: int
) -> Iterator[Mapping[str, object]]:
    """Rows of what is not stored yet of days that are over by now, as they are to be."""
    version = _versions(connection, asked, days, now_us)
    there = [_stored(connection, one, version, "''") for one in asked.told]
    for day in days:
        missing = [n for n, own in enumerate(there) if day not in own]
        for n, one in zip(missing, asked.read(*day, missing) if missing else [], strict=True):
            yield {
                "asked": asked.told[n], "begins": moment(day[0]), "ends": moment(day[1]),
                "version": version[day], "content": one.packed(),
            }  # fmt: skip


def store(connection: Connection, row: Mapping[str, object]) -> None:
    """Store a row."""
    connection.execute(_STORE, row)


def forget(connection: Connection, told: Sequence[bytes]) -> None:
    """Delete all that answers other questions."""
    connection.execute(
        text("DELETE FROM visit_days WHERE asked <> ALL(CAST(:told AS bytea[]))"),
        {"told": list(told)},
    )


def _versions(
    connection: Connection, asked: Asked, days: Sequence[Span], now_us: int
) -> dict[Span, str]:
    """Of which fixes days are."""
    return {
        day: _of_hours(connection, day[0] - asked.beside_us, day[1] + asked.beside_us)
        if day[1] + asked.beside_us <= now_us
        # Fixes still come in beside it: most are none of those that decide its legs.
        else f"{_of_hours(connection, *day)} {_beside(connection, *day)}"
        for day in days
    }  # fmt: skip


def _of_hours(connection: Connection, begin_us: int, until_us: int) -> str:
    return versions.of_hours(connection, begin_us // HOUR_US, -(-until_us // HOUR_US) - 1)


def _beside(connection: Connection, begin_us: int, until_us: int) -> str:
    """A digest of the few fixes of each unit before a day and after it that decide its legs."""
    numbers = journeys.parameters(connection)["unit_no"].to_numpy(np.int64)
    before, after = (np.full(len(numbers), at_us) for at_us in (begin_us, until_us))
    most = CONTEXT * len(numbers)
    sides = (
        stretches.read(connection, numbers, before, before, most=most, after=0),
        stretches.read(connection, numbers, after, after, most=most, before=0),
    )
    return digest(*(column.tobytes() for side in sides for column in vars(side).values())).hex()


def _known(connection: Connection, told: bytes, version: Mapping[Span, str]) -> dict[Span, Stayed]:
    """What is known of days: remembered or, where it is not, stored."""
    engine = connection.engine
    found = {day: _remembered(engine, _key(told, day, own)) for day, own in version.items()}
    missing = {day: version[day] for day, one in found.items() if one is None}
    stored = {
        day: Stayed.unpacked(content) for day, content in _stored(connection, told, missing).items()
    }
    for day, one in stored.items():
        _remember(engine, _key(told, day, version[day]), one)
    return {day: one for day, one in found.items() if one is not None} | stored


def _stored(
    connection: Connection, told: bytes, version: Mapping[Span, str], what: str = "content"
) -> dict[Span, Any]:
    """What is stored of days, and is good still."""
    if not version:
        return {}
    begins = [moment(begin_us) for begin_us, _ in version]
    with raw(connection).cursor(binary=True) as cursor:
        rows: Any = cursor.execute(_STORED.format(what).encode(), [told, begins]).fetchall()
    return {
        day: content
        for begins_at, ends_at, of, content in rows
        if version.get(day := (micros(begins_at), micros(ends_at))) == of
    }


def _key(told: bytes, day: Span, version: str) -> bytes:
    return digest(told, repr(day).encode(), version.encode())


class _Memory:
    """Answers by key; those that were asked for last, up to a size."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, Stayed] = OrderedDict()
        self._bytes = 0

    def get(self, key: bytes) -> Stayed | None:
        """What is held; None where nothing is."""
        if key in self._held:
            self._held.move_to_end(key)
        return self._held.get(key)

    def put(self, key: bytes, one: Stayed) -> None:
        """Hold an answer."""
        if key not in self._held:
            self._bytes += one.size
        self._held[key] = one
        while self._bytes > _MOST_BYTES:
            self._bytes -= self._held.popitem(last=False)[1].size


_HELD: weakref.WeakKeyDictionary[Engine, _Memory] = weakref.WeakKeyDictionary()


def _remembered(engine: Engine, key: bytes) -> Stayed | None:
    with _LOCK:
        return _HELD.setdefault(engine, _Memory()).get(key)


def _remember(engine: Engine, key: bytes, one: Stayed) -> None:
    with _LOCK:
        _HELD.setdefault(engine, _Memory()).put(key, one)
