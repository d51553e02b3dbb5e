"""Versions: a change moves the answers that are read from its layer, and no others."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from layers import places
from tests.api.api_words import box, enrol, feature, fix, put, send

PLACES = frozenset(name for name, of in places.LAYERS.items() if not of.read_only)
WINDOW = "from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z"
AT = "lon=100.05&lat=40.005&minutes=1"
#: Every answer that says its version, and the place layers that it is read from.
READS: dict[str, frozenset[str]] = {
    "/api/layers": PLACES,
    **{f"/api/layers/{name}": frozenset({name}) for name in PLACES},
    **{f"/api/layers/{name}/history": frozenset({name}) for name in PLACES},
    **{f"/api/layers/{name}/x/history": frozenset({name}) for name in PLACES},
    "/api/layers/unattended": frozenset({"grids", "post_areas"}),
    "/tiles.json?layers=roads": frozenset({"roads"}),
    "/tiles.json?layers=unattended,posts": frozenset({"grids", "post_areas", "posts"}),
    "/api/grids/at?lon=100.05&lat=40.05": frozenset({"grids"}),
    "/api/grids/gaps": frozenset({"grids"}),
    "/api/rasters": frozenset(),
    "/ogc/collections/roads/items": frozenset({"roads"}),
    "/ogc/collections/unattended/items": frozenset({"grids", "post_areas"}),
    "/ogc/collections/breaches/items": frozenset({"fences"}),
    f"/api/coverage?level=cell&{WINDOW}": frozenset({"grids"}),
    f"/api/coverage/series?level=cell&{WINDOW}": frozenset({"grids"}),
    f"/api/coverage/border?{WINDOW}": frozenset({"border"}),
    f"/api/plan?{WINDOW}": frozenset({"grids", "checkpoints", "posts"}),
    "/api/plan/duties": frozenset(),
    f"/api/response?{AT}": frozenset({"roads"}),
    "/api/response?source=checkpoints&minutes=1": frozenset({"roads", "checkpoints"}),
    "/api/response?source=posts&minutes=1": frozenset({"roads", "posts"}),
    "/api/response?source=units&minutes=1": frozenset({"roads"}),
    "/api/response/settlements?source=posts&minutes=1": frozenset(
        {"roads", "posts", "settlements"}
    ),
    "/api/dispatch?lon=100.05&lat=40.005": frozenset({"roads"}),
    "/api/breaches": frozenset({"fences"}),
    f"/api/breaches?evidence=possible&{WINDOW}": frozenset({"fences"}),
    "/api/breaches/1": frozenset({"fences"}),
    "/api/units": frozenset(),
    "/api/units/u": frozenset(),
    "/api/units/u/track": frozenset(),
    "/api/teams": frozenset(),
    "/api/quarantine": frozenset(),
}
#: The age of a unit's fix grows by itself.
TELLS_AGES = {"/api/units", "/api/units/u"}
#: What tells nothing computed from data: a feature is its own state, a tile its own bytes.
NO_VERSION = {
    "/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/api/region", "/favicon.ico",
    "/api/layers/{layer}/{feature_id}", "/tiles/{z}/{x}/{y}.mvt", "/api/events",
    "/api/subscriptions", "/api/subscriptions/{subscription}",
    "/api/subscriptions/{subscription}/deliveries",
    "/api/rasters/{name}/at",  # of a raster, which is no place layer
    "/api/holds", "/api/holds/{number}", "/api/plan/duties/{duty}",
    "/ingest/osmand",  # it writes
    "/api/coverage/progress", "/api/coverage/series/progress",  # they tell of answers
}  # fmt: skip
POINT = {"type": "Point", "coordinates": [100.05, 40.05]}
LINE = {"type": "LineString", "coordinates": [[100, 40], [100.1, 40]]}
SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "grids": (box(100, 40, 0.1), {"level": "cell"}),
    "settlements": (POINT, {"households": 4}),
    "checkpoints": (POINT, {}),
    "posts": (POINT, {}),
    "post_areas": (box(100, 40, 0.1), {}),
    "cameras": (POINT, {}),
    "roads": (LINE, {"class": "track"}),
    "border": (LINE, {}),
    "fences": (box(100.03, 40, 0.01), {"rule": "keep_out"}),
}


@pytest.fixture
def world(admin: httpx.Client) -> httpx.Client:
    """One feature in every layer, a unit that walked through the fence, and its breach."""
    for layer, (shape, told) in SHAPES.items():
        put(admin, layer, feature("x", shape, **told))
    enrol(admin, "u")
    send(admin, [fix("u", minute, 100.02 + minute * 0.004) for minute in range(8)])
    return admin


def _seen(client: httpx.Client) -> dict[str, tuple[str, str, str]]:
    """Version, moment and ETag of every answer."""
    found = {}
    for path in READS:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        told = answer.json()
        found[path] = (told["data_version"], told["as_of"], answer.headers["ETag"])
    return found


def _moved(
    before: dict[str, tuple[str, str, str]], after: dict[str, tuple[str, str, str]], layer: str
) -> None:
    """That the answers that are read from ``layer`` are of another state, and no others."""
    for asked, reads in READS.items():
        version, as_of, etag = (a != b for a, b in zip(before[asked], after[asked], strict=True))
        assert version == as_of == (layer in reads), (layer, asked)
        assert etag == (layer in reads) or asked in TELLS_AGES, (layer, asked)
        if layer in reads:
            assert after[asked][1] > before[asked][1]
            assert f"{layer}." in after[asked][0]


def test_a_change_moves_the_answers_that_are_read_from_its_layer_and_no_others(
    world: httpx.Client,
) -> None:
    states = [_seen(world)]
    for layer in SHAPES:
        path = f"/api/layers/{layer}/x"
        shown = world.get(path)
        body = shown.json()
        body["properties"]["name"] = "New"
        tag = {"If-Match": shown.headers["ETag"]}
        assert world.put(path, json=body, headers=tag).status_code == 200
        assert world.get(path).headers["ETag"] != shown.headers["ETag"]
        states.append(_seen(world))
        _moved(*states[-2:], layer)
    # Back as it was, it is of a version that was not there before.
    assert world.post("/api/layers/roads/x/undo").status_code == 200
    states.append(_seen(world))
    _moved(*states[-2:], "roads")
    assert states[-1]["/api/layers/roads"][0] not in {
        s["/api/layers/roads"][0] for s in states[:-1]
    }


def test_every_answer_that_says_its_version_is_walked(admin: httpx.Client) -> None:
    paths = admin.get("/openapi.json").json()["paths"]
    got = {path for path, methods in paths.items() if "get" in methods}
    filled = {
        path.replace("{layer}", "roads").replace("{feature_id}", "x").replace("{unit}", "u")
        .replace("{number}", "1"): path
        for path in got
    }  # fmt: skip
    walked = {filled[path.partition("?")[0]] for path in READS if path.partition("?")[0] in filled}
    # What OGC's documents say of a collection is of the same version as its items above.
    others = ("/auth/", "/ogc")
    left = {path for path in got - walked - NO_VERSION if not path.startswith(others)}
    assert left == set()
