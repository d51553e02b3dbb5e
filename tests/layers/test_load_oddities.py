"""Loading what offices really send: odd CRSs, curves, words for yes and no, ids past use."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import CRS
from sqlalchemy import Connection

from layers import places
from layers.errors import BadFileError
from layers.load import ground, load
from scratch import rolled_back

POINT = gpd.GeoDataFrame({"id": ["A"]}, geometry=[shapely.Point(105.05, 40.05)], crs=4326)
SQUARE = "POLYGON ((105 40, 105.1 40, 105.1 40.1, 105 40.1, 105 40))"
LINE = "LINESTRING (105 40, 105.1 40)"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def refusal(connection: Connection, layer: str, path: Path, **more: Any) -> str:
    with pytest.raises(BadFileError) as refused:
        load(connection, layer, path, **more)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def curves(path: Path) -> Path:
    """GeoParquet with a point and an arc."""
    arc = struct.pack("<BII6d", 1, 8, 3, 105, 40, 105.1, 40.1, 105.2, 40)
    about = {"version": "1.1.0", "primary_column": "geometry",
             "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}}}  # fmt: skip
    table = pa.table({"id": ["A", "B"], "geometry": [shapely.to_wkb(shapely.Point(1, 2)), arc]})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(about)}), path)
    return path


@pytest.mark.parametrize(
    "crs",
    [
        "+proj=laea +lat_0=42 +lon_0=104 +ellps=WGS84 +units=m +type=crs",
        "+proj=tmerc +lat_0=0 +lon_0=105 +ellps=krass +towgs84=0,0,0,0,0,0,0 +units=m +type=crs",
    ],
    ids=["a proj string", "a shift to WGS 84"],
)
def test_a_crs_whose_name_is_not_known_is_declared_all_the_same(
    connection: Connection, tmp_path: Path, crs: str
) -> None:
    assert CRS.from_user_input(crs).name == "unknown"
    for suffix in (".gpkg", ".fgb", ".parquet"):
        path = tmp_path / f"points{suffix}"
        moved = POINT.to_crs(crs)
        moved.to_parquet(path) if suffix == ".parquet" else moved.to_file(path)
        load(connection, "posts", path)
        stored = places.feature(connection, "posts", "A")["geometry"]["coordinates"]
        assert stored == pytest.approx([105.05, 40.05], abs=1e-3)


def test_a_crs_that_says_nothing_of_the_earth_is_none(
    connection: Connection, tmp_path: Path
) -> None:
    local = (
        'ENGCRS["The yard",EDATUM["a nail"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],'
        'LENGTHUNIT["m",1]]'
    )
    path = tmp_path / "points.parquet"
    POINT.set_crs(local, allow_override=True).to_parquet(path)
    assert "it declares no CRS: say which with --crs" in refusal(connection, "posts", path)


def test_a_crs_of_heights_is_no_crs_of_places(connection: Connection, tmp_path: Path) -> None:
    bare = tmp_path / "bare.parquet"
    POINT.set_crs(None, allow_override=True).to_parquet(bare)
    for code in ("EPSG:5773", "EPSG:4978"):
        said = refusal(connection, "posts", bare, crs=code)
        assert said.startswith(f"--crs {code}: it is ")
        assert "no CRS of places on a map" in said
    path = tmp_path / "heights.parquet"
    POINT.set_crs("EPSG:5773", allow_override=True).to_parquet(path)
    assert "it declares EGM96 height, which is no CRS of" in refusal(connection, "posts", path)


@pytest.mark.parametrize(
    "curve",
    [
        "CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0))",
        "MULTISURFACE(CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0)))",
    ],
)
def test_curves_as_text_are_refused_with_their_row(
    connection: Connection, tmp_path: Path, curve: str
) -> None:
    path = csv(tmp_path / "x.csv", "id;wkt", f"A;{SQUARE}", f"B;{curve}")
    assert refusal(connection, "grids", path) == (
        "x.csv: row 2 (id 'B'): its geometry has curves, which are not read: write them as"
        " straight lines"
    )


def test_curves_as_wkb_are_refused_with_their_row(connection: Connection, tmp_path: Path) -> None:
    said = refusal(connection, "posts", curves(tmp_path / "x.parquet"))
    assert said.startswith("x.parquet: row 2 (id 'B'): its geometry has curves, which are not read")


def test_an_empty_archive_and_text_in_utf_16_are_called_so(
    connection: Connection, tmp_path: Path
) -> None:
    empty = b"PK\x05\x06" + bytes(18)
    for name, words in [
        ("x.zip", "x.zip: it is an empty zip archive: pack it again"),
        ("x.gpkg", "x.gpkg: it is no GeoPackage but looks like an empty zip archive"),
    ]:
        (tmp_path / name).write_bytes(empty)
        assert words in refusal(connection, "posts", tmp_path / name)
    (tmp_path / "x.geojson").write_text("id,lon,lat\nA,105,40\n", encoding="utf-16")
    assert "looks like text in UTF-16" in refusal(connection, "posts", tmp_path / "x.geojson")


def test_texts_and_ids_that_cannot_be_are_not_repeated_in_full(
    connection: Connection, tmp_path: Path
) -> None:
    long = "x" * 5000
    path = csv(tmp_path / "x.csv", "id,lon,lat,name", f"A,105,40,{long}")
    assert "give text of one line, at most 1000 characters" in refusal(connection, "posts", path)
    csv(path, "id,lon,lat,name", f"{long},105,40,Post")
    said = refusal(connection, "posts", path)
    assert "row 1 (id 'xxx" in said
    assert len(said) < 300
    csv(path, "id,lon,lat,name", f"{'x' * 500},105,40,Post")
    said = refusal(connection, "posts", path)
    assert "more than 200 letters" in said
    assert len(said) < 200


@pytest.mark.parametrize("feature_id", [".", ".."])
def test_an_id_that_no_url_can_name_is_refused(
    connection: Connection, tmp_path: Path, feature_id: str
) -> None:
    path = csv(tmp_path / "x.csv", "id,lon,lat", "...,105,40", f"{feature_id},105,40")
    assert f"row 2 (id '{feature_id}'): no URL can name the id" in refusal(
        connection, "posts", path
    )


def test_a_grid_that_is_its_own_parent_is_named(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path / "x.csv", "id;parent;wkt", f"A;;{SQUARE}", f"B;B;{SQUARE}")
    assert refusal(connection, "grids", path) == (
        "x.csv: grids 'B': it is its own parent: mend its parent"
    )


@pytest.mark.parametrize(
    ("said", "kept"),
    [("yes", "forward"), ("TRUE", "forward"), ("1", "forward"), ("-1", "backward"),
     ("Reverse", "backward"), ("no", "no"), ("False", "no"), ("0", "no"), ("Backward", "backward"),
     ("", "no")],
)  # fmt: skip
def test_one_way_streets_may_be_said_as_openstreetmap_says_them(
    connection: Connection, tmp_path: Path, said: str, kept: str
) -> None:
    path = csv(tmp_path / "x.csv", "id;oneway;bridge;tunnel;wkt", f"A;{said};1.0;0.0;{LINE}")
    load(connection, "roads", path)
    found = places.feature(connection, "roads", "A")["properties"]
    assert (found["oneway"], found["bridge"], found["tunnel"]) == (kept, True, False)


def test_a_word_for_one_way_that_is_none_is_refused_and_numbers_are_read(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path / "x.csv", "id;oneway;wkt", f"A;sideways;{LINE}")
    assert "oneway is 'sideways': give one of no, forward" in refusal(connection, "roads", path)
    frame = gpd.GeoDataFrame(
        {"id": ["A", "B"], "oneway": [1.0, -1.0], "bridge": [1.0, 0.0]},
        geometry=shapely.from_wkt([LINE, LINE]), crs=4326,
    )  # fmt: skip
    frame.to_file(tmp_path / "x.gpkg")
    load(connection, "roads", tmp_path / "x.gpkg")
    found = [places.feature(connection, "roads", i)["properties"] for i in "AB"]
    assert [one["oneway"] for one in found] == ["forward", "backward"]
    assert [one["bridge"] for one in found] == [True, False]


def test_rows_that_become_several_features_are_counted(
    connection: Connection, tmp_path: Path
) -> None:
    several = "MULTILINESTRING ((105 40, 105.1 40), (106 40, 106.1 40), (107 40, 107.1 40))"
    path = csv(
        tmp_path / "x.csv",
        "id;wkt",
        f"A;{several}",
        f"B;{LINE}",
        f"C;{several.replace('107.1', '107.2')}",
    )
    report = load(connection, "roads", path)
    assert (report.read, report.inserted) == (3, 7)
    assert report.notes[0] == "2 rows have several parts, each a feature of its own: ID, ID-2, …"
    csv(path, "id;wkt", f"A;{several}")
    assert load(connection, "roads", path).notes[0].startswith("1 row has several parts")


def test_the_ground_of_a_file_is_read_as_load_reads_it(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(
        tmp_path / "x.csv", "wkt", '"POLYGON ((105 40, 105.1 40.1, 105.1 40, 105 40.1, 105 40))"'
    )
    found, repaired = ground(connection, path)
    assert found.crs.equals("EPSG:4326")
    assert found.is_valid.all()
    assert repaired == ["row 1: Self-intersection[105.05 40.05]"]
    lost = tmp_path / "lost.parquet"
    square = gpd.GeoDataFrame(geometry=shapely.from_wkt([SQUARE]))
    square.to_parquet(lost)
    with pytest.raises(BadFileError, match=r"lost.parquet: it declares no CRS"):
        ground(connection, lost)
    assert len(ground(connection, lost, crs="EPSG:4326")[0]) == 1
    pd.DataFrame({"a": [1]}).to_parquet(lost)
    with pytest.raises(BadFileError, match="it is Parquet without geometry"):
        ground(connection, lost)
    POINT.to_file(tmp_path / "x.gpkg")
    with pytest.raises(BadFileError, match=r"x.gpkg: feature 1 .*: is a Point"):
        ground(connection, tmp_path / "x.gpkg")


def test_what_macos_packs_beside_each_file_is_passed_over(
    connection: Connection, tmp_path: Path
) -> None:
    POINT.to_file(tmp_path / "p.shp")
    packed = tmp_path / "p.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for part in sorted(tmp_path.glob("p.[!z]*")):
            archive.write(part, part.name)
            archive.writestr(f"__MACOSX/._{part.name}", b"Mac OS X")
    assert load(connection, "settlements", packed).inserted == 1
