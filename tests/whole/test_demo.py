"""The whole service on the demo region, held against the demo's own answer key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from service import Service


@pytest.fixture(scope="module")
def client(demo_service: Service) -> Iterator[httpx.Client]:
    with demo_service.client() as client:
        yield client


@pytest.fixture(scope="module")
def answers(demo_service: Service) -> dict[str, Any]:
    file = demo_service.data_dir / "demo" / "answers.json"
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _breaches(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    found = client.get("/api/breaches", params={"limit": "10000", **query}).json()["features"]
    return [feature["properties"] for feature in found]


def test_the_terminal_prints_the_page_and_a_link_that_signs_in(demo_service: Service) -> None:
    printed = demo_service.log.read_text()
    assert f"{demo_service.url}/" in printed
    link = re.search(r"http://\S+/auth/sign-in\?code=\S+", printed)
    assert link is not None
    with httpx.Client(trust_env=False) as browser:
        done = browser.get(link[0], follow_redirects=True)
        assert done.status_code == 200
        assert "<html" in done.text.lower()
        assert browser.get(f"{demo_service.url}/api/layers").status_code == 200


def test_every_layer_holds_what_the_script_made(
    client: httpx.Client, answers: dict[str, Any]
) -> None:
    listed = client.get("/api/layers").json()["layers"]
    layers = {layer["id"]: layer["count"] for layer in listed if not layer["read_only"]}
    assert layers == {name: answers["counts"][name] for name in layers}


def test_the_breaches_are_those_of_the_answer_key_and_no_others(
    client: httpx.Client, answers: dict[str, Any]
) -> None:
    end = _time(answers["end"])
    found = [b for b in _breaches(client) if _time(b["entered_at"]) < end]
    for wanted in answers["breaches"]:
        what = wanted["unit"], wanted["fence"], wanted["rule"]
        tolerance = timedelta(seconds=wanted["tolerance_s"])
        hits = [
            b for b in found
            if (b["unit"], b["fence_id"], b["rule"]) == what
            and abs(_time(b["entered_at"]) - _time(wanted["entered_at"])) <= tolerance
            and (wanted["direction"] is None or b["direction"] == wanted["direction"])
        ]  # fmt: skip
        assert len(hits) == 1, wanted
        hit = hits[0]
        found.remove(hit)
        if wanted["evidence"] is not None:
            assert hit["evidence"] == wanted["evidence"], wanted
        if wanted["exited_at"] is not None:
            assert abs(_time(hit["exited_at"]) - _time(wanted["exited_at"])) <= tolerance, wanted
    assert found == []


def test_what_the_script_spoiled_was_not_believed(
    client: httpx.Client, answers: dict[str, Any]
) -> None:
    held = client.get("/api/quarantine", params={"limit": "10000"}).json()["fixes"]
    reasons = [fix["reason"] for fix in held]
    assert reasons.count("conflicting_fix") >= answers["fixes"]["conflicts"]
    assert reasons.count("too_inaccurate") >= answers["fixes"]["poor_accuracy"]


@pytest.mark.parametrize("level", ["banner", "sumu", "cell"])
def test_coverage_of_a_level_adds_up_to_the_tracks_own_time(
    client: httpx.Client, answers: dict[str, Any], level: str
) -> None:
    window = {"from": answers["start"], "to": answers["end"]}
    found = client.get("/api/coverage", params={"level": level, **window}).json()
    grids = [feature["properties"] for feature in found["features"]]
    assert len(grids) == answers["counts"][f"grids_{level}"]
    totals = found["totals"]
    known_s = sum(g["patrol_s"] + g["unknown_s"] for g in grids)
    assert known_s + totals["outside_s"] + totals["unknown_s"] == pytest.approx(totals["tracks_s"])
    assert all(0 <= g["visited_share"] <= 1 for g in grids)
    assert totals["patrol_s"] > 0


def test_time_on_patrol_agrees_with_the_plan(client: httpx.Client, answers: dict[str, Any]) -> None:
    unit = "H01"
    tracks = client.get(f"/api/units/{unit}/track", params={"to": answers["end"]}).json()[
        "features"
    ]
    patrol_s = sum(track["properties"]["patrol_s"] for track in tracks)
    assert 0.5 * answers["units"][unit]["moving_s"] < patrol_s <= answers["units"][unit]["out_s"]


def test_the_replay_moves_the_units(client: httpx.Client) -> None:
    units = client.get("/api/units").json()["features"]
    fresh = [unit for unit in units if unit["properties"]["freshness"] == "fresh"]
    assert len(units) > 50
    assert len(fresh) >= len(units) / 5


def test_a_tile_and_the_json_name_the_same_grids(client: httpx.Client) -> None:
    tile = client.get("/tiles/0/0/0.mvt", params={"layers": "grids,fences"})
    assert tile.status_code == 200
    assert tile.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    banner = client.get("/api/layers/grids", params={"level": "banner"}).json()["features"][0]
    assert banner["id"].encode() in tile.content
    again = client.get(
        "/tiles/0/0/0.mvt", params={"layers": "grids,fences"},
        headers={"If-None-Match": tile.headers["etag"]},
    )  # fmt: skip
    assert again.status_code == 304


def test_response_from_the_town_is_three_nested_areas(client: httpx.Client) -> None:
    checkpoint = client.get("/api/layers/checkpoints").json()["features"][0]
    lon, lat = checkpoint["geometry"]["coordinates"]
    found = client.get("/api/response", params={"lon": lon, "lat": lat}).json()
    areas = [feature["properties"]["area_m2"] for feature in found["features"]]
    assert [feature["properties"]["minutes"] for feature in found["features"]] == [1, 3, 5]
    assert areas == sorted(areas)
    assert found["origin"]["road_m"] < 100


def test_households_within_reach_of_the_posts_are_a_part_of_all(
    client: httpx.Client, answers: dict[str, Any]
) -> None:
    found = client.get("/api/response/settlements", params={"source": "posts"}).json()
    households = found["households"]
    assert households["all"] == answers["counts"]["households"]
    assert households["within"]["1"] <= households["within"]["3"] <= households["within"]["5"]
    assert households["within"]["5"] + households["outside"] == households["all"]


def test_the_nearest_units_come_soonest_first(client: httpx.Client) -> None:
    found = client.get("/api/dispatch", params={"lon": 104.0, "lat": 41.5, "limit": 3}).json()
    etas = [feature["properties"]["eta_s"] for feature in found["features"]]
    assert etas == sorted(etas)
    for feature in found["features"]:
        assert feature["geometry"]["type"] == "LineString"
        assert feature["properties"]["fix_age_s"] >= 0


def test_the_feed_pages_through_every_event_once(client: httpx.Client) -> None:
    seen: list[int] = []
    after = 0
    while page := client.get("/api/events", params={"after": after, "limit": 5}).json()["events"]:
        seen += [event["id"] for event in page]
        after = page[-1]["id"]
    assert seen == sorted(set(seen))
    assert len(seen) >= 8
