"""Lines of which parts are of a single position, and positions that are none."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from layers import frames
from layers.load import load, single
from layers.load.findings import RefusedRowsError
from scratch import rolled_back
from tests.layers.loading_words import csv, refusal

DROPPED = "1 of its 2 parts is of a single place (such as 105.000000, 40.000000): left out"
NOTHING = "has a line that spans nothing: all of it is at 105.000000, 40.000000: give it a second"
GPX = (
    "<?xml version='1.0'?><gpx version='1.1' creator='x'"
    " xmlns='http://www.topografix.com/GPX/1/1'>{}</gpx>"
)
ONE, TWO = "<trkpt lat='40' lon='105'/>", "<trkpt lat='40.1' lon='105'/>"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def track(*segments: str) -> str:
    return "<trk>" + "".join(f"<trkseg>{one}</trkseg>" for one in segments) + "</trk>"


def line(*parts: list[list[float]], kind: str = "MultiLineString") -> str:
    coordinates: Any = list(parts) if kind == "MultiLineString" else parts[0]
    feature = {"type": "Feature", "properties": {"id": "A"},
               "geometry": {"type": kind, "coordinates": coordinates}}  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


def wkb(*parts: list[tuple[float, float]]) -> bytes:
    """A line in parts; shapely writes none of a single position."""
    out = struct.pack("<BII", 1, 5, len(parts))
    for part in parts:
        out += struct.pack("<BII", 1, 2, len(part)) + b"".join(struct.pack("<dd", *p) for p in part)
    return out


def parquet(path: Path, shape: bytes) -> Path:
    about = {"version": "1.1.0", "primary_column": "geometry",
             "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}}}  # fmt: skip
    table = pa.table({"id": ["A"], "geometry": [shape]})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(about)}), path)
    return path


def in_format(folder: Path, suffix: str) -> Path:
    """A line of two parts, the first of a single position, in some format."""
    path = folder / f"x{suffix}"
    if suffix == ".parquet":
        return parquet(path, wkb([(105, 40)], [(105, 40), (105, 40.1)]))
    path.write_text(
        {
            ".gpx": GPX.format(track(ONE, ONE + TWO)),
            ".geojson": line([[105, 40]], [[105, 40], [105, 40.1]]),
            ".csv": "id;wkt\nA;MULTILINESTRING ((105 40), (105 40, 105 40.1))\n",
        }[suffix]
    )
    return path


@pytest.mark.parametrize("suffix", [".gpx", ".geojson", ".csv", ".parquet"])
def test_a_part_of_a_single_position_is_left_out_of_a_line_and_told(
    connection: Connection, tmp_path: Path, suffix: str
) -> None:
    report = load(connection, "roads", in_format(tmp_path, suffix))
    assert [one.partition(": ")[2] for one in report.repaired] == [DROPPED]
    (only,) = frames.places(connection, "roads").geometry
    assert only.equals(shapely.LineString([(105, 40), (105, 40.1)]))
    with pytest.raises(RefusedRowsError, match="--strict"):
        load(connection, "roads", in_format(tmp_path, suffix), strict=True)


def test_a_track_of_nothing_is_refused_with_its_place_and_left_out_with_skip_bad(
    connection: Connection, tmp_path: Path
) -> None:
    (tmp_path / "x.gpx").write_text(GPX.format(track(ONE) + track(ONE + TWO)))
    assert f"x.gpx: feature 1: {NOTHING}" in refusal(connection, "roads", tmp_path / "x.gpx")
    report = load(connection, "roads", tmp_path / "x.gpx", skip_bad=True)
    assert (report.inserted, len(report.refused)) == (1, 1)


@pytest.mark.parametrize("kind", ["LineString", "MultiLineString"])
def test_a_line_of_a_single_position_is_refused_with_its_place(
    connection: Connection, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "x.geojson").write_text(line([[105, 40]], kind=kind))
    assert NOTHING in refusal(connection, "roads", tmp_path / "x.geojson")
    table = csv(tmp_path, "id;wkt", "A;LINESTRING (105 40)")
    assert NOTHING in refusal(connection, "roads", table)


def test_a_height_that_is_null_is_left_out_and_told(connection: Connection, tmp_path: Path) -> None:
    given: Any = [[105, 40, None], [105, 40.1, 1200], [105, 40.2, None]]
    (tmp_path / "x.geojson").write_text(line(given, kind="LineString"))
    report = load(connection, "roads", tmp_path / "x.geojson")
    assert report.repaired == ["feature 1 (id 'A'): 2 heights are null"]
    assert shapely.get_num_coordinates(frames.places(connection, "roads").geometry.iloc[0]) == 3


@pytest.mark.parametrize("position", [[105, None], [None, None], ["105", 40], [105], [True, 40]])
def test_a_position_that_is_none_is_told_with_its_feature_and_its_number(
    connection: Connection, tmp_path: Path, position: Any
) -> None:
    (tmp_path / "x.geojson").write_text(line([[105, 40.5], position], kind="LineString"))
    assert refusal(connection, "roads", tmp_path / "x.geojson") == (
        "x.geojson: feature 1 (id 'A'): its geometry cannot be read (position 2 is"
        f" {json.dumps(position)!r}): mend it"
    )


POSITIONS = st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2), min_size=1)


@given(parts=st.lists(POSITIONS, max_size=4))
def test_wkb_with_single_positions_written_twice_is_what_it_was_but_for_those(
    parts: list[list[tuple[float, float]]],
) -> None:
    written = single.wkb(wkb(*parts))
    expected = [part * 2 if len(part) == 1 else part for part in parts]
    assert written == wkb(*expected)
    read = shapely.get_parts(shapely.from_wkb(written))
    assert [list(one.coords) for one in read] == expected


@given(junk=st.binary(max_size=80))
def test_what_is_no_wkb_is_none(junk: bytes) -> None:
    written = single.wkb(b"\x01\x05\x00\x00\x00" + junk)
    assert written is None or len(written) >= 5 + len(junk)


def test_what_is_wrong_in_a_collection_is_mended_or_told_part_by_part(
    connection: Connection, tmp_path: Path
) -> None:
    def collection(last: list[Any]) -> Path:
        lines = [[[105, 40, None], [105, 41]], [[106, 40], last]]
        parts = [{"type": "LineString", "coordinates": one} for one in lines]
        shape = {"type": "GeometryCollection", "geometries": parts}
        feature = {"type": "Feature", "properties": {"id": "A"}, "geometry": shape}
        (tmp_path / "x.geojson").write_text(json.dumps(feature))
        return tmp_path / "x.geojson"

    assert "(position 2 is '[106]'): mend it" in refusal(connection, "roads", collection([106]))
    report = load(connection, "roads", collection([106, 41]))
    assert report.repaired == [
        "feature 1 (id 'A'): a height is null",
        "feature 1 (id 'A'): a collection of 2 parts, kept as one",
    ]
    assert report.inserted == 2
