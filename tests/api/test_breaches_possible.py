"""What a gap leaves room for, told through HTTP: when it is asked for, and never otherwise."""

from __future__ import annotations

from datetime import datetime

import httpx
from sqlalchemy import Engine

from layers import breaches as judged
from layers.db.engine import SYSTEM, acting
from layers.region import Region
from tests.api.api_words import NOON, at, box, breaches, code, enrol, feature, fix, put, send

AREA = box(100, 40, 0.01)
#: 850 m west of the area.
BESIDE = 99.99
HOUR = {"evidence": "possible", "from": at(0), "to": at(60)}


def _seen_twice(client: httpx.Client, unit: str, *minutes: float, **more: object) -> None:
    """A vehicle beside the fence ``box``, seen at some minutes alone."""
    enrol(client, unit, **more)
    send(client, [fix(unit, minute, BESIDE) for minute in minutes])


def _minutes(moment: str) -> float:
    return (datetime.fromisoformat(moment) - NOON).total_seconds() / 60


def test_what_a_gap_leaves_room_for_is_told_when_asked_for_and_never_stored(
    admin: httpx.Client, engine: Engine, region: Region
) -> None:
    put(admin, "fences", feature("box", AREA, rule="keep_out", name="遗址", name_en="Relics"))
    _seen_twice(admin, "v", 0, 20, call_sign="Falcon")
    before = admin.get("/api/breaches").headers["ETag"]
    answer = admin.get("/api/breaches", params=HOUR)
    assert answer.headers["content-type"] == "application/geo+json"
    (told,) = answer.json()["features"]
    assert told["id"] == told["properties"]["id"] == f"v|box|{at(20)}|possible"
    assert told["geometry"]["type"] == "Point"
    lon, lat = told["geometry"]["coordinates"]
    assert (round(lon, 6), round(lat, 4)) == (100, 40.005)
    properties = told["properties"]
    expected = {
        "unit": "v", "call_sign": "Falcon", "fence": "遗址", "fence_id": "box",
        "fence_names": {"en": "Relics"}, "fence_version": 1, "rule": "keep_out",
        "severity": "medium", "direction": None, "visit": told["id"], "state": "closed",
        "evidence": "possible", "unknown_s": 1200, "revision": 0, "merged_into": None,
        "opened_at": None, "changed_at": None,
    }  # fmt: skip
    assert {name: properties[name] for name in expected} == expected
    # 854 m at 50 m/s are 17 s.
    assert abs(_minutes(properties["entered_at"]) - 17 / 60) < 0.01
    assert abs(_minutes(properties["exited_at"]) - (20 - 17 / 60)) < 0.01
    layers = {part.split(".")[0] for part in answer.json()["data_version"].split("-")}
    assert layers == {"breaches", "fences", "fixes", "units"}

    tag = {"If-None-Match": answer.headers["ETag"]}
    assert admin.get("/api/breaches", params=HOUR, headers=tag).status_code == 304
    assert breaches(admin) == breaches(admin, state="withdrawn") == []
    assert breaches(admin, evidence="confirmed") == breaches(admin, evidence="probable") == []
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        assert judged.recompute(connection, region, now=NOON).total == 0
    assert admin.get("/api/events").json()["events"] == []
    assert admin.get("/api/breaches").headers["ETag"] == before

    # A fix in the gap that comes in late leaves no room.
    send(admin, [fix("v", minute, BESIDE) for minute in (5, 10, 15)])
    assert breaches(admin, **HOUR) == []


def test_its_properties_are_those_of_a_stored_breach(admin: httpx.Client) -> None:
    put(admin, "fences", feature("box", AREA, rule="keep_out"))
    enrol(admin, "v")
    send(admin, [fix("v", 0, BESIDE), fix("v", 1, 100.005), fix("v", 2, BESIDE)])
    send(admin, [fix("v", 30, BESIDE)])
    (stored,), (possible,) = breaches(admin), breaches(admin, **HOUR)
    assert set(possible) == set(stored)
    assert stored["evidence"] == "confirmed"
    assert breaches(admin, evidence="confirmed") == [stored]
    assert breaches(admin, evidence="probable") == []


def test_a_gap_within_a_stay_is_no_news_even_where_the_window_begins_within_it(
    admin: httpx.Client,
) -> None:
    put(admin, "fences", feature("box", AREA, rule="keep_out", margin_m=100))
    enrol(admin, "v")
    # 100.0105 is 43 m east of the edge, in the margin; the stay began at 100.005.
    walk = [fix("v", 0, BESIDE), fix("v", 1, 100.005)]
    send(admin, walk + [fix("v", minute, 100.0105) for minute in (2, 3, 4, 5, 40)])
    assert len(breaches(admin)) == 1
    late = {**HOUR, "from": at(10)}
    assert breaches(admin, **late) == []


def test_possible_ones_are_asked_for_by_time_place_fence_unit_and_state(
    admin: httpx.Client,
) -> None:
    for name in ("box", "twin"):
        put(admin, "fences", feature(name, AREA, rule="keep_out", name=name.upper()))
    for unit in ("v", "w"):
        _seen_twice(admin, unit, 0, 20, 40)
    every = breaches(admin, **HOUR)
    assert len(every) == 8
    ids = [one["id"] for one in every]
    assert ids == sorted(ids)
    paged: list[str] = []
    href = str(httpx.URL("/api/breaches", params={**HOUR, "limit": 3}))
    while href:
        page = admin.get(href).json()
        paged += [one["id"] for one in page["features"]]
        href = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert paged == ids
    assert len(breaches(admin, **HOUR, unit="v", fence="box")) == 2
    assert breaches(admin, **HOUR, fence="BOX") == breaches(admin, **HOUR, fence="box")
    assert breaches(admin, **HOUR, unit="stranger") == breaches(admin, **HOUR, fence="nope") == []
    assert breaches(admin, **HOUR, state="closed") == every
    assert breaches(admin, **HOUR, state="open") == breaches(admin, **HOUR, state="withdrawn") == []
    assert len(breaches(admin, **HOUR, bbox="99,39,101,41")) == 8
    assert breaches(admin, **HOUR, bbox="170,-90,-170,90") == []
    first = {**HOUR, "from": at(1), "to": at(2)}
    assert {one["visit"].split("|")[2] for one in breaches(admin, **first)} == {at(20)}
    # After 19:43 it must be away, until 20:17 it cannot be there again.
    assert breaches(admin, **{**HOUR, "from": at(19.9), "to": at(20.1)}) == []


def test_versions_of_a_fence_in_one_gap_have_ids_of_their_own(
    admin: httpx.Client, engine: Engine
) -> None:
    put(admin, "fences", feature("box", AREA, rule="keep_out", valid_from=at(-60)))
    shown = admin.get("/api/layers/fences/box")
    edit = shown.json()
    edit["properties"] |= {"severity": "critical", "valid_from": at(10)}
    match = {"If-Match": shown.headers["ETag"]}
    assert admin.put("/api/layers/fences/box", json=edit, headers=match).status_code == 200
    _seen_twice(admin, "v", 0, 20)
    told = breaches(admin, **HOUR)
    visit = f"v|box|{at(20)}|possible"
    assert [(one["id"], one["visit"]) for one in told] == [(visit, visit), (f"{visit}#2", visit)]
    assert [one["severity"] for one in told] == ["medium", "critical"]
    assert told[0]["exited_at"] == told[1]["entered_at"] == at(10)


def test_possible_ones_need_a_window_of_at_most_31_days(admin: httpx.Client) -> None:
    day = 24 * 60
    for window in (
        {},
        {"from": at(0)},
        {"to": at(0)},
        {"from": at(0), "to": at(31 * day + 1)},
        {"from": at(1), "to": at(0)},
    ):
        refused = admin.get("/api/breaches", params={"evidence": "possible", **window})
        assert code(refused) == "422 bad_window", window
    asked = {"evidence": "possible", "from": at(0), "to": at(31 * day)}
    assert breaches(admin, **asked) == []
    assert admin.get("/api/breaches", params={"evidence": "sure"}).status_code == 422
