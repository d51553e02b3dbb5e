"""Rows of a table that cannot be read are refused alone, where the others can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from layers.errors import BadFileError
from layers.load import load
from layers.load.table import read_rows
from scratch import rolled_back
from tests.layers.loading_words import csv, places_of, refusal

HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"
RAGGED = "has 2 cells, the header 3: mend it (write numbers with a point, and quote what"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def test_a_row_with_a_nul_is_left_out_alone_and_its_line_is_told(connection: Connection) -> None:
    report = load(connection, "settlements", HAZARDS / "nul.csv", skip_bad=True)
    assert report.refused == [
        "row 1: holds a NUL (a character of number 0, which no text has), on line 2 of the file:"
        " take it out, or leave the row out with --skip-bad"
    ]
    assert places_of(connection) == [(105.06, 40.05)]


def test_a_nul_in_the_header_is_refused(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,lon,lat,na\0me", "A,105,40,Bulag")
    assert "its header holds a NUL" in refusal(connection, "settlements", path)


def test_binary_that_is_called_csv_is_none(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,lon,lat\n\x01\x02\x03\0A,105,40\n")
    assert "it is no CSV but looks like something else" in refusal(connection, "settlements", path)


def test_a_ragged_row_is_left_out_alone(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "编号,lon,lat", "A,105.1,40", "", "B,105.2", "C,105.3,40", "D,105.4,40,,")
    report = load(connection, "settlements", path, skip_bad=True)
    assert len(report.refused) == 1
    assert report.refused[0].startswith(f"row 2 on line 4: {RAGGED}")
    assert report.notes == ["column '编号' read as id"]
    assert places_of(connection) == [(105.1, 40), (105.3, 40), (105.4, 40)]


def test_a_header_that_fits_few_rows_refuses_the_file(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,lon,lat", "A,105,1,40,2", "B,105,2,40,2", "C,105,40")
    said = refusal(connection, "settlements", path, skip_bad=True)
    assert said.startswith("x.csv: row 1 has 5 cells, the header 3")


def test_who_needs_every_row_is_told_of_the_first_that_is_none(tmp_path: Path) -> None:
    path = csv(tmp_path, "id,lon,lat", "A,105.1,40", "B,105.2", "C,105.3,40")
    with pytest.raises(BadFileError, match=r"x\.csv: row 2 has 2 cells, the header 3"):
        read_rows(path)
