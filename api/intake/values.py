"""One value of a fix at a time, however it was written: what cannot be read becomes missing.

This says what every reader of fixes means; the quick ones read only what leaves no doubt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from layers.fixes.batch import Batch, Names
from layers.fixes.intake import NUMBERS
from layers.places.columns import is_line

#: Date and time of day, then the zone: as RFC 3339 has it, or an offset after a blank or without
#: its minutes, as PostgreSQL and others write.
_ZONED = re.compile(r"(\d{4}-\d\d-\d\d[tT ]\d\d:\d\d(?:\S*\d)?) ?([zZ]|[+-]\d\d(?::?\d\d)?)")
_PLAIN_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")
_MOST_PATROL_CHARACTERS = 200
_BEYOND_IDENTIFIERS = 10**30


def typed(columns: Mapping[str, Sequence[object] | pd.Series], rows: int) -> Batch:
    """The batch of ``columns`` with ``rows`` values each; a column that is not there is missing."""
    blank = [None] * rows
    numbers = {name: [number(value) for value in columns.get(name, blank)] for name in NUMBERS}
    return Batch(
        unit=Names.of([identifier(value) for value in columns.get("unit", blank)]),
        time_us=micros(columns.get("time", blank)),
        patrol_id=Names.of([patrol(value) for value in columns.get("patrol_id", blank)]),
        fault=Names.none(rows),
        **{name: np.array(values, dtype=np.float64) for name, values in numbers.items()},
    )


def micros(values: Sequence[object] | pd.Series) -> NDArray[np.int64]:
    """RFC 3339 times as microseconds since 1970 in UTC; NO_TIME for what is no time, or has no zone
    (it is never guessed)."""
    if isinstance(values, pd.Series) and isinstance(values.dtype, pd.DatetimeTZDtype):
        found = values.dt.tz_convert("UTC").dt.as_unit("us")
    else:
        text = pd.Series([_zoned(value) for value in values], dtype="str")
        found = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce").dt.as_unit("us")
    # An offset may carry a time out of the calendar, where neither Python nor a table takes it.
    found = found.where(found.dt.year.between(1, 9999))
    return np.asarray(found.array.asi8, dtype=np.int64)


def _zoned(value: object) -> str | None:
    """A text that is a date, a time of day and a zone."""
    if not isinstance(value, str):
        return None
    found = _ZONED.fullmatch(value.strip())
    return f"{found[1]}{found[2]}".upper() if found else None


def identifier(value: object) -> str | None:
    """A unit's identifier as enrolment has it: a whole number is its digits; else None."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        value = str(value) if abs(int(value)) < _BEYOND_IDENTIFIERS else None
    # No unit is enrolled under a text with a control character.
    return value.strip() or None if isinstance(value, str) and is_line(value.strip()) else None


def patrol(value: object) -> str | None:
    """A stated patrol, as an identifier; None for one that is too long for any."""
    found = identifier(value)
    return None if found is None or len(found) > _MOST_PATROL_CHARACTERS else found


def number(value: object) -> float:
    """A number, also one that stands in a text; NaN for what is none."""
    if isinstance(value, bool) or value is None:
        return np.nan
    if isinstance(value, int | float | np.number):
        try:
            return float(value)
        except OverflowError:
            return np.inf
    # float() would read 1_000 as well, and refuse some of the blanks.
    if isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value):
        return float(value.strip())
    return np.nan
