"""Files of a few rows, and what loading them says."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
from sqlalchemy import Connection

from layers import frames
from layers.errors import BadFileError
from layers.load import load

LEVELS = ("banner", "sumu", "cell")


def csv(folder: Path, *lines: str, name: str = "x.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def refusal(connection: Connection, layer: str, path: Path, **more: Any) -> str:
    with pytest.raises(BadFileError) as refused:
        load(connection, layer, path, levels=LEVELS, **more)
    said = str(refused.value)
    assert "\n" not in said
    assert frames.places(connection, layer).empty
    return said


def places_of(connection: Connection, layer: str = "settlements") -> list[tuple[float, float]]:
    points = frames.places(connection, layer).geometry
    return [(round(p.x, 6), round(p.y, 6)) for p in points]


def workbook(
    path: Path,
    *,
    style: str = "yyyy/m/d h:mm",
    from_1904: bool = False,
    hidden: Sequence[str] = (),
    merged: str = "",
    **sheets: list[list[Any]],
) -> Path:
    """An .xlsx of sheets of rows; a pair ``("date", number)`` is a cell of the format ``style``,
    ``("error", text)`` a formula without a result, ``("sum", number)`` one with a result."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    mime = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    numbers = range(1, len(sheets) + 1)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{mime}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{mime}.styles+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/s{n}.xml" ContentType="{mime}.worksheet+xml"/>'
            for n in numbers
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r"'
        f' Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}">'
        f'<workbookPr date1904="{from_1904:d}"/><sheets>'
        + "".join(
            f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"'
            f"{' state=' + chr(34) + 'hidden' + chr(34) if name in hidden else ''}/>"
            for n, name in zip(numbers, sheets, strict=True)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{office}/worksheet" Target="worksheets/s{n}.xml"/>'
            for n in numbers
        )
        + f'<Relationship Id="s" Type="{office}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><numFmts count="1">'
        f'<numFmt numFmtId="164" formatCode={quoteattr(style)}/></numFmts><cellXfs count="2">'
        '<xf numFmtId="0"/><xf numFmtId="164" applyNumberFormat="1"/></cellXfs></styleSheet>',
    }
    for n, rows in zip(numbers, sheets.values(), strict=True):
        cells = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
        parts[f"xl/worksheets/s{n}.xml"] = (
            f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData>'
            f"{merged and f'<mergeCells><mergeCell ref={quoteattr(merged)}/></mergeCells>'}"
            "</worksheet>"
        )
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return path


def _cell(value: Any) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{value:d}</v></c>'
    if isinstance(value, tuple):
        kinds = {"date": ' s="1"><v>', "error": ' t="e"><f>1/0</f><v>', "sum": "><f>1+1</f><v>"}
        return f"<c{kinds[value[0]]}{value[1]}</v></c>"
    if isinstance(value, int | float):
        return f"<c><v>{value!r}</v></c>"
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
