"""What a header is taken for is held against its values: cameras' angles and ranges, and times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from layers import frames
from layers.load import load
from scratch import rolled_back
from tests.layers.loading_words import csv, refusal


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.mark.parametrize("bearing", ["bearing", "Heading", "AZIMUTH", "Azimuth (°)", "heading_deg"])
@pytest.mark.parametrize("fov", ["fov", "Field of view", "HFOV (deg)"])
def test_angles_and_ranges_of_cameras_are_known_by_their_usual_names(
    connection: Connection, tmp_path: Path, bearing: str, fov: str
) -> None:
    path = csv(tmp_path, f"id,lon,lat,{bearing},{fov},Range (m)", "A,105,40,-90,62.5,350")
    report = load(connection, "cameras", path)
    assert report.dropped_columns == []
    assert report.notes == [
        f"column {bearing!r} read as bearing_deg",
        f"column {fov!r} read as fov_deg",
        "column 'Range (m)' read as range_m",
    ]
    camera = frames.places(connection, "cameras").loc["A"]
    assert (camera["bearing_deg"], camera["fov_deg"], camera["range_m"]) == (270, 62.5, 350)


@pytest.mark.parametrize(
    ("header", "values", "said"),
    [
        ("azimuth", ["1.57", "-3.1"], "its values, up to 3.1, look like radians"),
        ("fov", ["0.7", "1.2"], "its values, up to 1.2, look like radians"),
        ("range", ["0.5", "2"], "its values, up to 2, look like kilometres"),
        ("heading", ["NE", "SW"], "row 1: bearing_deg is 'NE': give a number from 0 up to 360"),
    ],
)
def test_a_camera_column_whose_values_are_in_another_unit_is_not_read_and_told(
    connection: Connection, tmp_path: Path, header: str, values: list[str], said: str
) -> None:
    rows = [f"C{n},105.{n},40,{value}" for n, value in enumerate(values)]
    report = load(connection, "cameras", csv(tmp_path, f"id,lon,lat,{header}", *rows))
    assert report.dropped_columns == [header]
    assert len(report.notes) == 1
    assert f"column {header!r} was not read as " in report.notes[0]
    assert f": {said}; --map " in report.notes[0]


def test_a_range_headed_in_kilometres_is_not_read(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,lon,lat,range (km)", "A,105,40,300")
    (note,) = load(connection, "cameras", path).notes
    assert note.startswith("column 'range (km)' was not read as range_m, which is in metres")


def test_bearings_of_few_whole_degrees_are_degrees(connection: Connection, tmp_path: Path) -> None:
    load(connection, "cameras", csv(tmp_path, "id,lon,lat,bearing", "A,105,40,5", "B,105,41,0"))
    assert list(frames.places(connection, "cameras")["bearing_deg"]) == [5, 0]


def test_times_without_a_zone_are_refused_under_a_guessed_header_as_under_a_mapped_one(
    connection: Connection, tmp_path: Path
) -> None:
    guessed = csv(tmp_path, "id,lon,lat,最后在线时间", "A,105,40,2026-03-01 08:00")
    mapped = {"last_heartbeat": "最后在线时间"}
    said = refusal(connection, "cameras", guessed)
    assert said == refusal(connection, "cameras", guessed, mapping=mapped)
    assert "without a time zone: give it one" in said
    load(connection, "cameras", guessed, time_zone="Asia/Shanghai")
    (stored,) = frames.places(connection, "cameras")["last_heartbeat"]
    assert stored == datetime(2026, 3, 1, 0, 0, tzinfo=UTC)


def test_days_that_can_be_read_in_two_ways_are_asked_for_under_a_guessed_header(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,lon,lat,последняя связь", "A,105,40,03/01/2026 08:00Z")
    assert "say which with --dates day-first or" in refusal(connection, "cameras", path)
    assert load(connection, "cameras", path, dates="month-first").inserted == 1


def test_a_guessed_column_that_holds_no_times_is_not_read(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,lon,lat,最后在线", "A,105,40,在线", "B,105,41,离线")
    report = load(connection, "cameras", path)
    assert report.dropped_columns == ["最后在线"]


def test_a_refused_column_can_be_set_instead(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,lon,lat,最后在线时间", "A,105,40,2026-03-01 08:00")
    load(connection, "cameras", path, settings={"last_heartbeat": ""})
    assert frames.places(connection, "cameras")["last_heartbeat"].isna().all()


def roads(folder: Path, header: str, *cells: str) -> Path:
    line = '"LINESTRING (105 4{0}, 105.1 4{0})"'
    rows = [f"R{n},{line.format(n)},{cell}" for n, cell in enumerate(cells)]
    return csv(folder, f"id,wkt,{header}", *rows)


@pytest.mark.parametrize("header", ["highway", "fclass"])
def test_a_class_of_openstreetmap_is_known_by_its_name(
    connection: Connection, tmp_path: Path, header: str
) -> None:
    report = load(connection, "roads", roads(tmp_path, header, "primary", "living_street"))
    assert report.notes == [f"column {header!r} read as class"]
    assert list(frames.places(connection, "roads")["class"]) == ["primary", "living_street"]


def test_numbers_of_highways_are_no_classes(connection: Connection, tmp_path: Path) -> None:
    report = load(connection, "roads", roads(tmp_path, "highway", "G7", "G6"))
    assert report.notes == [
        "column 'highway' was not read as class: 'G7' is no class of OpenStreetMap's;"
        " --map class=highway takes it all the same"
    ]
    assert list(frames.places(connection, "roads")["class"]) == ["unclassified"] * 2


def test_a_speed_limit_that_may_be_in_miles_is_not_read_and_told(
    connection: Connection, tmp_path: Path
) -> None:
    path = roads(tmp_path, "maxspeed", "60", "0")
    (note,) = load(connection, "roads", path).notes
    assert note.startswith("column 'maxspeed' was not read as speed_kmh, which may be in miles")
    assert note.endswith("--map speed_kmh=maxspeed --unknown speed_kmh=0")
    load(connection, "roads", path, mapping={"speed_kmh": "maxspeed"}, unknown={"speed_kmh": "0"})
    assert frames.places(connection, "roads").loc["R0", "speed_kmh"] == 60


def test_one_way_roads_may_be_told_as_geofabrik_does(
    connection: Connection, tmp_path: Path
) -> None:
    report = load(connection, "roads", roads(tmp_path, "oneway", "B", "F", "T", ""))
    found = list(frames.places(connection, "roads")["oneway"])
    assert found == ["no", "forward", "backward", "no"]
    assert report.notes == [
        "oneway 'B' was read as no",
        "oneway 'F' was read as forward",
        "oneway 'T' was read as backward",
    ]


def test_letters_that_may_be_true_and_false_are_asked_for(
    connection: Connection, tmp_path: Path
) -> None:
    said = refusal(connection, "roads", roads(tmp_path, "oneway", "F", "T"))
    assert "oneway is 'F': give one of no, forward, backward" in said
