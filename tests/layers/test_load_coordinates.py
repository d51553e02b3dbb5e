"""Where tables keep their places: pairs, WKT and WKB, headers, and degrees as people type them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import shapely
from sqlalchemy import Connection

from layers import frames
from layers.load import load
from layers.load.angle import BadAngleError, degrees
from scratch import rolled_back
from tests.layers.loading_words import csv, places_of, refusal

POINT = shapely.Point(104.5, 41.5)
HEX = shapely.to_wkb(POINT, hex=True)
EWKB = shapely.to_wkb(shapely.set_srid(POINT, 4326), hex=True, include_srid=True)
MERCATOR = "POINT (11694112.508 4873210.806)"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.mark.parametrize(
    "text",
    ["104d30m15sE", "104°30′15″E", "104˚30ʹ15ʺE", "104º30’15”E", "E104°30'15\"", "104:30:15E",
     "104 30 15 E", "104-30-15", "104°30´15´´E", "104°30'15''", "104*30'15\"", "104o30'15\"E",
     "104deg 30min 15sec E", "104 град 30 мин 15 сек в.д.", "104° 30' 15\" В. Д.", "В104°30'15\"",
     "104°30'15\" вд", "东经104度30分15秒", "104度30分15秒E", "１０４°３０′１５″Ｅ",
     "104° 30' 15,0\" E",
     "Зүүн уртраг 104°30'15\"", "104°30.25'"],
)  # fmt: skip
def test_a_longitude_may_be_written_so(text: str) -> None:
    assert degrees(text, "longitude") == pytest.approx(104 + 30 / 60 + 15 / 3600)


@pytest.mark.parametrize(
    "text",
    ["с. ш. 41°30'", "41°30' с.ш.", "С.Ш. 41°30'", "41°30'С", "41°30'сш", "北纬41°30′",
     "北纬41度30分",
     "х.ө. 41 30", "Хойд өргөрөг 41°30'", "N41°30'", "41,5", "４１．５", "41d30mN"],
)  # fmt: skip
def test_a_latitude_may_be_written_in_other_scripts(text: str) -> None:
    assert degrees(text, "latitude") == 41.5


def test_seconds_without_minutes_stay_seconds() -> None:
    assert degrees('104°15"', "longitude") == pytest.approx(104 + 15 / 3600)
    assert degrees("41d30m15sS", "latitude") == pytest.approx(-(41.5 + 15 / 3600))


@pytest.mark.parametrize(
    ("text", "why"),
    [("-41 S", "a sign and a letter"), ("41°61'", "60 or more"), ("41°30'60\"", "60 or more"),
     ("30'", "no number"), ("41'30°", "no number"), ("41-42", "no number"), ("з41", "no number"),
     ("41d30m15S", "may be seconds or south"), ("41.5°30'", "decimals before its end"),
     ("东经41度", "says E"), ("41.000.000", "no number")],
)  # fmt: skip
def test_what_is_uncertain_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadAngleError, match=why):
        degrees(text, "latitude")


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        ("wkt", "SRID=4326;POINT(104.5 41.5)"), ("geom", "POINT (104.5 41.5)"),
        ("the_geom", EWKB), ("WKB", HEX), ("wkb_geometry", HEX.lower()), ("geom", f"\\x{EWKB}"),
        ("geojson", '{"type": "Point", "coordinates": [104.5, 41.5]}'),
        ("location", "104.5,41.5"), ("坐标", "104.5，41.5"), ("lonlat", "104.5 41.5"),
        ("latlon", "41.5, 104.5"), ("coords", "41.5; 104.5"), ("gps", "N41°30′, E104°30′"),
        ("coordinates", "(104.5, 41.5)"), ("lonlat", "104,5, 41,5"),
        # The name says longitude first, and no row can be so.
        ("location", "41.5,104.5"),
    ],
)  # fmt: skip
def test_one_column_may_hold_the_place(
    connection: Connection, tmp_path: Path, header: str, cell: str
) -> None:
    load(connection, "settlements", csv(tmp_path, f"id|{header}", f"A|{cell}"))
    assert places_of(connection) == [(104.5, 41.5)]


def test_a_pair_with_latitude_first_is_told(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "id|coords", "A|41.5, 104.5")
    assert load(connection, "settlements", path).notes == [
        "'coords' was read as latitude first, then longitude"
    ]


def test_pairs_whose_order_nothing_tells_are_refused(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id|coords", "A|41.5, 45.5")
    assert "'41.5, 45.5' may be longitude or latitude first: name the column" in refusal(
        connection, "settlements", path
    )


def test_one_swapped_pair_among_others_is_refused_and_turns_none(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id|location", "A|84.5,41.5", "B|41.5,104.5")
    assert "row 2 (id 'B'): has a latitude beyond 90" in refusal(connection, "settlements", path)


def test_ewkt_is_of_the_crs_that_it_names(connection: Connection, tmp_path: Path) -> None:
    load(connection, "settlements", csv(tmp_path, "id|geom", f"A|SRID=3857;{MERCATOR}"))
    assert places_of(connection) == [(105.05, 40.05)]
    several = csv(tmp_path, "id|geom", f"A|SRID=3857;{MERCATOR}", "B|SRID=4326;POINT (105 40)")
    connection.exec_driver_sql("DELETE FROM settlements")
    assert "its geometries are of several CRSs (SRID 3857 and 4326)" in refusal(
        connection, "settlements", several
    )


def test_wkb_that_is_cut_and_json_that_is_no_geometry_are_refused(
    connection: Connection, tmp_path: Path
) -> None:
    for cell, why in ((EWKB[:-8], "its geometry is broken"), (EWKB[:-7], "is no whole WKB"),
                      ('{"type": "Spot"}', "is no GeoJSON geometry")):  # fmt: skip
        path = csv(tmp_path, "id|geom", f"A|{cell}")
        assert why in refusal(connection, "settlements", path)


@pytest.mark.parametrize(
    "header",
    ["lon(°),lat(°)", "经度(E),纬度(N)", "Longitude (deg),Latitude (deg)", "X坐标,Y坐标",
     "POINT_X,POINT_Y",
     "xcoord,ycoord", "Long_DD,Lat_DD", "Уртраг,Өргөрөг", "Долгота_град,Широта_град"],
)  # fmt: skip
def test_headers_may_have_units_and_other_names(
    connection: Connection, tmp_path: Path, header: str
) -> None:
    load(connection, "settlements", csv(tmp_path, f"id,{header}", "A,104.5,41.5"))
    assert places_of(connection) == [(104.5, 41.5)]


def test_a_title_and_what_excel_leaves_empty_are_passed_over(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "某某旗居民点表,,,", "id,lon,lat,", "A,104.5,41.5,", ",,,")
    report = load(connection, "settlements", path)
    assert (report.read, report.dropped_columns) == (1, [])
    assert report.notes == ["1 line above the header left out: '某某旗居民点表'"]


def test_commas_in_a_header_of_semicolons_and_cells_of_no_name(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id;Долгота, град;Широта, град;", "A;104,5;41,5;x")
    assert load(connection, "settlements", path).dropped_columns == ["(column 4)"]
    assert places_of(connection) == [(104.5, 41.5)]


def test_a_column_called_just_as_ours_comes_before_one_in_capitals(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,Lon,lon,lat", "A,1,104.5,41.5")
    assert load(connection, "settlements", path).dropped_columns == ["Lon"]
    assert places_of(connection) == [(104.5, 41.5)]


@pytest.mark.parametrize(
    ("names", "datum"), [("gcj_lon,gcj_lat", "gcj02"), ("百度lon,百度lat", "bd09")]
)
def test_columns_called_as_those_of_web_maps_are_suspected(
    connection: Connection, tmp_path: Path, names: str, datum: str
) -> None:
    lon, lat = names.split(",")
    path = csv(tmp_path, f"id,{names}", "A,104.5,41.5")
    mapping = {"lon": lon, "lat": lat}
    (note,) = load(connection, "settlements", path, mapping=mapping).notes
    assert note.endswith(f": is it --datum {datum}?")
    assert load(connection, "settlements", path, mapping=mapping, datum=datum).notes == []


def test_what_a_spreadsheet_does_to_ids_is_undone_or_refused(
    connection: Connection, tmp_path: Path
) -> None:
    load(connection, "settlements", csv(tmp_path, "id,lon,lat", '="007",104.5,41.5'))
    assert list(frames.places(connection, "settlements").index) == ["007"]
    connection.exec_driver_sql("DELETE FROM settlements")
    path = csv(tmp_path, "id,lon,lat", "1.50102E+11,104.5,41.5")
    assert "its id '1.50102E+11' is a number that a spreadsheet cut short" in refusal(
        connection, "settlements", path
    )


def test_metres_with_blanks_between_thousands_are_no_degrees_and_minutes(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id;lon;lat", "A;100 000;40 000")
    assert "000' is no number" in refusal(connection, "settlements", path, crs="EPSG:32648")


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        (("id,lon,lat", "A,105,40", "B,105,91"), "row 2 (id 'B')"),
        (("id,lon,lat", "A,105,40", "", "", "B,105,91"), "row 2 on line 5 (id 'B')"),
        (("", "id,lon,lat", ",,", "A,105,40", "B,105,91"), "row 2 on line 5 (id 'B')"),
        (("sep=,", "id,lon,lat", "B,105,91"), "row 1 on line 3 (id 'B')"),
        (("Posts", "id,lon,lat", "B,105,91"), "row 1 on line 3 (id 'B')"),
        (("id,name,lon,lat", 'A,"a', 'b",105,40', "B,b,105,91"), "row 2 on line 4 (id 'B')"),
    ],
)
def test_a_row_is_called_by_its_line_where_its_number_does_not_tell_it(
    connection: Connection, tmp_path: Path, lines: tuple[str, ...], where: str
) -> None:
    said = refusal(connection, "settlements", csv(tmp_path, *lines))
    assert said.startswith(f"x.csv: {where}: ")


def test_a_row_of_too_many_cells_is_called_by_its_line(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,lon,lat", "", "A,105,40", "", "B,105,40,x")
    assert "row 2 on line 5: has 4 cells, the header 3" in refusal(connection, "settlements", path)
