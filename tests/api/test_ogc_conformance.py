"""The abstract tests of OGC API - Features, part 1, as a test suite runs them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import shapely

from api.http.ogc.landing import CONFORMS_TO
from layers.places import LAYERS
from tests.api.api_words import code
from tests.api.ogc_words import CRS84, EPSG, ITEMS, ids, links


def every(client: httpx.Client, path: str) -> list[list[str]]:
    """The ids of each page, from the first by its next links to the end."""
    pages = []
    following: str | None = path
    while following:
        answer = client.get(following)
        pages.append(ids(answer))
        told = answer.json()
        assert told["numberReturned"] == len(told["features"])
        [itself] = links(told, "self")
        assert itself["type"] == answer.headers["content-type"] == "application/geo+json"
        assert client.get(itself["href"]).json()["features"] == told["features"]
        onward = links(told, "next")
        assert all(one["type"] == "application/geo+json" for one in onward)
        following = onward[0]["href"] if onward else None
    return pages


def test_the_landing_page_links_the_definition_conformance_and_data_with_their_types(
    cameras: httpx.Client,
) -> None:
    told = cameras.get("/ogc").json()
    for rel in ("self", "service-desc", "conformance", "data"):
        for one in links(told, rel):
            answer = cameras.get(one["href"])
            assert (answer.status_code, answer.headers["content-type"]) == (200, one["type"]), rel
        assert links(told, rel), rel
    assert told["title"]
    assert cameras.get(links(told, "conformance")[0]["href"]).json() == {
        "conformsTo": list(CONFORMS_TO)
    }


def test_every_collection_is_told_alike_alone_and_among_the_others(cameras: httpx.Client) -> None:
    told = cameras.get("/ogc/collections").json()
    assert links(told, "self")
    for one in told["collections"]:
        alone = cameras.get(f"/ogc/collections/{one['id']}").json()
        for member in ("id", "title", "extent", "crs", "storageCrs", "itemType"):
            assert one.get(member) == alone.get(member), (one["id"], member)
        assert [each["rel"] for each in one["links"]] == [each["rel"] for each in alone["links"]]
        for each in (one, alone):
            [items] = links(each, "items")
            assert items["type"] == "application/geo+json"
            assert all({"href", "rel", "type"} <= set(link) for link in each["links"])
            [bbox] = each["extent"]["spatial"]["bbox"]
            assert bbox[0] <= bbox[2]
            assert bbox[1] <= bbox[3]
        for each in alone["links"]:
            answer = cameras.get(each["href"])
            assert answer.headers["content-type"].split(";")[0] == each["type"], each


def test_every_link_of_every_document_answers_with_the_type_that_it_tells(
    cameras: httpx.Client,
) -> None:
    seen: set[str] = set()
    waiting = ["/ogc"]
    while waiting:
        path = waiting.pop()
        answer = cameras.get(path)
        assert answer.status_code == 200, path
        if "json" not in answer.headers["content-type"]:
            continue
        found = [one for one in _all_links(answer.json()) if not one.get("templated")]
        for one in found:
            if one["href"] not in seen and "items" not in path:
                seen.add(one["href"])
                waiting.append(one["href"])
                told = cameras.head(one["href"]).headers["content-type"]
                assert told == one["type"], one
    assert len(seen) > 60


def _all_links(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [one for each in node for one in _all_links(each)]
    if isinstance(node, dict):
        if {"href", "rel"} <= set(node):
            return [node]
        return [one for each in node.values() for one in _all_links(each)]
    return []


def test_the_definition_tells_the_parameters_of_items_as_the_standard_writes_them(
    cameras: httpx.Client,
) -> None:
    told = cameras.get("/ogc/api").json()
    for name in [*LAYERS, "breaches", "{collectionId}"]:
        operation = told["paths"][f"/collections/{name}/items"]["get"]
        parameters = {one["name"]: one for one in operation["parameters"] if one["in"] == "query"}
        limit, bbox, moment = (parameters[one] for one in ("limit", "bbox", "datetime"))
        for one in (limit, bbox, moment):
            assert (one["in"], one.get("required", False)) == ("query", False)
            assert (one["style"], one["explode"]) == ("form", False)
        assert limit["schema"]["type"] == "integer"
        assert limit["schema"]["minimum"] == 1
        assert 1 <= limit["schema"]["default"] <= limit["schema"]["maximum"]
        assert bbox["schema"]["type"] == "array"
        assert bbox["schema"]["items"] == {"type": "number"}
        assert (bbox["schema"]["minItems"], bbox["schema"]["maxItems"]) == (4, 6)
        assert moment["schema"]["type"] == "string"
        if name != "{collectionId}":
            assert "collectionId" not in json.dumps(operation["parameters"])


@pytest.mark.parametrize("limit", [1, 7, 39, 40, 41, 10_000, 10_001, 10**9])
def test_pages_of_any_size_tell_each_feature_once_to_the_end(
    cameras: httpx.Client, limit: int
) -> None:
    pages = every(cameras, f"{ITEMS}?limit={limit}")
    assert [one for page in pages for one in page] == [f"k{n:02}" for n in range(40)]
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert 1 <= len(pages[-1]) <= limit


def test_next_links_keep_all_that_was_asked(cameras: httpx.Client) -> None:
    asked = (
        f"{ITEMS}?limit=3&bbox=110,45,110.45,45.25&crs={EPSG}3857&filter=site<>'site 0'"
        "&properties=name&sortby=-name&datetime=2026-01-01/.."
    )
    pages = every(cameras, asked)
    found = [one for page in pages for one in page]
    within = [f"k{10 * row + column:02}" for row in range(3) for column in range(5)]
    expected = [one for one in within if int(one[1:]) % 4]
    assert sorted(found) == sorted(expected)
    assert found == sorted(found, key=lambda one: f"Kamera {int(one[1:])}", reverse=True)
    following = links(cameras.get(asked).json(), "next")[0]["href"]
    given = parse_qs(urlsplit(following).query)
    assert (given["crs"], given["properties"], given["limit"]) == ([f"{EPSG}3857"], ["name"], ["3"])


def test_the_numbers_of_a_page_are_those_of_the_whole(cameras: httpx.Client) -> None:
    told = cameras.get(f"{ITEMS}?limit=5&site=site%202").json()
    assert (told["numberMatched"], told["numberReturned"]) == (10, 5)
    assert told["type"] == "FeatureCollection"
    nothing = cameras.get(f"{ITEMS}?bbox=0,0,1,1").json()
    assert (nothing["numberMatched"], nothing["numberReturned"]) == (0, 0)
    assert nothing["features"] == []
    assert not links(nothing, "next")
    # One that changes with every answer would make an unchanged answer a new one.
    assert "timeStamp" not in told


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=x", "limit=", "limit=1.5", "bbox=1,2,3", "bbox=1,2,3,4,5",
     "bbox=a,b,c,d", "bbox=", "bbox=10,50,11,40", "bbox=0,0,0,91", "bbox=1,2,3,nan",
     "datetime=yesterday", "datetime=2026-13-01T00:00:00Z", "datetime=",
     "datetime=2026-03-02T00:00:00Z/2026-03-01T00:00:00Z", "datetime=../..x", "datetime=/x",
     "crs=EPSG:9999", "crs=", "bbox-crs=nope&bbox=1,2,3,4", "filter-crs=nope&filter=id='a'",
     "unknown=1", "Limit=3", "name2=x", "filter=", "filter=nothing = 3", "filter=name =",
     "filter-lang=sql&filter=name='x'", "filter-lang=cql2-json&filter=name='x'",
     "name=%00", "sortby=nothing", "properties=nothing", "offset=-1", "limit=1&limit=2",
     "bbox=1,2,3,4&bbox=1,2,3,4"],
)  # fmt: skip
def test_a_parameter_that_is_wrong_or_unknown_is_a_400(cameras: httpx.Client, query: str) -> None:
    refused = cameras.get(f"{ITEMS}?{query}")
    assert refused.status_code == 400, refused.text[:300]
    assert code(refused).startswith("400 ")
    assert len(refused.json()["detail"]) > 10


@pytest.mark.parametrize(
    "path",
    ["", "/conformance", "/collections", "/collections/cameras", "/collections/cameras/items/k00",
     "/collections/cameras/queryables", "/collections/cameras/schema", "/tileMatrixSets",
     "/collections/cameras/tiles", "/collections/cameras/tiles/WebMercatorQuad", "/api",
     "/collections/cameras/tiles/WebMercatorQuad/0/0/0"],
)  # fmt: skip
def test_an_unknown_parameter_is_a_400_on_every_path(cameras: httpx.Client, path: str) -> None:
    assert cameras.get(f"/ogc{path}").status_code == 200
    assert code(cameras.get(f"/ogc{path}?unknown=1")) == "400 unknown_parameter"


def test_what_there_is_not_is_a_404(cameras: httpx.Client) -> None:
    for path in ("/collections/none", "/collections/none/items", f"{ITEMS[4:]}/none",
                 "/collections/none/items/1", "/nothing", "/collections/cameras/nothing",
                 "/collections/none/queryables", "/tileMatrixSets/none"):  # fmt: skip
        assert cameras.get(f"/ogc{path}").status_code == 404, path


@pytest.mark.parametrize(
    ("bbox", "found"),
    [
        ("110.05,44.95,110.35,45.15", ["k01", "k02", "k03", "k11", "k12", "k13"]),
        ("110.05,44.95,-100,110.35,45.15,9000", ["k01", "k02", "k03", "k11", "k12", "k13"]),
        ("110.1,45,110.1,45", ["k01"]),
        ("-180,-90,180,90", [f"k{n:02}" for n in range(40)]),
        ("110.85,45.25,-170,50", ["k39"]),  # across 180°
        ("111,46,112,47", []),
    ],
)
def test_a_box_of_four_or_six_numbers_takes_what_meets_it(
    cameras: httpx.Client, bbox: str, found: list[str]
) -> None:
    assert ids(cameras.get(f"{ITEMS}?bbox={bbox}")) == found
    assert ids(cameras.get(f"{ITEMS}?bbox={bbox}&bbox-crs={CRS84}")) == found


@pytest.mark.parametrize(
    ("moment", "heard"),
    [
        ("2026-03-03T00:00:00Z", [2]),
        ("2026-03-03T00:00:00Z/2026-03-07T00:00:00Z", [2, 4, 6]),
        ("2026-04-06T00:00:00Z/..", [36, 38]), ("2026-04-06T00:00:00Z/", [36, 38]),
        ("../2026-03-03T00:00:00Z", [0, 2]), ("/2026-03-03T00:00:00Z", [0, 2]),
        ("../..", list(range(0, 40, 2))),
        ("2026-03-03T08:00:00%2B08:00", [2]),
    ],
)  # fmt: skip
def test_a_time_or_an_interval_takes_what_is_of_it_and_what_has_no_time(
    cameras: httpx.Client, moment: str, heard: list[int]
) -> None:
    without = list(range(1, 40, 2))
    expected = [f"k{n:02}" for n in sorted(heard + without)]
    assert ids(cameras.get(f"{ITEMS}?datetime={moment}")) == expected


def test_a_feature_links_itself_and_its_collection_and_is_geojson(cameras: httpx.Client) -> None:
    listed = cameras.get(ITEMS).json()["features"]
    for one in listed[:3]:
        answer = cameras.get(f"{ITEMS}/{one['id']}")
        assert answer.headers["content-type"] == "application/geo+json"
        told = answer.json()
        assert {name: told[name] for name in one} == one
        [itself], [collection] = links(told, "self"), links(told, "collection")
        assert cameras.get(itself["href"]).json() == told
        assert cameras.get(collection["href"]).json()["id"] == "cameras"
    for feature in listed:
        shapely.geometry.shape(feature["geometry"])
        assert feature["type"] == "Feature"
