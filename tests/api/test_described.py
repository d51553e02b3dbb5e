"""Every answer is what the OpenAPI documents say: its type, and all of its members."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.core.failures import Failure, FailureGroup

from api.http.schemas import layers as described_layers
from rows import fill
from tests.api.api_words import at, box, feature, fix

IN_PATHS = {
    "layer": "grids", "feature_id": "cell", "z": "5", "x": "24", "y": "11", "unit": "u",
    "number": "1", "subscription": "sub", "name": "elevation", "collectionId": "grids",
    "itemId": "cell", "tileMatrixSetId": "WebMercatorQuad", "duty": "d",
}  # fmt: skip
QUERIES = {
    "/ingest/osmand": {"id": "u", "lat": "42.05", "lon": "100.05", "timestamp": "1772424000"},
    "/api/grids/at": {"lon": "100.05", "lat": "42.05"},
    "/api/rasters/{name}/at": {"lon": "100.5", "lat": "42.5"},
    "/api/response": {"lon": "100.05", "lat": "42.05", "minutes": "1"},
    "/api/dispatch": {"lon": "100.05", "lat": "42.05"},
    "/api/response/settlements": {"minutes": "1"},
}
ELSEWHERE = {"/auth/sign-in", "/auth/session"}  # they go by a cookie: tests/api/test_sign_in.py


@pytest.fixture
def filled(admin: httpx.Client, database_url: str) -> httpx.Client:
    """A client of a service with a little of everything."""
    fill(database_url)
    duty = {"id": "d", "rounds": 1, "per": "day"}
    assert admin.post("/api/plan/duties", json=duty).status_code == 201
    return admin


def _described(client: httpx.Client) -> dict[str, Any]:
    """Both documents, by what stands before their paths."""
    found = {"": "/openapi.json", "/ogc": "/ogc/api"}
    return {
        prefix: schemathesis.openapi.from_dict(client.get(path).json())
        for prefix, path in found.items()
    }


def _operations(client: httpx.Client) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    for prefix, schema in _described(client).items():
        for path, operations in schema.raw_schema["paths"].items():
            for method, operation in operations.items():
                yield prefix, path, method, operation


def test_no_json_answer_is_described_by_nothing(admin: httpx.Client) -> None:
    looked_at = 0
    for _, path, method, operation in _operations(admin):
        for status, answer in operation["responses"].items():
            for media_type, content in answer.get("content", {}).items():
                looked_at += 1
                schema = content["schema"]
                if media_type.endswith(("/json", "+json")) and path != "/healthz":
                    assert schema.keys() & {"$ref", "properties", "anyOf", "allOf"}, (
                        method,
                        path,
                        status,
                    )
                else:
                    assert schema["type"] in {"string", "object"}, (method, path, status)
    assert looked_at > 200


def test_every_get_is_answered_as_described(filled: httpx.Client, database_url: str) -> None:
    del database_url
    described = _described(filled)
    seen = set()
    for prefix, path, method, operation in _operations(filled):
        if method != "get" or path in ELSEWHERE or path.startswith("/api/rasters"):
            continue
        named = re.sub(r"\{(\w+)\}", lambda one: IN_PATHS[one[1]], path)
        answer = filled.get(prefix + named.removesuffix("/"), params=QUERIES.get(path))
        assert answer.status_code == 200, (path, answer.text)
        media_types = operation["responses"]["200"].get("content", {})
        given = answer.headers["content-type"].split("; charset")[0]
        assert given in media_types or path == "/metrics", (path, given)
        if "json" in given:
            described[prefix][path]["GET"].validate_response(answer)
            seen.add(prefix + path)
    assert {"/api/layers/{layer}/{feature_id}/history", "/api/events", "/api/subscriptions",
            "/api/quarantine", "/api/region", "/tiles.json", "/ogc/api",
            "/ogc/collections/{collectionId}/queryables"} <= seen  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/api/coverage", "/api/coverage/series", "/api/coverage/border", "/api/plan"]
)
def test_figures_of_a_time_with_fixes_are_answered_as_described(
    filled: httpx.Client, path: str
) -> None:
    described = _described(filled)[""][path]["GET"]
    week = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-08T00:00:00Z"}
    asked = {
        "/api/coverage": [{"level": "banner"}, {"by": "mode"}, {"geometry": "false"}],
        "/api/coverage/series": [{"every": "day"}],
        "/api/plan": [{}, {"state": "missed"}],
    }
    for query in asked.get(path, [{}]):
        answer = filled.get(path, params={**week, **query})
        assert answer.status_code == 200, answer.text
        described.validate_response(answer)
        first = next(name for name in ("totals", "series") if name in answer.json())
        answer._content = answer.content.replace(f'"{first}"'.encode(), b'"other"', 1)
        with pytest.raises((Failure, FailureGroup)):
            described.validate_response(answer)


def test_what_is_written_is_answered_as_described(admin: httpx.Client) -> None:
    described = _described(admin)[""]

    def holds(method: str, template: str, path: str = "", **asked: Any) -> httpx.Response:
        answer = admin.request(method, path or template, **asked)
        assert answer.is_success, answer.text
        assert str(answer.status_code) in described[template][method].definition.raw["responses"]
        if answer.content:
            described[template][method].validate_response(answer)
        return answer

    holds("POST", "/api/teams", json={"team": "t", "people": 3})
    holds("POST", "/api/teams", json=[{"team": "a"}, {"team": "b", "parent": "t"}])
    holds("PUT", "/api/teams/{team}", "/api/teams/a", json={"name": "A"})
    duty = {"rounds": 2, "per": "week", "active": {"weekly": [{"days": ["mon"]}]}}
    holds("POST", "/api/plan/duties", json={"id": "d", **duty})
    holds("PUT", "/api/plan/duties/{duty}", "/api/plan/duties/d", json=duty)
    holds("DELETE", "/api/plan/duties/{duty}", "/api/plan/duties/d")
    holds("POST", "/api/units", json={"unit": "u", "kind": "vehicle", "team": "t"})
    holds("POST", "/api/units", json=[{"unit": "v", "kind": "horse"}])
    holds("PUT", "/api/units/{unit}", "/api/units/v", json={"kind": "horse", "call_sign": "V"})
    fixes = [fix("u", 0, 100.01), fix("u", 5, 100.02), fix("u", 6, 0, 0), fix("stranger", 0, 100)]
    holds("POST", "/api/fixes", json=fixes)
    holds("POST", "/ingest/osmand", "/ingest/osmand?id=u&lat=42&lon=100.01&timestamp=1772424000")
    at_once = {"_type": "location", "tst": 1772424001, "lat": 42, "lon": 100.01}
    holds("POST", "/ingest/owntracks", "/ingest/owntracks?u=u", json=at_once)
    holds("GET", "/api/quarantine")
    made = holds(
        "POST", "/api/subscriptions", json={"url": "http://127.0.0.1:9/hook", "note": "n"}
    ).json()
    one = f"/api/subscriptions/{made['id']}"
    holds("GET", "/api/subscriptions/{subscription}", one)
    holds("PUT", "/api/subscriptions/{subscription}", one, json={"url": made["url"]})
    holds("POST", "/api/subscriptions/{subscription}/replay", f"{one}/replay", json={})
    holds("GET", "/api/subscriptions/{subscription}/deliveries", f"{one}/deliveries")
    asked = {"polygon": box(100, 40, 0.1), "from": at(0), "to": at(60)}
    holds("POST", "/api/presence-search", json=asked)
    post = feature("p", {"type": "Point", "coordinates": [100, 40]})
    first = holds("POST", "/api/layers/{layer}", "/api/layers/posts", json=post)
    tag = {"If-Match": first.headers["ETag"]}
    path, template = "/api/layers/posts/p", "/api/layers/{layer}/{feature_id}"
    holds("PUT", template, path, json={**post, "properties": {"name": "P"}}, headers=tag)
    holds("POST", f"{template}/undo", f"{path}/undo")
    holds("GET", f"{template}/history", f"{path}/history")
    holds("POST", "/api/layers/{layer}/undo", "/api/layers/posts/undo")
    holds("GET", "/api/layers/{layer}/history", "/api/layers/posts/history")
    holds("GET", f"{template}/history", f"{path}/history")  # of one that is gone


def test_a_member_that_is_not_described_is_found(filled: httpx.Client) -> None:
    described = _described(filled)[""]
    answer = filled.get("/api/layers")
    assert set(described_layers.LAYERS["required"]) == set(answer.json())
    answer._content = answer.content.replace(b'"layers"', b'"more":1,"layers"', 1)
    with pytest.raises(Failure, match="Additional properties"):
        described["/api/layers"]["GET"].validate_response(answer)


def test_bodies_that_are_geojson_are_told_so(admin: httpx.Client) -> None:
    told = admin.get("/openapi.json").json()
    question = told["components"]["schemas"]["Question"]["properties"]["polygon"]
    assert {"$ref": "#/components/schemas/Geometry"} in question["anyOf"]
    for method, path in (
        ("post", "/api/layers/{layer}"), ("put", "/api/layers/{layer}/{feature_id}"),
    ):  # fmt: skip
        content = told["paths"][path][method]["requestBody"]["content"]
        assert content["application/geo+json"]["schema"] == {
            "$ref": "#/components/schemas/FeatureToStore"
        }
