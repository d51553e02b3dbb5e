"""Fixes in a request's body: a JSON array, NDJSON, or CSV, told apart by the content type.

A body that cannot be read at all is refused. Within a readable body each fix is judged alone: a
value that is no number or no time becomes missing here, and the door says why it is doubted.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

import msgspec
import numpy as np
import pandas as pd

from layers.errors import BadFixesError
from layers.fixes.intake import COLUMNS, NUMBERS

JSON_TYPES = frozenset({"application/json", "application/geo+json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
CSV_TYPES = frozenset({"text/csv", "application/csv"})
MEDIA_TYPES = JSON_TYPES | NDJSON_TYPES | CSV_TYPES

_ZONED = re.compile(r"(?:[zZ]|[+-]\d\d:?\d\d)\s*$")
_DECODE = msgspec.json.Decoder()


def parse(body: bytes, media_type: str, *, max_batch: int) -> pd.DataFrame:
    """The batch in ``body``; raises BadFixesError when it is no list of fixes or too long."""
    if media_type in CSV_TYPES:
        batch = _csv(body)
    elif media_type in NDJSON_TYPES:
        batch = _records(_lines(body))
    else:
        batch = _records(_array(body))
    if len(batch) > max_batch:
        raise BadFixesError(f"{len(batch)} fixes in one body: send at most {max_batch} at once")
    return typed(batch)


def _array(body: bytes) -> list[object]:
    try:
        found = _DECODE.decode(body)
    except msgspec.DecodeError as error:
        raise BadFixesError(f"the body is not JSON: {error}") from None
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise BadFixesError("the body is no JSON array of fixes")
    return found


def _lines(body: bytes) -> list[object]:
    found = []
    for number, line in enumerate(body.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(_DECODE.decode(line))
        except msgspec.DecodeError as error:
            raise BadFixesError(f"line {number} is not JSON: {error}") from None
    return found


def _records(items: Iterable[object]) -> pd.DataFrame:
    rows = []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise BadFixesError(f"item {index} is no fix: give objects with unit, time, lon, lat")
        rows.append([item.get(name) for name in COLUMNS])
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def _csv(body: bytes) -> pd.DataFrame:
    try:
        text = body.decode("utf-8-sig")
        read = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadFixesError(f"the body is not CSV in UTF-8: {str(error).splitlines()[0]}") from None
    missing = [name for name in ("unit", "time", "lon", "lat") if name not in read.columns]
    if missing:
        raise BadFixesError(
            f"the CSV has no column {', '.join(missing)}: its first line names them"
        )
    return read.reindex(columns=list(COLUMNS)).astype(object)


def typed(batch: pd.DataFrame) -> pd.DataFrame:
    """The columns of a batch as the door takes them; what cannot be read becomes missing."""
    made = pd.DataFrame(index=batch.index)
    made["unit"] = [_identifier(value) for value in batch["unit"]]
    made["time"] = moments(batch["time"])
    for name in NUMBERS:
        made[name] = [_number(value) for value in batch[name]]
    made["patrol_id"] = [_identifier(value) for value in batch["patrol_id"]]
    return made[list(COLUMNS)]


def moments(values: pd.Series) -> pd.Series:
    """RFC 3339 times in UTC; NaT for what is no time, or has no zone (it is never guessed)."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_convert("UTC").dt.as_unit("us")
    text = pd.Series(
        [v if isinstance(v, str) and _ZONED.search(v) else None for v in values],
        index=values.index,
        dtype="str",
    )
    return pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce").dt.as_unit("us")


def _identifier(value: object) -> str | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int | np.integer):
        return str(value)
    return None


def _number(value: object) -> float:
    if isinstance(value, bool) or value is None:
        return np.nan
    if isinstance(value, int | float | np.number):
        try:
            return float(value)
        except OverflowError:
            return np.inf
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return np.nan
    return np.nan
