"""Metres whose CRS nobody says: what they may be is told, and never chosen in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer
from sqlalchemy import Connection

from layers.load import load, zones
from scratch import rolled_back
from tests.layers.loading_words import LEVELS, csv, places_of, refusal

HOME = shapely.box(104.5, 40.5, 105.5, 41.5)


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.fixture
def region(connection: Connection, tmp_path: Path) -> Connection:
    frame = gpd.GeoDataFrame({"id": ["B"], "level": "banner"}, geometry=[HOME], crs=4326)
    frame.to_parquet(tmp_path / "region.parquet")
    load(connection, "grids", tmp_path / "region.parquet", levels=LEVELS)
    return connection


def every_zone() -> list[zones.Zone]:
    eastings = [5e5, *(number * 1e6 + 5e5 for number in range(13, 46))]
    return [zone for x in eastings for zone in zones.of(np.array([[x, 4.5e6]]))]


def test_every_zone_that_is_named_is_called_so_by_proj() -> None:
    found = every_zone()
    assert len(found) == 60 + 11 + 21 + 11 + 21
    for zone in found:
        name = CRS.from_epsg(zone.code).name.removeprefix("WGS 84 / ")
        assert name == f"{zone.family} {zone.label}"
        if zone.is_chinese:
            (said,) = re.findall(r"in Xian 1980 EPSG:(\d+)", zones.named([zone])[0])
            assert CRS.from_epsg(int(said)).name == name.replace("CGCS2000", "Xian 1980")


@pytest.mark.parametrize("code", [32648, 4496, 4523, 4507, 4544])
@pytest.mark.parametrize("off", [(-1.4, 20), (0, 41), (1.4, 55)])
def test_a_zone_knows_roughly_where_its_metres_are(code: int, off: tuple[float, float]) -> None:
    lonlat = (105 + off[0], off[1])
    move = Transformer.from_crs(4326, code, always_xy=True)
    xy = np.array([move.transform(*lonlat)])
    (zone,) = (zone for zone in zones.of(xy) if zone.code == code)
    assert zone.roughly(xy)[0] == pytest.approx(lonlat, abs=0.3)


def test_metres_without_a_zone_and_a_region_are_told_the_families_that_they_may_be_of(
    connection: Connection, tmp_path: Path
) -> None:
    said = refusal(connection, "settlements", csv(tmp_path, "id,lon,lat", "A,458000,4594000"))
    assert said.endswith(
        "; they look like UTM zone 1N to 60N (--crs EPSG:32601 to EPSG:32660) or CGCS2000 /"
        " Gauss-Kruger CM 75E to 135E (--crs EPSG:4502 to EPSG:4512; in Xian 1980 EPSG:2338 to"
        " EPSG:2348) or CGCS2000 / 3-degree Gauss-Kruger CM 75E to 135E (--crs EPSG:4534 to"
        " EPSG:4554; in Xian 1980 EPSG:2370 to EPSG:2390)"
    )


def lost(folder: Path, easting: float, northing: float) -> Path:
    """A Shapefile without .prj."""
    frame = gpd.GeoDataFrame({"id": ["A"]}, geometry=[shapely.Point(easting, northing)], crs=3857)
    frame.to_file(folder / "x.shp")
    (folder / "x.prj").unlink()
    return folder / "x.shp"


def test_a_shapefile_in_metres_without_a_crs_is_told_what_it_may_be_in(
    connection: Connection, tmp_path: Path
) -> None:
    path = lost(tmp_path, 39_457_921, 4_595_000)
    assert refusal(connection, "settlements", path) == (
        "x.shp: it declares no CRS: say which with --crs EPSG:… (EPSG:4326 for longitude and"
        " latitude in WGS 84); they look like CGCS2000 / 3-degree Gauss-Kruger zone 39 (--crs"
        " EPSG:4527; in Xian 1980 EPSG:2363)"
    )
    load(connection, "settlements", path, crs="EPSG:4527")
    ((lon, lat),) = places_of(connection)
    # Zone 39 is round 117 degrees east; 42 km west of it.
    assert (round(lon, 1), round(lat, 1)) == (116.5, 41.5)


def test_where_grids_are_loaded_only_zones_that_come_to_lie_there_are_named(
    region: Connection, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match="it declares no CRS") as refused:
        load(region, "settlements", lost(tmp_path, 458_000, 4_594_000))
    said = str(refused.value)
    assert "; they look like UTM zone 48N (--crs EPSG:32648) or CGCS2000" in said
    assert re.findall(r"--crs EPSG:(\d+)", said) == ["32648", "4507", "4544"]


def test_degrees_without_a_crs_are_told_nothing_more(
    connection: Connection, tmp_path: Path
) -> None:
    said = refusal(connection, "settlements", lost(tmp_path, 105, 41))
    assert said.endswith("longitude and latitude in WGS 84)")


@pytest.mark.parametrize(("lon", "lat"), [(105, 41), (104.6, 41.4)])
def test_northing_first_in_a_projection_that_is_used_everywhere_is_refused_within_the_region(
    region: Connection, tmp_path: Path, lon: float, lat: float
) -> None:
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)
    said = refusal(
        region, "settlements", csv(tmp_path, "id,lon,lat", f"A,{y},{x}"), crs="EPSG:3857"
    )
    assert said == (
        "x.csv: it lies wholly outside the region, but within it when easting and northing are"
        " swapped: write easting first"
    )


def test_northing_first_beside_the_region_is_suspected(region: Connection, tmp_path: Path) -> None:
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(105.6, 41.2)
    path = csv(tmp_path, "id,lon,lat", f"A,{y},{x}")
    (note,) = load(region, "settlements", path, crs="EPSG:3857").notes
    assert (
        "km from everything that is loaded; with easting and northing swapped it would be" in note
    )
    right = csv(tmp_path, "id,lon,lat", f"A,{x},{y}")
    assert load(region, "settlements", right, crs="EPSG:3857").notes == []


def test_longitude_and_latitude_swapped_beside_the_region_are_suspected(
    region: Connection, tmp_path: Path
) -> None:
    # 85.6 degrees of latitude could be one; the region's longitudes could not.
    home = shapely.box(80, 40, 81, 41)
    frame = gpd.GeoDataFrame({"id": ["W"], "level": "banner"}, geometry=[home], crs=4326)
    frame.to_parquet(tmp_path / "west.parquet")
    load(region, "grids", tmp_path / "west.parquet", levels=LEVELS)
    path = csv(tmp_path, "id,lon,lat", "A,40.5,79.7")
    (note,) = load(region, "settlements", path).notes
    assert "; with longitude and latitude swapped it would be beside it: is WGS 84 its" in note
