"""All rows or none: what is refused, left out, only looked at, and told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from layers import frames, places, versions
from layers.errors import BadFileError
from layers.load import RefusedRowsError, load
from scratch import rolled_back


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """Five rows: fine, no number of households, off the earth, no place, fine."""
    path = tmp_path / "x.csv"
    path.write_text(
        "id,lon,lat,households\nA,105,40,1\nB,105,40.1,many\nC,205000,40,1\nD,,,1\nE,105,40.4,2\n",
        encoding="utf-8",
    )
    return path


REASONS = [
    "row 2 (id 'B'): households is 'many': give a whole number from 0 up to 2147483647",
    "row 3 (id 'C'): lies off the earth (longitude within ±180, latitude within ±90):"
    " if these are metres, declare their CRS",
    "row 4 (id 'D'): has no geometry: give it one, or take the row out",
]


def test_every_faulty_row_is_named_and_none_is_stored(connection: Connection, faulty: Path) -> None:
    with pytest.raises(RefusedRowsError) as refusal:
        load(connection, "settlements", faulty)
    assert refusal.value.refused == REASONS
    assert str(refusal.value) == (
        f"x.csv: {REASONS[0]} (and 2 more rows); --skip-bad leaves them out, --dry-run lists them"
    )
    assert places.summary(connection)["settlements"].count == 0


def test_faulty_rows_can_be_left_out_and_are_told(connection: Connection, faulty: Path) -> None:
    report = load(connection, "settlements", faulty, skip_bad=True)
    assert (report.read, report.inserted, report.refused) == (5, 2, REASONS)
    assert frames.places(connection, "settlements").index.to_list() == ["A", "E"]


def test_a_file_of_nothing_but_faulty_rows_is_refused_all_the_same(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,lon,lat,households\nA,105,40,many\n", encoding="utf-8")
    with pytest.raises(
        BadFileError, match=r"households is 'many': give a whole number from 0 up to"
    ):
        load(connection, "settlements", path, skip_bad=True)


def test_rows_that_contradict_others_are_left_out_and_what_hung_on_them_after(
    connection: Connection, tmp_path: Path
) -> None:
    # B lies on half of A and half of C, which are beside each other; b is a child of B.
    def square(west: float, east: float) -> str:
        return f"POLYGON (({west} 40, {east} 40, {east} 40.1, {west} 40.1, {west} 40))"

    path = tmp_path / "x.csv"
    path.write_text(
        "id;level;parent;wkt\n"
        f"A;sumu;;{square(105, 105.1)}\nC;sumu;;{square(105.1, 105.2)}\n"
        f"B;sumu;;{square(105.05, 105.15)}\nb;cell;B;{square(105.06, 105.07)}\n",
        encoding="utf-8",
    )
    levels = ("sumu", "cell")
    with pytest.raises(BadFileError, match=r"x.csv: grids 'B': [\d,]+ m² of it lie on 'A'"):
        load(connection, "grids", path, levels=levels)
    assert places.summary(connection)["grids"].count == 0
    report = load(connection, "grids", path, levels=levels, skip_bad=True)
    assert report.inserted == 2
    assert frames.places(connection, "grids").index.to_list() == ["A", "C"]
    first, second = report.refused
    assert first.startswith("row 3 (id 'B'): grids 'B': ")
    assert second == (
        "row 4 (id 'b'): grids 'b': its parent 'B' does not exist: load it first, or leave"
        " parent out"
    )


def test_strict_refuses_what_would_be_repaired_and_lists_it(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    bow = "POLYGON ((105 40, 105.1 40.1, 105.1 40, 105 40.1, 105 40))"
    path.write_text(f"id;wkt\nA;{bow}\n", encoding="utf-8")
    with pytest.raises(
        RefusedRowsError, match=r"x.csv: --strict: row 1 \(id 'A'\): Self-int"
    ) as no:
        load(connection, "grids", path, strict=True)
    assert no.value.repaired == ["row 1 (id 'A'): Self-intersection[105.05 40.05]"]
    assert places.summary(connection)["grids"].count == 0
    assert load(connection, "grids", path).repaired == no.value.repaired


def test_a_dry_run_reports_as_a_load_would_and_stores_nothing(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,lon,lat,secret\nA,105,40,x\n", encoding="utf-8")
    report = load(connection, "settlements", path, dry_run=True)
    assert (report.inserted, report.dropped_columns, report.dry_run) == (1, ["secret"], True)
    assert places.summary(connection)["settlements"].count == 0
    assert versions.read(connection, ["settlements"]).data_version == "settlements.0"
    load(connection, "settlements", path)
    again = load(connection, "settlements", path, dry_run=True)
    assert (again.inserted, again.unchanged) == (0, 1)


def test_a_dry_run_also_finds_what_the_hierarchy_refuses(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "id;parent;wkt\nA;nowhere;POLYGON ((105 40, 105.1 40, 105.1 40.1, 105 40))\n",
        encoding="utf-8",
    )
    with pytest.raises(BadFileError, match="its parent 'nowhere' does not exist"):
        load(connection, "grids", path, dry_run=True)


def test_who_asks_is_told_of_each_step_and_of_rows_as_they_are_written(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    rows = "".join(f"P{n},105,{40 + n / 10000}\n" for n in range(2500))
    path.write_text("id,lon,lat\n" + rows, encoding="utf-8")
    told: list[tuple[str, int, int]] = []
    load(connection, "settlements", path, progress=lambda *step: told.append(step))
    assert [told[0], told[1]] == [("reading", 0, 0), ("checking", 0, 0)]
    assert told[2:] == [("writing", 2000, 2500), ("writing", 2500, 2500)]


def test_a_grid_lies_on_no_other_of_its_level_whosever_child_that_is(
    connection: Connection, tmp_path: Path
) -> None:
    box = "POLYGON (({0} 40, {1} 40, {1} 40.1, {0} 40.1, {0} 40))"
    path = tmp_path / "x.csv"
    path.write_text(
        f"id;level;parent;wkt\nT;sumu;;{box.format(105, 105.2)}\n"
        f"a;cell;T;{box.format(105, 105.1)}\n",
        encoding="utf-8",
    )
    assert load(connection, "grids", path, levels=("sumu", "cell")).inserted == 2
    later = tmp_path / "y.csv"
    later.write_text(
        f"id;level;wkt\nb;cell;{box.format(105.05, 105.15)}\nc;cell;{box.format(105.02, 105.04)}\n",
        encoding="utf-8",
    )
    with pytest.raises(RefusedRowsError, match="of it lie on 'a'") as no:
        load(connection, "grids", later, levels=("sumu", "cell"))
    # Each row is told its own conflict.
    assert [line[:25] for line in no.value.refused] == [
        "row 1 (id 'b'): grids 'b'", "row 2 (id 'c'): grids 'c'",
    ]  # fmt: skip


def test_geojson_with_measures_or_in_metres_is_read(connection: Connection, tmp_path: Path) -> None:
    head = '{"type":"Feature","id":"p","properties":{},"geometry":{"type":"Point","coordinates":'
    path = tmp_path / "x.geojson"
    path.write_text(head + "[105, 40, 1200, 7]}}", encoding="utf-8")
    assert load(connection, "posts", path).inserted == 1
    path.write_text(head + "[500000, 4427757]}}", encoding="utf-8")
    assert load(connection, "posts", path, crs="EPSG:32648").updated == 1
    point = frames.places(connection, "posts").geometry["p"]
    assert (point.x, point.y) == pytest.approx((105, 40), abs=1e-4)
