"""Old Excel workbooks (.xls), by xlrd."""

from __future__ import annotations

import io
from pathlib import Path

import xlrd
from xlrd.xldate import xldate_as_datetime

from layers.load import cells
from layers.load.cells import Sheet

_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR = 1, 2, 3, 4, 5


class DamagedError(Exception):
    """It is no whole workbook."""


class LockedError(Exception):
    """It is protected by a password."""


def sheets(path: Path) -> dict[str, Sheet]:
    """All sheets by their name. Raises DamagedError, LockedError."""
    try:
        # Only with its formats it tells what is merged; what it says goes nowhere. Rows filled up
        # with blank cells took a minute where one cell stood in the last corner.
        book = xlrd.open_workbook(
            path, formatting_info=True, logfile=io.StringIO(), ragged_rows=True
        )
        return {one.name: _sheet(one, book.datemode) for one in book.sheets()}
    except Exception as error:  # of a damaged file it raises what happens to go wrong
        if "encrypted" in str(error):
            raise LockedError from error
        raise DamagedError from error


def _sheet(sheet: xlrd.sheet.Sheet, days_from: int) -> Sheet:
    rows = [[_text(cell, days_from) for cell in sheet.row(n)] for n in range(sheet.nrows)]
    left = min((n for row in rows for n, text in enumerate(row) if text.strip()), default=0)
    merged = [(top, end - 1, first) for top, end, first, _ in sheet.merged_cells]
    width = max(map(len, rows), default=0)
    even = [row[left:] + [""] * (width - max(len(row), left)) for row in rows]
    return Sheet.of(
        even, merged, left=left, hidden=sheet.visibility != 0, notes=_blank_texts(sheet)
    )


def _blank_texts(sheet: xlrd.sheet.Sheet) -> list[str]:
    """How many cells may have been given up: of a formula that was never calculated the file says
    what it says of one whose result is an empty text."""
    count = sum(
        kind == _TEXT and not value
        for n in range(sheet.nrows)
        for kind, value in zip(sheet.row_types(n), sheet.row_values(n), strict=True)
    )
    if not count:
        return []
    cells_hold, they = ("1 cell holds", "it") if count == 1 else (f"{count} cells hold", "they")
    return [
        f"{cells_hold} an empty text, as formulas do that were never calculated: open the file in a"
        f" spreadsheet program and save it if {they} should hold something"
    ]


def _text(cell: xlrd.sheet.Cell, days_from: int) -> str:
    if cell.ctype == _ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#N/A"))
    if cell.ctype == _BOOLEAN:
        return cells.text(bool(cell.value))
    if cell.ctype == _DATE:
        moment = xldate_as_datetime(cell.value, days_from)
        if 0 <= cell.value < 1:
            return cells.text(moment.time())
        return cells.text(moment if cell.value % 1 else moment.date())
    return cells.text(cell.value)
