"""Spreadsheets: every cell as those who made it see it, or told."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from layers import frames
from layers.errors import BadFileError
from layers.load import Report, load
from scratch import rolled_back
from tests.layers.loading_words import csv, places_of, refusal, workbook

OLD = Path(__file__).parent / "counted_from_1904.xls.gz"
UNSOLVED = Path(__file__).parent / "never_calculated.xls.gz"
HEAD = ["id", "kind", "last_heartbeat", "lon", "lat"]
#: 2026-03-01 06:30 in days after 1899-12-30; those after 1904-01-01 are 1462 fewer.
SERIAL = 46082 + 6.5 / 24
MORNING = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def times(connection: Connection) -> list[datetime | None]:
    found = frames.places(connection, "checkpoints")["last_heartbeat"]
    return [None if one != one else one.to_pydatetime() for one in found]  # noqa: PLR0124


def checkpoints(connection: Connection, path: Path, **more: Any) -> Report:
    return load(connection, "checkpoints", path, time_zone="UTC", **more)


def document(path: Path, cells: str) -> Path:
    """An .ods of one sheet: a header, and one row of these cells."""
    names = {
        "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
        "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
        "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
        "calcext": "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
    }
    spaces = " ".join(f'xmlns:{key}="{name}"' for key, name in names.items())
    header = "".join(
        f"<table:table-cell {TEXT}><text:p>{x}</text:p></table:table-cell>" for x in HEAD
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "META-INF/manifest.xml",
            '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="a"><table:table-row>{header}</table:table-row>'
            f"<table:table-row>{cells}</table:table-row></table:table>"
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return path


TEXT = 'office:value-type="string"'
STAFFED = f"<table:table-cell {TEXT}><text:p>staffed</text:p></table:table-cell>"
PLACE = "".join(
    f'<table:table-cell office:value-type="float" office:value="{x}"/>' for x in (105.25, 40.5)
)


@pytest.mark.parametrize(
    "style",
    ["yyyy/m/d h:mm", "yyyy-mm-dd hh:mm:ss", "m/d/yyyy h:mm", "dd.mm.yyyy hh:mm",
     'yyyy"年"m"月"d"日" h:mm', "[$-804]yyyy/m/d h:mm", "m/d/yy h:mm;@", "yyyy/mm/dd"],
)  # fmt: skip
@pytest.mark.parametrize("from_1904", [False, True])
def test_a_time_is_the_same_whatever_its_cell_shows_and_its_workbook_counts_from(
    connection: Connection, tmp_path: Path, style: str, from_1904: bool
) -> None:
    path = workbook(
        tmp_path / "x.xlsx", style=style, from_1904=from_1904,
        a=[HEAD, ["A", "staffed", ("date", SERIAL - 1462 * from_1904), 105.25, 40.5]],
    )  # fmt: skip
    checkpoints(connection, path)
    assert times(connection) == [MORNING]


def test_times_days_and_texts_may_stand_in_one_column(
    connection: Connection, tmp_path: Path
) -> None:
    cells = [("date", SERIAL), ("date", 46082), "2026-03-01 06:30", "01.03.2026 06:30", None]
    rows = [[f"k{n}", "staffed", cell, 105.25, 40.5 + n / 10] for n, cell in enumerate(cells)]
    checkpoints(connection, workbook(tmp_path / "x.xlsx", a=[HEAD, *rows]))
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    assert times(connection) == [MORNING, midnight, MORNING, MORNING, None]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [(("date", 0.25), "'06:00:00'"), (("date", 0), "'00:00:00'"), (True, "'TRUE'"),
     (("error", "#DIV/0!"), "'#DIV/0!'")],
)  # fmt: skip
def test_what_is_no_time_is_refused_as_the_cell_shows_it(
    connection: Connection, tmp_path: Path, cell: Any, shown: str
) -> None:
    path = workbook(tmp_path / "x.xlsx", a=[HEAD, ["A", "staffed", cell, 105.25, 40.5]])
    said = refusal(connection, "checkpoints", path, time_zone="UTC")
    assert said.startswith(f"x.xlsx: row 1 (id 'A'): last_heartbeat is {shown}: give")


def test_an_old_workbook_is_read_with_its_1904_and_its_errors(
    connection: Connection, tmp_path: Path
) -> None:
    said = refusal(connection, "checkpoints", OLD, time_zone="UTC")
    assert "row 2 (id '2'): last_heartbeat is '#DIV/0!'" in said
    plain = tmp_path / "x.xls"
    plain.write_bytes(gzip.decompress(OLD.read_bytes()))
    report = checkpoints(connection, plain, skip_bad=True)
    assert report.notes == ["hidden sheet '旧' left out: load it with --layer-name 旧"]
    assert times(connection) == [MORNING, datetime(2026, 3, 2, tzinfo=UTC)]
    assert places_of(connection, "checkpoints") == [(105.25, 40.5), (105.5, 40.5)]


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_an_old_workbook_that_is_cut_is_refused(
    connection: Connection, tmp_path: Path, share: float
) -> None:
    data = gzip.decompress(OLD.read_bytes())
    path = tmp_path / "x.xls"
    path.write_bytes(data[: int(len(data) * share)])
    assert refusal(connection, "checkpoints", path) == (
        "x.xls: it cannot be read as a spreadsheet: save it again, or as CSV"
    )


def test_a_document_of_libreoffice_keeps_times_and_errors(
    connection: Connection, tmp_path: Path
) -> None:
    time = '<table:table-cell office:value-type="date" office:date-value="2026-03-01T06:30:00"/>'
    ident = f"<table:table-cell {TEXT}><text:p>A</text:p></table:table-cell>"
    checkpoints(connection, document(tmp_path / "x.ods", ident + STAFFED + time + PLACE))
    assert times(connection) == [MORNING]
    error = (
        f'<table:table-cell {TEXT} office:string-value="" calcext:value-type="error">'
        "<text:p>#REF!</text:p></table:table-cell>"
    )
    path = document(tmp_path / "y.ods", ident + STAFFED + error + PLACE)
    with pytest.raises(BadFileError, match=r"\(id 'A'\): last_heartbeat is '#REF!'"):
        checkpoints(connection, path)


def test_numbers_are_what_was_typed(connection: Connection, tmp_path: Path) -> None:
    rows = [["id", "name", "households", "lon", "lat"],
            [1, 12.5, 1.0, 105.1, 40.5], [1e14, 104, ("sum", 2.0), 105.2, 40.5]]  # fmt: skip
    load(connection, "settlements", workbook(tmp_path / "x.xlsx", a=rows))
    found = frames.places(connection, "settlements")
    assert dict(found["name"]) == {"1": "12.5", "100000000000000": "104"}
    assert dict(found["households"]) == {"1": 1, "100000000000000": 2}


def test_an_id_that_the_spreadsheet_cut_short_is_refused(
    connection: Connection, tmp_path: Path
) -> None:
    # A code of 18 digits, of which Excel keeps 15.
    path = workbook(tmp_path / "x.xlsx", a=[["id", "lon", "lat"], [152921198001011200, 105, 40]])
    assert "id '1.52921198001011e+17' is a number that a spreadsheet cut short" in refusal(
        connection, "settlements", path
    )


def test_rows_are_called_by_their_line_where_blank_ones_are_above(
    connection: Connection, tmp_path: Path
) -> None:
    rows: list[list[Any]] = [
        [],
        [None, "点表"],
        [None, "id", "lon", "lat"],
        [],
        [None, "A", 105, 95],
    ]
    said = refusal(connection, "settlements", workbook(tmp_path / "x.xlsx", a=rows))
    assert said.startswith("x.xlsx: row 1 on line 5 (id 'A'): ")


def test_a_hidden_sheet_is_left_out_unless_it_is_asked_for(
    connection: Connection, tmp_path: Path
) -> None:
    rows = {"shown": [["id", "lon", "lat"], ["A", 105, 40]],
            "old": [["id", "lon", "lat"], ["B", 106, 41]]}  # fmt: skip
    path = workbook(tmp_path / "x.xlsx", hidden=["old"], **rows)
    report = load(connection, "settlements", path)
    assert report.notes == ["hidden sheet 'old' left out: load it with --layer-name old"]
    assert places_of(connection) == [(105, 40)]
    assert load(connection, "settlements", path, source_layer="old").inserted == 1
    assert load(
        connection, "settlements", workbook(path, hidden=["old"], old=rows["old"])
    ).notes == []  # fmt: skip


def test_cells_merged_over_rows_are_told(connection: Connection, tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["id", "name", "lon", "lat"],
        ["A", "x", 105, 40],
        ["B", None, 105.1, 40],
    ]
    path = workbook(tmp_path / "x.xlsx", merged="B2:B3", a=rows)
    (note,) = load(connection, "settlements", path).notes
    assert note.startswith("cells are merged over several rows")
    assert frames.places(connection, "settlements")["name"].isna().tolist() == [False, True]


def test_a_workbook_with_a_password_is_named_as_such(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1016) + "EncryptedPackage".encode("utf-16-le")
    )
    assert refusal(connection, "settlements", path) == (
        "x.xlsx: it is protected by a password: save it without one"
    )


NAMED = ["id", "name", "lon", "lat"]
SAVE = "open the file in a spreadsheet program and save it"


def addressed(path: Path, prefix: str = "", **cells: str) -> Path:
    """An .xlsx of one sheet: a header, and cells by their address in the order of their rows."""
    rows: dict[str, list[str]] = {}
    for n, name in enumerate(NAMED):
        rows.setdefault("1", []).append(f'<c r="{"ABCD"[n]}1" t="str"><v>{name}</v></c>')
    for address, cell in cells.items():
        kind, _, inside = cell.rpartition("|")
        row = address.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        rows.setdefault(row, []).append(f'<c r="{address}"{kind}>{inside}</c>')
    data = "".join(f'<row r="{row}">{"".join(one)}</row>' for row, one in rows.items())
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = f'<worksheet xmlns="{main}"><sheetData>{data}</sheetData></worksheet>'
    if prefix:
        sheet = sheet.replace("</", f"<|{prefix}:").replace("<", f"<{prefix}:")
        sheet = sheet.replace(f"<{prefix}:|", "</").replace("xmlns=", f"xmlns:{prefix}=")
    made = workbook(path.with_suffix(".made"), a=[])
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(path, "w") as new:
        for part in old.namelist():
            new.writestr(part, sheet if "worksheets/" in part else old.read(part))
    return path


ROW = {"C2": "<v>105</v>", "D2": "<v>40</v>"}
A = " t='str'|<v>A</v>"


@pytest.mark.parametrize("prefix", ["", "x"])
@pytest.mark.parametrize(
    "empty",
    ["<f>6+6</f><v/>", "<f>6+6</f><v></v>", "<f>6+6</f>", "<f>6+6</f> <v />", "<f/><v/>",
     ' s="1"|<f>A1&gt;2</f><v/>', '<f t="shared" si="0"/><v/>', '<f t="shared" si="0" />',
     ' t="n"|<f>6+6</f><v></v>', ' t="e"|<f>A1</f><v>#GETTING_DATA</v>'],
)  # fmt: skip
def test_a_formula_that_was_never_calculated_is_refused(
    connection: Connection, tmp_path: Path, empty: str, prefix: str
) -> None:
    path = addressed(tmp_path / "q.xlsx", prefix, A2=A, B2=empty, **ROW)
    said = refusal(connection, "settlements", path)
    assert said == f"q.xlsx: the formula in B2 has no result: {SAVE}"
    path = addressed(path, prefix, A2=A, B2=empty, **ROW, E2=empty, AA3=empty)
    said = refusal(connection, "settlements", path)
    assert said == f"q.xlsx: the formula in B2 (and 2 more) has no result: {SAVE}"


@pytest.mark.parametrize(
    ("cell", "name"),
    [(' t="str"|<f>""</f><v></v>', None), (' t="str"|<f>""</f><v/>', None),
     ('<f t="shared" si="0"/><v>12</v>', "12"), (" s='1'|", None), ("<v/>", None),
     (' t="str"|<f>"x"</f><v>x</v>', "x")],
)  # fmt: skip
def test_a_formula_with_a_result_is_read_as_that(
    connection: Connection, tmp_path: Path, cell: str, name: str | None
) -> None:
    path = addressed(tmp_path / "q.xlsx", A2=A, B2=cell, **ROW)
    assert load(connection, "settlements", path).inserted == 1
    found = frames.places(connection, "settlements")["name"]["A"]
    assert (None if found != found else found) == name  # noqa: PLR0124


def test_formulas_of_another_sheet_may_have_no_result(
    connection: Connection, tmp_path: Path
) -> None:
    rows = [["id", "lon", "lat"], ["A", 105, 40]]
    path = workbook(tmp_path / "x.xlsx", a=rows, b=[*rows, [("error", "")]])
    assert load(connection, "settlements", path, source_layer="a").inserted == 1
    with pytest.raises(BadFileError, match="the formula in A3 has no result"):
        load(connection, "settlements", path, source_layer="b")


@pytest.mark.parametrize(
    ("cell", "fine"),
    [('<table:table-cell table:formula="of:=6+6"><text:p/></table:table-cell>', False),
     ('<table:table-cell table:formula="of:=IF(1>0;&quot;&quot;)"/>', False),
     ('<table:table-cell office:value-type="date" table:formula="of:=6+6"/>', False),
     (f'<table:table-cell table:formula="of:=6+6" {TEXT}/>', True),
     (f'<table:table-cell table:formula="of:=6+6" {TEXT} office:string-value=""/>', True)],
)  # fmt: skip
def test_a_formula_of_libreoffice_that_was_never_calculated_is_refused(
    connection: Connection, tmp_path: Path, cell: str, fine: bool
) -> None:
    ident = f"<table:table-cell {TEXT}><text:p>A</text:p></table:table-cell>"
    path = document(tmp_path / "q.ods", ident + STAFFED + cell + PLACE)
    if fine:
        assert checkpoints(connection, path).inserted == 1
    else:
        said = refusal(connection, "checkpoints", path, time_zone="UTC")
        assert said == f"q.ods: the formula in C2 has no result: {SAVE}"


FAR = "most of them empty: take out what stands there"


@pytest.mark.parametrize(
    ("cells", "ends"),
    [(["XFD1048576"], "XFD1048576"), (["XFD5000"], "XFD5000"),
     (["XFD2", "A1048576"], "A1048576 and XFD2")],
)  # fmt: skip
def test_cells_too_far_out_are_named(
    connection: Connection, tmp_path: Path, cells: list[str], ends: str
) -> None:
    stray = dict.fromkeys(cells, "<v>1</v>")
    said = refusal(connection, "settlements", addressed(tmp_path / "x.xlsx", A2=A, **ROW, **stray))
    assert said == f"x.xlsx: its cells reach to {ends}, {FAR}"
    plain = dict.fromkeys(cells, " s='1'|")
    path = addressed(tmp_path / "x.xlsx", A2=A, **ROW, **plain)
    assert load(connection, "settlements", path).inserted == 1


WIDE, LONG = 'table:number-columns-repeated="16370"', 'table:number-rows-repeated="1048000"'


@pytest.mark.parametrize(
    ("rest", "fine"),
    [(f"<table:table-cell {WIDE}/></table:table-row><table:table-row {LONG}><table:table-cell/>"
      f"</table:table-row><table:table-row><table:table-cell {WIDE}/>", True),
     (f"</table:table-row><table:table-row {LONG}><table:table-cell {WIDE}><text:p/>"
      "</table:table-cell>", True),
     (f"</table:table-row><table:table-row {LONG}><table:table-cell/></table:table-row>"
      f"<table:table-row><table:table-cell {WIDE}/>{STAFFED}", False),
     (f"</table:table-row><table:table-row {LONG}><table:table-cell {WIDE} {TEXT}><text:p>x"
      "</text:p></table:table-cell>", False)],
)  # fmt: skip
def test_cells_of_libreoffice_too_far_out_are_named(
    connection: Connection, tmp_path: Path, rest: str, fine: bool
) -> None:
    ident = f"<table:table-cell {TEXT}><text:p>A</text:p></table:table-cell>"
    path = document(tmp_path / "x.ods", ident + STAFFED + "<table:table-cell/>" + PLACE + rest)
    if fine:
        assert checkpoints(connection, path).inserted == 1
    else:
        said = refusal(connection, "checkpoints", path)
        assert said.startswith("x.ods: its cells reach to XE")
        assert said.endswith(FAR)


def test_formulas_of_an_old_workbook_that_may_have_no_result_are_counted(
    connection: Connection, tmp_path: Path
) -> None:
    # By xlwt, which calculates nothing.
    plain = tmp_path / "x.xls"
    plain.write_bytes(gzip.decompress(UNSOLVED.read_bytes()))
    (note,) = load(connection, "settlements", plain).notes
    assert note == (
        "2 cells hold an empty text, as formulas do that were never calculated: open the file in a"
        " spreadsheet program and save it if they should hold something"
    )


ERRORS = ["#REF!", "#NAME?", "#DIV/0!", "#VALUE!", "#NUM!", "#NULL!", "#N/A", "#GETTING_DATA",
          "Err:502", "#ИМЯ?", "#n/a"]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("as_csv", [False, True])
def test_an_error_of_a_formula_is_no_name_and_no_id(
    connection: Connection, tmp_path: Path, error: str, as_csv: bool
) -> None:
    def made(*rows: list[Any]) -> Path:
        if as_csv:
            lines = [",".join(map(str, row)) for row in rows]
            return csv(tmp_path, *lines)
        kind = ("error", error) if error in ERRORS[:7] else error
        typed = [[kind if one == error else one for one in row] for row in rows]
        return workbook(tmp_path / "x.xlsx", a=typed)

    fine = ["B", "Err: 12 #3", 106, 41]
    said = refusal(connection, "settlements", made(NAMED, [error, "x", 105, 40], fine))
    assert f"its id is an error of a formula, {error!r}: mend it" in said
    path = made(NAMED, ["A", error, 105, 40], fine)
    said = refusal(connection, "settlements", path, strict=True)
    assert f"row 1 (id 'A'): name {error!r} was taken as missing" in said
    report = load(connection, "settlements", path)
    assert report.repaired == [f"row 1 (id 'A'): name {error!r} was taken as missing"]
    names = frames.places(connection, "settlements")["name"]
    assert (names.isna().to_dict(), names["B"]) == ({"A": True, "B": False}, "Err: 12 #3")


def test_an_error_that_another_program_writes_as_a_text_is_one(
    connection: Connection, tmp_path: Path
) -> None:
    ident, error = (
        f'<table:table-cell table:formula="of:=1/0" {TEXT} office:string-value="">'
        f"<text:p>{one}</text:p></table:table-cell>"
        for one in ("Err:502", "#DIV/0!")
    )
    path = document(tmp_path / "x.ods", ident + STAFFED + error + PLACE)
    said = refusal(connection, "checkpoints", path, time_zone="UTC")
    assert "(id 'Err:502'): " in said


def test_what_means_missing_may_look_like_an_error(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,name,lon,lat", "A,#N/A,105,40")
    report = load(connection, "settlements", path, unknown={"name": "#N/A"}, strict=True)
    assert (report.inserted, report.repaired) == (1, [])


def test_columns_with_neither_name_nor_value_are_not_told(
    connection: Connection, tmp_path: Path
) -> None:
    path = addressed(tmp_path / "x.xlsx", A2=A, **ROW, XFD2="<v>1</v>")
    assert load(connection, "settlements", path).dropped_columns == ["(column 16384)"]
    lines = ["id,lon,,lat" + "," * 14, "B,105,,40,,," + ",".join("abcdefghijkl")]
    many = load(connection, "settlements", csv(tmp_path, *lines)).dropped_columns
    assert many == [*(f"(column {n})" for n in range(7, 17)), "and 2 more without a name"]
    lines = ["id,lon,,lat,", "C,105,,40,,1", "D,105,,40,", "E,105,,40,"]
    said = load(connection, "settlements", csv(tmp_path, *lines), skip_bad=True).refused
    assert said[0].startswith("row 1: has 6 cells, the header 5: mend it")


@pytest.mark.parametrize(
    ("name", "said"),
    [("x.ods", "it is no OpenDocument spreadsheet but an Excel workbook"),
     ("x.xlsx", "it is no Excel workbook but an OpenDocument spreadsheet")],
)  # fmt: skip
def test_a_spreadsheet_by_another_ones_name_is_told(
    connection: Connection, tmp_path: Path, name: str, said: str
) -> None:
    path = tmp_path / name
    if name == "x.ods":
        workbook(path, a=[["id", "lon", "lat"], ["A", 105, 40]])
    else:
        document(path, STAFFED)
    assert refusal(connection, "settlements", path) == f"{name}: {said}: name it by what it is"
