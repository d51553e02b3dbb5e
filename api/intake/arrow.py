"""Fixes as an Arrow IPC stream: columns as they are, for those who send very many."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from api.intake import quick, values
from api.intake.messages import measure
from layers.errors import BadFixesError
from layers.fixes.batch import NO_TIME, Batch, Names
from layers.fixes.intake import COLUMNS, NUMBERS

NEEDED = ("unit", "time", "lon", "lat")
_US_IN_A_SECOND = 1_000_000
_IN_A_SECOND = {"s": 1, "ms": 1_000, "us": _US_IN_A_SECOND, "ns": 1_000_000_000}
#: The calendar, in seconds since 1970.
_FIRST_S, _END_S = (
    int(np.datetime64(day, "s").astype(np.int64)) for day in ("0001-01-01", "10000-01-01")
)


def stream(body: bytes, *, most_rows: int, most_bytes: int, hold: Callable[[int], None]) -> Batch:
    """The fixes of an Arrow IPC stream.

    ``unit`` and ``patrol_id`` are texts or whole numbers, also as dictionaries; ``time`` is a
    timestamp with a zone; the rest are numbers. Other columns are not read. Raises BadFixesError
    for what is no such stream, has more rows, or unpacks to more bytes.
    """
    try:
        size = measure(body)
        if size.rows > most_rows:
            raise BadFixesError(f"{size.rows} fixes in one body: send at most {most_rows} at once")
        if size.unpacked_bytes > most_bytes:
            raise BadFixesError(
                f"the body unpacks to more than {most_bytes:,} bytes: send it in parts"
            )
        hold(max(0, size.unpacked_bytes - len(body)))
        return _columns(_read(body))
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadFixesError(f"the body is no whole Arrow IPC stream: {said}") from None


def _read(body: bytes) -> pa.Table:
    """The columns of ours, checked to be what they say they are."""
    with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
        schema = reader.schema
    _check(schema)
    ours = [place for place, field in enumerate(schema) if field.name in COLUMNS]
    options = pa.ipc.IpcReadOptions(included_fields=ours, use_threads=False)
    with pa.ipc.open_stream(pa.py_buffer(body), options=options) as reader:
        batches = list(reader)
    for batch in batches:
        # Offsets and indices of whoever sent it may lead anywhere.
        batch.validate(full=True)
    wanted = pa.schema([schema.field(place) for place in ours])
    return pa.Table.from_batches(batches, schema=wanted).combine_chunks()


def _check(schema: pa.Schema) -> None:
    """Refuse columns that are missing, there twice, or of another type than they must be."""
    twice = [name for name in COLUMNS if schema.names.count(name) > 1]
    if twice:
        raise BadFixesError(f"the stream has the column {twice[0]} more than once: give it once")
    missing = [name for name in NEEDED if name not in schema.names]
    if missing:
        raise BadFixesError(f"the stream has no column {', '.join(missing)}: a fix needs it")
    for field in schema:
        if field.name in {"unit", "patrol_id"} and not _is_name(field.type):
            raise _wrong(field, "texts or whole numbers (utf8, int64), also as dictionary")
        if field.name in NUMBERS and not _is_number(field.type):
            raise _wrong(field, "numbers (float64)")
        if field.name == "time":
            if not pa.types.is_timestamp(field.type):
                raise _wrong(field, "timestamps with a zone, such as timestamp[us, UTC]")
            if field.type.tz is None:
                raise _wrong(field, "timestamps with a zone (theirs have none), such as UTC")


def _wrong(field: pa.Field, wanted: str) -> BadFixesError:
    return BadFixesError(f"column {field.name} has the type {str(field.type)[:60]}: send {wanted}")


def _is_name(kind: pa.DataType) -> bool:
    if pa.types.is_null(kind):
        return True
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind))


def _columns(table: pa.Table) -> Batch:
    rows = table.num_rows
    numbers = {name: _numbers(table, name) for name in NUMBERS}
    return Batch(
        unit=_names(table, "unit", values.identifier),
        time_us=_times(_column(table, "time")),
        patrol_id=_names(table, "patrol_id", values.patrol),
        fault=Names.none(rows),
        **numbers,
    )


def _column(table: pa.Table, name: str) -> pa.Array:
    chunks = table.column(name).chunks
    return chunks[0] if chunks else pa.array([], type=table.schema.field(name).type)


def _names(table: pa.Table, name: str, read: quick.Reader) -> Names:
    if name not in table.schema.names or pa.types.is_null(table.schema.field(name).type):
        return Names.none(table.num_rows)
    return quick.names_of(_column(table, name), read)


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    if name not in table.schema.names:
        return np.full(table.num_rows, np.nan)
    column = _column(table, name)
    if column.type != pa.float64():
        column = pc.cast(column, pa.float64(), safe=False)
    # A copy: what is Arrow's cannot be written to. Nulls become NaN.
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _times(column: pa.Array) -> NDArray[np.int64]:
    """Timestamps of any unit in microseconds; what is beyond the calendar is none."""
    given = column.cast(pa.int64()).fill_null(NO_TIME).to_numpy(zero_copy_only=False)
    a_second = _IN_A_SECOND[column.type.unit]
    inside = (given >= _FIRST_S * a_second) & (given < _END_S * a_second)
    if a_second > _US_IN_A_SECOND:
        return np.where(inside & (given != NO_TIME), given // 1000, NO_TIME)
    return np.where(inside, np.where(inside, given, 0) * (_US_IN_A_SECOND // a_second), NO_TIME)
