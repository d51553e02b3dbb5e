"""Who was inside a polygon, and polygons that are none."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.api.api_words import at, box, enrol, fix, send


def _ask(client: httpx.Client, polygon: Any, **more: str) -> httpx.Response:
    body = json.dumps({"polygon": polygon, "from": at(0), "to": at(60), **more})
    return client.post(
        "/api/presence-search", content=body, headers={"Content-Type": "application/json"}
    )


def test_a_passage_is_found_and_a_broken_polygon_refused(admin: httpx.Client) -> None:
    enrol(admin, "v1", "v2")
    send(
        admin,
        [fix("v1", 0, 99.995), fix("v1", 1, 100.015), fix("v2", 0, 99.9), fix("v2", 1, 99.91)],
    )
    area = box(100, 40, 0.01)
    found = _ask(admin, area).json()
    assert [one["properties"]["unit"] for one in found["features"]] == ["v1"]
    assert found["features"][0]["id"].endswith("Z")
    assert found["data_version"]
    within = _ask(admin, {"type": "Feature", "geometry": area, "properties": {}})
    assert within.json()["features"] == found["features"]
    assert _ask(admin, area, **{"from": at(30)}).json()["features"] == []
    ring = [[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]
    for polygon in (
        None, {}, 7, {"type": "Point", "coordinates": [1, 1]}, {"type": "Polygon"},
        {"type": "Polygon", "coordinates": []}, {"type": "Polygon", "coordinates": [ring]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, "x"], [0, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [float("nan"), 1], [0, 1], [0, 0]]]},
        {"type": "Feature", "geometry": None}, {"type": ["a"]}, box(400, 40, 1),
    ):  # fmt: skip
        assert _ask(admin, polygon).status_code == 422, polygon
    for window in (
        {"to": "2027-03-04T04:00:00Z"},
        {"from": at(60)},
        {"from": "x"},
        {"to": "2026-03-02T04:00:00"},
        {"who": "me"},
    ):
        assert _ask(admin, area, **window).status_code == 422, window
