"""Times in a question: an instant, a day, or a span that may have no end, as OGC API writes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from layers.errors import BadQueryError

Span = tuple[datetime | None, datetime | None]
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LAST = timedelta(days=1) - timedelta(microseconds=1)


def instant(text: object, of: str) -> datetime:
    """A time with its zone, in UTC. Raises BadQueryError that names the parameter ``of``."""
    return span(text, of)[0]


def span(text: object, of: str) -> tuple[datetime, datetime]:
    """First and last moment of an instant, or of a day of UTC. Raises BadQueryError."""
    try:
        if not isinstance(text, str):
            raise TypeError("no text")
        if _DAY.fullmatch(text):
            day = datetime.fromisoformat(text).replace(tzinfo=UTC)
            return day, day + _LAST
        # The + of an offset is a space where an address was not encoded.
        found = datetime.fromisoformat(re.sub(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$", r"\1+\2", text))
        if found.utcoffset() is None or "T" not in text.upper():
            raise ValueError("no zone")
        return found.astimezone(UTC), found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise BadQueryError(
            f"{of}: {str(text)[:40]!r} is no time: give it as 2026-03-01T08:00:00Z, or a day"
        ) from None


def interval(text: str, of: str = "datetime") -> Span:
    """``a``, ``a/b``, ``../b`` or ``a/..`` as its two ends; None is without end.

    Raises BadQueryError.
    """
    first, bar, last = text.partition("/")
    if not bar:
        return span(first, of)
    start = None if first in {"", ".."} else span(first, of)[0]
    end = None if last in {"", ".."} else span(last, of)[1]
    if start is not None and end is not None and start > end:
        raise BadQueryError(f"{of}: it ends before it begins")
    return start, end
