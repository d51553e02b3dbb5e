"""Telling what a walk found out of breaches that nothing late touched: begun, gone on, ended.

Such a row says itself which breach it is of. What something late touched is compared with all
that was told since (``matching``, ``record``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches import Fences
from geo.breaches.judge import keys_of
from geo.breaches.records import CROSSING, MISSING
from layers.breaches.record import Change
from layers.db import arrays
from layers.db.engine import raw

Rows = NDArray[np.void]
#: Columns of breaches and the types that their arrays have on the way; a time of "-infinity" and
#: a text of "" are missing.
_TEXTS = (
    "unit", "fence", "rule", "severity", "direction", "visit", "state", "evidence",
)  # fmt: skip
_TIMES = {
    "entered_fix": "fix_us", "entered_at": "at_us", "entered_earliest": "earliest_us",
    "entered_latest": "latest_us", "exited_fix": "exit_fix_us", "exited_at": "exit_us",
    "exited_earliest": "exit_earliest_us", "exited_latest": "exit_latest_us",
}  # fmt: skip
_NAMES = (*_TEXTS, *_TIMES, "fence_version", "unknown_s", "lon", "lat")
_TYPES = (
    *["text"] * len(_TEXTS), *["timestamptz"] * len(_TIMES), "int", "float8", "float8", "float8",
)  # fmt: skip


def _value(name: str) -> str:
    if name == "direction":
        return "nullif(r.direction, '')"
    return f"nullif(r.{name}, '-infinity')" if name in _TIMES else f"r.{name}"


_STORED = (*_TEXTS, *_TIMES, "fence_version", "unknown_s")
_GIVEN = ", ".join(f"%s::{kind}[]" for kind in _TYPES)
_OPEN = (
    f"INSERT INTO breaches ({', '.join(_STORED)}, opened_at, changed_at, geom)"
    f" SELECT {', '.join(map(_value, _STORED))}, r.now, r.now,"
    " ST_SetSRID(ST_MakePoint(r.lon, r.lat), 4326)"
    f" FROM (SELECT *, %s::timestamptz AS now FROM unnest({_GIVEN}) WITH ORDINALITY"
    f"  AS u ({', '.join(_NAMES)}, nth)) r ORDER BY r.nth RETURNING id"
)
#: An entry was told, and stays; so does, where retention took the fixes of the beginning, what was
#: known by then: otherwise evidence and unknown_s only grow.
_ENDS = (*(name for name in _TIMES if name.startswith("exited")), "state")
_GROWN = (
    "CASE WHEN b.evidence = 'confirmed' THEN b.evidence ELSE r.evidence END,"
    " greatest(b.unknown_s, r.unknown_s)"
)
_GO_ON = (
    f"UPDATE breaches b SET ({', '.join(_ENDS)}, evidence, unknown_s)"
    f" = ROW ({', '.join(map(_value, _ENDS))}, {_GROWN}),"
    " revision = b.revision + 1, changed_at = %s::timestamptz"
    f" FROM unnest(%s::bigint[], {_GIVEN}) AS r (id, {', '.join(_NAMES)}), breaches o"
    " WHERE o.id = r.id AND b.id = r.id AND b.state <> 'withdrawn'"
    f" AND ({', '.join(f'b.{name}' for name in _ENDS)}, b.evidence, b.unknown_s)"
    f" IS DISTINCT FROM ({', '.join(map(_value, _ENDS))}, {_GROWN})"
    " RETURNING b.id, o.state = 'open' AND b.state = 'closed'"
)


def tell(
    connection: Connection, rows: Rows, units: list[str], fences: Fences, now: datetime
) -> tuple[NDArray[np.int64], list[tuple[int, Change]]]:
    """Write ``rows`` (RECORD, in order); the id of each one's breach, and what changed.

    A row whose breach is told no more, as it was withdrawn, is a new one.
    """
    breach = rows["breach"].astype(np.int64)
    known = np.flatnonzero(breach > 0)
    changes: list[tuple[int, Change]] = []
    if len(known):
        changes = _go_on(connection, rows[known], units, fences, now)
        still = _told_still(connection, breach[known], {number for number, _ in changes})
        breach[known[~still]] = 0
    new = np.flatnonzero(breach <= 0)
    if len(new):
        given = [now, *_arrays(rows[new], units, fences)]
        made: Any = raw(connection).execute(_OPEN, given, binary=True)
        # Numbers are given in the order of the rows.
        breach[new] = sorted(number for (number,) in made.fetchall())
        changes += [(number, "opened") for number in breach[new].tolist()]
    return breach, changes


def _go_on(
    connection: Connection, rows: Rows, units: list[str], fences: Fences, now: datetime
) -> list[tuple[int, Change]]:
    found: Any = raw(connection).execute(
        _GO_ON, [now, arrays.int8(rows["breach"]), *_arrays(rows, units, fences)], binary=True
    )
    return sorted((number, "closed" if ended else "amended") for number, ended in found)


def _told_still(
    connection: Connection, breach: NDArray[np.int64], changed: set[int]
) -> NDArray[np.bool_]:
    """Which breaches are there and not withdrawn; those that ``changed`` are."""
    left = [number for number in breach.tolist() if number not in changed]
    if left:
        rows: Any = raw(connection).execute(
            "SELECT id FROM breaches WHERE id = ANY(%s) AND state <> 'withdrawn'",
            [arrays.int8(np.array(left))],
            binary=True,
        )
        changed = changed | {number for (number,) in rows}
    return np.isin(breach, list(changed))


def _arrays(rows: Rows, units: list[str], fences: Fences) -> list[arrays.Packed]:
    at = rows["fence"].tolist()
    unit, fence = [units[u] for u in rows["unit"].tolist()], [fences.ids[f] for f in at]
    columns = {
        "unit": unit,
        "fence": fence,
        "rule": [fences.rules[f] for f in at],
        "severity": [fences.severities[f] for f in at],
        "direction": [_direction(row) for row in rows],
        "visit": keys_of(rows, unit, fence),
        "state": ["open" if us == MISSING else "closed" for us in rows["exit_us"].tolist()],
        "evidence": ["confirmed" if known else "probable" for known in rows["confirmed"].tolist()],
    }
    versions = np.asarray(fences.versions, dtype=np.int64)[rows["fence"]]
    return [
        *(arrays.texts(columns[name]) for name in _TEXTS),
        *(arrays.times_or_never(rows[field]) for field in _TIMES.values()),
        arrays.int4(versions),
        *(arrays.float8(v) for v in (rows["unknown_us"] / 1e6, rows["lon"], rows["lat"])),
    ]


def _direction(row: np.void) -> str:
    if row["kind"] != CROSSING:
        return ""
    return "left_to_right" if row["to_right"] else "right_to_left"
