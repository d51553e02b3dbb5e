"""Periods: local days, weeks from Monday, and months, one after another."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from geo.plan.rounds import Ints
from layers.coverage.moments import midnight
from layers.errors import TooMuchError
from layers.plan.duties import Per

#: So many are looked at for one answer.
MOST = 1_000


def edges(start: datetime, end: datetime, per: Per, zone: ZoneInfo) -> Ints:
    """Where the periods begin and end (microseconds since 1970, ascending) that a window meets,
    and the one before these. Raises TooMuchError."""
    day = _before(_begin(start.astimezone(zone).date(), per), per)
    last = end.astimezone(zone).date()
    found = [day]
    while found[-1] <= last:
        found.append(_after(found[-1], per))
        if len(found) > MOST + 1:
            raise TooMuchError(f"this is more than {MOST:,} periods: ask for less time")
    return np.array([midnight(one, zone) for one in found], dtype=np.int64)


def _begin(day: date, per: Per) -> date:
    """The first day of the period that a day is of."""
    if per == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if per == "month" else day


def _before(first: date, per: Per) -> date:
    return _begin(first - timedelta(days=1), per)


def _after(first: date, per: Per) -> date:
    """The first day of the next period."""
    days = {"day": 1, "week": 7, "month": 31}[per]
    return _begin(first + timedelta(days=days), per)
