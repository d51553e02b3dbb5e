"""No file brings the process down by geometries in geometries, and none of a few is refused."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from sqlalchemy import Connection

from layers import frames
from layers.load import load, nesting
from scratch import rolled_back
from tests.layers.loading_words import csv, refusal

POINT = struct.pack("<BIdd", 1, 1, 105, 40)
DEEP = 60_000
WHY = "its geometry is nested more than 20 deep"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def nested(depth: int, kind: int = 7, order: str = "<") -> bytes:
    """A point in as many geometries of one type of WKB."""
    return struct.pack(f"{order}BII", order == "<", kind, 1) * depth + POINT


def wkt(depth: int) -> str:
    return "GEOMETRYCOLLECTION(" * depth + "POINT(105 40)" + ")" * depth


def geojson(depth: int) -> str:
    opened = '{"type":"GeometryCollection","geometries":['
    return opened * depth + '{"type":"Point","coordinates":[105,40]}' + "]}" * depth


def parquet(path: Path, wkb: bytes) -> Path:
    first = gpd.GeoDataFrame({"id": ["A"]}, geometry=[shapely.Point(105, 40)], crs=4326)
    first.to_parquet(path)
    table = pq.read_table(path)
    place = table.schema.get_field_index("geometry")
    pq.write_table(table.set_column(place, "geometry", pa.array([wkb])), path)
    return path


@pytest.mark.parametrize("kind", [4, 5, 6, 7, 1007, 3007, 0x80000007, 11])
@pytest.mark.parametrize("order", ["<", ">"])
def test_wkb_of_geometries_in_geometries_is_refused_with_its_row(
    connection: Connection, tmp_path: Path, kind: int, order: str
) -> None:
    path = parquet(tmp_path / "x.parquet", nested(DEEP, kind, order))
    assert f"row 1 (id 'A'): {WHY}" in refusal(connection, "settlements", path)


@pytest.mark.parametrize(
    "cell", [wkt(DEEP), geojson(DEEP).replace('"', '""'), nested(DEEP).hex()], ids=len
)
def test_a_cell_of_geometries_in_geometries_is_refused_with_its_row(
    connection: Connection, tmp_path: Path, cell: str
) -> None:
    path = csv(tmp_path, "id,wkt", f'A,"{cell}"', "B,POINT(105 40)")
    assert f"row 1 (id 'A'): {WHY}" in refusal(connection, "settlements", path)
    assert load(connection, "settlements", path, skip_bad=True).inserted == 1


@pytest.mark.parametrize(("depth", "why"), [(DEEP, "it is no GeoJSON"), (100, WHY)])
def test_geojson_of_geometries_in_geometries_is_refused(
    connection: Connection, tmp_path: Path, depth: int, why: str
) -> None:
    path = tmp_path / "x.geojson"
    path.write_text(f'{{"type":"Feature","id":"A","properties":{{}},"geometry":{geojson(depth)}}}')
    assert why in refusal(connection, "settlements", path)


def test_twenty_are_read_and_one_more_is_not() -> None:
    of_wkb = [nested(20), nested(21), None, bytes([2]) + nested(DEEP)[1:]]
    assert nesting.wkb_too_deep(np.array(of_wkb, dtype=object)) == [1, 3]
    # A text's brackets are counted: a collection of areas may be as deep as one of as many points.
    of_text = [wkt(20), wkt(24), None, geojson(20), geojson(25).encode(), geojson(25)]
    assert nesting.texts_too_deep(np.array(of_text, dtype=object)) == [1, 4, 5]


def test_many_parts_beside_each_other_are_not_deep() -> None:
    squares = [shapely.box(n, 0, n + 1, 1).difference(shapely.Point(n, 0)) for n in range(300)]
    lines = shapely.MultiLineString([[(n, 0), (n, 1)] for n in range(300)])
    points = shapely.MultiPoint([(n, n) for n in range(300)])
    wide = shapely.GeometryCollection([lines, points, shapely.MultiPolygon(squares)] * 30)
    high = shapely.force_3d(wide)
    holed = shapely.Polygon(
        shapely.box(0, 0, 900, 2).exterior,
        [shapely.box(3 * n + 1, 0.5, 3 * n + 2, 1).exterior for n in range(290)],
    )
    for one in (wide, high, holed, lines, points):
        binary = [one.wkb, shapely.to_wkb(one, byte_order=0), shapely.to_wkb(one, flavor="iso")]
        binary += [shapely.to_wkb(shapely.set_srid(one, 4326), include_srid=True)]
        assert nesting.wkb_too_deep(np.array(binary, dtype=object)) == []
        texts = [one.wkt, shapely.to_geojson(one), json.dumps(shapely.geometry.mapping(one))]
        assert nesting.texts_too_deep(np.array(texts, dtype=object)) == []


def test_wkb_that_ends_too_early_is_refused_and_not_walked_beyond(
    connection: Connection, tmp_path: Path
) -> None:
    path = parquet(tmp_path / "x.parquet", nested(DEEP)[:-3])
    assert WHY in refusal(connection, "settlements", path)


def test_a_polygon_of_many_vertices_may_stand_in_a_cell(
    connection: Connection, tmp_path: Path
) -> None:
    around = shapely.Point(105, 40).buffer(0.1, quad_segs=2000)
    assert len(around.wkt) > 131_072
    load(connection, "grids", csv(tmp_path, "id,wkt", f'A,"{around.wkt}"'))
    found = frames.places(connection, "grids").geometry["A"]
    assert shapely.get_num_coordinates(found) == shapely.get_num_coordinates(around) == 8001


@pytest.mark.parametrize("digits", [7, 20, 5000])
def test_an_srid_that_no_number_holds_is_refused_with_its_row(
    connection: Connection, tmp_path: Path, digits: int
) -> None:
    path = csv(tmp_path, "id,ewkt", f"A,SRID={'9' * digits};POINT(105 40)")
    assert "row 1 (id 'A'): 'SRID=999" in refusal(connection, "settlements", path)


def test_blanks_take_no_time(connection: Connection, tmp_path: Path) -> None:
    blanks = " " * 100_000
    path = csv(tmp_path, "id,name,lonlat", f'A,"a{blanks}b\n{blanks}\t c",105{blanks},40')
    began = time.monotonic()
    refusal(connection, "settlements", path)  # the name is too long, the place is read
    assert time.monotonic() - began < 3
