"""What a breach is, told through HTTP on cases that can be worked out by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx

from tests.api.api_words import NOON, at, box, breaches, code, enrol, feature, fix, put, send

AREA = box(100, 40, 0.01)
#: Runs north, so that west of it is left.
LINE = {"type": "LineString", "coordinates": [[100.005, 40], [100.005, 40.01]]}
WEST, INSIDE, EAST = 99.995, 100.005, 100.015


def _seconds(moment: str) -> float:
    """Seconds after NOON."""
    assert moment.endswith("Z")
    return (datetime.fromisoformat(moment) - NOON) / timedelta(seconds=1)


def _only(client: httpx.Client, fence: str, unit: str, rule: str, **more: object) -> None:
    """A fence for one unit alone, and the unit."""
    enrol(client, unit)
    shape = LINE if rule == "line" else AREA
    put(client, "fences", feature(fence, shape, rule=rule, applies_to={"units": [unit]}, **more))


def test_a_stay_a_passage_and_what_dwell_and_margin_make_of_them(admin: httpx.Client) -> None:
    _only(admin, "through", "p", "keep_out")
    send(admin, [fix("p", 0, WEST), fix("p", 1, EAST)])
    (passage,) = breaches(admin, unit="p")
    assert (passage["evidence"], passage["state"]) == ("probable", "closed")
    # From 99.995 to 100.015 in a minute: the edges at 100 and 100.01 after 15 and 45 s.
    assert abs(_seconds(passage["entered_at"]) - 15) < 0.1
    assert abs(_seconds(passage["exited_at"]) - 45) < 0.1

    _only(admin, "dwell", "d", "keep_out", dwell_s=120)
    send(admin, [fix("d", 0, WEST), fix("d", 1, INSIDE), fix("d", 2, EAST)])
    assert breaches(admin, unit="d") == []
    send(
        admin, [fix("d", 30, WEST), fix("d", 31, INSIDE), fix("d", 34, INSIDE), fix("d", 35, EAST)]
    )
    assert len(breaches(admin, unit="d")) == 1

    _only(admin, "margin", "m", "keep_out", margin_m=100)
    # 100.0105 is 43 m east of the edge.
    send(
        admin, [fix("m", 0, WEST), fix("m", 1, INSIDE), fix("m", 2, 100.0105), fix("m", 3, INSIDE)]
    )
    (told,) = breaches(admin, unit="m")
    assert (told["state"], told["exited_at"]) == ("open", None)

    _only(admin, "gap", "g", "keep_out")
    send(admin, [fix("g", 0, WEST), fix("g", 1, INSIDE), fix("g", 61, INSIDE), fix("g", 62, EAST)])
    (told,) = breaches(admin, unit="g")
    assert told["unknown_s"] == 3600


def test_keep_in_and_line_are_broken_in_their_direction(admin: httpx.Client) -> None:
    _only(admin, "sector", "k", "keep_in")
    send(admin, [fix("k", 0, INSIDE), fix("k", 1, EAST)])
    (outside,) = breaches(admin, unit="k")
    assert (outside["rule"], outside["state"]) == ("keep_in", "open")
    assert abs(_seconds(outside["entered_at"]) - 30) < 0.1
    send(admin, [fix("k", 3, INSIDE)])
    (outside,) = breaches(admin, unit="k")
    assert (outside["state"], outside["revision"]) == ("closed", 2)

    _only(admin, "strip", "l", "line", direction="left_to_right")
    send(admin, [fix("l", 0, WEST), fix("l", 1, EAST), fix("l", 3, WEST), fix("l", 4, EAST)])
    crossings = breaches(admin, unit="l")
    assert [one["direction"] for one in crossings] == ["left_to_right"] * 2
    assert [round(_seconds(one["entered_at"])) for one in crossings] == [30, 210]


def test_a_late_fix_amends_splits_and_withdraws(admin: httpx.Client) -> None:
    _only(admin, "box", "v", "keep_out", name="遗址", name_en="Relics")
    send(admin, [fix("v", 0, WEST), fix("v", 4, INSIDE), fix("v", 8, EAST)])
    (first,) = admin.get("/api/breaches", params={"fence": "遗址"}).json()["features"]
    assert first["geometry"]["type"] == "Point"
    assert first["properties"]["fence"] == "遗址"
    assert first["properties"]["fence_names"] == {"en": "Relics"}
    send(admin, [fix("v", 2, 99.999)])
    (then,) = breaches(admin, unit="v", fence="box")
    assert (then["id"], then["revision"]) == (first["id"], 2)
    send(admin, [fix("v", 3, INSIDE), fix("v", 3.5, WEST)])
    told = breaches(admin, unit="v")
    assert len(told) == 2
    assert told[0]["id"] == first["id"]
    history = admin.get(f"/api/breaches/{first['id']}").json()["history"]
    assert [one["change"] for one in history] == ["opened", "amended", "amended"]
    for one in history:
        assert one["was"]["entered_at"].endswith("Z")
        assert one["was"]["id"] == first["id"]
        assert (one["was"]["fence"], one["was"]["fence_id"]) == ("遗址", "box")
        assert one["was"].keys() - then.keys() <= {"lon", "lat"}
    types = [one["type"] for one in admin.get("/api/events").json()["events"]]
    assert types == ["breach.opened", "breach.amended", "breach.amended", "breach.opened"]


def test_what_happened_is_judged_by_the_fence_as_it_was(admin: httpx.Client) -> None:
    _only(admin, "box", "v", "keep_out")
    send(admin, [fix("v", 0, WEST), fix("v", 1, INSIDE), fix("v", 2, EAST)])
    shown = admin.get("/api/layers/fences/box")
    changed = shown.json()
    changed["properties"]["severity"] = "critical"
    match = {"If-Match": shown.headers["ETag"]}
    put_back = admin.put("/api/layers/fences/box", json=changed, headers=match)
    assert put_back.json()["properties"]["version"] == 2
    send(admin, [fix("v", 30, WEST), fix("v", 31, INSIDE), fix("v", 32, EAST)])
    assert {(b["fence_version"], b["severity"]) for b in breaches(admin)} == {(1, "medium")}
    again = {"If-Match": put_back.headers["ETag"]}
    assert admin.delete("/api/layers/fences/box", headers=again).status_code == 204
    assert len(breaches(admin, fence="box")) == 2
    assert all(told["fence_names"] == {} for told in breaches(admin))


def test_an_edit_holds_from_the_moment_that_it_names(admin: httpx.Client) -> None:
    _only(admin, "box", "v", "keep_out", valid_from=at(0))
    shown = admin.get("/api/layers/fences/box")
    changed = shown.json()
    changed["properties"].update(severity="critical", valid_from=at(60))
    put_back = admin.put(
        "/api/layers/fences/box", json=changed, headers={"If-Match": shown.headers["ETag"]}
    )
    assert put_back.json()["properties"]["version"] == 2
    assert put_back.json()["properties"]["valid_from"] == at(60)
    for start in (-30, 30, 90):
        walk = [fix("v", start + k, lon) for k, lon in enumerate((WEST, INSIDE, EAST))]
        send(admin, walk)
    assert [(b["fence_version"], b["severity"]) for b in breaches(admin)] == [
        (1, "medium"), (2, "critical"),
    ]  # fmt: skip
    # Put back as it was given, it is the version that it was; an earlier moment is not obeyed.
    again = {"If-Match": put_back.headers["ETag"]}
    same = admin.put("/api/layers/fences/box", json=put_back.json(), headers=again)
    assert same.json() == put_back.json()
    earlier = same.json()
    earlier["properties"].update(severity="low", valid_from=at(30))
    refused = admin.put("/api/layers/fences/box", json=earlier, headers=again)
    assert code(refused) == "422 bad_feature"
    assert "valid_from lies before" in refused.json()["detail"]
    del earlier["properties"]["valid_from"]
    now = admin.put("/api/layers/fences/box", json=earlier, headers=again).json()["properties"]
    assert now["version"] == 3
    assert now["valid_from"] > at(60)


def test_breaches_are_asked_for_by_time_place_fence_unit_and_state(admin: httpx.Client) -> None:
    _only(admin, "box", "v", "keep_out")
    walk = [(n * 30 + k, lon) for n in range(12) for k, lon in enumerate((WEST, INSIDE, EAST))]
    send(admin, [fix("v", *step) for step in walk])
    every = breaches(admin)
    assert len(every) == 12
    ids = [one["id"] for one in every]
    assert ids == sorted(ids)
    paged: list[str] = []
    href = "/api/breaches?limit=5"
    while href:
        page = admin.get(href).json()
        paged += [one["id"] for one in page["features"]]
        href = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert paged == ids
    assert breaches(admin, unit="stranger") == breaches(admin, fence="nope") == []
    assert breaches(admin, state="open") == breaches(admin, state="withdrawn") == []
    # The first stay is from 0:30 to 1:30.
    during = breaches(admin, **{"from": at(1.2), "to": at(1.3)})
    assert [one["unit"] for one in during] == ["v"]
    assert breaches(admin, **{"from": at(1.6), "to": at(2)}) == []
    assert len(breaches(admin, bbox="99,39,101,41")) == 12
    assert breaches(admin, bbox="170,-90,-170,90") == []
    assert len(breaches(admin, bbox="99,-90,-170,90")) == 12
    tag = {"If-None-Match": admin.get("/api/breaches").headers["ETag"]}
    assert admin.get("/api/breaches", headers=tag).status_code == 304
    for query in ("state=bad", "bbox=1,2", "cursor=AA", "limit=0", "limit=10001", "unit=%00",
                  f"from={at(2)}&to={at(1)}"):  # fmt: skip
        assert admin.get(f"/api/breaches?{query}").status_code == 422, query
    assert code(admin.get("/api/breaches/999")) == "404 no_such_breach"
