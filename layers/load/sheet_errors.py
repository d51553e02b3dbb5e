"""Cells of a spreadsheet whose formula has no result (#DIV/0!, #N/A): calamine gives blank ones,
and what is lost would be taken for what was never there.

.xlsx: ECMA-376 part 1, 18.3.1.4 (cells of type ``e``). .ods: LibreOffice's ``calcext:value-type``.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

#: What formulas say instead of a result, by row and column from 0.
Errors = dict[tuple[int, int], str]

_ERROR = re.compile(rb"""\bt=["']e["']""")
_ADDRESS = re.compile(r"([A-Z]+)(\d+)")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


def found(path: Path) -> dict[str, Errors]:
    """The errors of each sheet of a spreadsheet. Raises BadZipFile, ExpatError, KeyError,
    ValueError and the like for what is damaged."""
    with zipfile.ZipFile(path) as book:
        return _of_document(book) if path.suffix.lower() == ".ods" else _of_workbook(book)


def _of_workbook(book: zipfile.ZipFile) -> dict[str, Errors]:
    """Those of an .xlsx, whose sheets are named in one part and kept in others."""
    with_errors = {
        name: data
        for name in book.namelist()
        if "worksheets/" in name and name.endswith(".xml")
        if _ERROR.search(data := book.read(name))
    }
    if not with_errors:
        return {}
    relations = ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    parts = {
        one.attrib["Id"]: posixpath.normpath(posixpath.join("/xl", one.attrib["Target"]))[1:]
        for one in relations
    }
    named = {}
    for one in ElementTree.fromstring(book.read("xl/workbook.xml")).iter():  # noqa: S314
        part = parts.get(one.get(_RELATION) or one.get(_STRICT_RELATION) or "")
        if one.tag.endswith("}sheet") and part in with_errors:
            named[one.attrib["name"]] = _of_sheet(with_errors[part])
    return named


def _of_sheet(data: bytes) -> Errors:
    """Those of one sheet of an .xlsx; cells without an address follow the one before."""
    errors: Errors = {}
    row = column = -1
    texts: list[str] | None = None

    def begin(name: str, has: dict[str, str]) -> None:
        nonlocal row, column, texts
        if name.endswith("row"):
            row, column = int(has["r"]) - 1 if "r" in has else row + 1, -1
        elif name.rpartition(" ")[2] == "c":
            address = _ADDRESS.fullmatch(has.get("r", ""))
            column = _column(address[1]) if address else column + 1
            texts = [] if has.get("t") == "e" else None

    def end(name: str) -> None:
        nonlocal texts
        if name.rpartition(" ")[2] == "c" and texts is not None:
            errors[row, column] = "".join(texts).strip()
            texts = None

    def write(text: str) -> None:
        if texts is not None and text.startswith("#"):
            texts.append(text)

    _parse(data, begin, end, write)
    return errors


def _column(letters: str) -> int:
    """The number from 0 of column A, …, Z, AA, …"""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _of_document(book: zipfile.ZipFile) -> dict[str, Errors]:
    """Those of an .ods, in which a row or cell may stand for several."""
    data = book.read("content.xml")
    errors: dict[str, Errors] = defaultdict(dict)
    if b'value-type="error"' not in data:
        return errors
    sheet, row, column, rows = "", 0, 0, 1
    cell: tuple[int, list[str]] | None = None

    def begin(name: str, has: dict[str, str]) -> None:
        nonlocal sheet, row, column, rows, cell
        kind = name.rpartition(" ")[2]
        said = {key.rpartition(" ")[2]: value for key, value in has.items()}
        if kind == "table":
            sheet, row, rows = said.get("name", ""), 0, 0
        elif kind == "table-row":
            row, column, rows = row + rows, 0, int(said.get("number-rows-repeated", "1"))
        elif kind in ("table-cell", "covered-table-cell"):
            count = int(said.get("number-columns-repeated", "1"))
            is_error = any(k.endswith(" value-type") and v == "error" for k, v in has.items())
            cell = (count, []) if is_error else None
            column += count

    def end(name: str) -> None:
        nonlocal cell
        if name.endswith("table-cell") and cell is not None:
            for down in range(rows):
                for back in range(cell[0]):
                    errors[sheet][row + down, column - 1 - back] = "".join(cell[1]).strip()
            cell = None

    _parse(data, begin, end, lambda text: None if cell is None else cell[1].append(text))
    return errors


def _parse(
    data: bytes,
    begin: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    write: Callable[[str], None],
) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = write
    parser.Parse(data, True)
