"""Fixes as CSV: commas, a header that names the columns, one fix a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from api.intake import quick, values
from layers.errors import BadFixesError
from layers.fixes.batch import Batch, Names
from layers.fixes.intake import COLUMNS, NUMBERS

NEEDED = ("unit", "time", "lon", "lat")
#: Why a row is set aside that is longer or shorter than the header: which cell is which?
RAGGED = "ragged_row"
_MOST_COLUMNS = 1_000


def table(body: bytes) -> Batch:
    """The fixes of a CSV body. Raises BadFixesError for one that has no header as it should.

    A row with more or fewer cells than the header (empty ones at its end apart) is one bad fix: of
    it only the cell under ``unit`` is looked at, so that it is set aside as that unit's.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFixesError(f"the body is not CSV in UTF-8: {error}") from None
    plain = _plain(text)
    if plain is not None:
        return plain
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if _is(row)]
    except csv.Error as error:
        raise BadFixesError(f"the body is not CSV: {error}") from None
    if not rows:
        raise BadFixesError("the body is empty: the first line of CSV names the columns")
    header = _header(rows[0])
    return _judged(header, rows[1:])


def _is(row: Sequence[str]) -> bool:
    """Whether a row is no blank line."""
    return len(row) > 1 or bool(row and row[0].strip())


def _header(cells: Sequence[str]) -> list[str]:
    names = [name.strip() for name in cells]
    if len(names) > _MOST_COLUMNS:
        raise BadFixesError(f"the CSV has {len(names):,} columns: send at most {_MOST_COLUMNS:,}")
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise BadFixesError(f"the CSV has the column {twice[0]} more than once: give it once")
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise BadFixesError(
            f"the CSV has no column {', '.join(missing)}: its first line names them"
        )
    return names


def _plain(text: str) -> Batch | None:
    """The batch of a table without quotes whose rows are as long as its header; None for others."""
    first, _, rest = text.partition("\n")
    if '"' in text or not first.strip() or "\r" in first.rstrip("\r"):
        return None
    header = _header(first.rstrip("\r").split(","))
    body = rest.encode()
    if not body.strip(b"\r\n"):
        return _columns({}, 0)
    names = [str(place) for place in range(len(header))]
    ours = {name: str(header.index(name)) for name in COLUMNS if name in header}
    try:
        read = pacsv.read_csv(
            pa.BufferReader(body),
            read_options=pacsv.ReadOptions(
                use_threads=False, block_size=len(body) + 1, column_names=names
            ),
            parse_options=pacsv.ParseOptions(quote_char=False),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), include_columns=list(ours.values())
            ),
        )
    except pa.ArrowInvalid:
        return None
    found = {name: read.column(place).combine_chunks() for name, place in ours.items()}
    return _columns(found, read.num_rows)


def _judged(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Batch:
    """The batch of rows of any length."""
    width = len(header)
    faults: list[str | None] = []
    even: list[Sequence[str]] = []
    place = header.index("unit")
    before, after = [""] * place, [""] * (width - place - 1)
    for row in rows:
        ragged = len(row) < width or any(cell.strip() for cell in row[width:])
        faults.append(RAGGED if ragged else None)
        named = row[place] if len(row) > place else ""
        even.append([*before, named, *after] if ragged else row)
    found = {
        name: pa.array([row[header.index(name)] for row in even], type=pa.string())
        for name in COLUMNS
        if name in header
    }
    return replace(_columns(found, len(rows)), fault=Names.of(faults))


def _columns(found: Mapping[str, pa.StringArray], rows: int) -> Batch:
    blank = pa.array([None] * rows, type=pa.string())
    numbers = {
        name: quick.numbers_of(found[name]) if name in found else np.full(rows, np.nan)
        for name in NUMBERS
    }
    return Batch(
        unit=quick.names_of(found.get("unit", blank), values.identifier),
        time_us=quick.times_of(found.get("time", blank)),
        patrol_id=quick.names_of(found.get("patrol_id", blank), values.patrol),
        fault=Names.none(rows),
        **numbers,
    )
