"""Kept tiles over HTTP: right at every request, at every server, for everybody who may read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import mapbox_vector_tile
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.http.app import create_app
from api.settings import Settings
from layers.access import tokens
from layers.db.engine import SYSTEM, acting
from layers.region import Region
from layers.tiles import Tiles, copies
from tests.api.api_words import at, box, enrol, feature, fix, put, send
from tests.api.conftest import serving

#: The tiles of zoom 12 that hold 100.02 E and 100.5 E, at 40.005 N.
HERE, AWAY = "/tiles/12/3186/1550.mvt", "/tiles/12/3191/1550.mvt"


@pytest.fixture
def other(
    settings: Settings, engine: Engine, region: Region, admin: httpx.Client
) -> Iterator[httpx.Client]:
    """The same right at a second server on the same database."""
    with serving(create_app(settings, engine, region)) as client:
        client.headers["Authorization"] = admin.headers["Authorization"]
        yield client


@pytest.fixture
def tiles(application: FastAPI) -> Tiles:
    """The tiles of the first server."""
    found: Tiles = application.state.service.tiles
    return found


def shown(client: httpx.Client, path: str, layer: str = "grids") -> dict[str, dict[str, Any]]:
    """Properties of a layer's features in a tile, by id."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    decoded = mapbox_vector_tile.decode(answer.content) if answer.content else {}
    found = decoded.get(layer, {"features": []})["features"]
    return {one["properties"]["id"]: one["properties"] for one in found}


def test_an_edit_shows_at_the_next_request_of_every_server_and_far_tiles_stay(
    admin: httpx.Client, other: httpx.Client, tiles: Tiles
) -> None:
    put(admin, "grids", feature("here", box(100.015, 40, 0.01), level="cell", name="A"))
    put(admin, "grids", feature("away", box(100.49, 40, 0.02), level="cell", name="Far"))
    for client in (admin, other):
        assert list(shown(client, HERE)) == ["here"]
        assert list(shown(client, AWAY)) == ["away"]
    made = tiles.made
    for turn in range(20):
        path = "/api/layers/grids/here"
        one = admin.get(path)
        changed = {**one.json(), "properties": {"level": "cell", "name": f"Name {turn}"}}
        assert admin.put(path, json=changed, headers={"If-Match": one.headers["ETag"]}).is_success
        assert shown(other, HERE)["here"]["name"] == f"Name {turn}"
        assert shown(admin, HERE)["here"]["name"] == f"Name {turn}"
        assert shown(admin, AWAY)["away"]["name"] == "Far"
    # Only the tile in which the change shows was made again.
    assert tiles.made == made + 20
    tag = admin.get("/api/layers/grids/here").headers["ETag"]
    assert admin.delete("/api/layers/grids/here", headers={"If-Match": tag}).status_code == 204
    assert shown(other, HERE) == shown(admin, HERE) == {}


def test_a_layer_that_is_truncated_is_gone_from_the_tiles_of_every_server(
    admin: httpx.Client, other: httpx.Client, engine: Engine
) -> None:
    ground = "/tiles/5/24/12.mvt?layers=unattended"
    put(admin, "grids", feature("g", box(100.015, 40, 0.01), level="cell"))
    put(admin, "post_areas", feature("a", box(100.015, 40, 0.01)))
    place = {"type": "Point", "coordinates": [100.02, 40.005]}
    put(admin, "settlements", feature("s", place, name="Gone"))

    def seen() -> list[tuple[list[str], ...]]:
        return [
            (
                list(shown(client, HERE, "settlements")),
                list(shown(client, HERE + "?layers=post_areas,grids", "post_areas")),
                list(shown(client, ground, "unattended")),
            )
            for client in (admin, other)
        ]

    assert seen() == [(["s"], ["a"], [])] * 2
    for tables, left in (
        ("settlements", ([], ["a"], [])),
        ("post_areas", ([], [], ["g"])),
        ("grids", ([], [], [])),
    ):
        with engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {tables}"))
        assert seen() == [left] * 2
    # And it comes back with an undo, there too.
    assert admin.post("/api/layers/settlements/undo").status_code == 200
    assert seen() == [(["s"], [], [])] * 2


def test_a_tile_that_many_ask_for_at_once_is_made_once(admin: httpx.Client, tiles: Tiles) -> None:
    for n in range(50):
        cell = box(100.0 + n * 0.002, 40, 0.0019)
        put(admin, "grids", feature(f"g{n:02}", cell, level="cell"))
    shown(admin, AWAY)
    made = tiles.made
    begin = threading.Barrier(12)

    def ask(_: int) -> bytes:
        begin.wait()
        return admin.get(HERE).content

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(12)))
    assert len(set(answers)) == 1
    assert answers[0]
    assert tiles.made == made + 1


def test_a_token_that_is_revoked_reads_no_kept_tile(
    anybody: httpx.Client, admin: httpx.Client, engine: Engine
) -> None:
    put(admin, "grids", feature("here", box(100.015, 40, 0.01), level="cell"))
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        reader = tokens.create(connection, ["read"])
        writer = tokens.create(connection, ["ingest"])
    show = {"Authorization": f"Bearer {reader.secret}"}
    assert [admin.get(HERE, headers=show).status_code for _ in range(2)] == [200, 200]
    assert admin.get(HERE, headers={"Authorization": f"Bearer {writer.secret}"}).status_code == 403
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        tokens.revoke(connection, reader.id)
    assert admin.get(HERE, headers=show).status_code == 401


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "identity"])
def test_tiles_come_as_compressed_as_the_client_takes_them(
    admin: httpx.Client, coding: str
) -> None:
    put(admin, "grids", feature("here", box(100.015, 40, 0.01), level="cell", name="A" * 500))
    with admin.stream("GET", HERE, headers={"Accept-Encoding": coding}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding", "identity") == coding
    assert int(answer.headers["content-length"]) == len(raw)
    assert (len(raw) < 500) == (coding != "identity")
    assert "Accept-Encoding" in answer.headers["vary"]
    tag = answer.headers["etag"]
    again = admin.get(HERE, headers={"Accept-Encoding": coding, "If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert again.headers["data-version"] == answer.headers["data-version"]


def test_a_tile_tells_what_the_json_tells(admin: httpx.Client) -> None:
    put(admin, "fences", feature("f", box(100.015, 40, 0.01), rule="keep_out", name="Relic"))
    put(admin, "grids", feature("g", box(100.015, 40, 0.01), level="cell", team="T1"))
    for layer, feature_id in (("fences", "f"), ("grids", "g")):
        told = admin.get(f"/api/layers/{layer}/{feature_id}").json()["properties"]
        tile = shown(admin, f"{HERE}?layers={layer}", layer)[feature_id]
        kept = {k: v for k, v in told.items() if v is not None and not isinstance(v, dict | list)}
        assert tile == {"id": feature_id, **kept}


def test_coverage_is_a_layer_of_tiles_with_the_figures_of_the_json(admin: httpx.Client) -> None:
    enrol(admin, "v1")
    for n, west in enumerate((100.01, 100.02)):
        put(admin, "grids", feature(f"c{n}", box(west, 40, 0.01), level="cell"))
    send(admin, [fix("v1", 0, 100.01), fix("v1", 10, 100.03)])
    window = f"from={at(0)}&to={at(20)}&level=cell&swath_m=100"
    told = {
        one["id"]: one["properties"]
        for one in admin.get(f"/api/coverage?{window}").json()["features"]
    }
    tile = shown(admin, f"{HERE}?layers=coverage,grids&{window}", "coverage")
    assert set(tile) == {"c0", "c1"} == set(told)
    for feature_id, properties in tile.items():
        assert properties["patrol_s"] == pytest.approx(300, abs=0.1)
        for name, value in properties.items():
            assert told[feature_id][name] == value, name
    # A fix more, and the next tile has it.
    send(admin, [fix("v1", 15, 100.015)])
    again = shown(admin, f"{HERE}?layers=coverage&{window}", "coverage")
    assert again["c0"]["patrol_s"] > tile["c0"]["patrol_s"]
    document = admin.get(f"/tiles.json?layers=coverage&{window}").json()
    assert document["vector_layers"][0]["fields"]["visited_share"] == "Number"
    assert "swath_m=100" in document["tiles"][0]
    path = document["tiles"][0].replace(str(admin.base_url).rstrip("/"), "")
    path = path.format(z=12, x=3186, y=1550)
    assert shown(admin, path, "coverage") == again


def test_a_tile_with_coverage_is_a_hit_whatever_is_made_for_others_meanwhile(
    admin: httpx.Client, tiles: Tiles
) -> None:
    enrol(admin, "v1")
    put(admin, "grids", feature("c", box(100.01, 40, 0.02), level="cell"))
    send(admin, [fix("v1", 0, 100.01), fix("v1", 5, 100.02)])
    window = f"from={at(0)}&to={at(20)}&level=cell&swath_m=100"
    alone, both = (f"{HERE}?layers={names}&{window}" for names in ("coverage", "coverage,grids"))
    for path in (both, alone):
        admin.get(path)
    begun, over = threading.Event(), threading.Event()

    def others() -> None:
        with httpx.Client(base_url=admin.base_url, headers=admin.headers) as client:
            for n in range(2_000):
                client.get(f"/tiles/13/{n}/0.mvt?layers=grids").raise_for_status()
                begun.set()
                if over.is_set():
                    return

    made = tiles.made
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(others)
        assert begun.wait(20)
        told = {admin.get(path).headers["Cache-Status"] for path in (both, alone) * 50}
        over.set()
        busy.result(20)
    assert tiles.made > made + 10
    assert told == {"patrolgrid; hit"}
    # Another tile of the same figures: its stored layer is drawn first.
    other = both.replace("3186", "3187")
    assert [admin.get(other).headers["Cache-Status"] for _ in range(2)] == [
        "patrolgrid; fwd=miss", "patrolgrid; hit",
    ]  # fmt: skip


def test_a_layer_that_is_locked_is_a_503_that_says_when_and_others_come(
    admin: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "_WAIT", text("SET LOCAL lock_timeout = '300ms'"))
    put(admin, "grids", feature("here", box(100.015, 40, 0.01), level="cell"))
    with engine.connect() as connection:
        connection.execute(text("LOCK TABLE roads IN ACCESS EXCLUSIVE MODE"))
        refused = admin.get(f"{HERE}?layers=grids,roads")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert refused.json()["detail"].startswith("roads: the layer is being loaded")
        assert list(shown(admin, f"{HERE}?layers=grids")) == ["here"]
    assert list(shown(admin, f"{HERE}?layers=grids,roads")) == ["here"]


def test_cells_of_a_version_that_was_told_are_those_of_that_answer_while_fixes_come_in(
    admin: httpx.Client, token: Callable[[str], str]
) -> None:
    enrol(admin, "v1")
    put(admin, "grids", feature("c", box(100.01, 40, 0.02), level="cell"))
    send(admin, [fix("v1", 0, 100.01), fix("v1", 5, 100.02)])
    asked = {"from": at(0), "to": at(20), "level": "cell", "swath_m": "100"}
    first = admin.get("/api/coverage", params={**asked, "geometry": "false"}).json()
    patrolled = first["features"][0]["properties"]["patrol_s"]
    send(admin, [fix("v1", 10, 100.015)])
    query = "&".join(f"{name}={value}" for name, value in {**asked, "layers": "coverage"}.items())
    pinned = f"{HERE}?{query}&v={first['data_version']}"
    assert shown(admin, pinned, "coverage")["c"]["patrol_s"] == patrolled
    assert admin.get(pinned).headers["Data-Version"] == first["data_version"]
    for now in (f"{HERE}?{query}", f"{HERE}?{query}&v=fixes.0-grids.0-units.0"):
        assert shown(admin, now, "coverage")["c"]["patrol_s"] > patrolled
    # What was told one right is no answer to another.
    reader = {"Authorization": f"Bearer {token('read')}"}
    theirs = admin.get(pinned, headers=reader)
    assert theirs.headers["Data-Version"] != first["data_version"]


def test_without_a_cache_tiles_are_the_same(
    engine: Engine, region: Region, tmp_path: Any, token: Callable[[str], str]
) -> None:
    bare = Settings(data_dir=tmp_path, tile_cache_mb=0)
    app = create_app(bare, engine, region)
    with serving(app) as client:
        client.headers["Authorization"] = f"Bearer {token('admin')}"
        put(client, "grids", feature("here", box(100.015, 40, 0.01), level="cell"))
        first = client.get(HERE)
        assert client.get(HERE).content == first.content
        assert app.state.service.tiles.made == 2
