"""Archives of several files: the one that is asked for is loaded, or all are named."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from sqlalchemy import Connection

from layers.load import load
from scratch import rolled_back
from tests.layers.loading_words import places_of, refusal

EAST, WEST = (
    gpd.GeoDataFrame({"id": [i]}, geometry=[shapely.Point(lon, 40)], crs=4326)
    for i, lon in (("E", 106), ("W", 105))
)
TABLE = "id,lon,lat\nT,107,40\n"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def archive(folder: Path, *, table: bool = False) -> Path:
    """Two Shapefiles, in folders of their own, and perhaps a table beside them."""
    with zipfile.ZipFile(folder / "x.zip", "w") as packed:
        for name, frame in (("east", EAST), ("west", WEST)):
            frame.to_file(folder / f"{name}.shp")
            for part in folder.glob(f"{name}.*"):
                packed.write(part, f"data/{part.name}")
        if table:
            packed.writestr("table.csv", TABLE)
    return folder / "x.zip"


@pytest.mark.parametrize("asked", ["west", "west.shp", "data/west.shp"])
def test_of_several_shapefiles_in_an_archive_the_one_that_was_asked_for_is_loaded(
    connection: Connection, tmp_path: Path, asked: str
) -> None:
    assert load(connection, "settlements", archive(tmp_path), source_layer=asked).inserted == 1
    assert places_of(connection) == [(105, 40)]


def test_several_shapefiles_in_an_archive_are_named_where_nothing_says_which(
    connection: Connection, tmp_path: Path
) -> None:
    several = archive(tmp_path)
    assert refusal(connection, "settlements", several) == (
        "x.zip: it has several files (data/east.shp, data/west.shp): say which with --layer-name"
    )
    assert refusal(connection, "settlements", several, source_layer="north") == (
        "x.zip: it has no file or layer 'north': there are data/east.shp, data/west.shp"
    )


def test_a_table_beside_shapefiles_is_loaded_when_it_is_asked_for(
    connection: Connection, tmp_path: Path
) -> None:
    load(connection, "settlements", archive(tmp_path, table=True), source_layer="table")
    assert places_of(connection) == [(107, 40)]


def test_a_layer_of_one_of_several_packages_in_an_archive_is_found_by_its_name(
    connection: Connection, tmp_path: Path
) -> None:
    EAST.to_file(tmp_path / "a.gpkg", layer="east")
    EAST.to_file(tmp_path / "a.gpkg", layer="other")
    WEST.to_file(tmp_path / "b.gpkg", layer="west")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.write(tmp_path / "a.gpkg", "a.gpkg")
        packed.write(tmp_path / "b.gpkg", "b.gpkg")
    load(connection, "settlements", tmp_path / "x.zip", source_layer="east")
    assert places_of(connection) == [(106, 40)]
    load(connection, "settlements", tmp_path / "x.zip", source_layer="b")
    assert places_of(connection) == [(106, 40), (105, 40)]


def test_two_files_of_one_name_in_an_archive_are_told_apart_by_their_folders(
    connection: Connection, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("2025/x.csv", TABLE)
        packed.writestr("2026/x.csv", TABLE.replace("107", "108"))
    said = refusal(connection, "settlements", tmp_path / "x.zip", source_layer="x")
    assert "several of its files are called 'x' (2025/x.csv, 2026/x.csv)" in said
    load(connection, "settlements", tmp_path / "x.zip", source_layer="2026/x.csv")
    assert places_of(connection) == [(108, 40)]


def test_a_name_that_the_only_table_of_an_archive_does_not_have_is_refused(
    connection: Connection, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("a.csv", TABLE)
    said = refusal(connection, "settlements", tmp_path / "x.zip", source_layer="b")
    assert said == "x.zip: it has no file or layer 'b': there are a.csv"


FEATURE = {
    "type": "Feature",
    "properties": {"id": "A"},
    "geometry": {"type": "Point", "coordinates": [105, 40]},
}


@pytest.mark.parametrize("name", ["x.geojsonl", "x.geojsons", "x.geojson", "x.json"])
def test_an_array_of_features_is_read_as_a_collection_and_told(
    connection: Connection, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text(json.dumps([FEATURE], indent=1))
    report = load(connection, "settlements", tmp_path / name)
    assert report.inserted == 1
    assert report.notes == ["a JSON array of features was read as a FeatureCollection"]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_collection_is_read_from_a_file_named_as_one_of_lines(
    connection: Connection, tmp_path: Path, indent: int | None
) -> None:
    whole = {"type": "FeatureCollection", "features": [FEATURE]}
    (tmp_path / "x.geojsonl").write_text(json.dumps(whole, indent=indent))
    report = load(connection, "settlements", tmp_path / "x.geojsonl")
    assert (report.inserted, report.notes) == (1, [])


def test_an_array_of_something_else_is_refused(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([FEATURE, {"lon": 105, "lat": 40}]))
    assert "it is a JSON array whose entry 2 is no GeoJSON feature: give a FeatureColl" in refusal(
        connection, "settlements", tmp_path / "x.json"
    )


def test_a_line_that_is_no_feature_is_told_by_its_number(
    connection: Connection, tmp_path: Path
) -> None:
    line = json.dumps(FEATURE)
    path = tmp_path / "x.geojsonl"
    path.write_text(f'{line}\n{{"type": "FeatureCollection", "features": []}}\n')
    assert "line 2 is no GeoJSON feature but of type 'FeatureCollection': write one" in refusal(
        connection, "settlements", path
    )
    path.write_text(f"{line}\n\n{line[:20]}\n")
    assert "line 3 is no GeoJSON feature (Input data was truncated): write one" in refusal(
        connection, "settlements", path
    )
