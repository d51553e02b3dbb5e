"""Cells of a spreadsheet whose formula has no result (#DIV/0!, #N/A): calamine gives blank ones,
and what is lost would be taken for what was never there.

.xlsx: ECMA-376 part 1, 18.3.1.4 (cells of type ``e``). .ods: LibreOffice's ``calcext:value-type``.
.xls: [MS-XLS] 2.4.24 (BoolErr) and 2.4.127 (Formula).
"""

from __future__ import annotations

import itertools
import posixpath
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from layers.load import ole

#: What formulas say instead of a result, by row and column from 0.
Errors = dict[tuple[int, int], str]

_ERROR = re.compile(rb"""\bt=["']e["']""")
_ADDRESS = re.compile(r"([A-Z]+)(\d+)")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_CODES = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?",
          0x24: "#NUM!", 0x2A: "#N/A"}  # fmt: skip
#: Records of cells of an .xls, which has 256 columns: calamine takes memory for all between.
_CELLS, _MOST_COLUMN = {0x06, 0x27E, 0x203, 0x204, 0x205, 0xBD, 0xFD, 0xD6}, 255
_MOST_ROWS = 65_536


def found(path: Path) -> dict[str, Errors]:
    """The errors of each sheet of a spreadsheet. Raises BadZipFile, ExpatError, KeyError,
    ValueError and the like for what is damaged."""
    suffix = path.suffix.lower()
    if suffix == ".xls":
        return _of_old(path.read_bytes())
    with zipfile.ZipFile(path) as book:
        return _of_document(book) if suffix == ".ods" else _of_workbook(book)


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


def _of_old(data: bytes) -> dict[str, Errors]:
    """Those of an .xls: records of a kind, a length and a content, sheet by sheet."""
    stream = ole.stream(data, "Workbook", "Book")
    sheets = {}
    for kind, content in _records(stream, 0):
        if kind == 0x2F:
            return {}  # protected by a password: calamine says so
        if kind == 0x85:  # BoundSheet8: where the sheet's records begin, …, its name
            wide = content[7] & 1
            letters = content[8 : 8 + content[6] * (1 + wide)]
            name = letters.decode("utf-16-le" if wide else "latin-1", "replace")
            sheets[name] = int.from_bytes(content[:4], "little")
        elif kind == 0xFC and int.from_bytes(content[4:8], "little") > len(stream):
            raise ValueError("it has more texts than bytes")
    return {name: _of_old_sheet(stream, begins) for name, begins in sheets.items()}


def _of_old_sheet(stream: bytes, begins: int) -> Errors:
    """Those of one sheet of an .xls. Raises ValueError for one of which calamine, too, would not
    find the end."""
    if begins + 4 > len(stream):
        raise ValueError("a sheet begins behind the end")
    errors: Errors = {}
    for kind, content in _records(stream, begins):
        row, column = (int.from_bytes(content[a : a + 2], "little") for a in (0, 2))
        is_lost = kind == 0x200 and not _is_possible(content)
        if is_lost or (kind in _CELLS and column > _MOST_COLUMN):
            raise ValueError("it has more cells than such a workbook can have")
        if kind == 0x205 and content[7] == 1:
            errors[row, column] = _CODES.get(content[6], "#N/A")
        elif kind == 0x06 and content[6] == 2 and content[12:14] == b"\xff\xff":
            errors[row, column] = _CODES.get(content[8], "#N/A")
    return errors


def _is_possible(content: bytes) -> bool:
    """Whether first row, end of rows, first column and end of columns ([MS-XLS] 2.4.90) fit."""
    wide = len(content) >= 14
    ends = (0, 4, 8, 10, 12) if wide else (0, 2, 4, 6, 8)
    a, b, c, d = (int.from_bytes(content[i:j], "little") for i, j in itertools.pairwise(ends))
    return a <= b <= _MOST_ROWS and c <= d <= _MOST_COLUMN + 1


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The kind and content of each record of a part, up to the one that ends the part;
    charts within are parts of their own."""
    depth = 0
    while at + 4 <= len(stream):
        kind, length = (int.from_bytes(stream[at + n : at + n + 2], "little") for n in (0, 2))
        depth += (kind in (0x809, 0x409, 0x209, 0x09)) - (kind == 0x0A)
        if at + 4 + length > len(stream):
            raise ValueError("a record is cut")
        if depth <= 1:
            yield kind, stream[at + 4 : at + 4 + length]
        if depth == 0:
            return
        at += 4 + length
