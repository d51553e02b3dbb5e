"""What calamine does not tell of an .ods: formulas without a result, for which it gives blank
cells, those that were never calculated, and cells too far out for it to read.

OpenDocument 1.3 part 3, 9.1.4 (cells), and LibreOffice's ``calcext:value-type``.
"""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from pathlib import Path

from layers.load.cells import is_error
from layers.load.sheet_look import MOST_CELLS, Look, parse

_HAS = rb'(?:[^>"]|"[^"]*")*?'
_CELL = rb"<(?:\w+:)?(?:covered-)?table-cell\b"
_BLANK = _CELL + rb"[^>]*/>\s*"
_BLANK_ROW = rb"<(?:\w+:)?table-row\b[^>]*>\s*(?:" + _BLANK + rb")*</(?:\w+:)?table-row>\s*"
#: A cell with a formula and nothing beside it.
_UNSOLVED = re.compile(
    _CELL + rb"(?=" + _HAS + rb'[\s:]formula=")(?!' + _HAS + rb'(?:[:-]value="|value-type="string))'
)
#: A cell that is repeated often, and is not the blank rest of its row.
_WIDE = re.compile(rb'columns-repeated="\d{3,}"(?!' + _HAS[:-1] + rb"/>\s*</(?:\w+:)?table-row>)")
#: A row that is repeated often, and is not the blank rest of its sheet.
_LONG = re.compile(
    rb'rows-repeated="\d{4,}"(?![^>]*>\s*(?:' + _BLANK + rb")*</(?:\w+:)?table-row>\s*(?:"
    + _BLANK_ROW + rb")*</)"
)  # fmt: skip
_ERRORS = (b'value-type="error"', b'string-value=""')
_VALUES = ("value", "date-value", "time-value", "boolean-value")


def looks(path: Path) -> dict[str, Look]:
    """What is to be known of each sheet. Raises BadZipFile, ExpatError, KeyError, ValueError and
    the like for what is damaged."""
    with zipfile.ZipFile(path) as book:
        data = book.read("content.xml")
    has_formulas = b"formula=" in data
    if (
        any(one in data for one in _ERRORS)
        or (has_formulas and _UNSOLVED.search(data))
        or _WIDE.search(data)
        or _LONG.search(data)
    ):
        return _looks(data)
    return {}


class _Cell:
    """A cell as it begins, and what it shows."""

    def __init__(self, has: dict[str, str]) -> None:
        said = {key.rpartition(" ")[2]: value for key, value in has.items()}
        kinds = {value for key, value in has.items() if key.endswith(" value-type")}
        self.count = int(said.get("number-columns-repeated", "1"))
        self.has_formula = "formula" in said
        self.is_error = "error" in kinds
        self.is_blank_text = self.has_formula and said.get("string-value") == ""
        self.has_value = "string" in kinds or any(one in said for one in _VALUES)
        self.texts: list[str] = []

    def note(self, look: Look, row: int, rows: int, column: int) -> None:
        """Tell of it, which begins at a column and stands in some rows."""
        shown = "".join(self.texts).strip()
        if self.has_value or self.is_error or shown:
            look.fill(row, column, rows=rows, columns=self.count)
        if self.has_formula and not (self.has_value or self.is_error):
            look.miss(row, column, rows * self.count)
        shows_error = self.is_blank_text and (shown.startswith("#") or is_error(shown))
        if (self.is_error or shows_error) and rows * self.count <= MOST_CELLS:
            for down in range(rows):
                for right in range(self.count):
                    look.errors[row + down, column + right] = shown


def _looks(data: bytes) -> dict[str, Look]:
    document = _Document()
    parse(data, document.begin, document.end, document.write)
    return document.looks


class _Document:
    """A walk through all sheets, in which a row or cell may stand for several."""

    def __init__(self) -> None:
        self.looks: dict[str, Look] = defaultdict(Look)
        self._sheet, self._row, self._rows, self._column = "", 0, 0, 0
        self._cell: _Cell | None = None
        self._in_remark = False

    def begin(self, name: str, has: dict[str, str]) -> None:
        kind = name.rpartition(" ")[2]
        if kind in ("table", "table-row"):
            said = {key.rpartition(" ")[2]: value for key, value in has.items()}
            if kind == "table":
                self._sheet, self._row, self._rows = said.get("name", ""), 0, 0
            else:
                self._row, self._column = self._row + self._rows, 0
                self._rows = int(said.get("number-rows-repeated", "1"))
        elif kind in ("table-cell", "covered-table-cell"):
            self._cell = _Cell(has)
        elif kind == "annotation":
            self._in_remark = True

    def write(self, text: str) -> None:
        if self._cell is not None and not self._in_remark:
            self._cell.texts.append(text)

    def end(self, name: str) -> None:
        if name.endswith("table-cell") and self._cell is not None:
            self._cell.note(self.looks[self._sheet], self._row, self._rows, self._column)
            self._column += self._cell.count
            self._cell = None
        elif name.endswith(" annotation"):
            self._in_remark = False
