"""What careless clients send over HTTP is answered right, and does nothing by halves."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import shapely
from sqlalchemy import Engine

from api.http import bodies
from layers.errors import BadFileError
from layers.load import load
from tests.api.api_words import at, box, code, enrol, feature, fix, put, send

HERE = "/tiles/12/3186/1550.mvt"  # 100.02 E, 40.005 N


def post(identity: str, **properties: object) -> dict[str, object]:
    return feature(identity, {"type": "Point", "coordinates": [100, 40]}, **properties)


def test_a_method_that_is_not_for_a_path_is_told_of_head_where_get_works(
    admin: httpx.Client,
) -> None:
    put(admin, "posts", post("p"))
    for path, allowed in (
        ("/api/layers/posts/p", "DELETE, GET, HEAD, PUT"), ("/api/layers", "GET, HEAD"),
        ("/api/layers/posts", "GET, HEAD, POST"), ("/ogc/collections", "GET, HEAD"),
        ("/ogc/collections/posts/items/p", "GET, HEAD"), (HERE, "GET, HEAD"),
        ("/api/layers/posts/undo", "POST"), ("/api/layers/posts/p/undo", "POST"),
    ):  # fmt: skip
        refused = admin.request("PATCH", path)
        assert (code(refused), refused.headers["Allow"]) == ("405 method_not_allowed", allowed)
        assert (admin.head(path).status_code == 200) == ("HEAD" in allowed), path
    refused = admin.head("/api/layers/posts/undo")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")


ACCEPTED = (
    ("gzip", True), ("gzip;q=0", False), ("gzip; q=0.0, *;q=1", False), ("*", True),
    ("*;q=0", False), ("identity", False), ("br, gzip;q=0.1", True), ("", False),
    ("identity, gzip;q=0", False), ("GZIP", True),
)  # fmt: skip


def test_what_a_client_says_not_to_take_is_not_sent(admin: httpx.Client) -> None:
    for accepted, packed in ACCEPTED:
        for path in ("/openapi.json", "/api/region", "/ogc/api"):
            answer = admin.get(path, headers={"Accept-Encoding": accepted})
            told = answer.headers.get("content-encoding")
            assert (told == "gzip") == packed, (path, accepted)
            assert "accept-encoding" in answer.headers["vary"].lower()
            assert answer.json()


def test_an_id_that_is_too_long_to_be_one_is_not_echoed(admin: httpx.Client) -> None:
    put(admin, "posts", post("p"))
    for path in ("/api/layers/posts/" + "a" * 5_000, "/api/layers/posts/" + "网" * 5_000,
                 "/ogc/collections/posts/items/" + "a" * 5_000):  # fmt: skip
        refused = admin.get(path)
        assert code(refused) == "404 no_such_feature"
        assert len(refused.text) < 1_000
    long = "/api/layers/posts/" + "a" * 5_000
    for refused in (
        admin.put(long, json=post("p"), headers={"If-Match": "*"}),
        admin.delete(long, headers={"If-Match": "*"}), admin.get(f"{long}/history"),
        admin.post(f"{long}/undo"),
    ):  # fmt: skip
        assert code(refused) == "404 no_such_feature"
        assert "5000" in refused.json()["detail"]
    for body in (post("q", name="x" * 100_000, unknown=1), post("x" * 100_000),
                 {**post("p"), "id": "y" * 100_000}):  # fmt: skip
        refused = admin.put("/api/layers/posts/p", json=body, headers={"If-Match": "*"})
        assert code(refused) == "422 bad_feature"
        assert len(refused.text) < 2_000


def test_tiles_of_coverage_say_whether_their_figures_were_kept(admin: httpx.Client) -> None:
    enrol(admin, "v")
    put(admin, "grids", feature("g", box(100.01, 40, 0.02), level="cell"))
    send(admin, [fix("v", 0, 100.01), fix("v", 7, 100.0222222)])
    for layers in ("coverage", "grids,coverage"):
        asked = {"layers": layers, "from": at(0), "to": at(60)}
        first = admin.get(HERE, params=asked)
        again = admin.get(HERE, params=asked)
        assert again.content == first.content
        assert again.headers["cache-status"] == "patrolgrid; hit"
        assert first.headers["cache-status"] == "patrolgrid; fwd=miss"
    send(admin, [fix("v", 9, 100.03)])
    fresh = admin.get(HERE, params={"layers": "coverage", "from": at(0), "to": at(60)})
    assert fresh.headers["cache-status"] == "patrolgrid; fwd=miss"


PUT_ABOUT = ("/api/layers/posts/a%2Fb%20%E7%BD%91%20%252F", "a/b 网 %2F")


def test_conditions_are_held_as_lists_in_one_line_or_several(admin: httpx.Client) -> None:
    path, identity = PUT_ABOUT
    put(admin, "posts", post(identity))
    tag = admin.get(path).headers["ETag"]
    taken: list[list[str]] = [[tag], [f'"x", {tag}'], ['"x"', tag], [f'W/"y", {tag} ,'], ["*"]]
    refused: list[list[str]] = [['"x"'], ['"*"'], ['"x"', f"W/{tag}"], ['"a,b", "c"']]
    for lines in taken + refused:
        headers = [("If-Match", line) for line in lines]
        answer = admin.put(path, json=post(identity), headers=headers)
        assert answer.status_code == (200 if lines in taken else 412), lines
        assert answer.status_code == 200 or code(answer) == "412 stale_feature"
    for lines in (["*"], [tag], ['"x"', f"W/{tag}"]):
        headers = [("If-Match", tag), *(("If-None-Match", line) for line in lines)]
        for method in ("PUT", "DELETE"):
            answer = admin.request(method, path, json=post(identity, name="n"), headers=headers)
            assert code(answer) == "412 stale_feature", (method, lines)
        known = admin.get(path, headers=headers[1:])
        assert known.status_code == 304
    for where in (HERE, "/api/layers/posts", "/api/layers/posts?f=csv", "/ogc/collections/posts"):
        known_tag = admin.get(where).headers["ETag"]
        lines = [("If-None-Match", '"x"'), ("If-None-Match", known_tag)]
        assert admin.get(where, headers=lines).status_code == 304, where
    assert code(admin.delete(path)) == "428 if_match_needed"
    assert code(admin.delete(path, headers={"If-Match": f"W/{tag}"})) == "412 weak_etag"
    assert admin.get(path).json()["properties"]["name"] is None
    assert admin.delete(path, headers={"If-Match": tag, "If-None-Match": '"x"'}).status_code == 204


def test_of_many_who_change_one_state_at_once_one_does(admin: httpx.Client) -> None:
    put(admin, "posts", post("p"))
    tag = admin.get("/api/layers/posts/p").headers["ETag"]

    def at_once(count: int, ask: Callable[[int], httpx.Response]) -> list[int]:
        with ThreadPoolExecutor(count) as threads:
            return sorted(one.status_code for one in threads.map(ask, range(count)))

    def change(n: int) -> httpx.Response:
        headers = {"If-Match": tag}
        return admin.put("/api/layers/posts/p", json=post("p", name=f"{n}"), headers=headers)

    assert at_once(8, change) == [200, *[412] * 7]
    assert at_once(8, lambda _: admin.post("/api/layers/posts", json=post("q"))) == [
        201, *[409] * 7,
    ]  # fmt: skip
    undone = at_once(6, lambda _: admin.post("/api/layers/posts/p/undo"))
    assert undone.count(200) >= 1
    assert set(undone) <= {200, 204, 409}
    sets = admin.get("/api/layers/posts/history").json()["sets"]
    assert len([one for one in sets if one["how"] == "undo"]) == 6 - undone.count(409)


def test_parallel_moves_of_one_edge_from_both_sides_leave_one_edge(admin: httpx.Client) -> None:
    def wide(name: str, west: float, east: float) -> dict[str, object]:
        return feature(
            name, shapely.geometry.mapping(shapely.box(west, 10, east, 11)), level="sumu"
        )

    put(admin, "grids", wide("w", 50, 51))
    put(admin, "grids", wide("e", 51, 52))

    def move(n: int) -> int:
        edge = 51 + (n - 4) / 50
        body = wide("w", 50, edge) if n % 2 else wide("e", edge, 52)
        path = f"/api/layers/grids/{body['id']}"
        return admin.put(path, json=body, headers={"If-Match": "*"}).status_code

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(move, range(8))) == {200}
    west, east = (
        shapely.geometry.shape(admin.get(f"/api/layers/grids/{name}").json()["geometry"])
        for name in ("w", "e")
    )
    assert west.bounds[2] == east.bounds[0]
    assert shapely.union(west, east).equals(shapely.box(50, 10, 52, 11))


def test_a_body_that_stops_coming_is_told_so_and_changes_nothing(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "STALLED_S", 0.3)
    body = json.dumps(post("half")).encode()

    head = "POST /api/layers/posts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Authorization: {admin.headers['Authorization']}\r\n"
    for sent in (
        f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:20],
        f"{head}Transfer-Encoding: chunked\r\n\r\n5\r\n".encode() + body[:5] + b"\r\n",
    ):
        with socket.create_connection((admin.base_url.host, admin.base_url.port or 80)) as line:
            line.settimeout(20)
            line.sendall(sent)
            told = b""
            while piece := line.recv(65_536):
                told += piece
        assert told.startswith(b"HTTP/1.1 408 ")
        assert b'"code": "body_stalled"' in told
    assert admin.get("/api/layers/posts").json()["features"] == []


def test_a_body_may_come_in_pieces_and_of_no_told_length(admin: httpx.Client) -> None:
    body = json.dumps(post("pieces", name="网格")).encode()
    pieces = (body[n : n + 7] for n in range(0, len(body), 7))
    made = admin.post(
        "/api/layers/posts", content=pieces, headers={"Content-Type": "application/geo+json"}
    )
    assert (made.status_code, made.json()["properties"]["name"]) == (201, "网格")
    endless = (b" " * 65_536 for _ in range(2_000))
    refused = admin.post(
        "/api/layers/posts", content=endless, headers={"Content-Type": "application/json"}
    )
    assert code(refused) == "413 too_large"


IDENTITIES = ("/a", "a/", "a//b", "//", "a?b#c", "undo/x", "../x", "x/..", "%", "%2F", "e\u0301",
              "𝒳", ";", "*", "a,b", "a\\b", "'\"<b>", "网格/旗 7")  # fmt: skip


def test_every_id_that_is_taken_has_its_address_everywhere(admin: httpx.Client) -> None:
    for identity in IDENTITIES:
        made = admin.post("/api/layers/posts", json=post(identity))
        assert (made.status_code, made.json()["id"]) == (201, identity)
        path = made.headers["Location"]
        for where in (path, f"/ogc/collections/posts/items/{quote(identity, safe='')}"):
            assert admin.get(where).json()["id"] == identity
            assert admin.head(where).status_code == 200
        changed = admin.put(
            path, json=post(identity, name="n"), headers={"If-Match": made.headers["ETag"]}
        )
        assert changed.status_code == 200
        assert [one["what"] for one in admin.get(f"{path}/history").json()["changes"]] == [
            "changed", "created",
        ]  # fmt: skip
        assert admin.post(f"{path}/undo").json()["properties"]["name"] is None
        assert admin.delete(path, headers={"If-Match": "*"}).status_code == 204
        assert admin.post(f"{path}/undo").json()["id"] == identity


NO_FEATURES: tuple[tuple[str, str, bytes], ...] = (
    ("POST", "", b'{"type": "Feature"}'), ("POST", "", b""), ("POST", "", b"null"),
    ("POST", "", b"[" * 99), ("POST", "", b"\xff\xfe{"), ("PUT", "/p", b"{"),
    ("POST", "", b'{"type": "Feature", "id": ' + b"9" * 5_000 + b"}"),
    ("PUT", "/p", b'{"type": "Feature", "geometry": {"type": "Point"}}'),
    ("PUT", "/p", b'{"type": "FeatureCollection", "features": []}'),
)  # fmt: skip


def test_a_body_that_is_no_feature_changes_nothing(admin: httpx.Client) -> None:
    put(admin, "posts", post("p", name="before"))
    version = admin.get("/api/layers/posts").json()["data_version"]
    for method, path, body in NO_FEATURES:
        for media_type in ("application/json", "application/geo+json", "text/plain", ""):
            headers = {"Content-Type": media_type, "If-Match": "*"}
            refused = admin.request(
                method, f"/api/layers/posts{path}", content=body, headers=headers
            )
            assert refused.status_code in {400, 415, 422}, (body[:40], refused.text)
            assert code(refused)
    told = admin.get("/api/layers/posts").json()
    assert [one["properties"]["name"] for one in told["features"]] == ["before"]
    assert told["data_version"] == version


def test_geojson_by_its_old_name_is_geojson(admin: httpx.Client) -> None:
    for path in ("/api/layers/posts", "/ogc/collections/posts/items"):
        answer = admin.get(path, headers={"Accept": "application/vnd.geo+json"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_is_refused_though_some_write_it(admin: httpx.Client, word: str) -> None:
    body = json.dumps(feature("n", box(103, 42, 1), rule="keep_out", margin_m=1)).replace(
        '"margin_m": 1', f'"margin_m": {word}'
    )
    refused = admin.post(
        "/api/layers/fences", content=body, headers={"Content-Type": "application/json"}
    )
    assert refused.status_code == 422
    assert word in refused.text
    assert admin.get("/api/layers/fences/n").status_code == 404


def test_a_time_that_nobody_could_read_again_is_stored_by_no_way(
    admin: httpx.Client, engine: Engine, tmp_path: Path
) -> None:
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        one = post("c", last_heartbeat=moment)
        refused = admin.post("/api/layers/checkpoints", json=one)
        assert code(refused) == "422 bad_feature"
        assert "last_heartbeat is" in refused.json()["detail"]
        file = tmp_path / "checkpoints.geojson"
        file.write_text(json.dumps({"type": "FeatureCollection", "features": [one]}))
        with pytest.raises(BadFileError, match="last_heartbeat"), engine.begin() as connection:
            load(connection, "checkpoints", file)
    for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        path = f"/api/layers/checkpoints/{moment[:4]}"
        put(admin, "checkpoints", post(moment[:4], last_heartbeat=moment))
        assert admin.delete(path, headers={"If-Match": "*"}).status_code == 204
        assert admin.post(f"{path}/undo").json()["properties"]["last_heartbeat"] == moment
    for path in ("/api/layers/checkpoints", "/ogc/collections/checkpoints/items",
                 "/api/layers/checkpoints?f=csv"):  # fmt: skip
        assert admin.get(path).status_code == 200
