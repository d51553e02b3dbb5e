"""Rows of a table that are no rows: totals, and headings of two rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from layers.load import load
from scratch import rolled_back
from tests.layers.loading_words import csv, places_of, refusal, workbook

OUT = "take it out, or leave it out with --skip-bad"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.mark.parametrize(
    "word", ["合计", "总 计", "Нийт", "ИТОГО:", "Total", "Grand total", "小计："]
)
@pytest.mark.parametrize("column", ["name", "序号"])
def test_a_row_of_totals_is_told_as_such_and_left_out_with_skip_bad(
    connection: Connection, tmp_path: Path, word: str, column: str
) -> None:
    table = csv(tmp_path, f"{column},lon,lat,households", "A,105,40,7", f"{word},,,7")
    assert refusal(connection, "settlements", table) == (
        f"x.csv: row 2: has no geometry, and as {word!r} says looks like a row of totals: {OUT}"
    )
    report = load(connection, "settlements", table, skip_bad=True)
    assert (report.inserted, len(report.refused)) == (1, 1)


def test_totals_of_features_without_geometry_are_told_too(
    connection: Connection, tmp_path: Path
) -> None:
    rows = [("A", {"type": "Point", "coordinates": [105, 40]}), ("总计", None)]
    features = [{"type": "Feature", "properties": {"name": n}, "geometry": g} for n, g in rows]
    whole = {"type": "FeatureCollection", "features": features}
    (tmp_path / "x.geojson").write_text(json.dumps(whole))
    assert "feature 2: has no geometry, and as '总计' says looks like a row of totals" in refusal(
        connection, "settlements", tmp_path / "x.geojson"
    )


def test_a_place_whose_name_is_a_word_for_totals_is_a_place(
    connection: Connection, tmp_path: Path
) -> None:
    assert load(connection, "settlements", csv(tmp_path, "name,lon,lat", "Total,105,40")).inserted


def test_a_row_without_geometry_that_says_nothing_of_totals_is_told_as_ever(
    connection: Connection, tmp_path: Path
) -> None:
    table = csv(tmp_path, "name,lon,lat", "A,105,40", "Totally,,")
    assert "row 2: has no geometry: give it one, or take the row out" in refusal(
        connection, "settlements", table
    )


@pytest.mark.parametrize("second", ["编号,经度,纬度", "text,°,°", "code,(deg),(deg)"])
def test_a_second_row_of_headings_is_named(
    connection: Connection, tmp_path: Path, second: str
) -> None:
    table = csv(tmp_path, "id,lon,lat", second, "A,105,40")
    _, lon, lat = second.split(",")
    said = refusal(connection, "settlements", table)
    assert f"holds {lon!r} and {lat!r} under lon and lat, again what looks like a heading" in said
    assert OUT in said
    load(connection, "settlements", table, skip_bad=True)
    assert places_of(connection) == [(105, 40)]


def test_a_header_beneath_a_row_of_groups_is_found_and_told(
    connection: Connection, tmp_path: Path
) -> None:
    rows = [["基本信息", None, "坐标", None], ["编号", "名称", "经度", "纬度"], ["A", "b", 105, 40]]
    book = workbook(tmp_path / "x.xlsx", a=rows)
    assert refusal(connection, "settlements", book) == (
        "x.xlsx: row 1 beneath its header looks like the header (编号, 名称, 经度, 纬度): take out"
        " what stands above it"
    )


def test_a_first_row_that_is_wrong_in_another_way_is_told_as_ever(
    connection: Connection, tmp_path: Path
) -> None:
    table = csv(tmp_path, "id,lon,lat", "A,105x,40", "B,105,40")
    assert "looks like a heading" not in refusal(connection, "settlements", table)
    alone = csv(tmp_path, "id,lon,lat", "A,east,north")
    assert "looks like a heading" not in refusal(connection, "settlements", alone)
