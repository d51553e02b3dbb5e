"""Exports hold every bit: any feature, in any format, out of one table and into it again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from sqlalchemy import Connection, text

from layers import export, places
from layers.load import load
from layers.places.columns import text_of
from layers.places.editing import has_address
from scratch import rolled_back

SUFFIXES = [".geojson", ".geojsonl", ".geojsons", ".gpkg", ".fgb", ".parquet", ".csv"]

#: Every double that a longitude can be: the tiny ones, and nought with its sign.
LON = st.floats(-180, 180) | st.floats(-1e-3, 1e-3) | st.sampled_from([0.0, -0.0, 1 / 3, 5e-324])
LAT = st.floats(-90, 90) | st.floats(-1e-9, 1e-9)
#: At 0/0 is no place.
POINT = st.tuples(LON, LAT).filter(any).map(lambda xy: f"POINT({xy[0]!r} {xy[1]!r})")
WORDS = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1, max_size=12
).filter(lambda word: text_of(word) == word and has_address(word))
NAMES = st.none() | WORDS | st.sampled_from(['"', "a,b", "007", "1e5", "true", "NULL", "旗;|", "'"])
MOMENTS = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(str)  # noqa: DTZ001
NUMBERS = st.none() | st.floats(0, 360)
CAMERAS = st.dictionaries(
    WORDS, st.tuples(NAMES, NAMES, NUMBERS, MOMENTS, POINT), min_size=1, max_size=6
)
AREAS = (
    "POLYGON((0.1 0.1,0.30000000000000004 0.1,0.3 0.5,0.1 0.1))",
    "MULTIPOLYGON(((1 1,2 1,2 2,1 1)),((3 3,9 3,9 9,3 9,3 3),(4 4,4 5,5 5,4 4)))",
    "LINESTRING(-180 -1e-300,180 1)",
    "MULTILINESTRING((1 1,2 2),(3 3,1e-7 4,5 5))",
)
ACTIVE = '{"weekly": [{"days": ["mon"], "from": "22:00", "to": "06:00"}]}'
APPLIES = '{"kinds": ["drone", "horse"], "teams": ["蒙古"]}'
FENCES = st.dictionaries(
    WORDS,
    st.tuples(
        st.sampled_from(AREAS), st.sampled_from([None, ACTIVE]), st.sampled_from([None, APPLIES]),
        st.floats(0, 1e5), MOMENTS,
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def there(connection: Connection, layer: str) -> list[tuple[Any, ...]]:
    """Every row to the last bit: geometry as WKB, times and numbers as the database has them."""
    columns = ", ".join(f'"{name}"::text' for name in places.layer(layer).writable)
    query = f"SELECT id, {columns}, ST_AsBinary(geom, 'XDR') FROM {layer} ORDER BY id COLLATE \"C\""
    return [tuple(row) for row in connection.execute(text(query))]


def goes_round(connection: Connection, layer: str, suffix: str) -> None:
    """The layer is exported, loaded over itself, emptied and loaded anew: nothing is different."""
    before = there(connection, layer)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{layer}{suffix}"
        assert export.export(connection, layer, path) == len(before)
        over = load(connection, layer, path)
        assert (over.inserted, over.updated, over.unchanged) == (0, 0, len(before))
        connection.execute(text(f"DELETE FROM {layer}"))
        connection.execute(text("DELETE FROM fence_versions"))
        anew = load(connection, layer, path)
    assert (anew.inserted, anew.repaired, anew.dropped_columns) == (len(before), [], [])
    assert there(connection, layer) == before


MANY = settings(max_examples=25)


@pytest.mark.parametrize("suffix", SUFFIXES)
@MANY
@given(cameras=CAMERAS)
def test_any_point_name_number_and_time_goes_round(
    connection: Connection, suffix: str, cameras: dict[str, tuple[Any, ...]]
) -> None:
    connection.execute(text("DELETE FROM cameras"))
    for identity, (name, site, bearing, beat, point) in cameras.items():
        connection.execute(
            text(
                "INSERT INTO cameras (id, name_mn, site, bearing_deg, last_heartbeat, geom) VALUES"
                " (:id, :name, :site, :bearing, CAST(:beat AS timestamp) AT TIME ZONE 'UTC',"
                " ST_GeomFromText(:point, 4326))"
            ),
            {"id": identity, "name": name, "site": site, "bearing": bearing, "beat": beat,
             "point": point},
        )  # fmt: skip
    goes_round(connection, "cameras", suffix)


@pytest.mark.parametrize("suffix", SUFFIXES)
@MANY
@given(fences=FENCES)
def test_areas_and_lines_beside_each_other_go_round_with_their_rules(
    connection: Connection, suffix: str, fences: dict[str, tuple[Any, ...]]
) -> None:
    connection.execute(text("DELETE FROM fences"))
    connection.execute(text("DELETE FROM fence_versions"))
    for identity, (area, active, applies, margin, valid) in fences.items():
        connection.execute(
            text(
                "INSERT INTO fences (id, rule, margin_m, active, applies_to, valid_from, geom)"
                " VALUES (:id, :rule, :margin, CAST(:active AS jsonb), CAST(:applies AS jsonb),"
                " CAST(:valid AS timestamp) AT TIME ZONE 'UTC', ST_GeomFromText(:area, 4326))"
            ),
            {"id": identity, "rule": "line" if "LINE" in area else "keep_out", "margin": margin,
             "active": active, "applies": applies, "valid": valid, "area": area},
        )  # fmt: skip
    goes_round(connection, "fences", suffix)


def test_what_the_interface_gives_has_every_bit_of_a_coordinate_too(
    connection: Connection,
) -> None:
    connection.execute(text("DELETE FROM posts"))
    connection.execute(
        text(
            "INSERT INTO posts (id, geom) VALUES"
            " ('p', ST_GeomFromText('POINT(0.007454016921905394 -3.333333333333333e-10)', 4326))"
        )
    )
    given_back = places.feature(connection, "posts", "p")["geometry"]["coordinates"]
    assert given_back == [0.007454016921905394, -3.333333333333333e-10]


@pytest.fixture
def rows(connection: Connection) -> Connection:
    """Three posts whose ids sort apart in a dictionary and by their code points."""
    connection.execute(text("DELETE FROM posts"))
    connection.execute(
        text(
            "INSERT INTO posts (id, team, geom) SELECT id, NULL,"
            " ST_Point(100 + ascii(id) / 10.0, 40, 4326) FROM unnest(ARRAY['a', 'B', 'é']) id"
        )
    )
    return connection


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_features_stand_in_the_order_of_their_ids(
    rows: Connection, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"posts{suffix}"
    assert export.export(rows, "posts", path, bbox=(100, 39, 110, 41)) == 2
    assert export.export(rows, "posts", path) == 3
    if suffix == ".parquet":
        ids = pq.read_table(path).column("id").to_pylist()
    elif suffix == ".csv":
        ids = [line.split(",")[0] for line in path.read_text().splitlines()[1:]]
    else:
        ids = gpd.read_file(path)["id"].tolist()
    assert ids == ["B", "a", "é"]


def test_geoparquet_tells_what_it_holds(rows: Connection, tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    export.export(rows, "posts", path)
    frame = gpd.read_parquet(path)
    assert frame.crs == "EPSG:4326"
    assert frame["team"].isna().all()
    geo = json.loads(pq.read_schema(path).metadata[b"geo"])
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    about = geo["columns"]["geometry"]
    assert (about["encoding"], about["geometry_types"]) == ("WKB", ["Point"])
    assert about["bbox"] == [106.6, 40, 123.3, 40]
    assert CRS.from_json_dict(about["crs"]) == CRS.from_epsg(4326)


def test_columns_keep_their_types(connection: Connection, tmp_path: Path) -> None:
    for name, column, type_ in (
        ("settlements", "households", pa.int64()), ("roads", "bridge", pa.bool_()),
        ("roads", "speed_kmh", pa.float64()), ("fences", "active", pa.string()),
        ("checkpoints", "last_heartbeat", pa.timestamp("us", tz="UTC")),
    ):  # fmt: skip
        connection.execute(text(f"DELETE FROM {name}"))
        path = tmp_path / f"{name}.parquet"
        assert export.export(connection, name, path) == 0
        assert pq.read_schema(path).field(column).type == type_
        frame = gpd.read_parquet(path)
        assert len(frame) == 0
