"""Times as trackers write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from api.intake import values

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Seconds since 1970 reach so far into the year 5138; what is more counts milliseconds.
_SECONDS_END = 100_000_000_000


def moment(value: object) -> object:
    """A time as ``values.micros`` reads it: seconds or milliseconds since 1970 become RFC 3339.

    Texts with a time in them stay as they are: without a zone they are none.
    """
    number = values.number(value)
    if not math.isfinite(number):
        return value
    if abs(number) < _SECONDS_END:
        number *= 1_000
    try:
        return (_EPOCH + timedelta(milliseconds=number)).isoformat()
    except OverflowError:
        return None
