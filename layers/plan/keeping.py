"""When units were at the places of the plan, kept by day, so that a plan is read.

As with coverage's spells, nothing is to be told of a change: what is kept can only be late, never
wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sqlalchemy import Connection, Engine

from layers.coverage.moments import midnight, midnights
from layers.db.engine import SYSTEM, acting
from layers.fixes import boxes
from layers.fixes.plain import micros
from layers.plan import days, inside, near
from layers.plan.answer import points, targets_of
from layers.plan.days import Asked, Span
from layers.plan.duties import listed
from layers.plan.visits import Reader, circles
from layers.region import Region

#: Of so many days: a plan's default window and the month before it.
DAYS = 62


def keep_up(
    engine: Engine,
    region: Region,
    *,
    now: datetime | None = None,
    patience_s: float = 60.0,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Make the days that are missing or not good any more, the newest first; how many answers were
    stored.

    Ends after about ``patience_s``, or when it is ``stopping``; the next run goes on.
    """
    until, made = time.monotonic() + patience_s, 0
    at = now or datetime.now(UTC)
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        every = _asked(connection, region, at)
        begins = boxes.first(connection)
        over = [] if begins is None else _days(region, begins, at)
        due = {day for asked in every for day in days.due(connection, asked, over, micros(at))}
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        days.forget(connection, [one for asked in every for one in asked.told])
    for day in sorted(due, reverse=True):
        if time.monotonic() > until or stopping():
            break
        with acting(engine, SYSTEM, "patrolgrid_read") as connection:
            rows = [
                row
                for asked in _asked(connection, region, at)
                for row in days.unstored(connection, asked, [day], micros(at))
            ]
        if rows:
            with acting(engine, SYSTEM, "patrolgrid_write") as connection:
                for row in rows:
                    days.store(connection, row)
        made += len(rows)
    return made


def _asked(connection: Connection, region: Region, at: datetime) -> list[Asked]:
    """What the duties of the plan ask."""
    duties = listed(connection)
    reader = Reader(connection=connection, region=region, start=at - timedelta(days=1), end=at)
    targets = [targets_of(reader, one) for one in duties]
    levels = {
        str(level)
        for duty, own in zip(duties, targets, strict=True) if duty.layer == "grids"
        for level in own["level"].unique()
    }  # fmt: skip
    found = []
    if levels:
        found.append(inside.stayed(connection, region, sorted(levels)))
    if sets := circles(points(duties, targets)):
        found.append(near.heard(connection, sets))
    return found


def _days(region: Region, begins: datetime, at: datetime) -> list[Span]:
    """The local days that are over by now and of which there may be fixes."""
    zone = region.timezone
    first = max(begins.astimezone(zone).date(), (at - timedelta(days=DAYS)).astimezone(zone).date())
    last = at.astimezone(zone).date()
    if first >= last:
        return []
    return list(pairwise(midnights(midnight(first, zone), midnight(last, zone), zone).tolist()))[
        ::-1
    ]
