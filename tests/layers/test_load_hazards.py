"""One tiny file per hazard: bad ones are refused in a line, change nothing; others load right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from layers import places
from layers.errors import BadFileError
from layers.load import Report, load
from scratch import rolled_back
from tests.layers.hazard_words import REFUSED, SURVIVED, TOLD

HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"
LEVELS = ("banner", "sumu", "cell")


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def put(connection: Connection, layer: str, name: str, **more: Any) -> Report:
    return load(connection, layer, HAZARDS / name, levels=LEVELS, **more)


@pytest.mark.parametrize(("layer", "name", "words"), REFUSED, ids=[name for _, name, _ in REFUSED])
def test_a_bad_file_is_refused_in_one_line_and_changes_nothing(
    connection: Connection, layer: str, name: str, words: str
) -> None:
    with pytest.raises(BadFileError) as refusal:
        put(connection, layer, name)
    said = str(refusal.value)
    assert words in said
    assert said.startswith(f"{name}: ")
    assert "\n" not in said
    assert all(one.count == 0 for one in places.summary(connection).values())
    assert connection.execute(text("SELECT count(*) FROM layer_versions")).scalar_one() == 0


@pytest.mark.parametrize(
    ("layer", "name", "repaired", "notes"), TOLD, ids=[name for _, name, *_ in TOLD]
)
def test_an_odd_file_loads_and_what_was_made_of_it_is_told(
    connection: Connection, layer: str, name: str, repaired: list[str], notes: list[str]
) -> None:
    report = put(connection, layer, name)
    assert (report.inserted, report.refused) == (1, [])
    assert (report.repaired, report.notes) == (repaired, notes)


def test_every_file_of_the_folder_is_tried() -> None:
    there = {path.name for path in HAZARDS.iterdir() if path.suffix not in {".py", ".md", ""}}
    assert there == {name for _, name, _ in REFUSED} | SURVIVED | {name for _, name, *_ in TOLD}
    assert all(path.stat().st_size < 5000 for path in HAZARDS.glob("*.*") if path.suffix != ".py")


@pytest.mark.parametrize(
    ("name", "repaired"),
    [
        ("clockwise.geojson", []),
        ("unclosed.geojson", ["feature 1 (id 'A'): a ring was not closed"]),
        ("heights.geojson", []),
        ("wkt.csv", []),
    ],
)
def test_the_same_square_written_oddly_is_stored_as_the_same_square(
    connection: Connection, name: str, repaired: list[str]
) -> None:
    report = put(connection, "grids", name)
    assert report.repaired == repaired
    stored = places.feature(connection, "grids", "A")
    assert stored["geometry"] == {
        "type": "MultiPolygon",
        "coordinates": [[[[105, 40], [105.1, 40], [105.1, 40.1], [105, 40.1], [105, 40]]]],
    } or sorted(map(tuple, stored["geometry"]["coordinates"][0][0][:-1])) == [
        (105, 40), (105, 40.1), (105.1, 40), (105.1, 40.1)
    ]  # fmt: skip
    # 0.1° by 0.1° at 40.05° N is 8.525 km by 11.104 km.
    assert stored["properties"]["area_m2"] == pytest.approx(8525 * 11104, rel=2e-3)


def test_a_bow_tie_becomes_its_two_triangles_and_is_reported(connection: Connection) -> None:
    report = put(connection, "grids", "bow_tie.geojson")
    assert report.repaired == ["feature 1 (id 'A'): Self-intersection[105.05 40.05]"]
    stored = places.feature(connection, "grids", "A")
    assert len(stored["geometry"]["coordinates"]) == 2
    assert stored["properties"]["area_m2"] == pytest.approx(8525 * 11104 / 2, rel=2e-3)


@pytest.mark.parametrize(("name", "feature_id"), [("mercator.geojson", "A"), ("utm48.zip", "A")])
def test_a_declared_crs_is_turned_into_degrees(
    connection: Connection, name: str, feature_id: str
) -> None:
    put(connection, "settlements", name)
    stored = places.feature(connection, "settlements", feature_id)
    assert stored["geometry"]["coordinates"] == pytest.approx([105.05, 40.05], abs=1e-6)


def test_a_file_without_crs_loads_when_its_crs_is_given(connection: Connection) -> None:
    put(connection, "settlements", "no_crs.zip", crs="EPSG:4326")
    assert places.summary(connection)["settlements"].bbox == (105.05, 40.05, 105.05, 40.05)


def test_a_given_crs_that_contradicts_the_file_is_refused(connection: Connection) -> None:
    with pytest.raises(BadFileError, match=r"declares WGS 84 / UTM zone 48N, not WGS 84: --crs is"):
        put(connection, "settlements", "utm48.zip", crs="EPSG:4326")
    with pytest.raises(BadFileError, match=r"--crs nonsense: there is no such CRS"):
        put(connection, "settlements", "no_crs.zip", crs="nonsense")


def test_the_parts_of_a_line_become_features_and_the_chainage_runs_on(
    connection: Connection,
) -> None:
    report = put(connection, "border", "several_lines.geojson")
    assert (report.read, report.inserted) == (1, 2)
    assert report.notes == ["1 feature has several parts, each a feature of its own: ID, ID-2, …"]
    first, second = places.features(connection, "border").features
    assert (first["id"], second["id"]) == ("B", "B-2")
    assert first["properties"]["chainage_start_km"] == 100
    # A tenth of a degree of meridian at 42.05° N: 11.108 km.
    assert second["properties"]["chainage_start_km"] == pytest.approx(111.108, abs=0.002)


def test_ids_beside_the_properties_are_the_features_ids(connection: Connection) -> None:
    put(connection, "settlements", "numbers_as_ids.geojson")
    ids = [one["id"] for one in places.features(connection, "settlements").features]
    assert ids == ["7", "7a"]


def test_a_file_without_ids_does_not_double_when_it_is_loaded_again(
    connection: Connection,
) -> None:
    first = put(connection, "settlements", "no_ids.csv")
    again = put(connection, "settlements", "no_ids.csv")
    assert (first.read, first.inserted) == (3, 2)
    assert first.repaired == ["row 3: repeats row 1, kept once"]
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 2)


def test_a_byte_order_mark_and_semicolons_do_not_matter(connection: Connection) -> None:
    put(connection, "settlements", "bom_and_semicolons.csv")
    assert places.feature(connection, "settlements", "A")["properties"]["name"] == "布拉格"


def test_names_of_columns_may_be_in_capitals(connection: Connection) -> None:
    put(connection, "settlements", "names_in_capitals.csv")
    assert places.feature(connection, "settlements", "A")["properties"]["name"] == "Bulag"


def test_columns_about_residents_are_named_and_nothing_of_them_is_kept(
    connection: Connection,
) -> None:
    report = put(connection, "settlements", "residents.csv")
    assert report.dropped_columns == ["head_of_household", "phone"]
    row = connection.execute(text("SELECT settlements::text FROM settlements")).scalar_one()
    assert "NOBODY" not in row
    assert places.feature(connection, "settlements", "A")["properties"]["households"] == 12


def test_one_way_roads_may_be_told_as_openstreetmap_does(connection: Connection) -> None:
    put(connection, "roads", "oneway_as_in_osm.csv")
    roads = [places.feature(connection, "roads", i)["properties"]["oneway"] for i in "AB"]
    assert roads == ["backward", "forward"]


def test_a_feature_a_line_loads(connection: Connection) -> None:
    assert put(connection, "settlements", "one_a_line.geojsonl").inserted == 2


def test_the_roads_of_an_extract_keep_what_a_journey_needs(connection: Connection) -> None:
    report = put(connection, "roads", "roads.osm.pbf")
    assert (report.read, report.inserted) == (3, 3)
    assert report.notes == ["left out 1 of 4 ways: planned, being built, or no road"]
    primary, roundabout, track = (
        places.feature(connection, "roads", f"way/{n}")["properties"] for n in (1, 2, 4)
    )
    assert primary == {
        "name": "Road 1", "name_zh": "一号路", "name_mn": None, "name_en": None,
        "class": "primary", "surface": "asphalt", "oneway": "backward",
        "speed_kmh": pytest.approx(80.4672), "bridge": True, "tunnel": False,
    }  # fmt: skip
    assert (roundabout["oneway"], roundabout["speed_kmh"]) == ("forward", None)
    assert (track["oneway"], track["tunnel"]) == ("no", False)
