"""Local days and hours as microseconds since 1970."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from geo.coverage.rows import Ints
from geo.tracks.columns import as_times
from layers.fixes.plain import micros, moment

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
_QUARTER_US = 900_000_000


def midnights(start_us: int, end_us: int, zone: ZoneInfo) -> Ints:
    """A window's ends and the local midnights between them, ascending."""
    found, day = [start_us], moment(start_us).astimezone(zone).date()
    while (begins := midnight(day := day + timedelta(days=1), zone)) < end_us:
        if begins > found[-1]:
            found.append(begins)
    return np.array([*found, end_us])


def midnight(day: date, zone: ZoneInfo) -> int:
    """When a local day begins."""
    return micros(datetime(day.year, day.month, day.day, tzinfo=zone))


def hours(start_us: int, end_us: int, zone: ZoneInfo) -> Ints:
    """A window's ends and the full local hours between them, ascending."""
    # A zone may be off by quarters of an hour, and change that.
    every = np.arange(start_us - start_us % _QUARTER_US, end_us, _QUARTER_US)
    full = every[(as_times(every).tz_convert(zone).minute == 0) & (every > start_us)]
    return np.r_[start_us, full, end_us]
