"""What tests of the API say, in few words: units, fences and fixes through HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

#: When the walks of the tests begin.
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def at(minute: float) -> str:
    """The moment ``minute`` after NOON as the interface writes it."""
    return (NOON + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")


def fix(unit: str, minute: float, lon: float, lat: float = 40.005, **more: Any) -> dict[str, Any]:
    """A fix of ``unit``, ``minute`` after NOON."""
    return {"unit": unit, "time": at(minute), "lon": lon, "lat": lat, **more}


def box(west: float, south: float, size: float) -> dict[str, Any]:
    """A square of ``size`` degrees as a GeoJSON polygon."""
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def feature(identity: str, geometry: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """A GeoJSON feature."""
    return {"type": "Feature", "id": identity, "geometry": geometry, "properties": properties}


def enrol(client: httpx.Client, *units: str, **more: Any) -> None:
    """Enrol vehicles."""
    asked = [{"unit": unit, "kind": "vehicle", **more} for unit in units]
    assert client.post("/api/units", json=asked).status_code == 201


def put(client: httpx.Client, layer: str, one: dict[str, Any]) -> None:
    """Create a feature."""
    answer = client.post(f"/api/layers/{layer}", json=one)
    assert answer.status_code == 201, answer.text


def send(client: httpx.Client, fixes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Post fixes; the receipt."""
    answer = client.post("/api/fixes", json=list(fixes))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def breaches(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    """Properties of the breaches that are told."""
    answer = client.get("/api/breaches", params=query)
    assert answer.status_code == 200, answer.text
    return [one["properties"] for one in answer.json()["features"]]


def code(answer: httpx.Response) -> str:
    """Status and code of a problem document, such as ``422 bad_bbox``."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["detail"]
    return f"{answer.status_code} {told['code']}"
