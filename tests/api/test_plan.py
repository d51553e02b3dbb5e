"""The plan over HTTP and as a command: what it says, who may edit it, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import pytest
import shapely

from tests.api.api_words import at, box, code, enrol, feature, fix, put, send
from tests.api.command_words import Run, write

DUTIES = "/api/plan/duties"
#: The local day that NOON (12:00) is of.
DAY = {"from": "2026-03-01T16:00:00Z", "to": "2026-03-02T16:00:00Z"}
ROUNDS = {"id": "rounds", "rounds": 2, "per": "day", "name_zh": "每日两巡"}


@pytest.fixture
def patrolled(admin: httpx.Client) -> httpx.Client:
    """Three cells and a checkpoint; one cell has two rounds, one has one."""
    enrol(admin, "v")
    for n in range(3):
        put(admin, "grids", feature(f"g{n}", box(100 + n / 10, 40, 0.02), level="cell"))
    point = {"type": "Point", "coordinates": [100.005, 40.005]}
    put(admin, "checkpoints", feature("c", point))
    for minute, lon in ((0, 100.005), (60, 100.105), (120, 100.005)):
        send(admin, [fix("v", minute + n, lon) for n in (0, 5)])
    return admin


def kept(client: httpx.Client, **query: Any) -> dict[str, Any]:
    answer = client.get("/api/plan", params={**DAY, **query})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_plan_says_what_is_kept_and_where_to_go_next(patrolled: httpx.Client) -> None:
    assert patrolled.post(DUTIES, json=ROUNDS).status_code == 201
    told = kept(patrolled)
    states = {one["id"]: one["properties"]["state"] for one in told["features"]}
    assert states == {"rounds/g0": "kept", "rounds/g1": "missed", "rounds/g2": "missed"}
    assert told["totals"] == {"kept": 1, "due": 0, "late": 0, "missed": 2}
    assert [(one["rank"], one["target"], one["overdue"]) for one in told["next"]] == [
        (1, "g2", None), (2, "g1", (720 - 65) / 720)
    ]  # fmt: skip
    one = told["features"][1]
    assert one["geometry"]["type"] == "MultiPolygon"
    assert one["properties"] == {
        "id": "rounds/g1", "duty": "rounds", "layer": "grids", "target": "g1", "name": None,
        "name_zh": None, "name_mn": None, "name_en": None, "level": "cell", "parent": None,
        "kind": "rural", "state": "missed", "evidence": None, "visited": "visited", "rounds": 1,
        "required": 2, "period_from": DAY["from"], "period_to": DAY["to"],
        "last_visit": at(65), "due_at": None, "overdue": (720 - 65) / 720, "late_s": None,
        "periods": 1, "periods_kept": 0,
    } | {"due_at": at(65 + 720)}  # fmt: skip
    (duty,) = told["duties"]
    assert (duty["name_zh"], duty["kept"], duty["missed"]) == ("每日两巡", 1, 2)
    assert "plan." in told["data_version"]


def test_at_noon_nothing_is_missed_yet(patrolled: httpx.Client) -> None:
    patrolled.post(DUTIES, json=ROUNDS)
    told = kept(patrolled, to=at(90))
    assert [one["properties"]["state"] for one in told["features"]] == ["due", "due", "late"]
    assert [one["target"] for one in told["next"]] == ["g2", "g0", "g1"]
    late = kept(patrolled, to=at(90), state="late", geometry="false", limit=0)
    assert [one["id"] for one in late["features"]] == ["rounds/g2"]
    assert late["features"][0]["geometry"] is None
    assert (late["next"], late["totals"]["due"]) == ([], 2)
    short = kept(patrolled, to=at(90), places="false")
    assert (short["features"], len(short["next"])) == ([], 3)
    point = shapely.Point(short["next"][0]["lon"], short["next"][0]["lat"])
    assert shapely.geometry.shape(box(100.2, 40, 0.02)).contains(point)


def test_checkpoints_say_how_sure_a_visit_is(patrolled: httpx.Client) -> None:
    patrolled.put(f"{DUTIES}/c", json={"layer": "checkpoints", "rounds": 1, "per": "week"})
    (one,) = kept(patrolled, duty="c")["features"]
    told = one["properties"]
    assert (told["visited"], told["evidence"], told["state"]) == ("visited", "confirmed", "kept")
    assert one["geometry"]["type"] == "Point"


def test_an_unchanged_answer_is_a_304_until_the_plan_or_a_fix_changes(
    patrolled: httpx.Client,
) -> None:
    patrolled.post(DUTIES, json=ROUNDS)

    def status(tag: str) -> tuple[int, str]:
        answer = patrolled.get("/api/plan", params=DAY, headers={"If-None-Match": tag})
        return answer.status_code, answer.headers["ETag"]

    _, tag = status("")
    assert status(tag) == (304, tag)
    patrolled.put(f"{DUTIES}/rounds", json={**ROUNDS, "rounds": 1})
    code_, other = status(tag)
    assert (code_, other != tag) == (200, True)
    send(patrolled, [fix("v", 300 + n, 100.205) for n in (0, 5)])
    assert status(other)[0] == 200
    assert kept(patrolled)["totals"] == {"kept": 3, "due": 0, "late": 0, "missed": 0}


def test_duties_are_made_read_changed_and_removed(patrolled: httpx.Client) -> None:
    made = patrolled.post(DUTIES, json={"rounds": 3, "per": "day", "ids": ["g1"]})
    assert made.status_code == 201
    told = made.json()
    assert made.headers["Location"] == f"{DUTIES}/{told['id']}"
    assert patrolled.get(made.headers["Location"]).json() == told
    again = patrolled.put(made.headers["Location"], json={**told, "rounds": 4})
    assert again.json() == {**told, "rounds": 4}
    listed = patrolled.get(DUTIES).json()
    assert listed["duties"] == [{**told, "rounds": 4}]
    assert patrolled.delete(made.headers["Location"]).status_code == 204
    assert code(patrolled.get(made.headers["Location"])) == "404 no_such_duty"
    assert code(patrolled.delete(made.headers["Location"])) == "404 no_such_duty"


def test_refusals_say_what_and_why(patrolled: httpx.Client) -> None:
    assert patrolled.post(DUTIES, json=ROUNDS).status_code == 201
    assert code(patrolled.post(DUTIES, json=ROUNDS)) == "409 duty_exists"
    for wrong, told in (
        ({"rounds": 0, "per": "day"}, "422 invalid_request"),
        ({"rounds": 1, "per": "year"}, "422 invalid_request"),
        ({"rounds": 1}, "422 invalid_request"),
        ({"rounds": 1, "per": "day", "who": "everybody"}, "422 invalid_request"),
        ({"rounds": 1, "per": "day", "level": "county"}, "422 bad_duty"),
        ({"rounds": 1, "per": "day", "ids": ["nowhere"]}, "422 bad_duty"),
        ({"rounds": 1, "per": "day", "ids": []}, "422 invalid_request"),
        ({"rounds": 1, "per": "day", "active": {"weekly": [{"days": ["funday"]}]}}, "422 bad_duty"),
        ({"rounds": 1, "per": "day", "layer": "posts", "kind": "rural"}, "422 bad_duty"),
        ({"rounds": 1, "per": "day", "id": "a/b"}, "422 bad_duty"),
    ):
        assert code(patrolled.post(DUTIES, json=wrong)) == told, wrong
    other = patrolled.put(f"{DUTIES}/rounds", json={**ROUNDS, "id": "x"})
    assert code(other) == "422 other_duty"
    assert code(patrolled.get("/api/plan?duty=x")) == "404 no_such_duty"
    assert code(patrolled.get("/api/plan?state=perhaps")) == "422 invalid_request"
    years = {"from": "2000-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    assert code(patrolled.get("/api/plan", params=years)) == "422 too_much"


def test_reading_needs_read_and_editing_plan(
    patrolled: httpx.Client, token: Callable[[str], str]
) -> None:
    reader, planner = ({"Authorization": f"Bearer {token(scope)}"} for scope in ("read", "plan"))
    one = f"{DUTIES}/x"
    assert patrolled.get("/api/plan", headers=reader).status_code == 200
    assert code(patrolled.post(DUTIES, json=ROUNDS, headers=reader)) == "403 scope_missing"
    assert code(patrolled.put(one, json=ROUNDS, headers=reader)) == "403 scope_missing"
    assert code(patrolled.delete(one, headers=reader)) == "403 scope_missing"
    assert patrolled.post(DUTIES, json=ROUNDS, headers=planner).status_code == 201
    assert patrolled.delete(f"{DUTIES}/rounds", headers=planner).status_code == 204


def test_the_command_tells_the_same(patrolled: httpx.Client, run: Run, tmp_path: Path) -> None:
    assert "no duties" in run("plan").out
    added = run(
        "plan", "add", "nights", "--rounds", "1", "--hours", "22:00-06:00", "--days", "mon,sun"
    )
    assert (added.code, added.out) == (0, "1 duty\n")
    (told,) = [json.loads(line) for line in run("plan", "list").out.splitlines()]
    assert told == {
        "id": "nights", "layer": "grids", "rounds": 1, "per": "day",
        "active": {"weekly": [{"days": ["mon", "sun"], "from": "22:00", "to": "06:00"}]},
    }  # fmt: skip
    file = write(tmp_path / "plan.json", json.dumps([ROUNDS, {**told, "rounds": 2}]))
    assert run("plan", "load", str(file)).out == "2 duties\n"
    window = ("--from", DAY["from"], "--to", DAY["to"])
    shown = run("plan", *window, "--duty", "rounds", "--next", "1")
    assert shown.code == 0, shown.err
    assert "rounds" in shown.out
    assert "(1 of 2)" in shown.out
    for name in ("plan.geojson", "plan.csv", "plan.parquet"):
        out = tmp_path / name
        assert "3 places" in run("plan", *window, "--duty", "rounds", "--out", str(out)).out
        assert out.stat().st_size
    frame = gpd.read_file(tmp_path / "plan.geojson")
    assert frame["state"].tolist() == ["kept", "missed", "missed"]
    assert run("plan", "remove", "nights").code == 0
    assert "no such duty" in run("plan", "remove", "nights").refusal


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no duty in it"), ("[1]", "no duty in it"), ("{", "this is no JSON"),
        ('{"rounds": 1}', "give it an id"), ('{"id": "a", "round": 1}', "duty has 'round'"),
        ('{"id": "a", "rounds": "3"}', "rounds is a whole number"),
        ('{"id": "a", "ids": "g1"}', "ids is no list"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_plan_is_refused_in_one_line(
    content: str, said: str, run: Run, tmp_path: Path, admin: httpx.Client
) -> None:
    assert said in run("plan", "load", str(write(tmp_path / "plan.json", content))).refusal
    assert admin.get(DUTIES).json()["duties"] == []
