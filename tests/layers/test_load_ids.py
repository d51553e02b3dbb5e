"""Which id a row has, where a file has several, or writes them as another program would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pytest
from sqlalchemy import Connection

from layers import frames
from layers.load import load
from scratch import rolled_back
from tests.layers.loading_words import LEVELS, csv, refusal

HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def ids(connection: Connection) -> list[str]:
    return [str(one) for one in frames.places(connection, "settlements").index]


def points(*names: str, column: str = "id") -> gpd.GeoDataFrame:
    places = gpd.points_from_xy([105 + n / 100 for n in range(len(names))], [40] * len(names))
    return gpd.GeoDataFrame({column: names}, geometry=places, crs=4326)


def test_a_column_id_of_kml_wins_over_the_placemarks_own(connection: Connection) -> None:
    report = load(connection, "settlements", HAZARDS / "placemark_ids.kml")
    assert ids(connection) == ["g1"]
    assert not {"id", "id2", "(placemark)"} & set(report.dropped_columns)
    assert report.notes == []


@pytest.mark.parametrize("suffix", [".kml", ".kmz"])
def test_a_kml_that_was_sorted_anew_updates_the_same_features(
    connection: Connection, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"x{suffix}"
    frame = points("g1", "g2", "g3")
    frame.to_file(path, driver="LIBKML")
    assert load(connection, "settlements", path).inserted == 3
    path.unlink()
    frame.iloc[::-1].to_file(path, driver="LIBKML")
    assert load(connection, "settlements", path).unchanged == 3
    assert ids(connection) == ["g1", "g2", "g3"]


def test_a_placemarks_id_alone_is_the_features_and_may_be_mapped(
    connection: Connection, tmp_path: Path
) -> None:
    load(connection, "settlements", HAZARDS / "placemarks.kml")
    assert load(connection, "settlements", HAZARDS / "placemarks.kml").unchanged == 1
    assert load(
        connection, "settlements", HAZARDS / "placemarks.kml", mapping={"id": "id"}
    ).unchanged
    assert ids(connection) == ["A"]


def test_numbered_placemarks_are_no_ids_beside_a_column_that_is_headed_so(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "x.kml"
    points("g1", "g2", column="编号").to_file(path, driver="LIBKML")
    load(connection, "settlements", path)
    assert ids(connection) == ["g1", "g2"]


def test_a_feature_without_a_property_id_takes_the_one_beside_its_properties(
    connection: Connection,
) -> None:
    report = load(connection, "settlements", HAZARDS / "ids_in_either_place.geojson")
    assert ids(connection) == ["own", "top1"]
    assert report.notes[0] == (
        "1 feature has no property id: the id beside the properties was taken"
    )


def test_a_feature_with_an_id_in_neither_place_is_refused_alone(
    connection: Connection, tmp_path: Path
) -> None:
    found = json.loads((HAZARDS / "ids_in_either_place.geojson").read_text(encoding="utf-8"))
    found["features"].append({**found["features"][0], "id": None})
    path = tmp_path / "x.geojson"
    path.write_text(json.dumps(found), encoding="utf-8")
    report = load(connection, "settlements", path, skip_bad=True)
    assert report.refused == ["feature 3: it has no id: give every row one, or none"]


def test_ids_with_a_nought_behind_the_point_are_those_without_it(
    connection: Connection, tmp_path: Path
) -> None:
    whole = {"type": "Feature", "properties": {"id": 1},
             "geometry": {"type": "Point", "coordinates": [105, 40]}}  # fmt: skip
    path = tmp_path / "x.geojson"
    path.write_text(json.dumps(whole), encoding="utf-8")
    load(connection, "settlements", path)
    report = load(connection, "settlements", csv(tmp_path, "id,lon,lat", "1.0,105,40", "x,105,41"))
    assert (report.unchanged, report.inserted) == (1, 1)
    assert ids(connection) == ["1", "x"]


@pytest.mark.parametrize("other", ["1.1", "3"])
def test_ids_of_which_some_are_no_whole_numbers_so_written_stay(
    connection: Connection, tmp_path: Path, other: str
) -> None:
    path = csv(tmp_path, "id,lon,lat", "1.0,105,40", f"{other},105,41")
    assert load(connection, "settlements", path).repaired == []
    assert ids(connection) == ["1.0", other]


def test_parents_that_pandas_wrote_are_the_ids_that_they_mean(
    connection: Connection, tmp_path: Path
) -> None:
    outer, inner = "POLYGON ((0 0, 9 0, 9 9, 0 0))", "POLYGON ((2 1, 3 1, 3 2, 2 1))"
    path = csv(tmp_path, "id;level;parent;wkt", f"7;banner;;{outer}", f"8;sumu;7.0;{inner}")
    report = load(connection, "grids", path, levels=LEVELS)
    assert report.repaired == ["column parent: 1.0, 2.0, … were read as 1, 2, …"]
    assert frames.places(connection, "grids").loc["8", "parent"] == "7"


def test_parents_stay_where_ids_are_written_so_and_stay(
    connection: Connection, tmp_path: Path
) -> None:
    outer, inner = "POLYGON ((0 0, 9 0, 9 9, 0 0))", "POLYGON ((2 1, 3 1, 3 2, 2 1))"
    path = csv(tmp_path, "id;level;parent;wkt", f"1.0;banner;;{outer}", f"1.1;sumu;1.0;{inner}")
    assert load(connection, "grids", path, levels=LEVELS).repaired == []
    assert frames.places(connection, "grids").loc["1.1", "parent"] == "1.0"


def test_strict_refuses_blanks_around_an_id(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,lon,lat", " A,105,40")
    said = refusal(connection, "settlements", path, strict=True)
    assert "id ' A' has blanks around it: read as 'A'" in said
