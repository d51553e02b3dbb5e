"""Files of every kind: read right, or refused in one line with nothing stored."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from sqlalchemy import Connection

from layers import frames
from layers.load import load
from scratch import rolled_back
from tests.layers.loading_words import csv, places_of, refusal, workbook

HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"
MANY = gpd.GeoDataFrame(
    {"id": [f"p{n}" for n in range(2000)], "name": "点"},
    geometry=gpd.points_from_xy([105 + n / 1e4 for n in range(2000)], [40] * 2000),
    crs=4326,
)
TWO = MANY.head(2)
ROWS = [["id", "lon", "lat"], ["A", 105.25, 40.5], ["B", 105.5, 40.75]]
TEXT = "id,lon,lat\nA,105.25,40.5\n"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def write(path: Path, frame: gpd.GeoDataFrame) -> Path:
    """A frame in the format of the path's ending."""
    suffix = path.suffix
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".zip":
        packed = path.with_suffix(".shz")
        frame.to_file(packed, driver="ESRI Shapefile")
        packed.rename(path)
    elif suffix == ".xlsx":
        workbook(path, a=[["id", "lon", "lat"], *([i, 105, 40] for i in frame["id"])])
    else:
        driver = {".kml": "KML", ".gml": "GML", ".tab": "MapInfo File", ".mif": "MapInfo File"}
        more = {"FORMAT": "MIF"} if suffix == ".mif" else {}
        frame.to_file(path, driver=driver.get(suffix), **more)
    return path


def cut(path: Path, share: float = 0.5) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def test_a_workbook_is_read_as_a_table(connection: Connection, tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "居民点 表.xlsx",
        点=[["居民点表"], ["id", "经度", "纬度", "last_heartbeat"],
            ["A", 105.123456789012, 40.5, ("date", 46082.25)], ["B", "105°30′", "40,5", None],
            [None, None]],
        空=[],
    )  # fmt: skip
    report = load(connection, "checkpoints", path, time_zone="Asia/Shanghai")
    assert report.notes == ["1 line above the header left out: '居民点表'"]
    assert places_of(connection, "checkpoints") == [(105.123457, 40.5), (105.5, 40.5)]
    found = frames.places(connection, "checkpoints")["last_heartbeat"]
    # 46082.25 days after 1899-12-30 are 06:00 of 2026-03-01, which is 22:00 UTC the day before.
    assert str(found["A"]) == "2026-02-28 22:00:00+00:00"


def test_of_several_sheets_one_is_asked_for(connection: Connection, tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", a=ROWS, b=[ROWS[0], ["C", 106, 41]])
    assert refusal(connection, "settlements", path) == (
        "x.xlsx: it has several sheets (a, b): say which with --layer-name"
    )
    assert "no filled sheet 'c': there are a, b" in refusal(
        connection, "settlements", path, source_layer="c"
    )
    load(connection, "settlements", path, source_layer="b")
    assert places_of(connection) == [(106, 41)]


def test_an_empty_workbook_is_refused(connection: Connection, tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", a=[], b=[])
    assert "its sheets are empty" in refusal(connection, "settlements", path)


def test_gml_is_read_and_nothing_is_written_beside_it(
    connection: Connection, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.gml", TWO)
    for other in tmp_path.glob("x.[!g]*"):
        other.unlink()
    before = sorted(tmp_path.iterdir())
    assert load(connection, "settlements", path).inserted == 2
    assert sorted(tmp_path.iterdir()) == before


def test_gpx_gives_waypoints_to_points_and_tracks_to_lines(connection: Connection) -> None:
    load(connection, "settlements", HAZARDS / "places.gpx", mapping={"id": "name"})
    assert places_of(connection) == [(105.05, 40.05)]
    assert load(connection, "roads", HAZARDS / "places.gpx").inserted == 1
    assert "it has no areas, which grids takes" in refusal(
        connection, "grids", HAZARDS / "places.gpx"
    )


def test_topojson_and_esri_json_are_known_by_what_they_hold(
    connection: Connection, tmp_path: Path
) -> None:
    load(connection, "post_areas", HAZARDS / "arcs.topojson")
    shutil.copy(HAZARDS / "arcs.topojson", tmp_path / "x.json")
    assert load(connection, "post_areas", tmp_path / "x.json").unchanged == 1
    (found,) = frames.places(connection, "post_areas").geometry
    assert found.equals(shapely.Polygon([(105, 40), (105.1, 40), (105.1, 40.1)]))
    load(connection, "settlements", HAZARDS / "esri.json")
    assert places_of(connection) == [(105.05, 40.05)]


def test_a_drawing_needs_its_crs(connection: Connection) -> None:
    path = HAZARDS / "drawing.dxf"
    assert "it declares no CRS: say which with --crs" in refusal(connection, "roads", path)
    load(connection, "roads", path, crs="EPSG:4523")
    (road,) = frames.places(connection, "roads").geometry
    assert shapely.get_coordinates(road)[0] == pytest.approx((105, 40), abs=1e-5)


@pytest.mark.parametrize("name", ["x.geojson", "x.json", "x.geojsons", "x.geojsonseq"])
@pytest.mark.parametrize("before", ["", "\x1e"])
def test_features_one_by_one_load_under_every_name(
    connection: Connection, tmp_path: Path, name: str, before: str
) -> None:
    point = {"type": "Point", "coordinates": [105.25, 40.5]}
    lines = [
        before + json.dumps({"type": "Feature", "properties": {"id": i}, "geometry": point}) + "\n"
        for i in "AB"
    ]
    (tmp_path / name).write_text("".join(lines))
    assert load(connection, "settlements", tmp_path / name).inserted == 2


def test_tables_and_geojson_may_be_packed(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    load(connection, "settlements", tmp_path / "x.csv.gz")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("数据/点 位.csv", TEXT)
    assert load(connection, "settlements", tmp_path / "x.zip").unchanged == 1
    plain = write(tmp_path / "y.geojson", TWO).read_bytes()
    (tmp_path / "y.geojson.gz").write_bytes(gzip.compress(plain))
    assert load(connection, "settlements", tmp_path / "y.geojson.gz").inserted == 2


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a.csv", "b.csv"], "it has several files (a.csv, b.csv): say which with --layer-name"),
        (["a.doc"], "it has no file that can be loaded: give an archive with one"),
        (["a.gpkg", "b.gpkg"], "it has several files (a.gpkg, b.gpkg): say which with"),
    ],
)
def test_an_archive_of_several_files_or_of_none_is_refused(
    connection: Connection, tmp_path: Path, names: list[str], said: str
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)
    assert said in refusal(connection, "settlements", tmp_path / "x.zip")


def test_a_package_of_several_layers_names_them(connection: Connection, tmp_path: Path) -> None:
    for name in ("a", "b"):
        TWO.to_file(tmp_path / "x.gpkg", layer=name)
    assert refusal(connection, "settlements", tmp_path / "x.gpkg") == (
        "x.gpkg: it has several layers (a, b): say which with --layer-name"
    )
    assert load(connection, "settlements", tmp_path / "x.gpkg", source_layer="b").inserted == 2


def test_names_of_files_may_be_chinese_and_have_blanks(
    connection: Connection, tmp_path: Path
) -> None:
    folder = tmp_path / "某 旗 (副本)"
    folder.mkdir()
    TWO.to_file(folder / "居民点 2026.shp", encoding="utf-8")
    assert load(connection, "settlements", folder / "居民点 2026.shp").inserted == 2
    packed = shutil.make_archive(str(tmp_path / "居民点 打包"), "zip", folder)
    assert load(connection, "settlements", Path(packed)).unchanged == 2


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_tables_in_every_way_that_offices_save_them(
    connection: Connection, tmp_path: Path, separator: str, encoding: str
) -> None:
    lines = [separator.join(row) for row in (["id", "lon", "lat", "name"],
                                             ["A", "105.25", "40.5", "巴彦淖尔"])]  # fmt: skip
    load(connection, "settlements", csv(tmp_path, *lines, name="x.txt", encoding=encoding))
    assert list(frames.places(connection, "settlements")["name"]) == ["巴彦淖尔"]


@pytest.mark.parametrize(
    "name",
    ["x.geojson", "x.fgb", "x.gpkg", "x.parquet", "x.kml", "x.gml", "x.xlsx", "x.zip", "x.mif",
     "x.tab", "x.shp"],
)  # fmt: skip
@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
def test_a_file_that_is_cut_is_refused(
    connection: Connection, tmp_path: Path, name: str, share: float
) -> None:
    path = write(tmp_path / name, MANY)
    cut(path, share)
    assert refusal(connection, "settlements", path, skip_bad=True).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "part"),
    [("x.tab", ".dat"), ("x.tab", ".map"), ("x.tab", ".id"), ("x.mif", ".mid"), ("x.shp", ".dbf"),
     ("x.shp", ".shx")],
)  # fmt: skip
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_file_whose_part_is_cut_or_gone_is_refused(
    connection: Connection, tmp_path: Path, name: str, part: str, how: str
) -> None:
    path = write(tmp_path / name, MANY)
    beside = path.with_suffix(part)
    if how == "cut":
        cut(beside)
    else:
        beside.unlink()
    assert refusal(connection, "settlements", path).startswith(f"{name}: ")


def test_a_gzip_file_that_is_cut_is_refused(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(TEXT.encode())[:-9])
    assert "x.csv.gz: it cannot be unpacked, or not as a whole" in refusal(
        connection, "settlements", path
    )


PNG, OLE = b"\x89PNG\r\n\x1a\n" + bytes(50), b"\xd0\xcf\x11\xe0" + bytes(50)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.shp", PNG, "x.shp: it is no Shapefile but looks like a picture"),
        ("x.csv", PNG, "x.csv: it is no CSV but looks like a picture"),
        ("x.csv", b"%PDF-1.4", "x.csv: it is no CSV but looks like PDF"),
        ("x.xlsx", OLE, "it is no Excel workbook but looks like an old Excel or Word file"),
        ("x.xls", OLE, "x.xls: it cannot be read as a spreadsheet: save it again, or as CSV"),
        ("x.xlsb", b"PK", "x.xlsb: .xlsb is not read: save it as .xlsx or CSV"),
        ("x.rar", b"Rar!", "x.rar: .rar is not read: unpack it, or pack it as .zip"),
        ("x.dbf", b"\3", "x.dbf: .dbf is not read: give the .shp that it belongs to"),
        ("x.geojson", b"null", "it is no GeoJSON but looks like text"),
        ("x.gml", b"<a/>", "x.gml: it is damaged, or no .gml file"),
        ("x.gml", b"<a>", "x.gml: it is no whole XML"),
        ("x.gz", b"\x1f\x8b", "x.gz: it cannot be unpacked"),
        ("x", TEXT.encode(), "x: files that end in 'nothing' are not read"),
        ("x.gpkg", b"", "x.gpkg: the file is empty"),
    ],
)
def test_what_is_no_such_file_is_called_by_what_it_is(
    connection: Connection, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert said in refusal(connection, "settlements", tmp_path / name)


def test_a_folder_is_no_file(connection: Connection, tmp_path: Path) -> None:
    assert "it is a folder: name a file" in refusal(connection, "settlements", tmp_path)


def test_xml_in_a_chinese_code_page_is_read(connection: Connection, tmp_path: Path) -> None:
    text = (HAZARDS / "placemarks.kml").read_text(encoding="utf-8").replace("UTF-8", "GB2312")
    path = tmp_path / "x.kml"
    path.write_bytes(text.encode("gbk"))
    load(connection, "settlements", path)
    assert list(frames.places(connection, "settlements")["name"]) == ["巴彦"]
    path.write_bytes(text.encode("gbk") + b"\xff\xff")
    assert "x.kml: it says that it is in GB2312, and is not" in refusal(connection, "posts", path)
