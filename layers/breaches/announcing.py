"""Announcing what changed of breaches: a revision of each is kept, and an event told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from psycopg.rows import dict_row
from sqlalchemy import Connection

from layers import versions
from layers.breaches.columns import STORED as COLUMNS
from layers.breaches.query import STORED, notice
from layers.breaches.telling import Changed
from layers.db import arrays
from layers.db.engine import raw
from layers.outbox.events import NewEvent, publish

#: All columns but the place: as JSON a geometry costs more than the rest of its row.
_WAS = ", ".join(
    f"b.{name}"
    for name in (
        "id", *(name for name in COLUMNS if name != "geom"), "revision", "merged_into",
        "opened_at", "changed_at",
    )
)  # fmt: skip
#: Keeps breaches as they now are under their revisions, and tells what subscribers are told.
_NOTE = (
    "WITH changed AS (SELECT * FROM unnest(%s::bigint[], %s::text[]) AS w (id, change)),"
    " noted AS (INSERT INTO breach_revisions (breach, revision, change, changed_at, was)"
    "  SELECT was.id, was.revision, w.change, %s::timestamptz, to_jsonb(was) FROM changed w"
    f"  JOIN (SELECT {_WAS}, ST_X(b.geom) AS lon, ST_Y(b.geom) AS lat FROM breaches b) was"
    "  USING (id))"
    f" {STORED} WHERE b.id IN (SELECT id FROM changed)"
)


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written."""

    counts: dict[str, int]  #: by kind of change
    by_unit: dict[str, int]  #: how many breaches of each unit changed


def announce(connection: Connection, changes: Changed, now: datetime) -> Written:
    """Keep each change under its revision, and publish an event for it."""
    if not changes:
        return Written(counts={}, by_unit={})
    numbers = arrays.int8(np.array([number for number, _ in changes]))
    kinds = arrays.texts([change for _, change in changes])
    with raw(connection).cursor(binary=True, row_factory=dict_row) as cursor:
        rows: Any = cursor.execute(_NOTE, [numbers, kinds, now])
        told = {row["id"]: notice(row) for row in rows}
    publish(
        connection,
        [
            NewEvent(type=f"breach.{change}", breach=number, data=told[number])
            for number, change in changes
        ],
    )
    versions.bump(connection, "breaches")
    return Written(
        counts=dict(Counter(change for _, change in changes)),
        by_unit=dict(Counter(str(told[number]["unit"]) for number, _ in changes)),
    )
