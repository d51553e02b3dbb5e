"""Values by another convention than ours load as ours and are told; --strict refuses them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from layers import frames
from layers.load import RefusedRowsError, load
from scratch import rolled_back
from tests.layers.loading_words import LEVELS, csv, refusal, workbook

TRIANGLE = '"POLYGON((105 40,105.1 40,105.1 40.1,105 40))"'


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.mark.parametrize("written", ["Cell", " cell ", "CELL", "c ell"])
def test_a_level_in_other_letters_is_that_level(
    connection: Connection, tmp_path: Path, written: str
) -> None:
    path = csv(tmp_path, "id,level,wkt", f"A,{written},{TRIANGLE}")
    said = refusal(connection, "grids", path, strict=True)
    assert f"--strict: row 1 (id 'A'): level {written!r} was read as cell" in said
    report = load(connection, "grids", path, levels=LEVELS)
    assert report.repaired == [f"row 1 (id 'A'): level {written!r} was read as cell"]
    assert list(frames.places(connection, "grids")["level"]) == ["cell"]


def test_a_level_that_there_is_not_is_refused_with_its_row_alone(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,level,wkt", f"A,cells,{TRIANGLE}", f"B,cell,{TRIANGLE}")
    wrong = "row 1 (id 'A'): level is 'cells': the region has banner, sumu, cell"
    assert refusal(connection, "grids", path) == f"x.csv: {wrong}"
    report = load(connection, "grids", path, levels=LEVELS, skip_bad=True)
    assert (report.inserted, report.refused) == (1, [wrong])


@pytest.mark.parametrize(
    ("given", "stored"), [("-90", 270), ("-180", 180), ("-0.5", 359.5), ("-0.5°", 359.5)]
)
def test_a_bearing_west_of_north_is_counted_from_0_to_360(
    connection: Connection, tmp_path: Path, given: str, stored: float
) -> None:
    path = csv(tmp_path, "id,bearing_deg,lon,lat", f"A,{given},105,40", "B,360,105,40")
    report = load(connection, "cameras", path)
    assert report.repaired == [f"row 1 (id 'A'): bearing_deg {given!r} was read as {stored:g}"]
    assert list(frames.places(connection, "cameras")["bearing_deg"]) == [stored, 360]


def test_a_bearing_beyond_the_compass_is_refused(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,bearing_deg,lon,lat", "A,-181,105,40")
    assert "bearing_deg is -181" in refusal(connection, "cameras", path)


@pytest.mark.parametrize("name", ['"Sarnai\nTown"', '"Sarnai \r\n Town"', "Sarnai\tTown"])
def test_a_name_of_two_lines_becomes_one_line(
    connection: Connection, tmp_path: Path, name: str
) -> None:
    path = csv(tmp_path, "id,name,lon,lat", f"A,{name},105,40", "B,x,105,40")
    assert "has a line end or tab" in refusal(connection, "settlements", path, strict=True)
    report = load(connection, "settlements", path)
    assert len(report.repaired) == 1
    assert list(frames.places(connection, "settlements")["name"]) == ["Sarnai Town", "x"]


def test_a_spreadsheets_cell_of_two_lines_becomes_one_line(
    connection: Connection, tmp_path: Path
) -> None:
    rows = [["id", "name", "lon", "lat"], ["A", "Sarnai&#10;Town", 105.0, 40.0]]
    load(connection, "settlements", workbook(tmp_path / "x.xlsx", Sheet1=rows))
    assert list(frames.places(connection, "settlements")["name"]) == ["Sarnai Town"]


def test_a_file_whose_name_is_longer_than_any_is_refused(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / ("x" * 300 + ".csv")
    assert "no file's name is as long" in refusal(connection, "settlements", path)


def test_what_nobody_sees_makes_no_other_id_and_no_other_name(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,name_zh,name_mn,lon,lat", "A,达来,ᠮᠣᠩᠭᠣᠯ\u180e\u200d,105,40")
    load(connection, "settlements", path)
    path = csv(tmp_path, "id,name_zh,lon,lat", "\ufeffA\u200b,\u200e达\u2060来\u202c,105,40")
    report = load(connection, "settlements", path)
    assert (report.inserted, report.updated, report.unchanged) == (0, 0, 1)
    assert report.repaired == [
        r"row 1 (id '\ufeffA\u200b'): name_zh '达来' held characters that nobody sees",
        r"row 1 (id '\ufeffA\u200b'): id 'A' held characters that nobody sees",
    ]
    # What joins letters is part of them.
    assert list(frames.places(connection, "settlements")["name_mn"]) == ["ᠮᠣᠩᠭᠣᠯ\u180e\u200d"]
    with pytest.raises(RefusedRowsError, match="--strict"):
        load(connection, "settlements", path, strict=True)


@pytest.mark.parametrize(("written", "said"), [("-1", "-1"), ("-1.0", "-1"), (" -1 ", "-1")])
def test_a_bearing_that_means_unknown_is_not_counted_from_north(
    connection: Connection, tmp_path: Path, written: str, said: str
) -> None:
    path = csv(tmp_path, "id,bearing_deg,lon,lat", f"A,{written},105,40", "B,-90,105.1,40")
    report = load(connection, "cameras", path, unknown={"bearing_deg": said})
    assert report.repaired == ["row 2 (id 'B'): bearing_deg '-90' was read as 270"]
    found = frames.places(connection, "cameras")["bearing_deg"]
    assert (found.isna().tolist(), found["B"]) == ([True, False], 270)


def test_a_level_that_means_unknown_is_no_level_that_there_is_not(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,level,wkt", f"A,?,{TRIANGLE}")
    load(connection, "grids", path, levels=LEVELS, unknown={"level": "?"})
    assert list(frames.places(connection, "grids")["level"]) == ["cell"]
