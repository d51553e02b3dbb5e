"""Fixes in a request's body: a JSON array, NDJSON, or CSV, told apart by the content type.

A body that cannot be read at all is refused. Within a readable body each fix is judged alone: a
value that is no number or no time becomes missing here, and the door says why it is doubted. An
item that is no object names no unit, so it is a stranger's.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Iterable

import msgspec
import numpy as np
import pandas as pd

from layers.errors import BadFixesError
from layers.fixes.intake import COLUMNS, NUMBERS
from layers.places.columns import is_line

JSON_TYPES = frozenset({"application/json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
CSV_TYPES = frozenset({"text/csv", "application/csv"})
#: What a body may be packed with.
ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
MEDIA_TYPES = JSON_TYPES | NDJSON_TYPES | CSV_TYPES

#: Date and time of day, then the zone: as RFC 3339 has it, or an offset after a blank or without
#: its minutes, as PostgreSQL and others write.
_ZONED = re.compile(r"(\d{4}-\d\d-\d\d[tT ]\d\d:\d\d(?:\S*\d)?) ?([zZ]|[+-]\d\d(?::?\d\d)?)")
_PLAIN_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")
_MOST_PATROL_CHARACTERS = 200
_BEYOND_IDENTIFIERS = 10**30
_DECODE = msgspec.json.Decoder()


def unpacked(body: bytes, encoding: str, *, limit: int) -> bytes:
    """``body`` without its Content-Encoding (gzip, deflate or none) and at most ``limit`` bytes.

    Raises BadFixesError for what is not so packed and for more than ``limit``: a small body can
    hold very much.
    """
    if encoding in {"", "identity"}:
        return body
    packed = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: told from the header, gzip or zlib
    try:
        found = packed.decompress(body, limit + 1)
    except zlib.error as error:
        raise BadFixesError(f"the body is not {encoding}, its Content-Encoding: {error}") from None
    if len(found) > limit:
        raise BadFixesError(f"the body unpacks to more than {limit:,} bytes: send it in parts")
    if not packed.eof or packed.unused_data:
        raise BadFixesError(f"the {encoding} body is cut short or has something after its end")
    return found


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
    found = _value(body, "the body")
    if isinstance(found, dict) and "unit" in found:
        found = [found]
    if not isinstance(found, list):
        raise BadFixesError("the body is no JSON array of fixes, nor one fix with its unit")
    return found


def _value(given: bytes, where: str) -> object:
    """A JSON value; raises BadFixesError.

    What the quick reader refuses the slow one may take: NaN and Infinity, which many programs
    write, and numbers that no double holds. One such number must not cost a batch.
    """
    try:
        return _DECODE.decode(given)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return json.loads(given)
    except RecursionError:
        raise BadFixesError(
            f"{where} is nested too deep: a fix is an object of texts and numbers"
        ) from None
    except ValueError as error:
        raise BadFixesError(f"{where} is not JSON: {error}") from None


def _lines(body: bytes) -> list[object]:
    found = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        found.append(_value(line, f"line {number}"))
    return found


def _records(items: Iterable[object]) -> pd.DataFrame:
    nothing: dict[str, object] = {}
    rows = []
    for item in items:
        fix = item if isinstance(item, dict) else nothing
        rows.append([fix.get(name) for name in COLUMNS])
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def _csv(body: bytes) -> pd.DataFrame:
    try:
        text = body.decode("utf-8-sig")
        # Without a header of its own, pandas neither renames a column that is there twice nor
        # takes the first for an index where a row is longer than the header.
        read = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, header=None)
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadFixesError(f"the body is not CSV in UTF-8: {str(error).splitlines()[0]}") from None
    names = [str(name).strip() for name in read.iloc[0]]
    read = read.iloc[1:].set_axis(names, axis=1).reset_index(drop=True)
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise BadFixesError(f"the CSV has the column {twice[0]} more than once: give it once")
    missing = [name for name in ("unit", "time", "lon", "lat") if name not in names]
    if missing:
        raise BadFixesError(
            f"the CSV has no column {', '.join(missing)}: its first line names them"
        )
    ours = read[[name for name in COLUMNS if name in names]]
    return ours.reindex(columns=list(COLUMNS)).astype(object)


def typed(batch: pd.DataFrame) -> pd.DataFrame:
    """The columns of a batch as the door takes them; what cannot be read becomes missing."""
    made = pd.DataFrame(index=batch.index)
    made["unit"] = [identifier(value) for value in batch["unit"]]
    made["time"] = moments(batch["time"])
    for name in NUMBERS:
        made[name] = [_number(value) for value in batch[name]]
    made["patrol_id"] = [_patrol(value) for value in batch["patrol_id"]]
    return made[list(COLUMNS)]


def moments(values: pd.Series) -> pd.Series:
    """RFC 3339 times in UTC; NaT for what is no time, or has no zone (it is never guessed)."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_convert("UTC").dt.as_unit("us")
    text = pd.Series([_zoned(value) for value in values], index=values.index, dtype="str")
    found = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce").dt.as_unit("us")
    # An offset may carry a time out of the calendar, where neither Python nor a table takes it.
    return found.where(found.dt.year.between(1, 9999))


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


def _patrol(value: object) -> str | None:
    patrol = identifier(value)
    return None if patrol is None or len(patrol) > _MOST_PATROL_CHARACTERS else patrol


def _number(value: object) -> float:
    if isinstance(value, bool) or value is None:
        return np.nan
    if isinstance(value, int | float | np.number):
        try:
            return float(value)
        except OverflowError:
            return np.inf
    # float() would read 1_000 as well.
    if isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value):
        return float(value)
    return np.nan
