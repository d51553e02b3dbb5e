"""What is asked is understood as it was meant, or refused in words that say what is wrong."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import httpx
import mapbox_vector_tile
import pytest
import schemathesis
from schemathesis.core.failures import FailureGroup
from sqlalchemy import Engine, text

from layers.db.engine import SYSTEM, acting
from tests.api.api_words import at, box, code, enrol, feature, fix, put, send

JSON = {"Content-Type": "application/json"}
HERE = "/tiles/12/3186/1550.mvt"  # 100.02 E, 40.005 N
PACKED = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}


def _post(identity: str, **more: object) -> dict[str, Any]:
    return feature(identity, {"type": "Point", "coordinates": [100, 40]}, **more)


def _round(identity: str) -> dict[str, Any]:
    """A fence of so many corners that its answer is packed."""
    ring = [[100 + n / 1000, 40 + (n * (80 - n)) / 1e5] for n in range(81)]
    area = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    return feature(identity, area, rule="keep_out")


@pytest.mark.parametrize(
    "path",
    ["/api/layers", "/api/layers/posts", "/api/layers/posts/p", "/api/layers/posts/history",
     "/api/units", "/api/units/u", "/api/teams", "/api/breaches", "/api/coverage",
     "/api/coverage/border", "/api/events", "/api/rasters", "/api/quarantine", "/api/grids/gaps",
     "/api/region", "/tiles.json", HERE],
)  # fmt: skip
def test_a_parameter_that_a_path_has_not_is_refused_by_its_name(
    admin: httpx.Client, path: str
) -> None:
    put(admin, "posts", _post("p"))
    enrol(admin, "u")
    assert admin.get(path).status_code == 200
    refused = admin.get(f"{path}?limits=3")
    assert code(refused) == "422 unknown_parameter"
    assert "'limits' is none of this path's: there are " in refused.json()["detail"]
    assert admin.get(f"{path}?_=1700000000").status_code == 200  # as libraries pass caches by


def test_what_probes_and_others_add_outside_of_the_interface_is_passed_over(
    anybody: httpx.Client,
) -> None:
    for path in ("/healthz", "/readyz", "/"):
        assert anybody.get(f"{path}?probe=3&probe=4").status_code == 200, path
    assert code(anybody.get("/api/layers?nothing=1")) == "401 no_identity"


def test_the_parameters_that_there_are_are_told_with_the_refusal(admin: httpx.Client) -> None:
    told = admin.get("/api/layers/grids?levle=cell").json()["detail"]
    assert told.endswith("'levle' is none of this path's: there are bbox, cursor, f, level, limit")
    put(admin, "posts", _post("p"))
    refused = admin.delete("/api/layers/posts/p?force=1", headers={"If-Match": "*"})
    assert code(refused) == "422 unknown_parameter"
    assert refused.json()["detail"].endswith("there are none")
    assert admin.get("/api/layers/posts/p").status_code == 200


def test_a_parameter_of_one_value_is_given_once_and_layers_are_joined(admin: httpx.Client) -> None:
    put(admin, "grids", feature("g", box(100.01, 40, 0.02), level="cell"))
    put(admin, "settlements", feature("s", {"type": "Point", "coordinates": [100.02, 40.005]}))
    for path in ("/api/layers/grids?limit=1&limit=2", "/api/coverage?level=cell&level=banner",
                 f"{HERE}?v=1&v=2", "/tiles.json?swath_m=1&swath_m=1"):  # fmt: skip
        assert code(admin.get(path)) == "422 repeated_parameter", path
    assert code(admin.get("/ogc/collections/grids/items?limit=1&limit=2")) == (
        "400 repeated_parameter"
    )
    one_by_one = admin.get(f"{HERE}?layers=grids&layers=settlements")
    assert one_by_one.content == admin.get(f"{HERE}?layers=grids,settlements").content
    assert b"settlements" in one_by_one.content
    assert b"grids" in one_by_one.content
    told = admin.get("/tiles.json?layers=grids&layers=posts,coverage").json()
    assert [one["id"] for one in told["vector_layers"]] == ["grids", "posts", "coverage"]
    window = f"from={at(0)}&to={at(60)}"
    both = f"{HERE}?layers=grids&layers=coverage&{window}"
    assert admin.get(both).content == admin.get(f"{HERE}?layers=grids,coverage&{window}").content


def test_a_number_is_no_time(admin: httpx.Client) -> None:
    enrol(admin, "v")
    for path in ("/api/coverage", "/api/coverage/border", "/api/breaches", "/api/units/v/track",
                 "/api/events", "/api/quarantine", f"{HERE}?layers=coverage",
                 "/tiles.json"):  # fmt: skip
        for wrong in ("0.5", "1700000000", "-1", "1e9", "12"):
            for name in ("from", "to"):
                refused = admin.get(f"{path}{'&' if '?' in path else '?'}{name}={wrong}")
                assert refused.status_code == 422, (path, name, wrong)
                assert f"{name}: give a time of RFC 3339" in refused.json()["detail"]
    for wrong in (0.5, 1_700_000_000, "1700000000", None, True):
        asked = {"polygon": box(100, 40, 0.1), "from": wrong, "to": at(0)}
        assert code(admin.post("/api/presence-search", json=asked)) == "422 invalid_request"
    assert code(admin.get("/ogc/collections/breaches/items?datetime=0.5")) == "400 bad_query"
    for right in ("2026-03-01T00:00:00Z", "2026-03-01T08:00:00%2B08:00", "2026-03-01t00:00:00.5z",
                  "2026-03-01T08:00:00+08:00"):  # fmt: skip
        assert admin.get(f"/api/breaches?from={right}").status_code == 200, right


def test_a_level_that_is_none_is_refused_with_those_that_there_are(admin: httpx.Client) -> None:
    put(admin, "grids", feature("g", box(100.01, 40, 0.02), level="cell"))
    words = "banner, sumu, gacha, community, cell"
    for path in ("/api/layers/grids", "/api/layers/unattended", "/api/layers/grids?f=csv",
                 "/api/coverage", "/tiles.json?layers=coverage",
                 f"{HERE}?layers=coverage"):  # fmt: skip
        refused = admin.get(f"{path}{'&' if '?' in path else '?'}level=nope")
        assert code(refused) == "422 not_of_this_region", path
        assert refused.json()["detail"].endswith(f"use one of {words}"), path
    assert code(admin.get("/api/layers/posts?level=nope")) == "422 bad_query"
    for known in ("/api/layers/grids?level=banner", "/api/coverage?level=banner"):
        assert admin.get(known).json()["features"] == []


def test_a_level_of_a_former_region_is_known_while_grids_are_of_it(
    admin: httpx.Client, engine: Engine
) -> None:
    put(admin, "grids", feature("g", box(100.01, 40, 0.02), level="cell"))
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(text("UPDATE grids SET level = 'block'"))
    for path in ("/api/layers/grids?level=block", "/api/coverage?level=block"):
        assert [one["id"] for one in admin.get(path).json()["features"]] == ["g"], path
    assert admin.get("/api/layers/grids?level=nope").json()["detail"].endswith(", cell, block")


def test_each_coding_has_an_etag_of_its_own_and_each_is_known(admin: httpx.Client) -> None:
    put(admin, "fences", _round("f"))
    put(admin, "grids", feature("g", box(100.01, 40, 0.02), level="cell", name="g" * 900))
    window = f"from={at(0)}&to={at(60)}"
    for path in ("/api/layers/fences/f", "/api/layers/fences", "/api/coverage?" + window,
                 "/openapi.json", "/ogc/collections/fences/items",
                 f"{HERE}?layers=coverage&{window}", f"{HERE}?layers=grids"):  # fmt: skip
        packed, plain = admin.get(path, headers=PACKED), admin.get(path, headers=PLAIN)
        assert (packed.content, packed.status_code) == (plain.content, 200), path
        assert packed.headers["Content-Encoding"] == "gzip", path
        assert "Content-Encoding" not in plain.headers, path
        if path == "/openapi.json":
            continue
        tags = [one.headers["ETag"] for one in (packed, plain)]
        assert tags[0] == f'{tags[1][:-1]}-gzip"', path
        for tag in tags:
            for accepted in (PACKED, PLAIN):
                known = admin.get(path, headers={**accepted, "If-None-Match": f'"x", {tag}'})
                assert (known.status_code, known.content) == (304, b""), path
                assert known.headers["ETag"] == tag, path
                vary = known.headers["Vary"].lower().split(", ")
                assert vary.count("accept-encoding") == 1, path
        other = f'{tags[1][:-1]}-zip"'
        assert admin.get(path, headers={**PACKED, "If-None-Match": other}).status_code == 200


@pytest.mark.parametrize("coding", ["identity", "gzip", "gzip, deflate, br, zstd"])
def test_a_feature_is_changed_by_the_etag_of_whatever_coding(
    admin: httpx.Client, coding: str
) -> None:
    put(admin, "fences", _round("f"))
    path, asked = "/api/layers/fences/f", {"Accept-Encoding": coding}
    first = admin.get(path, headers=asked)
    body = first.json()
    for margin_m in (10, 20):  # by the ETag of GET, then by that of PUT
        body["properties"]["margin_m"] = margin_m
        tag = {"If-Match": first.headers["ETag"]}
        answer = admin.put(path, json=body, headers={**asked, **tag})
        assert answer.status_code == 200, answer.text
        assert code(admin.put(path, json=body, headers=tag)) == "412 stale_feature"
        assert answer.headers["ETag"] == admin.get(path, headers=asked).headers["ETag"]
        first = answer
    weak = {"If-Match": "W/" + first.headers["ETag"]}
    assert code(admin.put(path, json=body, headers=weak)) == "412 weak_etag"
    undo = admin.post(f"{path}/undo", headers={**asked, "If-Match": first.headers["ETag"]})
    assert undo.json()["properties"]["margin_m"] == 10
    gone = admin.delete(path, headers={"If-Match": undo.headers["ETag"]})
    assert gone.status_code == 204


def test_a_wrong_method_is_told_the_right_one_whatever_else_is_wrong(admin: httpx.Client) -> None:
    put(admin, "posts", _post("way/1"))
    for method in ("PUT", "DELETE", "PATCH", "POST"):
        for path in ("/api/layers/posts/history", "/api/layers/posts/way/1/history"):
            refused = admin.request(method, path, content=b"{", headers=JSON)
            assert code(refused) == "405 method_not_allowed", (method, path)
            assert refused.headers["Allow"] == "GET, HEAD"
    for path in ("/api/layers/posts/undo", "/api/layers/posts/way%2F1/undo"):
        for method in ("GET", "PUT", "DELETE"):
            refused = admin.request(method, path)
            assert (code(refused), refused.headers["Allow"]) == ("405 method_not_allowed", "POST")
    for path in ("/api/coverage", "/tiles.json", HERE, "/api/breaches/1", "/api/units/v/track"):
        refused = admin.request("DELETE", f"{path}?from=0.5&nope=1")
        assert (code(refused), "GET" in refused.headers["Allow"]) == (
            "405 method_not_allowed", True,
        ), path  # fmt: skip
    for method, path in (("POST", ""), ("PUT", "/u"), ("DELETE", "/u"), ("POST", "/undo")):
        refused = admin.request(method, f"/api/layers/unattended{path}", content=b"{", headers=JSON)
        assert (code(refused), refused.headers["Allow"]) == ("405 read_only_layer", "GET, HEAD")
    assert code(admin.post("/api/layers/nope", content=b"{", headers=JSON)) == "404 no_such_layer"
    assert admin.get("/api/layers/posts/way/1").json()["id"] == "way/1"


@pytest.mark.parametrize("deep", [101, 900, 5_000, 200_000])
def test_a_body_that_is_nested_too_deep_is_told_so(admin: httpx.Client, deep: int) -> None:
    for opened, closed in (("[", "]"), ('{"a":', "}")):
        within = opened * deep + "1" + closed * deep
        body = f'{{"type": "Feature", "geometry": null, "properties": {{"name": {within}}}}}'
        for path, content in (("/api/layers/posts", body), ("/api/units", within)):
            refused = admin.post(path, content=content, headers=JSON)
            assert code(refused) == "400 bad_body", path
            assert "nested deeper than 100 lists and objects" in refused.json()["detail"]
    refused = admin.post("/api/fixes", content="[" * deep + "]" * deep, headers=JSON)
    assert refused.status_code in {200, 422}
    assert "recursion" not in refused.text


def test_what_is_deep_but_not_too_deep_is_looked_at(admin: httpx.Client) -> None:
    body = '{"type": "Feature", "geometry": null, "properties": {"name": ' + "[" * 90 + "]" * 90
    refused = admin.post("/api/layers/posts", content=body + "}}", headers=JSON)
    assert code(refused) == "422 bad_feature"
    lines = [[[[100, 40], [101, 41]]]]
    assert code(admin.post("/api/layers/posts", json=lines)) == "422 invalid_request"


@pytest.mark.parametrize(
    "f", ["json", "geojson", "application/json", "application/geo%2Bjson", "application/geo+json",
          "GeoJSON", "application/vnd.geo+json"],
)  # fmt: skip
def test_a_format_goes_by_its_names(admin: httpx.Client, f: str) -> None:
    put(admin, "posts", _post("p"))
    for path in ("/ogc", "/ogc/collections", "/ogc/collections/posts/items",
                 "/ogc/collections/posts/items/p", "/ogc/conformance"):  # fmt: skip
        assert admin.get(f"{path}?f={f}").status_code == 200, path
    if "vnd" not in f:
        assert admin.get(f"/api/layers/posts?f={f}").headers["content-type"] == (
            "application/geo+json"
        )
    tile = "/ogc/collections/posts/tiles/WebMercatorQuad/0/0/0"
    assert code(admin.get(f"{tile}?f={f}")) == "406 mvt_only"
    for name in ("mvt", "pbf", "application/vnd.mapbox-vector-tile"):
        assert admin.get(f"{tile}?f={name}").status_code == 200
        assert code(admin.get(f"/ogc/collections/posts/items?f={name}")) == "406 json_only"


def test_tiles_of_other_worlds_are_told_of_this_one(admin: httpx.Client) -> None:
    most = admin.get("/tiles.json").json()["maxzoom"]
    ogc = "/ogc/collections/posts/tiles/WebMercatorQuad"
    for wrong, told in (
        ("23/0/0", f"tile 23/0/0: z is 0 to {most}"), ("31/0/0", f"z is 0 to {most}"),
        ("-1/0/0", f"z is 0 to {most}"), ("3/8/0", "tile 3/8/0: at zoom 3, x and y are 0 to 7"),
        ("3/0/-1", "at zoom 3, x and y are 0 to 7"), ("0/0/1", "at zoom 0, x and y are 0 to 0"),
    ):  # fmt: skip
        refused = admin.get(f"/tiles/{wrong}.mvt")
        assert refused.status_code == 422
        assert refused.json()["detail"].endswith(told), wrong
        if "-" not in wrong:
            refused = admin.get(f"{ogc}/{wrong}")
            assert (refused.status_code, refused.json()["detail"].endswith(told)) == (404, True)


def test_the_description_is_valid_and_says_what_geojson_is(
    admin: httpx.Client,
) -> None:
    told = admin.get("/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(told).validate()
    ogc = admin.get("/ogc/api").json()
    assert ogc["openapi"] == "3.0.3"
    schemathesis.openapi.from_dict(ogc).validate()
    seen = set()
    for document in (told, ogc):
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                for status, answer in operation["responses"].items():
                    schema = answer.get("content", {}).get("application/geo+json", {}).get("schema")
                    if schema is not None and status.startswith("2"):
                        whole = schema.get("allOf", [schema])[0]
                        name = whole["$ref"].removeprefix("#/components/schemas/")
                        assert document["components"]["schemas"][name]["properties"]["type"] == {
                            "type": "string", "enum": [name],
                        }, path  # fmt: skip
                        seen.add((method, path, name))
    for expected in (
        ("get", "/api/layers/{layer}", "FeatureCollection"),
        ("get", "/api/units/{unit}", "Feature"),
        ("put", "/api/layers/{layer}/{feature_id}", "Feature"),
        ("post", "/api/layers/{layer}", "Feature"), ("get", "/api/coverage", "FeatureCollection"),
        ("get", "/collections/{collectionId}/items", "FeatureCollection"),
        ("post", "/api/presence-search", "FeatureCollection"),
    ):  # fmt: skip
        assert expected in seen
    taken = told["paths"]["/api/layers/{layer}"]["post"]["requestBody"]["content"]
    assert list(taken) == ["application/geo+json", "application/json"]
    made = admin.post(
        "/api/layers/posts", content=json.dumps(_post("p")),
        headers={"Content-Type": "application/geo+json"},
    )  # fmt: skip
    assert made.status_code == 201


def test_answers_are_what_the_description_says(admin: httpx.Client) -> None:
    put(admin, "fences", _round("f"))
    enrol(admin, "v", "w")
    send(admin, [fix("v", 0, 100.01), fix("v", 5, 100.02)])
    described = schemathesis.openapi.from_dict(admin.get("/openapi.json").json())
    for template, path in (
        ("/api/layers/{layer}", "/api/layers/fences?limit=1"),
        ("/api/layers/{layer}/{feature_id}", "/api/layers/fences/f"),
        ("/api/units", "/api/units"), ("/api/units/{unit}", "/api/units/v"),
        ("/api/units/{unit}/track", "/api/units/v/track"), ("/api/breaches", "/api/breaches"),
        ("/api/coverage", "/api/coverage"), ("/api/grids/gaps", "/api/grids/gaps"),
    ):  # fmt: skip
        answer = admin.get(path)
        assert answer.status_code == 200, path
        described[template]["GET"].validate_response(answer)
    broken = admin.get("/api/units")
    broken._content = b'{"type": "FeatureCollection", "features": [{"type": "Unit"}]}'
    with pytest.raises(FailureGroup):
        described["/api/units"]["GET"].validate_response(broken)


def test_cells_in_tiles_have_every_figure_of_the_json(admin: httpx.Client) -> None:
    enrol(admin, "v")
    put(admin, "grids", feature("a", box(100.015, 40, 0.01), level="cell", name="A", kind="rural"))
    put(admin, "grids", feature("b", box(100.025, 40, 0.01), level="cell"))
    send(admin, [fix("v", 0, 100.01), fix("v", 7, 100.0222222), fix("v", 9, 100.021)])
    window = {"from": at(0), "to": at(60), "swath_m": "333"}
    told = {
        one["id"]: one["properties"]
        for one in admin.get("/api/coverage", params=window).json()["features"]
    }
    answer = admin.get(HERE, params={**window, "layers": "coverage"})
    found = mapbox_vector_tile.decode(answer.content)["coverage"]["features"]
    assert {one["properties"]["id"] for one in found} == {"a", "b"}
    for one in found:
        properties = one["properties"]
        # What is missing in JSON is null; a tile has no null.
        expected = {k: v for k, v in told[properties["id"]].items() if v is not None}
        assert {k: v for k, v in properties.items() if not k.endswith("_visit")} == {
            k: v for k, v in expected.items() if not k.endswith("_visit")
        }
        for name in ("first_visit", "last_visit"):
            given = properties.get(name)
            assert given == expected.get(name)
            assert given is None or datetime.fromisoformat(given)
    fields = admin.get("/tiles.json?layers=coverage").json()["vector_layers"][0]["fields"]
    # A cell that stands for others at a low zoom says for how many.
    assert set(fields) == {*told["a"], "merged"}
    assert fields["area_m2"] == "Number"
