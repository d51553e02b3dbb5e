"""Where the walks of units stopped: what each was doing at the fences, kept to go on from.

``walks`` holds the newest state of each unit, ``walk_marks`` some of the past. They follow from
fixes and fence versions, so a state that cannot be read is no loss: the unit is walked from its
first fix.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from geo.breaches import Fences
from geo.breaches.records import RECORD, STAY
from layers.db import arrays
from layers.db.engine import raw

#: States of another layout are not read.
LAYOUT = zlib.crc32(repr(RECORD.descr).encode()) & 0x7FFFFFFF
#: So many fixes of a unit are walked between two marks.
EVERY = 64
#: A replay begins so many stored fixes before the first that changed: the outlier rule looks at
#: both neighbours of a fix, and one that is set aside makes neighbours of those beside it.
_MARGIN = 3
_EPOCH, _US = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


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


def terms_of(units: pd.DataFrame) -> dict[int, str]:
    """What units are, as far as it counts at fences, by unit_no: of another no state is used."""
    words = [
        [word if isinstance(word, str) else "" for word in units[name].tolist()]
        for name in ("kind", "team")
    ]
    numbers = [
        units[name].astype(float).map(repr) for name in ("max_gap_s", "top_speed_ms", "accuracy_m")
    ]
    told = zip(*words, *numbers, strict=True)
    return {int(number): "|".join(row) for number, row in zip(units["unit_no"], told, strict=True)}


def newest(connection: Connection, terms: Mapping[int, str]) -> dict[int, State]:
    """The newest state of each of some units, by unit_no."""
    rows: Any = raw(connection).execute(
        "SELECT unit_no, time, lon, lat, accuracy_m, fences, records, sure, since_mark, fences_at,"
        " terms"
        " FROM walks WHERE unit_no = ANY(%s) AND layout = %s",
        [arrays.int4(np.array(list(terms), dtype=np.int64)), LAYOUT],
        binary=True,
    )
    return {
        number: State(
            time=time, lon=lon, lat=lat, accuracy_m=accuracy_m, fences=_names(fences),
            records=records, sure=sure, since_mark=since, fences_at=at,
        )
        for number, time, lon, lat, accuracy_m, fences, records, sure, since, at, told in rows
        if told == terms[number]
    }  # fmt: skip


def before(
    connection: Connection, changed: Mapping[int, datetime], terms: Mapping[int, str]
) -> dict[int, State]:
    """The last mark of each unit from which a change at or after a moment can be walked."""
    found: Any = raw(connection).execute(
        "SELECT w.unit_no, f.time FROM unnest(%s::int[], %s::timestamptz[]) AS w (unit_no, since),"
        " LATERAL (SELECT f.time FROM fixes f WHERE f.unit_no = w.unit_no AND f.time < w.since"
        "  ORDER BY f.time DESC OFFSET %s LIMIT 1) f",
        [*_moments(changed), _MARGIN - 1],
        binary=True,
    )
    return at_or_before(connection, dict(found.fetchall()), terms)


def at_or_before(
    connection: Connection, moments: Mapping[int, datetime], terms: Mapping[int, str]
) -> dict[int, State]:
    """The last mark of each unit up to a moment; none from before the edge of retention."""
    rows: Any = raw(connection).execute(
        "SELECT w.unit_no, m.time, m.lon, m.lat, m.accuracy_m, m.fences, m.records, m.terms"
        " FROM unnest(%s::int[], %s::timestamptz[]) AS w (unit_no, moment),"
        " LATERAL (SELECT * FROM walk_marks k WHERE k.unit_no = w.unit_no AND k.time <= w.moment"
        "  AND k.time >= coalesce((SELECT edge FROM fix_retention), '-infinity')"
        "  ORDER BY k.time DESC LIMIT 1) m WHERE m.layout = %s",
        [*_moments(moments), LAYOUT],
        binary=True,
    )
    return {
        number: State(
            time=time,
            lon=lon,
            lat=lat,
            accuracy_m=accuracy_m,
            fences=_names(fences),
            records=records,
        )
        for number, time, lon, lat, accuracy_m, fences, records, told in rows
        if told == terms[number]
    }


def _moments(moments: Mapping[int, datetime]) -> list[arrays.Packed]:
    times = [(moment - _EPOCH) // _US for moment in moments.values()]
    return [
        arrays.int4(np.array(list(moments), dtype=np.int64)),
        arrays.times(np.array(times, dtype=np.int64)),
    ]


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
    connection: Connection,
    newest: Mapping[int, State],
    marks: Sequence[tuple[int, State]],
    terms: Mapping[int, str],
) -> None:
    """Store the newest state of units, and marks."""
    given = sorted(newest.items())
    if given:
        told = [state for _, state in given]
        raw(connection).execute(
            f"INSERT INTO walks AS s ({_COLUMNS}, sure, since_mark, fences_at)"
            f" SELECT {_SELECT}, sure, since_mark, %s FROM {_FROM}, %s::boolean[], %s::int[])"
            f" AS w ({_WRITTEN}, sure, since_mark) ON CONFLICT (unit_no) DO UPDATE SET {_CHANGED},"
            " time = excluded.time, sure = excluded.sure, since_mark = excluded.since_mark,"
            " fences_at = excluded.fences_at",
            [
                *_blobs(told), told[0].fences_at, *_arrays(given, terms),
                arrays.booleans(np.array([state.sure for state in told])),
                arrays.int4(np.array([state.since_mark for state in told])),
            ],
            binary=True,
        )  # fmt: skip
    if marks:
        raw(connection).execute(
            f"INSERT INTO walk_marks ({_COLUMNS}) SELECT {_SELECT} FROM {_FROM}) AS w ({_WRITTEN})"
            f" ON CONFLICT (unit_no, time) DO UPDATE SET {_CHANGED}",
            [*_blobs([state for _, state in marks]), *_arrays(marks, terms)],
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


_COLUMNS = "layout, unit_no, time, lon, lat, accuracy_m, terms, fences, records"
_CHANGED = ", ".join(
    f"{name} = excluded.{name}"
    for name in ("layout", "lon", "lat", "accuracy_m", "terms", "fences", "records")
)
#: Texts and bytes come in one piece, of which each row cuts its own.
_WRITTEN = "unit_no, time, lon, lat, accuracy_m, name0, names, record0, records, terms"
_SELECT = (
    f"{LAYOUT}, unit_no, time, lon, lat, accuracy_m, terms,"
    " convert_from(substring(%s::bytea FROM name0 FOR names), 'UTF8'),"
    " substring(%s::bytea FROM record0 FOR records)"
)
_FROM = (
    "unnest(%s::int[], %s::timestamptz[], %s::float8[], %s::float8[], %s::real[],"
    " %s::int[], %s::int[], %s::int[], %s::int[], %s::text[]"
)


def _blobs(told: Sequence[State]) -> list[bytes]:
    return [
        b"".join("\n".join(state.fences).encode() for state in told),
        b"".join(state.records for state in told),
    ]


def _arrays(given: Sequence[tuple[int, State]], terms: Mapping[int, str]) -> list[arrays.Packed]:
    told = [state for _, state in given]
    named = np.array([len("\n".join(state.fences).encode()) for state in told])
    recorded = np.array([len(state.records) for state in told])
    accuracy_m = [np.nan if s.accuracy_m is None else s.accuracy_m for s in told]
    return [
        arrays.int4(np.array([number for number, _ in given])),
        arrays.times(np.array([(s.time - _EPOCH) // _US for s in told], dtype=np.int64)),
        arrays.float8(np.array([s.lon for s in told])),
        arrays.float8(np.array([s.lat for s in told])),
        arrays.float4(np.array(accuracy_m, dtype=float)),
        arrays.int4(np.cumsum(named) - named + 1),
        arrays.int4(named),
        arrays.int4(np.cumsum(recorded) - recorded + 1),
        arrays.int4(recorded),
        arrays.texts([terms[number] for number, _ in given]),
    ]


def _names(joined: str) -> list[str]:
    return joined.split("\n") if joined else []
