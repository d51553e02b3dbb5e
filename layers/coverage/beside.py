"""What is beside a window: the few fixes before it, and after it, that decide its legs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.coverage.rows import Flags, Ints
from geo.coverage.spells import Fixes
from layers.coverage.reading import PACKED, Packed
from layers.db import arrays
from layers.db.engine import raw
from layers.fixes.plain import moment
from layers.fixes.read import CONTEXT

_BESIDE = f"""
SELECT u.unit_no, {PACKED} FROM unnest(%s::int[]) u (unit_no), LATERAL (
    (SELECT time, lon, lat, patrol_no FROM fixes WHERE unit_no = u.unit_no
     AND time < %s::timestamptz ORDER BY time DESC LIMIT {CONTEXT})
    UNION ALL
    (SELECT time, lon, lat, patrol_no FROM fixes WHERE unit_no = u.unit_no
     AND time >= %s::timestamptz ORDER BY time LIMIT {CONTEXT})) f GROUP BY u.unit_no
"""
# The window's own ends, too, say which partitions there is nothing to look for in: while it is
# planned, and not for each unit and part.
_OF_PART = (
    "SELECT time, lon, lat, patrol_no FROM fixes WHERE unit_no = u.unit_no"
    " AND time >= p.begins AND time < p.ends"
    " AND time >= %s::timestamptz AND time < %s::timestamptz ORDER BY time"
)
_BETWEEN = f"""
SELECT u.unit_no, {PACKED} FROM unnest(%s::int[]) u (unit_no),
    unnest(%s::timestamptz[], %s::timestamptz[]) p (begins, ends), LATERAL (
        ({_OF_PART} LIMIT {CONTEXT}) UNION ({_OF_PART} DESC LIMIT {CONTEXT})) f
    GROUP BY u.unit_no
"""
# To plan for hundreds of partitions takes longer than to look into the few that are asked for,
# which a plan for any times finds as it begins.
_PLANNED_ONCE = b"SET LOCAL plan_cache_mode = force_generic_plan"
_PLANNED_AS_EVER = b"SET LOCAL plan_cache_mode = auto"


def beside(connection: Connection, numbers: Ints, start_us: int, end_us: int) -> Packed:
    """The few fixes of each unit before a window and after it that decide its legs."""
    asked = [arrays.int4(numbers), moment(start_us), moment(end_us)]
    with raw(connection).cursor() as cursor:
        cursor.execute(_PLANNED_ONCE)
        rows: Any = cursor.execute(_BESIDE.encode(), asked, binary=True, prepare=True).fetchall()
        cursor.execute(_PLANNED_AS_EVER)
    return Packed.of(rows)


def _between(connection: Connection, numbers: Ints, edges_us: Ints) -> Packed:
    """The first few fixes of each unit, and the last, in each part of a window."""
    start, end = moment(int(edges_us[0])), moment(int(edges_us[-1]))
    parts = arrays.times(edges_us[:-1]), arrays.times(edges_us[1:])
    asked = [arrays.int4(numbers), *parts, start, end, start, end]
    with raw(connection).cursor() as cursor:
        rows: Any = cursor.execute(_BETWEEN.encode(), asked, binary=True).fetchall()
    return Packed.of(rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class Beside:
    """The fixes beside each part of a window."""

    fixes: Fixes  #: of each unit the few on both sides of every edge, by unit and time

    @classmethod
    def read(cls, connection: Connection, numbers: Ints, edges_us: Ints) -> Beside:
        """Those beside the parts between ``edges_us``, of which a unit may be silent in any."""
        around = beside(connection, numbers, int(edges_us[0]), int(edges_us[-1]))
        if len(edges_us) > 2:
            around += _between(connection, numbers, edges_us)
        return cls(fixes=around.fixes())

    def before(self, edge_us: int) -> Fixes:
        """The last few of each unit before an edge."""
        there = np.flatnonzero(self.fixes.time_us < edge_us)
        return self.fixes.take(there[_nearest(self.fixes.unit[there][::-1])[::-1]])

    def after(self, edge_us: int) -> Fixes:
        """The first few of each unit from an edge on."""
        there = np.flatnonzero(self.fixes.time_us >= edge_us)
        return self.fixes.take(there[_nearest(self.fixes.unit[there])])


def _nearest(unit: NDArray[np.int32]) -> Flags:
    """Whether each is of the first few of its unit."""
    found = np.ones(len(unit), dtype=bool)
    found[CONTEXT:] = unit[CONTEXT:] != unit[:-CONTEXT]
    return found
