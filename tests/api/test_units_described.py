"""What the description says of a unit's or a team's body is taken, and nothing else is."""

from __future__ import annotations

from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.api.api_words import enrol, fix, send

_FEATURE: dict[str, Any] = {"type": "Feature", "geometry": None}
_LINE = "x" * 201
GOOD: dict[str, list[Any]] = {
    "/api/units/u": [
        {"kind": "horse"},
        {"unit": "u", "kind": "foot", "call_sign": "Y", "team": None, "max_gap_s": 60},
        {"id": "u", "kind": "sensor", "top_speed_ms": 0, "accuracy_m": 5},
        {"kind": "collar", "typical_accuracy_m": None, "enrolled_at": "2026-03-01T00:00:00Z"},
        {**_FEATURE, "properties": {"kind": "drone", "fix_time": None, "accuracy_m": 4}},
        {**_FEATURE, "id": "u", "links": [], "properties": {"kind": "drone", "unit": "u"}},
    ],
    "/api/teams/t": [{}, {"team": "t"}, {"id": "t", "name": "T", "kind": "brigade", "people": 8}],
}
BAD: dict[str, list[Any]] = {
    "/api/units/u": [
        {}, None, [], "u", {"unit": "u"}, {"kind": "camel"}, {"kind": None}, {"kind": 5},
        {"kind": "foot", "colour": "red"}, {"kind": "foot", "unit": ""},
        {"kind": "foot", "unit": " "},
        {"kind": "foot", "id": "u", "unit": "u"}, {"kind": "foot", "unit": ["u"]},
        {"kind": "foot", "accuracy_m": 4, "typical_accuracy_m": 4}, {"kind": "foot", "unit": _LINE},
        {"kind": "foot", "max_gap_s": 0}, {"kind": "foot", "max_gap_s": 1e8},
        {"kind": "foot", "top_speed_ms": -1}, {"kind": "foot", "call_sign": _LINE},
        {"kind": "foot", "team": ""}, {**_FEATURE, "kind": "foot"},
        {**_FEATURE, "properties": None}, {**_FEATURE, "properties": {}},
        {**_FEATURE, "properties": {"kind": "foot", "colour": "red"}},
        {"type": "Point", "kind": "foot"},
    ],
    "/api/teams/t": [
        None, [], {"kind": "squad"}, {"people": -1}, {"people": 1.5}, {"team": ""}, {"name": _LINE},
        {"id": "t", "team": "t"}, {"colour": "red"},
    ],
}  # fmt: skip


def _schema(described: dict[str, Any], path: str, method: str) -> Any:
    body = described["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema_rs.validator_for({**body, "components": described["components"]})


@pytest.mark.parametrize("path", list(GOOD))
def test_a_body_of_put_is_taken_if_and_only_if_the_description_has_it(
    admin: httpx.Client, path: str
) -> None:
    enrol(admin, "u")
    assert admin.post("/api/teams", json={"team": "t"}).status_code == 201
    described = admin.get("/openapi.json").json()
    schema = _schema(described, path[:-1] + ("{unit}" if "units" in path else "{team}"), "put")
    for body in GOOD[path]:
        assert admin.put(path, json=body).status_code == 200, body
        assert schema.is_valid(body), body
    for body in BAD[path]:
        assert admin.put(path, json=body).status_code == 422, body
        assert not schema.is_valid(body), body


def test_a_unit_as_get_gave_it_is_as_described_for_put_and_post(admin: httpx.Client) -> None:
    enrol(admin, "u")
    send(admin, [fix("u", 0, 100, 40)])
    described = admin.get("/openapi.json").json()
    got = admin.get("/api/units/u").json()
    assert got["properties"]["fix_time"] is not None
    assert _schema(described, "/api/units/{unit}", "put").is_valid(got)
    assert admin.put("/api/units/u", json=got).status_code == 200
    post = _schema(described, "/api/units", "post")
    for body, fine in (
        (got, True), ([got], True), ({"kind": "foot", "id": "v"}, True), ({"kind": "foot"}, False),
        ({**_FEATURE, "properties": {"kind": "foot"}}, False),
        ({**_FEATURE, "properties": {"kind": "foot", "unit": "w"}}, True),
    ):  # fmt: skip
        assert post.is_valid(body) == fine, body
        if body is not got and isinstance(body, dict):
            assert (admin.post("/api/units", json=body).status_code == 201) == fine, body
