"""What careless clients send over HTTP is answered right, and does nothing by halves."""

from __future__ import annotations

import httpx
import pytest

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


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("gzip;q=0", False), ("gzip; q=0.0, *;q=1", False), ("*", True),
     ("*;q=0", False), ("identity", False), ("br, gzip;q=0.1", True), ("", False),
     ("identity, gzip;q=0", False), ("GZIP", True)],
)  # fmt: skip
def test_what_a_client_says_not_to_take_is_not_sent(
    admin: httpx.Client, accepted: str, packed: bool
) -> None:
    for path in ("/openapi.json", "/api/region", "/ogc/api"):
        answer = admin.get(path, headers={"Accept-Encoding": accepted})
        assert (answer.headers.get("content-encoding") == "gzip") == packed, path
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
