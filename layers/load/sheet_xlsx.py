"""What calamine does not tell of an .xlsx: formulas without a result (#DIV/0!, #N/A), for which it
gives blank cells, those that were never calculated, and cells too far out for it to read.

What is lost would be taken for what was never there. ECMA-376 part 1, 18.3.1.4 (cells).
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from layers.load.sheet_look import MOST_CELLS, Look, column_of, parse

_ERROR = re.compile(rb"""\bt=["']e["']""")
#: Those that calamine knows; at any other, such as #GETTING_DATA, it gives up.
_KNOWN = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}
#: A cell, but of a text, with a formula and nothing beside it.
_UNSOLVED = re.compile(
    rb"""<(?:\w+:)?c\b(?![^>]*\st=["']str["'])[^>]*>\s*"""
    rb"""<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f\s*>)\s*"""
    rb"""(?:<(?:\w+:)?v\b[^>]*/>|<(?:\w+:)?v\b[^>]*>\s*</|</(?:\w+:)?c\s*>)"""
)
#: Nothing of these where it has no address.
_ROW = re.compile(rb"""<(?:\w+:)?row\b(?:(?=[\s>])[^>]*?\sr=["'](\d+)["'])?""")
_COLUMN = re.compile(rb"""<(?:\w+:)?c\b(?:(?=[\s>])[^>]*?\sr=["']([A-Z]+)\d)?""")
_ADDRESS = re.compile(r"([A-Z]+)(\d+)")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


def looks(path: Path) -> dict[str, Look]:
    """What is to be known of the sheets of a workbook, of which they are named in one part and kept
    in others. Raises BadZipFile, ExpatError, KeyError, ValueError and the like for damaged ones."""
    with zipfile.ZipFile(path) as book:
        suspects = {
            name: data
            for name in book.namelist()
            if "worksheets/" in name and name.endswith(".xml")
            if _is_suspect(data := book.read(name))
        }
        if not suspects:
            return {}
        relations = ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
        workbook = ElementTree.fromstring(book.read("xl/workbook.xml"))  # noqa: S314
    parts = {
        one.attrib["Id"]: posixpath.normpath(posixpath.join("/xl", one.attrib["Target"]))[1:]
        for one in relations
    }
    found = {}
    for one in workbook.iter():
        part = parts.get(one.get(_RELATION) or one.get(_STRICT_RELATION) or "")
        if one.tag.endswith("}sheet") and part in suspects:
            found[one.attrib["name"]] = _look(suspects[part])
    return found


def _is_suspect(data: bytes) -> bool:
    """Whether a sheet is to be looked at cell by cell, which takes its time."""
    has_formulas = b"<f" in data or b":f" in data
    errors = _ERROR.search(data) or (has_formulas and _UNSOLVED.search(data))
    return bool(errors) or _may_be_wide(data)


def _may_be_wide(data: bytes) -> bool:
    """Whether all cells up to the last row and column, valued or not, would be too many, or not all
    say where they are."""
    rows = set(_ROW.findall(data))
    last = max((int(row) for row in rows if row), default=0)
    if b"" not in rows and last * 16384 <= MOST_CELLS:
        return False
    columns = set(_COLUMN.findall(data))
    if b"" in rows or b"" in columns:
        return True
    return last * max((column_of(one.decode()) + 1 for one in columns), default=0) > MOST_CELLS


def _look(data: bytes) -> Look:
    sheet = _Sheet()
    parse(data, sheet.begin, sheet.end, sheet.write)
    return sheet.look


class _Sheet:
    """A walk through one sheet; cells without an address follow the one before."""

    def __init__(self) -> None:
        self.look = Look()
        self._row = self._column = -1
        self._kind = ""
        self._inside: set[str] = set()  #: which parts the cell has
        self._texts: list[str] = []  #: of its value
        self._in_value = False

    def begin(self, name: str, has: dict[str, str]) -> None:
        part = name.rpartition(" ")[2]
        if part == "row":
            self._row, self._column = int(has["r"]) - 1 if "r" in has else self._row + 1, -1
        elif part == "c":
            self._begin_cell(has)
        else:
            self._inside.add(part)
            self._in_value = part == "v"

    def _begin_cell(self, has: dict[str, str]) -> None:
        self._column += 1
        if address := _ADDRESS.fullmatch(has.get("r", "")):
            self._row, self._column = int(address[2]) - 1, column_of(address[1])
        self._kind, self._inside, self._texts = has.get("t", ""), set(), []

    def write(self, text: str) -> None:
        if self._in_value:
            self._texts.append(text)

    def end(self, name: str) -> None:
        self._in_value = False
        if name.rpartition(" ")[2] != "c":
            return
        value = "".join(self._texts).strip()
        if value or self._kind == "str" or "is" in self._inside:
            self.look.fill(self._row, self._column)
        if self._is_unsolved(value):
            self.look.miss(self._row, self._column)
        elif self._kind == "e" and value:
            self.look.errors[self._row, self._column] = value

    def _is_unsolved(self, value: str) -> bool:
        if self._kind == "e" and value:
            return value not in _KNOWN
        has_text = self._kind == "str" or "is" in self._inside
        return "f" in self._inside and not value and not has_text
