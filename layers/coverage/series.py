"""Coverage over time: the same figures for each day, week or month of a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from layers.coverage.measure import Measured, answers
from layers.coverage.moments import midnight
from layers.coverage.question import Question
from layers.coverage.reached import Done, unheard
from layers.errors import TooMuchError
from layers.fixes.plain import micros, moment
from layers.region import Region

Every = Literal["hour", "day", "week", "month"]
#: Parts of a window, and figures of grids in all of them, at most.
MOST_BINS, MOST_ROWS = 1_000, 100_000


@dataclass(frozen=True, kw_only=True)
class Bin:
    """A part of a window."""

    start: datetime
    end: datetime
    measured: Measured


def series(
    connection: Connection,
    region: Region,
    question: Question,
    every: Every,
    done: Done = unheard,
) -> Iterator[Bin]:
    """Coverage of each hour, local day, week (from Monday) or month of a window, cut at its ends.

    ``done`` hears how far it has come. Raises RegionError for no level, TooMuchError for too many
    parts.
    """
    edges = bins(question.start, question.end, every, region.timezone)
    found = answers(connection, region, question, edges, done)
    for (start, end), measured in zip(pairwise(edges), found, strict=True):
        if len(measured.grids) * (len(edges) - 1) > MOST_ROWS:
            raise TooMuchError(
                f"this is more than {MOST_ROWS:,} rows of figures: ask for longer parts (every), or"
                " for less time"
            )
        yield Bin(start=start, end=end, measured=measured)


def bins(start: datetime, end: datetime, every: Every, zone: ZoneInfo) -> list[datetime]:
    """Where the parts of a window meet, its ends included; TooMuchError where there are too many.

    Hours are those of UTC.
    """
    edges, at = [start], start
    while (at := _next(at, every, zone)) < end:
        edges.append(at)
        if len(edges) > MOST_BINS:
            raise TooMuchError(
                f"this is more than {MOST_BINS:,} parts: ask for longer ones (every), or for less"
                " time"
            )
    return [*edges, end]


def _next(at: datetime, every: Every, zone: ZoneInfo) -> datetime:
    """When the part after the one that holds a moment begins."""
    if every == "hour":
        return moment((micros(at) // 3_600_000_000 + 1) * 3_600_000_000)
    day = at.astimezone(zone).date()
    after = {
        "day": day + timedelta(days=1),
        "week": day + timedelta(days=7 - day.weekday()),
        "month": (day.replace(day=1) + timedelta(days=31)).replace(day=1),
    }[every]
    return _midnight(after, zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return moment(midnight(day, zone))
