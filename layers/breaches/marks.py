"""Marks: what a unit was doing at the fences at some of its past fixes, to walk on from there.

They follow from fixes and fence versions, so one that cannot be read is no loss: the unit is
walked from an earlier one, or from its first fix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches.records import RECORD
from layers.db import arrays
from layers.db.engine import raw
from layers.standings.block import LAYOUT

#: So many fixes of a unit are walked between two marks.
EVERY = 64
#: A replay begins so many stored fixes before the first that changed: the outlier rule looks at
#: both neighbours of a fix, and one that is set aside makes neighbours of those beside it.
_MARGIN = 3
_MICROS = "(extract(epoch FROM {}) * 1000000)::bigint"


@dataclass(frozen=True, kw_only=True, eq=False)
class Mark:
    """What a unit was doing when its walk was at a fix."""

    time_us: int
    lon: float
    lat: float
    accuracy_m: float  #: NaN where it was not stated
    records: NDArray[np.void]  #: RECORD; ``fence`` is the number of its version


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """A stretch of a unit's fixes between two marks, with what changed well inside."""

    before: Mark | None  #: None: from its first fix
    after: Mark
    read_until_us: int  #: a few fixes behind ``after``, which decide whether its fix counts


def around(
    connection: Connection,
    numbers: NDArray[np.int64],
    since_us: NDArray[np.int64],
    until_us: NDArray[np.int64],
) -> dict[int, Window]:
    """The marks around what changed of units, for those that have one behind it."""
    rows: Any = raw(connection).execute(
        f"SELECT w.unit_no, {_MICROS.format('e.time')}, {_mark('m')}, {_mark('n')}"
        " FROM unnest(%s::int[], %s::timestamptz[], %s::timestamptz[])"
        "  AS w (unit_no, since, until),"
        f" LATERAL ({_near('>', 'w.until', '')}) g,"
        " LATERAL (SELECT * FROM walk_marks k WHERE k.unit_no = w.unit_no AND k.time >= g.time"
        f"  ORDER BY k.time LIMIT 1) n, LATERAL ({_near('>', 'n.time', '')}) e,"
        f" LATERAL (SELECT ({_near('<', 'w.since', 'DESC')}) AS time) f LEFT JOIN"
        " LATERAL (SELECT * FROM walk_marks k WHERE k.unit_no = w.unit_no AND k.time <= f.time"
        "  AND k.time >= coalesce((SELECT edge FROM fix_retention), '-infinity')"
        "  ORDER BY k.time DESC LIMIT 1) m ON true"
        " WHERE coalesce(m.layout, %s) = %s AND n.layout = %s",
        [
            arrays.int4(numbers), arrays.times(since_us), arrays.times(until_us),
            LAYOUT, LAYOUT, LAYOUT,
        ],
        binary=True,
    )  # fmt: skip
    return {
        row[0]: Window(
            read_until_us=row[1],
            before=None if row[2] is None else _made(row[2:7]),
            after=_made(row[7:12]),
        )
        for row in rows
    }


def _near(side: str, moment: str, order: str) -> str:
    """The stored fix that is so many before or after a moment that none beyond it matters."""
    return (
        f"SELECT x.time FROM fixes x WHERE x.unit_no = w.unit_no AND x.time {side} {moment}"
        f" ORDER BY x.time {order} OFFSET {_MARGIN - 1} LIMIT 1"
    )


def _mark(of: str) -> str:
    return (
        f"{_MICROS.format(f'{of}.time')}, {of}.lon, {of}.lat, coalesce({of}.accuracy_m, 'NaN'),"
        f" {of}.records"
    )


def _made(told: Sequence[Any]) -> Mark:
    time_us, lon, lat, accuracy_m, records = told
    return Mark(
        time_us=time_us, lon=lon, lat=lat, accuracy_m=accuracy_m,
        records=np.frombuffer(records, RECORD),
    )  # fmt: skip


def before(connection: Connection, since_us: Mapping[int, int]) -> dict[int, Mark]:
    """The last mark of each unit from which a change at or after a moment can be walked."""
    found: Any = raw(connection).execute(
        f"SELECT w.unit_no, {_MICROS.format('f.time')}"
        " FROM unnest(%s::int[], %s::timestamptz[]) AS w (unit_no, since),"
        " LATERAL (SELECT f.time FROM fixes f WHERE f.unit_no = w.unit_no AND f.time < w.since"
        "  ORDER BY f.time DESC OFFSET %s LIMIT 1) f",
        [*_moments(since_us), _MARGIN - 1],
        binary=True,
    )
    return at_or_before(connection, dict(found.fetchall()))


def at_or_before(connection: Connection, moments_us: Mapping[int, int]) -> dict[int, Mark]:
    """The last mark of each unit up to a moment; none from before the edge of retention."""
    rows: Any = raw(connection).execute(
        f"SELECT w.unit_no, {_mark('m')}"
        " FROM unnest(%s::int[], %s::timestamptz[]) AS w (unit_no, moment),"
        " LATERAL (SELECT * FROM walk_marks k WHERE k.unit_no = w.unit_no AND k.time <= w.moment"
        "  AND k.time >= coalesce((SELECT edge FROM fix_retention), '-infinity')"
        "  ORDER BY k.time DESC LIMIT 1) m WHERE m.layout = %s",
        [*_moments(moments_us), LAYOUT],
        binary=True,
    )
    return {row[0]: _made(row[1:]) for row in rows}


def put(connection: Connection, marks: Sequence[tuple[int, Mark]]) -> None:
    """Store marks, each of a unit."""
    if not marks:
        return
    told = [mark for _, mark in marks]
    sizes = np.array([mark.records.nbytes for mark in told], dtype=np.int64)
    raw(connection).execute(
        "INSERT INTO walk_marks (unit_no, time, lon, lat, accuracy_m, layout, records)"
        " SELECT unit_no, time, lon, lat, accuracy_m, %s, substring(%s::bytea FROM begun FOR size)"
        " FROM unnest(%s::int[], %s::timestamptz[], %s::float8[], %s::float8[], %s::real[],"
        " %s::int[], %s::int[]) AS w (unit_no, time, lon, lat, accuracy_m, begun, size)"
        " ON CONFLICT (unit_no, time) DO UPDATE SET lon = excluded.lon, lat = excluded.lat,"
        " accuracy_m = excluded.accuracy_m, layout = excluded.layout, records = excluded.records",
        [
            LAYOUT, b"".join(mark.records.tobytes() for mark in told),
            arrays.int4(np.array([number for number, _ in marks])),
            arrays.times(np.array([mark.time_us for mark in told])),
            arrays.float8(np.array([mark.lon for mark in told])),
            arrays.float8(np.array([mark.lat for mark in told])),
            arrays.float4(np.array([mark.accuracy_m for mark in told])),
            arrays.int4(np.cumsum(sizes) - sizes + 1), arrays.int4(sizes),
        ],
        binary=True,
    )  # fmt: skip


def forget(
    connection: Connection,
    numbers: NDArray[np.int64],
    after_us: NDArray[np.int64],
    before_us: NDArray[np.int64],
) -> None:
    """Delete the marks of units between two moments; NO_TIME is before all, NEVER_US behind."""
    raw(connection).execute(
        "DELETE FROM walk_marks m USING unnest(%s::int[], %s::timestamptz[], %s::timestamptz[])"
        " AS w (unit_no, after, before)"
        " WHERE m.unit_no = w.unit_no AND m.time > w.after AND m.time < w.before",
        [arrays.int4(numbers), arrays.times_or_never(after_us), arrays.times_or_never(before_us)],
        binary=True,
    )


def _moments(moments_us: Mapping[int, int]) -> list[arrays.Packed]:
    return [
        arrays.int4(np.array(list(moments_us), dtype=np.int64)),
        arrays.times_or_never(np.array(list(moments_us.values()), dtype=np.int64)),
    ]
