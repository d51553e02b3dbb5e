"""OGC API - Tiles: the same tiles as ours, with the documents that clients find them by."""

from __future__ import annotations

import math

import httpx
import mapbox_vector_tile
import pytest
from tipg import model

from layers.places import LAYERS
from rows import fill
from tests.api.api_words import code

QUAD = "/tiles/WebMercatorQuad"


@pytest.fixture
def ogc(admin: httpx.Client, database_url: str) -> httpx.Client:
    """A client of a service with a little of everything, between 100 and 101 E, 42 and 43 N."""
    fill(database_url)
    return admin


def test_a_tile_is_the_one_that_tiles_gives(ogc: httpx.Client) -> None:
    for name in (*LAYERS, "breaches"):
        own = ogc.get(f"/tiles/6/49/23.mvt?layers={name}")
        for end in ("", ".mvt", ".pbf"):
            tile = ogc.get(f"/ogc/collections/{name}{QUAD}/6/49/23{end}")
            assert tile.headers["content-type"] == "application/vnd.mapbox-vector-tile"
            assert tile.content == own.content != b"", name
        (layer,) = mapbox_vector_tile.decode(tile.content).items()
        items = ogc.get(f"/ogc/collections/{name}/items").json()["features"]
        assert layer[0] == name
        found = {one["properties"]["id"] for one in layer[1]["features"]}
        assert found == {one["id"] for one in items}


def test_each_tileset_says_where_its_tiles_are(ogc: httpx.Client) -> None:
    listed = ogc.get("/ogc/collections/grids/tiles").json()
    model.TileSetList.model_validate(listed)
    (short,) = listed["tilesets"]
    links = {one["rel"]: one for one in short["links"]}
    told = ogc.get(links["self"]["href"]).json()
    model.TileSet.model_validate(told)
    assert told["boundingBox"]["lowerLeft"] == [100, 42]
    # At zoom 6 a tile is 5.625° wide: 100 E and 101 E are in column 49, 42 N and 43 N in row 23.
    limits = told["tileMatrixSetLimits"][6]
    assert limits == {"tileMatrix": "6", "minTileRow": 23, "maxTileRow": 23,
                      "minTileCol": 49, "maxTileCol": 49}  # fmt: skip
    assert links["item"]["templated"] is True
    href = links["item"]["href"]
    for name, value in (("tileMatrix", "6"), ("tileRow", "23"), ("tileCol", "49")):
        href = href.replace(f"{{{name}}}", value)
    assert ogc.get(href).content
    for one in told["tileMatrixSetLimits"]:
        column, row = one["minTileCol"], one["minTileRow"]
        path = f"/ogc/collections/grids{QUAD}/{one['tileMatrix']}/{column}/{row}"
        assert ogc.get(path).status_code == 200


def test_the_grid_of_the_tiles_is_defined_down_to_the_last_zoom(ogc: httpx.Client) -> None:
    (listed,) = ogc.get("/ogc/tileMatrixSets").json()["tileMatrixSets"]
    told = ogc.get(listed["links"][0]["href"]).json()
    assert [one["id"] for one in told["tileMatrices"]] == [str(z) for z in range(23)]
    first, second = told["tileMatrices"][:2]
    half_m = math.pi * 6378137
    # As the standard's annex has it, for pixels of 0.28 mm.
    assert first["scaleDenominator"] == pytest.approx(559082264.028717, rel=1e-9)
    assert first["cellSize"] == pytest.approx(156543.033928041, rel=1e-9)
    assert first["pointOfOrigin"] == pytest.approx([-half_m, half_m])
    assert second["matrixWidth"] == second["matrixHeight"] == 2
    assert second["cellSize"] == first["cellSize"] / 2


def test_tilejson_names_every_field_of_the_tiles(ogc: httpx.Client) -> None:
    for end in ("tilejson.json", "metadata.json"):
        told = ogc.get(f"/ogc/collections/grids{QUAD}/{end}").json()
        model.TileJSON.model_validate(told)
        assert told["bounds"] == [100, 42, 101, 43]
        (layer,) = told["vector_layers"]
        assert layer["fields"]["area_m2"] == "Number"
        assert layer["fields"]["level"] == "String"
        (url,) = told["tiles"]
        tile = ogc.get(url.replace("{z}", "6").replace("{x}", "49").replace("{y}", "23"))
        decoded = mapbox_vector_tile.decode(tile.content)["grids"]["features"]
        assert {name for one in decoded for name in one["properties"]} <= set(layer["fields"])


def test_a_tile_that_is_not_of_this_world_is_a_404_and_a_wrong_word_a_400(
    ogc: httpx.Client,
) -> None:
    for place in ("23/0/0", "0/1/0", "0/0/1", "99/0/0", "1/2/0"):
        assert code(ogc.get(f"/ogc/collections/grids{QUAD}/{place}")) == "404 no_such_tile", place
    for place in ("a/0/0", "-1/0/0", "1/0/0.png", f"{9**30}/0/0", "0/0/0.mvt.mvt"):
        answer = ogc.get(f"/ogc/collections/grids{QUAD}/{place}")
        assert code(answer) == "400 invalid_request", place
    for path in ("/tiles/WorldCRS84Quad", "/tiles/x/0/0/0", "/tiles/x/tilejson.json"):
        answer = ogc.get(f"/ogc/collections/grids{path}")
        assert code(answer) == "404 no_such_tile_matrix_set", path
    assert code(ogc.get("/ogc/tileMatrixSets/x")) == "404 no_such_tile_matrix_set"
    assert ogc.get(f"/ogc/collections/grids{QUAD}/22/0/0").content == b""
