"""When a fence is active: weekly hours and dates in the region's time zone, as spans of UTC."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from geo.errors import OutOfRangeError

#: Half-open spans [start, end) in microseconds since 1970 UTC, sorted, apart from each other.
Spans = list[tuple[int, int]]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Weekly:
    """One span of the week; where ``end`` is not after ``start`` it runs past midnight."""

    days: frozenset[int]  #: 0 is Monday: the local day on which the span starts
    start: time
    end: time  #: midnight is the end of the day


@dataclass(frozen=True, kw_only=True)
class Hours:
    """A moment is active when it lies in one of the weekly spans and in one of the dates.

    An empty tuple restricts nothing. A span that runs past midnight is still cut by the dates:
    they speak of the moment's own local day.
    """

    weekly: tuple[Weekly, ...]
    dates: tuple[tuple[date | None, date | None], ...]  #: first and last day, both inclusive

    @classmethod
    def of(cls, active: object, what: str = "fence") -> Hours | None:
        """Read ``active`` (a mapping or its JSON; DESIGN's form). None means always.

        Raises OutOfRangeError for what it cannot read.
        """
        given = plain(active)
        if not given:
            return None
        try:
            hours = cls(
                weekly=tuple(_weekly(span) for span in given.get("weekly") or ()),
                dates=tuple(
                    (_date(span.get("from")), _date(span.get("to")))
                    for span in given.get("dates") or ()
                ),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise OutOfRangeError(f"{what}: 'active' cannot be read ({error}): {given}") from None
        return hours if hours.weekly or hours.dates else None

    def spans(self, start_us: int, end_us: int, zone: ZoneInfo) -> Spans:
        """The active spans that meet [start_us, end_us]; they may reach beyond it."""
        first = _local_day(start_us, zone) - _DAY
        last = _local_day(end_us, zone) + _DAY
        days = [first + _DAY * n for n in range((last - first).days + 1)]
        found = [span for day in days for span in self._of_day(day, zone)]
        whole = [(_utc(first, time(), zone), _utc(last, time(), zone))]
        weekly = merge(found) if self.weekly else whole
        if not self.dates:
            return weekly
        allowed = [
            (_utc(low, time(), zone), _utc(high + _DAY, time(), zone))
            for low, high in ((max(a or first, first), min(b or last, last)) for a, b in self.dates)
            if low <= high
        ]
        return intersect(weekly, merge(allowed))

    def _of_day(self, day: date, zone: ZoneInfo) -> Spans:
        return [
            (_utc(day, span.start, zone), _utc(_next(day, span), span.end, zone))
            for span in self.weekly
            if day.weekday() in span.days
        ]


def plain(given: object) -> dict[str, Any]:
    """A JSON column's value as a dictionary; empty for what is missing."""
    if isinstance(given, str):
        given = json.loads(given) if given.strip() else None
    return dict(given) if isinstance(given, Mapping) else {}


def merge(spans: Spans) -> Spans:
    """The union of spans, sorted; empty ones are left out."""
    out: Spans = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def intersect(a: Spans, b: Spans) -> Spans:
    """What lies in both of two unions of spans."""
    both = [(max(p, r), min(q, s)) for p, q in a for r, s in b]
    return sorted(span for span in both if span[0] < span[1])


def _next(day: date, span: Weekly) -> date:
    return day + _DAY if span.end <= span.start else day


def _weekly(span: Mapping[str, Any]) -> Weekly:
    days = span.get("days") or DAYS
    return Weekly(
        days=frozenset(DAYS.index(str(day).lower()[:3]) for day in days),
        start=_clock(span.get("from", "00:00")),
        end=_clock(span.get("to", "24:00")),
    )


def _clock(text: str) -> time:
    return time() if text in ("24:00", "24:00:00") else time.fromisoformat(text)


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _local_day(micros: int, zone: ZoneInfo) -> date:
    return (_EPOCH + timedelta(microseconds=micros)).astimezone(zone).date()


def _utc(day: date, clock: time, zone: ZoneInfo) -> int:
    return (datetime.combine(day, clock, tzinfo=zone) - _EPOCH) // timedelta(microseconds=1)
