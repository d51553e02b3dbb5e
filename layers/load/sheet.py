"""Tables of a spreadsheet (.xlsx, .ods by calamine, .xls by xlrd): every cell a text, read as those
of CSV.

Not through GDAL, which loses the time of a date in most formats of cells, and knows nothing of
workbooks that count their days from 1904.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from layers.errors import BadFileError
from layers.load import cells, sheet_ods, sheet_xls, sheet_xlsx, table
from layers.load.cells import Sheet
from layers.load.plan import Plan
from layers.load.sheet_look import Look
from layers.load.source import Source

_LOCKED = "EncryptedPackage".encode("utf-16-le")
#: What damaged files raise: of one within calamine's own language Python only knows the name.
_DAMAGED = (CalamineError, OSError, ValueError, LookupError, zipfile.BadZipFile, ExpatError,
            ParseError, zlib.error, NotImplementedError, EOFError,
            sheet_xls.DamagedError)  # fmt: skip
#: What only these have among their parts.
_PARTS = {"xl/workbook.xml": "Excel workbook", "content.xml": "OpenDocument spreadsheet"}
_PANIC = "PanicException"
_MERGED = "cells are merged over several rows: what they say was read for the first of these alone"


def read(path: Path, plan: Plan) -> Source:
    """The rows of a spreadsheet's one filled sheet, or of ``--layer-name``. Raises BadFileError."""
    try:
        filled = {name: one for name, one in _sheets(path).items() if one.rows or one.fault}
    except (PasswordError, sheet_xls.LockedError) as error:
        raise locked(path) from error
    except BaseException as error:
        if not isinstance(error, _DAMAGED) and type(error).__name__ != _PANIC:
            raise
        raise BadFileError(
            f"{path.name}: it cannot be read as a spreadsheet: save it again, or as CSV"
        ) from error
    name, notes = _chosen(path, filled, plan.source_layer)
    chosen = filled[name]
    if chosen.fault:
        raise BadFileError(f"{path.name}: {chosen.fault}")
    if chosen.merged:
        notes.append(_MERGED)
    notes.extend(chosen.notes)
    return table.of_cells(path, plan, table.of_rows(path, chosen.rows, notes, chosen.lines))


def kind_of(path: Path) -> str | None:
    """Which spreadsheet of today a file is, by its parts; None for another one, or a damaged."""
    try:
        with zipfile.ZipFile(path) as book:
            parts = set(book.namelist())
    except _DAMAGED:
        return None
    return next((kind for part, kind in _PARTS.items() if part in parts), None)


def is_locked(path: Path) -> bool:
    """Whether a workbook is protected by a password: encrypted, and packed as old ones are."""
    return _LOCKED in path.read_bytes()


def locked(path: Path) -> BadFileError:
    """What to raise for a file that is protected by a password."""
    return BadFileError(f"{path.name}: it is protected by a password: save it without one")


def _sheets(path: Path) -> dict[str, Sheet]:
    """All sheets of cells by their name; charts are none."""
    if path.suffix.lower() == ".xls":
        return sheet_xls.sheets(path)
    looks = _looks(path)
    with CalamineWorkbook.from_path(path) as book:
        return {
            about.name: _sheet(
                book,
                about.name,
                looks.get(about.name, Look()),
                hidden=about.visible != SheetVisibleEnum.Visible,
            )
            for about in book.sheets_metadata
            if about.typ == SheetTypeEnum.WorkSheet
        }


def _looks(path: Path) -> dict[str, Look]:
    """What is to be known of the sheets before calamine reads them. Raises BadFileError where it
    could not even open the file: of an .ods it reads all sheets then."""
    if path.suffix.lower() != ".ods":
        return sheet_xlsx.looks(path)
    looks = sheet_ods.looks(path)
    for look in looks.values():
        if look.is_too_wide:
            raise BadFileError(f"{path.name}: {look.fault}")
    return looks


def _sheet(book: CalamineWorkbook, name: str, look: Look, *, hidden: bool) -> Sheet:
    """The cells of a sheet as texts, among them what its formulas say instead of a result."""
    if look.fault:
        # Of one that is too wide calamine could not even say so.
        return Sheet.of([], (), hidden=hidden, fault=look.fault)
    sheet = book.get_sheet_by_name(name)
    above, left = sheet.start or (0, 0)
    rows = [list(map(cells.text, row)) for row in sheet.to_python(skip_empty_area=True)]
    for (row, column), what in look.errors.items():
        if above <= row < above + len(rows) and left <= column < left + len(rows[0]):
            rows[row - above][column - left] = what
    merged = [(top, bottom, first) for (top, first), (bottom, _) in sheet.merged_cell_ranges or ()]
    return Sheet.of(rows, merged, above=above, left=left, hidden=hidden)


def _chosen(path: Path, sheets: dict[str, Sheet], asked: str | None) -> tuple[str, list[str]]:
    """The sheet that is loaded, and which hidden ones are not, to be told."""
    if not sheets:
        raise BadFileError(f"{path.name}: its sheets are empty: give one with rows")
    if asked is not None and asked not in sheets:
        raise BadFileError(
            f"{path.name}: it has no filled sheet {asked!r}: there are {', '.join(sheets)}"
        )
    if asked is not None:
        return asked, []
    hidden = [name for name, one in sheets.items() if one.hidden]
    seen: Sequence[str] = [name for name in sheets if name not in hidden] or hidden
    if len(seen) > 1:
        raise BadFileError(
            f"{path.name}: it has several sheets ({', '.join(seen)}): say which with --layer-name"
        )
    left = [name for name in hidden if name not in seen]
    return seen[0], [
        f"hidden sheet {name!r} left out: load it with --layer-name {name}" for name in left
    ]
