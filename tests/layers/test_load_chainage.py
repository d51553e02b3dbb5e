"""Borders and roads in parts: what does not join is told, and so are chainages that cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from layers import frames
from layers.load import Report, load
from scratch import rolled_back
from tests.layers.loading_words import csv

HEAD = "id;chainage_start_km;wkt"
HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"
PARTS = "1 row has several parts, each a feature of its own: ID, ID-2, …"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def put(connection: Connection, folder: Path, *rows: str, layer: str = "border") -> Report:
    return load(connection, layer, csv(folder, *rows))


def test_parts_that_meet_end_to_start_are_not_spoken_of(
    connection: Connection, tmp_path: Path
) -> None:
    parts = "MULTILINESTRING ((105 42, 105 42.1), (105 42.1, 105 42.2), (105 42.2, 105 42.3))"
    assert put(connection, tmp_path, "id;wkt", f"B;{parts}").notes == [PARTS]


def test_a_gap_between_parts_of_the_border_is_told_with_its_place(
    connection: Connection, tmp_path: Path
) -> None:
    # A hundredth of a degree of meridian at 42° N: 1,111 m.
    parts = "MULTILINESTRING ((105 42, 105 42.1), (105 42.11, 105 42.2))"
    assert put(connection, tmp_path, "id;wkt", f"B;{parts}").notes == [
        PARTS,
        "'B-2' begins 1,111 m from the end of 'B' at 105.00000, 42.10000: the chainage runs on"
        " from there",
    ]
    second = frames.places(connection, "border").loc["B-2"]
    assert second["chainage_start_km"] == pytest.approx(11.108, abs=0.002)


def test_a_part_of_the_border_that_runs_backwards_is_told_and_stays_as_it_is(
    connection: Connection,
) -> None:
    report = load(connection, "border", HAZARDS / "border_turned.geojson")
    assert report.notes[1] == (
        "'B-2' begins 11,108 m from the end of 'B' at 105.00000, 42.10000; turned round it would"
        " begin 0 m from there: the chainage runs on from there"
    )
    line = frames.places(connection, "border").geometry["B-2"]
    assert [y for _, y in line.coords] == [42.2, 42.1]
    assert report.repaired == []


def test_parts_of_a_road_that_do_not_join_are_told_a_few_at_most(
    connection: Connection, tmp_path: Path
) -> None:
    parts = ", ".join(f"(105 4{n}, 105 4{n}.1)" for n in range(8))
    notes = put(connection, tmp_path, "id;wkt", f"R;MULTILINESTRING ({parts})", layer="roads").notes
    assert len(notes) == 7
    assert notes[1].startswith("'R-2' begins ")
    assert notes[1].endswith(" from the end of 'R' at 105.00000, 40.10000: is the order right?")
    assert notes[-1] == "2 more parts begin elsewhere"


def test_a_start_that_the_length_of_another_contradicts_is_told(
    connection: Connection, tmp_path: Path
) -> None:
    # Each is 11.1 km long.
    rows = [
        HEAD,
        "b1;0;LINESTRING (105 42, 105 42.1)",
        "b2;5;LINESTRING (105 42.1, 105 42.2)",
        "b3;16.1;LINESTRING (105 42.2, 105 42.3)",
    ]
    assert put(connection, tmp_path, *rows).notes == [
        "'b1' starts at km 0 and is 11.1 km long, so that it ends 6.1 km beyond km 5, where 'b2'"
        " starts: is chainage_start_km right?"
    ]


def test_starts_that_lengths_bear_out_are_not_spoken_of(
    connection: Connection, tmp_path: Path
) -> None:
    rows = [
        HEAD,
        "b1;0;LINESTRING (105 42, 105 42.1)",
        "b2;11.05;LINESTRING (105 42.1, 105 42.2)",
        "b3;40;LINESTRING (105 42.4, 105 42.5)",
    ]
    assert put(connection, tmp_path, *rows).notes == []


def test_many_starts_that_cannot_be_are_told_a_few_at_most(
    connection: Connection, tmp_path: Path
) -> None:
    rows = [f"b{n};{n};LINESTRING (105 4{n}, 105 4{n}.1)" for n in range(8)]
    notes = put(connection, tmp_path, "id;chainage_start_km;wkt", *rows).notes
    assert len(notes) == 6
    assert notes[-1] == "2 more starts contradict lengths"
