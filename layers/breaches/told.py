"""What is told of breaches, read as arrays to be compared with what a walk found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches.records import CROSSING
from layers.breaches.lawbook import Lawbook
from layers.db import arrays
from layers.db.engine import raw

Rows = NDArray[np.void]
Ints = NDArray[np.int64]
#: Columns of breaches that are times, and the fields of RECORD and TOLD that hold them.
TIMES = {
    "entered_fix": "fix_us", "entered_at": "at_us", "entered_earliest": "earliest_us",
    "entered_latest": "latest_us", "exited_fix": "exit_fix_us", "exited_at": "exit_us",
    "exited_earliest": "exit_earliest_us", "exited_latest": "exit_latest_us",
}  # fmt: skip
#: A crossing's direction by its number; of all else "".
WAYS = ("", "right_to_left", "left_to_right")

#: A breach that is told. Times are microseconds since 1970 in UTC, MISSING where there is none.
TOLD = np.dtype(
    [
        ("id", "i8"),
        ("unit", "i4"),  # its row in the walk
        ("fence", "i4"),  # the position of its version; -1 where there is none
        ("way", "u1"), ("closed", "u1"), ("confirmed", "u1"),
        ("as_ruled", "u1"),  # with the rule and the severity of its version
        *((field, "i8") for field in TIMES.values()),
        ("unknown_s", "f8"), ("lon", "f8"), ("lat", "f8"),
    ]
)  # fmt: skip
_SENT = TOLD.newbyteorder(">")
_PACKED = " || ".join(
    (
        "int8send(b.id)", "int4send(w.place)", "int4send(coalesce(v.number, -1))",
        # A byte of "char" would be a letter; a boolean is 0 or 1.
        "substring(int2send(CASE b.direction WHEN 'right_to_left' THEN 1"
        " WHEN 'left_to_right' THEN 2 ELSE 0 END::int2) FROM 2)",
        "boolsend(b.state = 'closed')", "boolsend(b.evidence = 'confirmed')",
        "boolsend(coalesce((v.rule, v.severity) = (b.rule, b.severity), false))",
        *(f"timestamptz_send(coalesce(b.{name}, '-infinity'))" for name in TIMES),
        "float8send(b.unknown_s)", "float8send(ST_X(b.geom))", "float8send(ST_Y(b.geom))",
    )
)  # fmt: skip
_READ = (
    f"SELECT {_PACKED}, b.visit, b.fence FROM ("
    " WITH since AS (SELECT * FROM unnest(%s::int[], %s::text[], %s::timestamptz[],"
    "   %s::timestamptz[]) AS s (place, unit, moment, until))"
    " SELECT k.id, s.place FROM since s JOIN breaches k USING (unit)"
    "  WHERE k.exited_fix > s.moment AND k.exited_fix <= s.until"
    " UNION ALL SELECT k.id, s.place FROM since s JOIN breaches k USING (unit)"
    "  WHERE k.exited_fix IS NULL AND s.until = 'infinity'"
    " UNION ALL SELECT * FROM unnest(%s::bigint[], %s::int[])) AS w (id, place)"
    " JOIN breaches b USING (id)"
    " LEFT JOIN fence_versions v ON v.fence = b.fence AND v.version = b.fence_version"
    " WHERE b.state <> 'withdrawn'"
)
_LEAST = np.iinfo(np.int64).min


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """Breaches as they are told now, by id."""

    rows: Rows  #: TOLD
    visits: list[str]
    fences: list[str]  #: ids


def read(
    connection: Connection,
    place: Ints,
    since_us: Ints,
    until_us: Ints,
    units: Sequence[str],
    known: Rows,
    law: Lawbook,
) -> Told:
    """Breaches (not withdrawn) of units that last or ended after a moment, and those of ``known``.

    ``place``: the rows of units in the walk; the moments are those of fixes that decided the end
    (the smallest integer: all). Those that last, or ended after ``until_us``, are left out where
    that is not the largest integer. ``units``: of the walk. ``known``: RECORD, by ``breach``.
    """
    ids, first = np.unique(known["breach"], return_index=True)
    first, ids = first[ids > 0], ids[ids > 0]
    found: Any = raw(connection).execute(
        _READ,
        [
            arrays.int4(place), arrays.texts([units[k] for k in place.tolist()]),
            arrays.times_or_never(since_us), arrays.times_or_never(until_us),
            arrays.int8(ids), arrays.int4(known["unit"][first]),
        ],
        binary=True,
    )  # fmt: skip
    return _told(found.fetchall(), law)


def _told(found: list[tuple[bytes, str, str]], law: Lawbook) -> Told:
    sent = np.frombuffer(b"".join(packed for packed, _, _ in found), _SENT)
    rows = sent.astype(TOLD)
    for field in TIMES.values():
        us = rows[field]
        rows[field] = np.where(us == _LEAST, _LEAST, us + arrays.POSTGRES_EPOCH_US)
    rows["fence"] = law.positions(rows["fence"])
    order = np.unique(rows["id"], return_index=True)[1]
    return Told(
        rows=rows[order],
        visits=[found[k][1] for k in order.tolist()],
        fences=[found[k][2] for k in order.tolist()],
    )


def ways(rows: Rows) -> NDArray[np.uint8]:
    """The numbers (of WAYS) of the directions of RECORD rows."""
    return np.where(rows["kind"] == CROSSING, np.where(rows["to_right"], 2, 1), 0).astype(np.uint8)
