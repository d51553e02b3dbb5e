"""GDAL as a client of /ogc: each layer with each attribute, in pages, by box and by attribute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import shapely
from sqlalchemy import Engine, text

from layers.places import LAYERS
from rows import fill
from tests.api.api_words import feature, put
from tests.api.gdal_words import Gdal


@pytest.fixture
def gdal(admin: httpx.Client, database_url: str, tmp_path: Path) -> Gdal:
    """GDAL, at a service with a little of everything."""
    fill(database_url)
    root = str(admin.base_url).rstrip("/")
    return Gdal(folder=tmp_path, root=root, authorization=admin.headers["Authorization"])


def _layer(gdal: Gdal, layer: str, **options: Any) -> dict[str, Any]:
    return {"source": f"OAPIF:{gdal.root}/ogc", "options": {"layer": layer, **options}}


def _same(told: object, read: object) -> bool:
    """Whether GDAL read the value that JSON tells."""
    if told is None:
        return read is None or bool(pd.isna(read))  # type: ignore[call-overload]
    if isinstance(read, pd.Timestamp):
        # GDAL keeps milliseconds.
        return abs(read - pd.Timestamp(str(told))) <= pd.Timedelta(milliseconds=1)
    if isinstance(told, dict):
        return str(next(iter(told))) in str(read)
    return told == read


def test_gdal_reads_every_feature_and_attribute_of_every_layer(
    admin: httpx.Client, gdal: Gdal
) -> None:
    names = [*LAYERS, "breaches"]
    for name, (read, info) in zip(
        names, gdal.read(*(_layer(gdal, name) for name in names)), strict=True
    ):
        own = admin.get(f"/ogc/collections/{name}/items").json()["features"]
        assert info["layers"] == names
        assert [*read["id"]] == [one["id"] for one in own], name
        for one, (_, row) in zip(own, read.iterrows(), strict=True):
            assert {"id", "geometry", *one["properties"]} == set(row.index), name
            for column, value in one["properties"].items():
                assert _same(value, row[column]), (name, column, value, row[column])
            assert row.geometry.equals(shapely.geometry.shape(one["geometry"])), name
        assert info["features"] == len(own) > 0
        bounds = shapely.total_bounds([shapely.geometry.shape(f["geometry"]) for f in own])
        assert info["bounds"] == pytest.approx(list(bounds))


def test_gdal_knows_a_columns_type_where_the_first_features_have_no_value(
    admin: httpx.Client, gdal: Gdal
) -> None:
    for n in range(30):
        more = {"bearing_deg": 12.5, "last_heartbeat": "2026-03-01T00:00:00Z"} if n == 29 else {}
        point = {"type": "Point", "coordinates": [100 + n / 100, 40]}
        put(admin, "cameras", feature(f"a{n:02}", point, **more))
    ((read, info),) = gdal.read(_layer(gdal, "cameras"))
    assert info["types"]["bearing_deg"] == "OFTReal"
    assert info["types"]["last_heartbeat"] == "OFTDateTime"
    last = read.set_index("id").loc["a29"]
    assert last["bearing_deg"] == 12.5
    assert last["last_heartbeat"] == pd.Timestamp("2026-03-01T00:00:00Z")


def test_gdal_pages_through_a_layer_and_filters_it(gdal: Gdal, engine: Engine) -> None:
    with engine.begin() as connection:
        # 2,500 settlements, 50 in a row, 0.01° apart.
        connection.execute(
            text(
                "INSERT INTO settlements (id, name, households, geom)"
                " SELECT 'n' || lpad(CAST(n AS text), 4, '0'), 'Name ' || n % 10, n,"
                " ST_SetSRID(ST_MakePoint(90 + (n % 50) * 0.01, 40 + (n / 50) * 0.01), 4326)"
                " FROM generate_series(0, 2499) n"
            )
        )
    asked: list[tuple[dict[str, Any], int]] = [
        ({"PAGE_SIZE": 1000}, 2501),
        ({"PAGE_SIZE": 700}, 2501),
        ({"PAGE_SIZE": 50, "bbox": (90, 40, 90.105, 40.095)}, 11 * 10),
        ({"where": "households >= 2490 AND name = 'Name 3'"}, 1),
        ({"where": "name = 'Name 3'", "PAGE_SIZE": 100}, 250),
        ({"where": "id = 'n0007'"}, 1),
        ({"where": "name IN ('Name 1', 'Name 2') AND households < 100", "PAGE_SIZE": 100}, 20),
    ]
    read = gdal.read(*(_layer(gdal, "settlements", **options) for options, _ in asked))
    for (options, wanted), (frame, _) in zip(asked, read, strict=True):
        assert len(frame) == len(set(frame["id"])) == wanted, options


def test_gdal_reads_the_tiles_of_every_layer(admin: httpx.Client, gdal: Gdal) -> None:
    names = [*LAYERS, "breaches"]
    tiles = "MVT:{root}/ogc/collections/{name}/tiles/WebMercatorQuad/4{tile}"
    # The tile 4/12/5 is 90 to 112.5 E, 41 to 55.8 N: all of it.
    asked = [
        {"source": tiles.format(root=gdal.root, name=name, tile=tile)}
        for name in names
        for tile in ("", "/12/5.mvt")
    ]
    for n, (read, _) in enumerate(gdal.read(*asked)):
        name = names[n // 2]
        own = admin.get(f"/ogc/collections/{name}/items").json()["features"]
        assert set(read["id"]) == {one["id"] for one in own}, asked[n]
        assert read.crs.to_epsg() == 3857
        told = {one["id"]: one["properties"].get("name") for one in own}
        found = dict(zip(read["id"], read.get("name", [None] * len(read)), strict=True))
        assert name == "breaches" or all(_same(told[key], found[key]) for key in told), name
