"""History and undo over HTTP: by whom, paged, refused in words, and safe to ask for at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from layers import places
from layers.access import tokens
from layers.db.engine import SYSTEM, acting
from tests.api.api_words import box, code, feature, put

POSTS = "/api/layers/posts"


def _post(identity: str, **more: object) -> dict[str, Any]:
    return feature(identity, {"type": "Point", "coordinates": [100, 40]}, **more)


def _change(client: httpx.Client, path: str, **more: object) -> httpx.Response:
    shown = client.get(path)
    body = shown.json()
    body["properties"].update(more)
    changed = client.put(path, json=body, headers={"If-Match": shown.headers["ETag"]})
    assert changed.status_code == 200, changed.text
    return changed


def test_each_change_is_told_with_the_token_that_made_it(
    anybody: httpx.Client, engine: Engine
) -> None:
    made = {}
    for who in ("first", "second"):
        with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
            made[who] = tokens.create(connection, ["admin"], note=who)
    anybody.headers["Authorization"] = f"Bearer {made['first'].secret}"
    put(anybody, "posts", _post("way/1", name="1"))
    created = anybody.get(f"{POSTS}/way%2F1").json()
    anybody.headers["Authorization"] = f"Bearer {made['second'].secret}"
    changed = _change(anybody, f"{POSTS}/way%2F1", name="2").json()
    tag = anybody.get(f"{POSTS}/way%2F1").headers["ETag"]
    assert anybody.delete(f"{POSTS}/way%2F1", headers={"If-Match": tag}).status_code == 204
    answer = anybody.get(f"{POSTS}/way%2F1/history")
    told = answer.json()
    assert [one["what"] for one in told["changes"]] == ["deleted", "changed", "created"]
    newest, middle, oldest = told["changes"]
    assert (oldest["by"], middle["by"]) == (made["first"].id, made["second"].id)
    assert (oldest["before"], oldest["after"]) == (None, created)
    assert (middle["before"], middle["after"]) == (created, changed)
    assert (newest["before"], newest["after"]) == (changed, None)
    assert middle["changed"] == ["name"]
    assert middle["data_version"] == "posts.2"
    assert told["data_version"] == "posts.3"
    assert told["as_of"] == newest["made_at"]
    assert (newest["how"], newest["undone"], newest["undoes"]) == ("edit", False, None)
    known = {"If-None-Match": answer.headers["ETag"]}
    assert anybody.get(f"{POSTS}/way%2F1/history", headers=known).status_code == 304
    sets = anybody.get(f"{POSTS}/history").json()["sets"]
    assert [one["set"] for one in sets] == [one["set"] for one in told["changes"]]
    assert [(one["created"], one["changed"], one["deleted"]) for one in sets] == [
        (0, 0, 1), (0, 1, 0), (1, 0, 0),
    ]  # fmt: skip
    assert all(one["features"] == ["way/1"] for one in sets)


@pytest.mark.parametrize(("path", "member"), [("p/history", "changes"), ("history", "sets")])
def test_history_is_paged_as_other_lists_are(admin: httpx.Client, path: str, member: str) -> None:
    put(admin, "posts", _post("p", name="0"))
    for n in range(1, 5):
        _change(admin, f"{POSTS}/p", name=str(n))
    whole = admin.get(f"{POSTS}/{path}").json()
    assert (whole["numberReturned"], whole["links"]) == (5, [])
    found: list[Any] = []
    href = f"{POSTS}/{path}?limit=2"
    while href:
        page = admin.get(href).json()
        assert len(page[member]) <= 2
        found += page[member]
        href = next((link["href"] for link in page["links"]), "")
    assert found == whole[member]
    for query in ("limit=0", "limit=10001", "cursor=@", "cursor=cA"):
        assert admin.get(f"{POSTS}/{path}?{query}").status_code == 422, query


def test_undo_goes_back_step_by_step_and_then_says_that_there_is_no_more(
    admin: httpx.Client,
) -> None:
    put(admin, "posts", _post("p", name="1"))
    first = admin.get(f"{POSTS}/p")
    _change(admin, f"{POSTS}/p", name="2")
    back = admin.post(f"{POSTS}/p/undo")
    assert (back.status_code, back.json()) == (200, first.json())
    assert back.headers["ETag"] == first.headers["ETag"]
    assert back.headers["content-type"] == "application/geo+json"
    gone = admin.post(f"{POSTS}/p/undo")
    assert (gone.status_code, gone.content) == (204, b"")
    assert code(admin.get(f"{POSTS}/p")) == "404 no_such_feature"
    assert code(admin.post(f"{POSTS}/p/undo")) == "409 nothing_to_undo"
    assert code(admin.post(f"{POSTS}/undo")) == "409 nothing_to_undo"
    assert code(admin.post(f"{POSTS}/none/undo")) == "404 no_such_feature"
    assert code(admin.get(f"{POSTS}/none/history")) == "404 no_such_feature"
    assert code(admin.post("/api/layers/swamps/undo")) == "404 no_such_layer"
    assert code(admin.post("/api/layers/swamps/p/undo")) == "404 no_such_layer"
    assert code(admin.get("/api/layers/swamps/history")) == "404 no_such_layer"
    assert code(admin.get("/api/layers/swamps/p/history")) == "404 no_such_layer"


def test_a_layers_undo_says_what_it_did(admin: httpx.Client) -> None:
    put(admin, "posts", _post("p"))
    put(admin, "post_areas", feature("a", box(100, 40, 0.1), post="p"))
    tag = admin.get(f"{POSTS}/p").headers["ETag"]
    admin.delete(f"{POSTS}/p", headers={"If-Match": tag})
    deletion = admin.get(f"{POSTS}/history").json()["sets"][0]["set"]
    done = admin.post("/api/layers/post_area/undo")
    assert done.status_code == 200
    rows = {"created": 1, "changed": 0, "deleted": 0}
    assert done.json() == {
        "set": deletion + 1, "undoes": deletion, "how": "edit",
        "layers": {"posts": rows, "post_areas": rows}, "data_version": "post_areas.3",
    }  # fmt: skip
    newest = admin.get(f"{POSTS}/history?limit=1").json()["sets"][0]
    assert (newest["how"], newest["undoes"]) == ("undo", deletion)


def test_undo_heeds_if_match_and_what_stands_against_it(admin: httpx.Client) -> None:
    for identity, more in (("b", {"level": "banner"}), ("c", {"parent": "b"})):
        put(admin, "grids", feature(identity, box(100, 40, 0.1), **more))
    path = "/api/layers/grids/b"
    assert code(admin.post(f"{path}/undo", headers={"If-Match": '"x"'})) == "412 stale_feature"
    refused = admin.post(f"{path}/undo")
    assert code(refused) == "409 in_use"
    assert "'b', which is the parent of grids 'c'" in refused.json()["detail"]
    tag = admin.get(f"{path}").headers["ETag"]
    assert code(admin.post(f"{path}/undo", headers={"If-Match": tag})) == "409 in_use"
    put(admin, "posts", _post("p"))
    put(admin, "post_areas", feature("a", box(100, 40, 0.1), post="p"))
    admin.delete(f"{POSTS}/p", headers={"If-Match": "*"})
    put(admin, "post_areas", feature("a", box(100, 40, 0.2)))
    refused = admin.post(f"{POSTS}/p/undo")
    assert code(refused) == "409 cannot_undo"
    assert "post_areas 'a', which was changed again later" in refused.json()["detail"]


def test_a_layers_undo_heeds_if_match_of_any_page_of_it(admin: httpx.Client) -> None:
    put(admin, "posts", _post("p", name="0"))
    stale = [admin.get(path).headers["ETag"] for path in (POSTS, f"{POSTS}/history")]
    for n in "123456":
        _change(admin, f"{POSTS}/p", name=n)
    for tag in (*stale, '"x"', 'W/"posts.7", "y"', '"posts.6"', '"post_areas.0"'):
        refused = admin.post(f"{POSTS}/undo", headers={"If-Match": tag})
        assert code(refused) == "412 stale_feature", tag
        assert refused.json()["detail"] == "posts was changed meanwhile: GET it again"
    known = ""
    for n, path in enumerate((POSTS, f"{POSTS}?limit=1&bbox=0,0,1,1", f"{POSTS}/history?limit=1")):
        answer = admin.get(path, headers={"Accept-Encoding": "gzip" if n else "identity"})
        known = answer.headers["ETag"]
        done = admin.post(f"{POSTS}/undo", headers={"If-Match": f"{stale[0]}, {known}"})
        assert done.status_code == 200, path
        assert admin.get(f"{POSTS}/p").json()["properties"]["name"] == str(5 - n)
    again = admin.post(f"{POSTS}/undo", headers={"If-Match": done.headers["ETag"]})
    assert (again.status_code, again.headers["ETag"]) == (200, '"posts.11"')
    assert again.json()["data_version"] == "posts.11"
    assert code(admin.post(f"{POSTS}/undo", headers={"If-Match": known})) == "412 stale_feature"
    assert admin.post(f"{POSTS}/undo", headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("identity", ["undo", "history", "a/undo", "a/history"])
def test_an_id_that_would_be_a_route_is_refused(admin: httpx.Client, identity: str) -> None:
    refused = admin.post(POSTS, json=_post(identity))
    assert code(refused) == "422 bad_feature"
    assert "has no address" in refused.json()["detail"]


def _waiting(engine: Engine, act: Callable[[], httpx.Response]) -> httpx.Response:
    """What ``act`` comes to when an undo of post p is committed while it waits."""
    came: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: came.append(act()))
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        places.undo_feature(connection, "posts", "p")
        thread.start()
        deadline = time.monotonic() + 20
        waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        while not connection.execute(waits).scalar_one():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    thread.join(timeout=20)
    return came[0]


def test_who_meets_an_undo_loses_and_nothing_is_doubled(
    admin: httpx.Client, engine: Engine
) -> None:
    put(admin, "posts", _post("p", name="1"))
    path = f"{POSTS}/p"
    for method, asked, conditional, expected in (
        ("POST", f"{path}/undo", False, "409 cannot_undo"),
        ("POST", f"{POSTS}/undo", False, "409 cannot_undo"),
        ("POST", f"{path}/undo", True, "412 stale_feature"),
        ("PUT", path, True, "412 stale_feature"),
        ("DELETE", path, True, "412 stale_feature"),
    ):
        changed = _change(admin, path, name="2")
        sent = {"If-Match": changed.headers["ETag"]} if conditional else {}
        body = changed.json() if method == "PUT" else None
        answer = _waiting(engine, partial(admin.request, method, asked, json=body, headers=sent))
        assert code(answer) == expected
        assert admin.get(path).json()["properties"]["name"] == "1"
