"""Rows where none should be, areas of nothing, and coordinates that are no degrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from sqlalchemy import Connection

from layers import places
from layers.load import load
from scratch import rolled_back
from tests.layers.loading_words import LEVELS, csv, places_of, refusal

HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"
#: Forty places within a degree.
TOWN = [f"{n},{104 + n % 7 / 7:.4f},{41 + n % 11 / 11:.4f}" for n in range(40)]
REGION = shapely.box(103.9, 40.9, 105.1, 42.1)


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.fixture
def region(connection: Connection, tmp_path: Path) -> Connection:
    """A database with a banner."""
    path = tmp_path / "region.parquet"
    gpd.GeoDataFrame({"id": ["B"], "level": "banner"}, geometry=[REGION], crs=4326).to_parquet(path)
    load(connection, "grids", path, levels=LEVELS)
    return connection


def town(folder: Path, *more: str) -> Path:
    return csv(folder, "id,lon,lat", *TOWN, *more)


@pytest.mark.parametrize("name", ["nowhere.csv", "nowhere.geojson"])
def test_a_place_at_exactly_0_0_is_refused_with_its_row(connection: Connection, name: str) -> None:
    said = refusal(connection, "settlements", HAZARDS / name)
    assert "2 (id 'B'): lies at exactly 0/0, which is written for a place that nobody knows" in said
    report = load(connection, "settlements", HAZARDS / name, skip_bad=True)
    assert (report.inserted, len(report.refused)) == (1, 1)


def test_0_0_in_metres_and_one_vertex_at_0_0_are_refused_too(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,lon,lat", "A,500000,4433000", "B,0,0")
    assert "row 2 (id 'B'): lies at exactly 0/0" in refusal(
        connection, "settlements", path, crs="EPSG:32648"
    )
    path = csv(tmp_path, "id;wkt", "A;LINESTRING (105 40, 105.1 40, 0 0)")
    assert "row 1 (id 'A'): lies at exactly 0/0" in refusal(connection, "roads", path)
    path = csv(tmp_path, "id;wkt", "A;LINESTRING (0 0, 1 1)")
    assert load(connection, "roads", path).inserted == 1


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("-30,20", "at -30.0000, 20.0000 is 11,7"),
        ("41.5,84.5", "from where the others are: is it right?"),
        ("104.5,-41.5", "from where the others are: with the latitude's sign changed it would be"),
        ("-104.5,41.5", "with the longitude's sign changed it would be among them"),
        ("10.45,41.5", "with the longitude ten times as large it would be among them"),
        ("0,41.5", "row 41 (id 'Z') at 0.0000, 41.5000 is 8,"),
    ],
)
def test_one_row_far_from_all_others_is_told_and_not_moved(
    connection: Connection, tmp_path: Path, row: str, told: str
) -> None:
    report = load(connection, "settlements", town(tmp_path, f"Z,{row}"))
    (note,) = report.notes
    assert note.startswith("row 41 (id 'Z') at ")
    assert told in note
    lon, lat = map(float, row.split(","))
    assert (lon, lat) in places_of(connection)


def test_one_row_with_swapped_axes_is_told_where_it_still_is_on_earth(
    connection: Connection, tmp_path: Path
) -> None:
    rows = [f"{n},{84 + n % 7 / 7:.4f},{41 + n % 5 / 5:.4f}" for n in range(20)]
    path = csv(tmp_path, "id,lon,lat", *rows, "Z,41.5,84.5")
    (note,) = load(connection, "settlements", path).notes
    assert note.endswith("with longitude and latitude swapped it would be among them")


def test_a_row_outside_the_region_that_holds_the_others_is_told(
    region: Connection, tmp_path: Path
) -> None:
    (note,) = load(region, "settlements", town(tmp_path, "Z,104.5,39")).notes
    # 1.9 degrees of latitude.
    assert note == (
        "row 41 (id 'Z') at 104.5000, 39.0000 is 211 km from the region, in which the others lie:"
        " is it right?"
    )
    assert load(region, "settlements", town(tmp_path, "Z,104.5,40.6")).notes == []


def test_places_all_over_the_world_raise_no_suspicion(
    connection: Connection, tmp_path: Path
) -> None:
    rows = [f"{n},{-170 + n * 37 % 340},{-60 + n * 23 % 120}" for n in range(40)]
    assert load(connection, "settlements", csv(tmp_path, "id,lon,lat", *rows)).notes == []


def test_distances_are_told_across_the_antimeridian(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "region.parquet"
    home = shapely.box(178, 40, 179.5, 41)
    gpd.GeoDataFrame({"id": ["B"], "level": "banner"}, geometry=[home], crs=4326).to_parquet(path)
    load(connection, "grids", path, levels=LEVELS)
    assert load(connection, "settlements", csv(tmp_path, "id,lon,lat", "A,-179.5,40.5")).notes == []
    # 5.5 degrees of longitude from 179.5 to -175, at 40.5 degrees: 465 km.
    (note,) = load(connection, "settlements", csv(tmp_path, "id,lon,lat", "B,-175,40.5")).notes
    assert note.startswith("it lies 466 km from everything that is loaded")


def test_a_datum_that_changes_nothing_is_told(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,lon,lat", "A,10.5,41")
    (note,) = load(connection, "settlements", path, datum="gcj02").notes
    assert note.startswith("--datum gcj02 changed nothing: all of it lies outside China")


@pytest.mark.parametrize(
    "ring",
    ["105 40, 105.1 40.1, 105.2 40.2, 105 40", "105 40, 105.1 40.1, 105.2 40.2000000001, 105 40"],
)
def test_a_polygon_whose_corners_lie_on_one_line_is_refused(
    connection: Connection, tmp_path: Path, ring: str
) -> None:
    path = csv(tmp_path, "id;level;wkt", f"A;cell;POLYGON (({ring}))")
    assert "row 1 (id 'A'): has a geometry that encloses nothing: its corners lie" in refusal(
        connection, "grids", path
    )


def test_a_small_yard_is_an_area(connection: Connection, tmp_path: Path) -> None:
    # 1e-5 degrees are a metre.
    ring = "105 40, 105.00001 40, 105.00001 40.00001, 105 40.00001, 105 40"
    path = csv(tmp_path, "id;wkt", f"A;POLYGON (({ring}))")
    assert load(connection, "post_areas", path).inserted == 1


LOOKS = [
    ("1045000000,415000000", "degrees times 10,000,000: divide them"),
    ("11694.1,5086.1", "kilometres of web Mercator: write metres, --crs EPSG:3857"),
    ("11632886,5087648", "web Mercator (--crs EPSG:3857)"),
    (
        "18457921,4595000",
        "CGCS2000 / Gauss-Kruger zone 18 (--crs EPSG:4496; in Xian 1980 EPSG:2332)",
    ),
    (
        "35457921,4595000",
        "CGCS2000 / 3-degree Gauss-Kruger zone 35 (--crs EPSG:4523; in Xian 1980 EPSG:2359)",
    ),
    ("4595000,35457921", "Xian 1980 EPSG:2359) with northing first: write easting first"),
    (
        "458000,4594000",
        "UTM zone 48N (--crs EPSG:32648) or CGCS2000 / Gauss-Kruger CM 105E (--crs EPSG:4507; in"
        " Xian 1980 EPSG:2343) or CGCS2000 / 3-degree Gauss-Kruger CM 105E (--crs EPSG:4544; in"
        " Xian 1980 EPSG:2380)",
    ),
    ("10430.25,4130.5", "degrees and minutes without a sign (DDDMM.mm): write decimal degrees"),
]


@pytest.mark.parametrize(("place", "looks"), LOOKS, ids=[looks for _, looks in LOOKS])
def test_coordinates_that_are_no_degrees_are_told_what_they_look_like(
    region: Connection, tmp_path: Path, place: str, looks: str
) -> None:
    said = refusal(region, "settlements", csv(tmp_path, "id,lon,lat", f"A,{place}"))
    assert "lies off the earth" in said
    assert "; they look like " in said
    assert said.endswith(looks)


def test_coordinates_that_fit_nothing_are_told_nothing(region: Connection, tmp_path: Path) -> None:
    said = refusal(region, "settlements", csv(tmp_path, "id,lon,lat", "A,1e9,1e9"))
    assert said.endswith("if these are metres, declare their CRS")


def test_northing_before_easting_is_refused(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,lon,lat", "A,4433000,35500000")
    assert refusal(connection, "settlements", path, crs="EPSG:4523") == (
        "x.csv: it lies wholly outside where CGCS2000 / 3-degree Gauss-Kruger zone 35 is used, but"
        " within when easting and northing are swapped: write easting first"
    )


@pytest.mark.parametrize(
    ("crs", "place", "note"),
    [
        ("EPSG:2359", "35500000,4433000", "is taken for WGS 84 as it is, for want of what turns"),
        ("EPSG:4610", "105,40", "Xian 1980 is taken for WGS 84 as it is"),
        ("EPSG:28418", "18500000,4433000", "it lies outside where Pulkovo 1942 / Gauss-Kruger"),
    ],
)
def test_a_crs_that_is_rough_or_used_elsewhere_is_told(
    connection: Connection, tmp_path: Path, crs: str, place: str, note: str
) -> None:
    path = csv(tmp_path, "id,lon,lat", f"A,{place}")
    report = load(connection, "settlements", path, crs=crs)
    assert note in report.notes[0]


@pytest.mark.parametrize("crs", ["EPSG:4490", "EPSG:4523"])
def test_the_chinese_datum_of_2000_is_as_good_as_wgs_84(
    connection: Connection, tmp_path: Path, crs: str
) -> None:
    place = "105,40" if crs == "EPSG:4490" else "35500000,4429529"
    path = csv(tmp_path, "id,lon,lat", f"A,{place}")
    assert load(connection, "settlements", path, crs=crs).notes == []
    assert places.bounds(connection) == pytest.approx((105, 40, 105, 40), abs=1e-5)


def test_a_longitude_beyond_180_far_from_all_others_is_refused_alone(
    connection: Connection,
) -> None:
    path = HAZARDS / "longitude_mistyped.csv"
    report = load(connection, "settlements", path, skip_bad=True)
    assert report.refused == [
        "row 2 (id 'B'): has the longitude 181, beyond 180, while the others are from 105.05 to"
        " 105.06: mend it, or write -179 if that is meant"
    ]
    assert report.repaired == []
    assert places_of(connection) == [(105.05, 40.05), (105.06, 40.05)]


def test_longitudes_beyond_180_near_the_others_are_turned_and_their_rows_named(
    connection: Connection, tmp_path: Path
) -> None:
    near = [f"{n},{178 + n / 2},60" for n in range(5)]
    report = load(connection, "settlements", csv(tmp_path, "id,lon,lat", *near, "x,180.5,60"))
    assert report.refused == []
    assert report.repaired == [
        "longitudes from 180 to 360 were written as -180 to 0: row 6 (id 'x')"
    ]
    # Most beyond 180: the file is written so.
    many = [f"m{n},{190 + n},60" for n in range(7)]
    report = load(connection, "settlements", csv(tmp_path, "id,lon,lat", "a,100,60", *many))
    assert report.refused == []
    assert report.repaired[0].endswith("row 6 (id 'm4') and 2 more")
