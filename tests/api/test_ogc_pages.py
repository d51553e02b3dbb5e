"""Pages of /ogc while the data changes: nothing that stays is lost, nothing comes twice."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.api_words import code, feature, put
from tests.api.ogc_words import links

ITEMS = "/ogc/collections/settlements/items"
FEATURES = "/api/layers/settlements"
POINT = {"type": "Point", "coordinates": [100, 40]}


@pytest.fixture
def places(admin: httpx.Client) -> httpx.Client:
    """Forty settlements with few names and numbers, each the same of several, or missing."""
    for n in range(40):
        some = {"name": f"n{n % 4}"} if n % 5 else {}
        put(admin, "settlements", feature(f"s{n:02}", POINT, households=1 + n % 3, **some))
    return admin


def _drop(client: httpx.Client, identity: str) -> None:
    tag = client.get(f"{FEATURES}/{identity}").headers["ETag"]
    gone = client.delete(f"{FEATURES}/{identity}", headers={"If-Match": tag})
    assert gone.status_code == 204


def _walk(
    client: httpx.Client, url: str, between: Callable[[list[str]], None], rel: str = "next"
) -> list[str]:
    """The ids of all pages; ``between`` is told what was read, whenever there is a page more."""
    seen: list[str] = []
    while url:
        told: dict[str, Any] = client.get(url).json()
        assert told["numberReturned"] == len(told["features"])
        found = [one["id"] for one in told["features"]]
        seen = seen + found if rel == "next" else found + seen
        url = next((one["href"] for one in links(told, rel)), "")
        if url:
            between(seen)
    return seen


@pytest.mark.parametrize("sortby", ["", "&sortby=-name,households", "&sortby=households,-id"])
def test_what_is_deleted_and_made_between_pages_loses_and_doubles_nothing(
    places: httpx.Client, sortby: str
) -> None:
    every = places.get(f"{ITEMS}?{sortby}").json()
    assert every["numberMatched"] == 40
    before = [one["id"] for one in every["features"]]
    made: list[str] = []

    def change(seen: list[str]) -> None:
        # What was read already goes, and others come to stand before it.
        _drop(places, next(one for one in seen if one not in made and one[0] == "s"
                           and places.get(f"{FEATURES}/{one}").status_code == 200))  # fmt: skip
        made.append(f"a{len(made)}")
        put(places, "settlements", feature(made[-1], POINT, households=0))

    seen = _walk(places, f"{ITEMS}?limit=7{sortby}", change)
    assert [one for one in seen if one[0] == "s"] == before
    assert len(seen) == len(set(seen))
    assert len(made) == 5


@pytest.mark.parametrize("sortby", ["", "&sortby=name", "&sortby=-households,name"])
def test_the_way_back_passes_the_same_features(places: httpx.Client, sortby: str) -> None:
    every = [one["id"] for one in places.get(f"{ITEMS}?{sortby}").json()["features"]]
    forth = f"{ITEMS}?limit=9&offset=36{sortby}"
    assert _walk(places, forth, lambda _: None, "prev") == every
    last = places.get(forth).json()
    back = places.get(links(last, "prev")[0]["href"]).json()
    (onward,) = links(back, "next")
    assert places.get(onward["href"]).json()["features"] == last["features"]
    assert (back["numberMatched"], back["numberReturned"]) == (40, 9)


def test_a_page_that_did_not_change_is_known_by_its_etag(places: httpx.Client) -> None:
    url = links(places.get(f"{ITEMS}?limit=7").json(), "next")[0]["href"]
    tag = places.get(url).headers["ETag"]
    assert places.get(url, headers={"If-None-Match": tag}).status_code == 304
    _drop(places, "s09")
    assert places.get(url, headers={"If-None-Match": tag}).status_code == 200


def test_a_link_leads_on_even_where_what_is_sorted_by_is_very_long(admin: httpx.Client) -> None:
    names = dict.fromkeys(("name", "name_zh", "name_mn", "name_en"), "𠀀" * 1000)
    for n in range(5):
        put(admin, "settlements", feature(f"s{n}", POINT, **names))
    seen = _walk(admin, f"{ITEMS}?limit=2&sortby={','.join([*names] * 3)}", lambda _: None)
    assert seen == [f"s{n}" for n in range(5)]


def _cursor(given: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(given).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "given",
    [
        7, "s01", {}, {"after": "s01"}, {"after": []}, {"after": [None]}, {"after": [1]},
        {"after": ["n1"]}, {"after": ["n1", "x"]}, {"after": ["n1", True, "s01"]},
        {"after": ["n1", 1.5, "s01"]}, {"after": ["n1", 2**31, "s01"]},
        {"after": ["n\0", 1, "s01"]}, {"after": [1, 1, "s01"]},
        {"before": ["n1", 1, "s01"], "after": ["n1", 1, "s01"]}, {"at": ["n1", 1, "s01"]},
    ],
)  # fmt: skip
def test_what_is_no_cursor_of_these_pages_is_refused(places: httpx.Client, given: object) -> None:
    asked = {"sortby": "name,households", "cursor": _cursor(given)}
    answer = places.get(ITEMS, params=asked)
    assert answer.status_code == 400, answer.text
    assert "cursor: take it from a" in answer.json()["detail"]
    assert places.get(ITEMS, params={"cursor": "?"}).status_code == 400
    assert code(places.get(f"{ITEMS}?cursor=a&cursor=b")) == "400 repeated_parameter"


def test_times_and_numbers_are_places_in_an_order_too(admin: httpx.Client) -> None:
    for n in range(6):
        times = {} if n == 3 else {"last_heartbeat": f"2026-03-01T08:00:0{n % 2}.12345{n % 3}Z"}
        put(admin, "cameras", feature(f"k{n}", POINT, bearing_deg=n % 2 + 0.1, **times))
    for sortby in ("last_heartbeat", "-last_heartbeat", "bearing_deg,-last_heartbeat"):
        url = f"/ogc/collections/cameras/items?sortby={sortby}"
        every = [one["id"] for one in admin.get(url).json()["features"]]
        assert len(every) == 6
        assert _walk(admin, f"{url}&limit=1", lambda _: None) == every
