"""Where the walks of units stopped: what each was doing at the fences, kept to go on from.

``walks`` holds the newest state of each unit, ``walk_marks`` some of the past. They follow from
fixes and fence versions, so a state that cannot be read is no loss: the unit is walked from its
first fix.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from geo.breaches import Fences
from geo.breaches.records import RECORD, STAY
from layers.db.engine import raw

#: States of another layout are not read.
LAYOUT = zlib.crc32(repr(RECORD.descr).encode()) & 0x7FFFFFFF
#: So many fixes of a unit are walked between two marks.
EVERY = 64
#: A replay begins so many stored fixes before the first that changed: the outlier rule looks at
#: both neighbours of a fix, and one that is set aside makes neighbours of those beside it.
_MARGIN = 3


@dataclass(frozen=True, kw_only=True)
class State:
    """What a unit was doing at the fences when its walk stopped at a fix."""

    time: datetime
    lon: float
    lat: float
    accuracy_m: float | None
    fences: list[str]  #: id@version of the fence that each record is of
    records: bytes  #: RECORD
    sure: bool = True  #: whether the next fix changes nothing of what this one did
    since_mark: int = 0  #: fixes walked since the last mark
    fences_at: str = ""  #: the version of the fences that were walked past


def fence_name(fence: str, version: int) -> str:
    """What a fence version is called in a state."""
    return f"{fence}@{version}"


def newest(connection: Connection, numbers: Iterable[int]) -> dict[int, State]:
    """The newest state of each of some units, by unit_no."""
    rows: Any = raw(connection).execute(
        "SELECT unit_no, time, lon, lat, accuracy_m, fences, records, sure, since_mark, fences_at"
        " FROM walks WHERE unit_no = ANY(%s) AND layout = %s",
        [list(numbers), LAYOUT],
        binary=True,
    )
    return {
        number: State(
            time=time, lon=lon, lat=lat, accuracy_m=accuracy_m, fences=fences, records=records,
            sure=sure, since_mark=since, fences_at=at,
        )
        for number, time, lon, lat, accuracy_m, fences, records, sure, since, at in rows
    }  # fmt: skip


def before(connection: Connection, changed: Mapping[int, datetime]) -> dict[int, State]:
    """The last mark of each unit from which a change at or after a moment can be walked."""
    found: Any = raw(connection).execute(
        "SELECT w.unit_no, f.time FROM unnest(%s::int[], %s::timestamptz[]) AS w (unit_no, since),"
        " LATERAL (SELECT f.time FROM fixes f WHERE f.unit_no = w.unit_no AND f.time < w.since"
        "  ORDER BY f.time DESC OFFSET %s LIMIT 1) f",
        [list(changed), list(changed.values()), _MARGIN - 1],
        binary=True,
    )
    return at_or_before(connection, dict(found.fetchall()))


def at_or_before(connection: Connection, moments: Mapping[int, datetime]) -> dict[int, State]:
    """The last mark of each unit up to a moment."""
    rows: Any = raw(connection).execute(
        "SELECT w.unit_no, m.time, m.lon, m.lat, m.accuracy_m, m.fences, m.records"
        " FROM unnest(%s::int[], %s::timestamptz[]) AS w (unit_no, moment),"
        " LATERAL (SELECT * FROM walk_marks k WHERE k.unit_no = w.unit_no AND k.time <= w.moment"
        "  ORDER BY k.time DESC LIMIT 1) m WHERE m.layout = %s",
        [list(moments), list(moments.values()), LAYOUT],
        binary=True,
    )
    return {
        number: State(
            time=time, lon=lon, lat=lat, accuracy_m=accuracy_m, fences=fences, records=records
        )
        for number, time, lon, lat, accuracy_m, fences, records in rows
    }


def inside(state: State) -> set[str]:
    """The ids of the fences that a unit was inside of."""
    stays = np.frombuffer(state.records, RECORD)["kind"] == STAY
    return {name.rsplit("@", 1)[0] for name, stay in zip(state.fences, stays, strict=True) if stay}


def taken_up(
    states: Iterable[State | None], fences: Fences
) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    """The records of units in their order, and which of them go on from a state.

    A version that there is no longer is left out.
    """
    places = {
        fence_name(name, version): f
        for f, (name, version) in enumerate(zip(fences.ids, fences.versions, strict=True))
    }
    given = list(states)
    going = np.array([state is not None for state in given], dtype=bool)
    held = [(u, state) for u, state in enumerate(given) if state is not None and state.fences]
    records = np.frombuffer(b"".join(state.records for _, state in held), RECORD).copy()
    records["unit"] = [u for u, state in held for _ in state.fences]
    records["fence"] = [places.get(name, -1) for _, state in held for name in state.fences]
    return records[records["fence"] >= 0], going


def put(
    connection: Connection, newest: Mapping[int, State], marks: Iterable[tuple[int, State]]
) -> None:
    """Store the newest state of units, and marks."""
    _merge(connection, newest)
    rows = [(number, *_values(state)) for number, state in marks]
    if rows:
        raw(connection).execute(
            "INSERT INTO walk_marks (unit_no, layout, time, lon, lat, accuracy_m, fences, records)"
            f" SELECT unit_no, {LAYOUT}, time, lon, lat, accuracy_m, {_LIST}, records FROM"
            f" {_UNNEST}) AS w (unit_no, time, lon, lat, accuracy_m, fences, records)"
            " ON CONFLICT (unit_no, time) DO UPDATE SET layout = excluded.layout,"
            " fences = excluded.fences, records = excluded.records",
            _columns(rows),
            binary=True,
        )


def _merge(connection: Connection, newest: Mapping[int, State]) -> None:
    rows = [
        (number, *_values(state), state.sure, state.since_mark, state.fences_at)
        for number, state in sorted(newest.items())
    ]
    if not rows:
        return
    raw(connection).execute(
        "INSERT INTO walks AS s (unit_no, layout, time, lon, lat, accuracy_m, fences, records,"
        f" sure, since_mark, fences_at) SELECT unit_no, {LAYOUT}, time, lon, lat, accuracy_m,"
        f" {_LIST}, records, sure, since_mark, fences_at FROM"
        f" {_UNNEST}, %s::boolean[], %s::int[], %s::text[])"
        " AS w (unit_no, time, lon, lat, accuracy_m, fences, records, sure, since_mark, fences_at)"
        " ON CONFLICT (unit_no) DO UPDATE SET layout = excluded.layout, time = excluded.time,"
        " lon = excluded.lon, lat = excluded.lat, accuracy_m = excluded.accuracy_m,"
        " fences = excluded.fences, records = excluded.records, sure = excluded.sure,"
        " since_mark = excluded.since_mark, fences_at = excluded.fences_at",
        _columns(rows),
        binary=True,
    )


def forget_marks(connection: Connection, since: Mapping[int, datetime | None]) -> None:
    """Delete the marks of units after a moment; None: all of them."""
    start = datetime(1, 1, 1, tzinfo=UTC)
    connection.execute(
        text(
            "DELETE FROM walk_marks m USING unnest(CAST(:numbers AS int[]),"
            " CAST(:since AS timestamptz[])) AS w (unit_no, since)"
            " WHERE m.unit_no = w.unit_no AND m.time > w.since"
        ),
        {"numbers": list(since), "since": [moment or start for moment in since.values()]},
    )


#: An array of arrays must be a rectangle: the names of each row come as one text.
_LIST = "CASE fences WHEN '' THEN '{}' ELSE string_to_array(fences, E'\\n') END"
_UNNEST = (
    "unnest(%s::int[], %s::timestamptz[], %s::float8[], %s::float8[], %s::real[], %s::text[],"
    " %s::bytea[]"
)


def _values(state: State) -> tuple[object, ...]:
    return (
        state.time, state.lon, state.lat, state.accuracy_m, "\n".join(state.fences), state.records,
    )  # fmt: skip


def _columns(rows: list[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
