"""The abstract tests of OGC API - Features, parts 2 and 3, and of Tiles."""

from __future__ import annotations

import json

import httpx
import pytest

from layers.places import LAYERS
from tests.api.ogc_words import CRS84, EPSG, ITEMS, OGC_REL, ids, links

# Part 2, reference systems ----------------------------------------------------------------


def test_each_reference_system_that_is_told_is_served_and_named_in_the_answer(
    cameras: httpx.Client,
) -> None:
    told = cameras.get("/ogc/collections/cameras").json()
    assert told["crs"][0] == told["storageCrs"] == CRS84
    everywhere = cameras.get("/ogc/collections").json()["crs"]
    assert everywhere == told["crs"]
    places = {CRS84: [110.1, 45.0], f"{EPSG}4326": [45.0, 110.1],
              f"{EPSG}3857": [12_256_275.936, 5_621_521.486]}  # fmt: skip
    assert set(places) == set(told["crs"])
    for path in (f"{ITEMS}/k01", f"{ITEMS}?id=k01"):
        plain = cameras.get(path)
        assert plain.headers["content-crs"] == f"<{CRS84}>"
        for system, place in places.items():
            answer = cameras.get(path, params={"crs": system, "id": "k01"} if "?" in path
                             else {"crs": system})  # fmt: skip
            assert answer.headers["content-crs"] == f"<{system}>"
            found = answer.json()
            found = found["features"][0] if "features" in found else found
            assert found["geometry"]["coordinates"] == pytest.approx(place, abs=1e-3)
            assert "crs" not in found


@pytest.mark.parametrize(
    ("system", "bbox"),
    [(CRS84, "110.05,44.95,110.15,45.05"), (f"{EPSG}4326", "44.95,110.05,45.05,110.15"),
     (f"{EPSG}3857", "12250710,5613667,12261841,5629379")],
)  # fmt: skip
def test_a_box_is_of_the_reference_system_that_it_names(
    cameras: httpx.Client, system: str, bbox: str
) -> None:
    assert ids(cameras.get(ITEMS, params={"bbox": bbox, "bbox-crs": system})) == ["k01"]
    # Whatever system the answer is in.
    asked = {"bbox": bbox, "bbox-crs": system, "crs": f"{EPSG}3857"}
    assert ids(cameras.get(ITEMS, params=asked)) == ["k01"]


# Part 3, filters --------------------------------------------------------------------------


def test_every_queryable_filters_in_both_languages_and_as_a_parameter(
    cameras: httpx.Client,
) -> None:
    for name in [*LAYERS, "breaches"]:
        [link] = links(cameras.get(f"/ogc/collections/{name}").json(), f"{OGC_REL}queryables")
        answer = cameras.get(link["href"])
        assert answer.headers["content-type"] == link["type"] == "application/schema+json"
        told = answer.json()
        assert told["$id"] == link["href"]
        assert told["type"] == "object"
        assert told["additionalProperties"] is False
        assert told["$schema"].startswith("https://json-schema.org/draft/")
        items = f"/ogc/collections/{name}/items"
        own = cameras.get(items).json()["features"][0]
        for one, schema in told["properties"].items():
            if schema.get("x-ogc-role") == "primary-geometry":
                found = cameras.get(
                    items, params={"filter": f"S_INTERSECTS({one}, BBOX(-180,-90,180,90))"}
                )
                assert own["id"] in ids(found)
                continue
            value = own["id"] if one == "id" else own["properties"][one]
            if value is None:
                found = cameras.get(items, params={"filter": f'"{one}" IS NULL'})
                assert own["id"] in ids(found), one
                continue
            moment = schema.get("format") == "date-time"
            literal = (
                f"TIMESTAMP('{value}')" if moment
                else f"'{value}'" if isinstance(value, str) else json.dumps(value).upper()
            )  # fmt: skip
            as_json = {"op": "=", "args": [{"property": one},
                                           {"timestamp": value} if moment else value]}  # fmt: skip
            plain = str(value).lower() if isinstance(value, bool) else str(value)
            for asked in (
                {"filter": f'"{one}" = {literal}'}, {one: plain},
                {"filter": json.dumps(as_json), "filter-lang": "cql2-json"},
            ):  # fmt: skip
                assert own["id"] in ids(cameras.get(items, params=asked)), (name, asked)


# Tiles ------------------------------------------------------------------------------------


def test_each_collections_tileset_leads_to_its_tiles_and_their_grid(cameras: httpx.Client) -> None:
    for name in [*LAYERS, "breaches"]:
        collection = cameras.get(f"/ogc/collections/{name}").json()
        [link] = links(collection, f"{OGC_REL}tilesets-vector")
        [listed] = cameras.get(link["href"]).json()["tilesets"]
        [itself] = links(listed, "self")
        told = cameras.get(itself["href"]).json()
        for member in ("tileMatrixSetURI", "crs", "dataType", "title"):
            assert told[member] == listed[member]
        assert told["dataType"] == "vector"
        [scheme] = links(told, f"{OGC_REL}tiling-scheme")
        grid = cameras.get(scheme["href"]).json()
        assert grid["id"] == "WebMercatorQuad"
        assert grid["uri"] == told["tileMatrixSetURI"]
        [item] = links(told, "item")
        assert item["templated"] is True
        for limits in told["tileMatrixSetLimits"]:
            z = limits["tileMatrix"]
            assert grid["tileMatrices"][int(z)]["id"] == z
            most = grid["tileMatrices"][int(z)]["matrixWidth"]
            assert 0 <= limits["minTileCol"] <= limits["maxTileCol"] < most
            assert 0 <= limits["minTileRow"] <= limits["maxTileRow"] < most
        limits = told["tileMatrixSetLimits"][5]
        href = item["href"].format(
            tileMatrix="5", tileCol=limits["minTileCol"], tileRow=limits["minTileRow"]
        )
        tile = cameras.get(href)
        assert (tile.status_code, tile.headers["content-type"]) == (200, item["type"])
        assert tile.content
        beyond = item["href"].format(tileMatrix="5", tileCol=32, tileRow=0)
        assert cameras.get(beyond).status_code == 404
        empty = item["href"].format(tileMatrix="5", tileCol=0, tileRow=0)
        assert (cameras.get(empty).status_code, cameras.get(empty).content) in {
            (200, b""),
            (204, b""),
        }
        other = itself["href"].replace("WebMercatorQuad", "WorldCRS84Quad")
        assert cameras.get(other).status_code == 404
