"""Quarantine and release, holds, retention, breaches judged again: over HTTP and by command."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, Engine, text

from api.jobs.worker import run_worker
from layers.fixes import dropping
from tests.api.api_words import NOON, at, box, breaches, code, enrol, feature, fix, put, send
from tests.api.command_words import Run

AREA = box(100, 40, 0.01)
WEST, INSIDE, EAST = 99.995, 100.005, 100.015


def _doubted(admin: httpx.Client) -> int:
    """The id of the middle fix of a walk, in the fence, that was not believed."""
    enrol(admin, "v")
    put(admin, "fences", feature("f", AREA, rule="keep_out"))
    send(admin, [fix("v", 0, WEST), fix("v", 4, EAST)])
    send(admin, [fix("v", 2, INSIDE, accuracy_m=50_000)])
    (held,) = admin.get("/api/quarantine").json()["fixes"]
    number: int = held["id"]
    return number


# Quarantine --------------------------------------------------------------------------------------


def test_a_fix_is_released_by_its_id_and_counts_from_then_on(admin: httpx.Client) -> None:
    number = _doubted(admin)
    tag = admin.get("/api/quarantine").headers["ETag"]
    answer = admin.post(f"/api/quarantine/{number}/release")
    assert answer.status_code == 200, answer.text
    assert answer.json()["released_at"]
    assert answer.json()["released_by"]
    assert answer.json() == admin.post(f"/api/quarantine/{number}/release").json()
    assert breaches(admin)[0]["revision"] == 2
    listed = admin.get("/api/quarantine", headers={"If-None-Match": tag})
    assert listed.status_code == 200
    assert admin.get("/api/quarantine", params={"released": "false"}).json()["fixes"] == []
    again = send(admin, [fix("v", 2, INSIDE, accuracy_m=50_000)])
    assert (again["duplicate"], again["quarantined"]) == (1, [])


def test_several_are_released_together_and_those_that_cannot_be_are_told(
    admin: httpx.Client,
) -> None:
    number = _doubted(admin)
    send(admin, [fix("v", 1, 200), fix("v", 3, 0, 0)])
    answer = admin.post("/api/quarantine/release", json={"unit": "v", "from": at(0), "to": at(9)})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["released"], told["already"]) == (2, 0)
    (refused,) = told["refused"]
    assert refused["reason"] == "longitude_out_of_range"
    assert code(admin.post(f"/api/quarantine/{refused['id']}/release")) == "409 cannot_release"
    told = admin.post("/api/quarantine/release", json={"ids": [number]}).json()
    assert (told["released"], told["already"]) == (0, 1)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "422 invalid_request"),
        ({"ids": [1], "unit": "v"}, "422 invalid_request"),
        ({"ids": []}, "422 invalid_request"),
        ({"ids": [7]}, "404 no_such_quarantined"),
        ({"all": True}, "422 invalid_request"),
    ],
)
def test_a_release_of_nothing_is_refused(
    admin: httpx.Client, body: dict[str, Any], why: str
) -> None:
    assert code(admin.post("/api/quarantine/release", json=body)) == why
    assert code(admin.post("/api/quarantine/7/release")) == "404 no_such_quarantined"


def test_who_only_plans_releases_nothing(admin: httpx.Client, token: Callable[[str], str]) -> None:
    number = _doubted(admin)
    planner = {"Authorization": f"Bearer {token('plan')}"}
    for path in (f"/api/quarantine/{number}/release", "/api/quarantine/release"):
        assert code(admin.post(path, headers=planner, json={})) == "403 scope_missing"
    assert admin.get("/api/quarantine", headers=planner).status_code == 200
    assert code(admin.get("/api/holds", headers=planner)) == "403 scope_missing"


def test_the_command_lists_and_releases(admin: httpx.Client, run: Run) -> None:
    number = _doubted(admin)
    send(admin, [fix("v", 1, 200)])
    listed = run("quarantine", "list")
    assert listed.out.splitlines()[0] == (f"{number}  v  {at(2)}  {INSIDE},40.005  too_inaccurate")
    assert json.loads(run("quarantine", "list", "--json").out.splitlines()[0])["unit"] == "v"
    done = run("quarantine", "release", "--unit", "v")
    assert done.code == 1  # one of the two cannot be
    assert done.out == "1 fix released, 1 change of breaches\n"
    assert "not released: its longitude is not on earth" in done.err
    assert "released by system" in run("quarantine", "list", "--released").out
    assert run("quarantine", "release", 99).refusal.endswith("99: no such fix is in quarantine")
    assert run("quarantine", "release").code == 2


# Holds and retention -----------------------------------------------------------------------------


def test_a_hold_is_placed_shown_and_ended_and_stays_on_record(admin: httpx.Client) -> None:
    asked = {"from": "2026-03-01", "to": "2026-03-04", "reason": "case 7"}
    made = admin.post("/api/holds", json=asked)
    assert made.status_code == 201, made.text
    hold = made.json()
    assert hold.items() >= {**asked, "in_force": True, "until": None, "fixes_from": None}.items()
    path = made.headers["Location"]
    assert admin.get(path).json()["placed_by"] == hold["placed_by"]
    assert admin.delete(path).status_code == 204
    assert admin.delete(path).status_code == 204
    (shown,) = admin.get("/api/holds").json()["holds"]
    assert (shown["in_force"], shown["released_by"]) == (False, hold["placed_by"])
    assert admin.get("/api/holds", params={"in_force": "true"}).json()["holds"] == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"to": "2026-02-01"}, "422 bad_hold"),
        ({"until": "2020-01-01T00:00:00Z"}, "422 bad_hold"),
        ({"reason": ""}, "422 invalid_request"),
        ({"from": "soon"}, "422 invalid_request"),
        ({"whose": "v"}, "422 invalid_request"),
    ],
)
def test_a_hold_that_cannot_be_is_refused(
    admin: httpx.Client, more: dict[str, Any], why: str
) -> None:
    asked = {"from": "2026-03-01", "to": "2026-03-04", "reason": "case 7", **more}
    assert code(admin.post("/api/holds", json=asked)) == why
    assert code(admin.get("/api/holds/9")) == "404 no_such_hold"
    assert code(admin.delete("/api/holds/9")) == "404 no_such_hold"


def test_the_command_drops_what_is_older_and_says_so_everywhere(
    admin: httpx.Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(admin, "v")
    put(admin, "grids", feature("g", box(100, 40, 0.1), level="banner"))
    now = datetime.now(UTC).replace(microsecond=0)
    moments = [now - timedelta(days=days) for days in (40, 35, 1)]
    send(admin, [{**fix("v", 0, 100.01), "time": one.isoformat()} for one in moments])
    refused = run("db", "retention")
    assert refused.code == 2
    assert "kept for ever" in refused.err

    monkeypatch.setenv("PATROLGRID_RETENTION_DAYS", "30")
    days = [f"{one:%Y-%m-%d}" for one in moments]
    assert run("hold", "place", days[0], days[0], "--reason", "case 7").code == 0
    looked = run("db", "retention", "--dry-run")
    assert looked.out.count("would drop fixes_") == 1
    assert admin.get("/api/units/v/track").json()["features"] == []  # three lone fixes
    done = run("db", "retention")
    assert done.code == 0, done
    assert "1 partitions dropped" in done.out
    assert "held" in done.out
    edge = f"{now - timedelta(days=30, hours=1):%Y-%m-%d}T00:00:00Z"

    window = {"from": moments[1].isoformat(), "level": "banner"}
    assert admin.get("/api/coverage", params=window).json()["fixes_from"] == edge
    recent = {"from": moments[2].isoformat(), "level": "banner"}
    assert "fixes_from" not in admin.get("/api/coverage", params=recent).json()
    assert admin.get("/api/holds").json()["fixes_from"] == edge
    metrics = admin.get("/metrics").text
    assert "patrolgrid_holds 1.0" in metrics
    assert "patrolgrid_fixes_from_seconds 0.0" not in metrics
    (line,) = [one for one in run("doctor").out.splitlines() if "retention" in one]
    assert f"kept for 30 days; those before {edge[:10]} were dropped" in line
    assert "holds in force: 1" in line

    monkeypatch.delenv("PATROLGRID_RETENTION_DAYS")
    late = send(admin, [{**fix("v", 0, 100.01), "time": moments[1].isoformat()}])
    assert [one["reason"] for one in late["quarantined"]] == ["too_old"]
    assert "released" in run("hold", "release", 1).out
    assert run("hold", "list").out == ""
    assert "released" in run("hold", "list", "--all").out


# Breaches judged again ---------------------------------------------------------------------------


@pytest.fixture
def unjudged(admin: httpx.Client) -> httpx.Client:
    """Two units whose fixes are older than two fences that they went through."""
    enrol(admin, "v", "w")
    for unit in ("v", "w"):
        walk = [fix(unit, 0, WEST), fix(unit, 1, INSIDE), fix(unit, 2, EAST)]
        send(admin, [*walk, fix(unit, 60, WEST), fix(unit, 61, INSIDE), fix(unit, 62, EAST)])
    put(admin, "fences", feature("f", AREA, rule="keep_out"))
    put(admin, "fences", feature("g", box(100.004, 40.003, 0.004), rule="keep_out"))
    return admin


def _events(client: httpx.Client) -> int:
    return len(client.get("/api/events").json()["events"])


def test_recompute_only_says_what_would_change(unjudged: httpx.Client, run: Run) -> None:
    looked = run("breaches", "recompute", "--list")
    assert looked.code == 0
    lines = looked.out.splitlines()
    assert lines[0] == f"opened    new  v  f  {at(0.5)[:19]}Z to {at(1.5)[:19]}Z"
    assert "unit v: 4 changes" in lines
    assert "fence g: 4 changes" in lines
    assert lines[-1] == "would change: 8 opened, 0 amended, 0 closed, 0 withdrawn"
    assert breaches(unjudged) == []
    assert _events(unjudged) == 0


def test_recompute_changes_what_it_is_told_to_and_no_more(unjudged: httpx.Client, run: Run) -> None:
    done = run("breaches", "recompute", "--fence", "f", "--unit", "v", "--to", at(30), "--yes")
    assert done.out.splitlines()[-1] == "changed: 1 opened, 0 amended, 0 closed, 0 withdrawn"
    (told,) = breaches(unjudged)
    assert (told["unit"], told["fence_id"]) == ("v", "f")
    told = json.loads(run("breaches", "recompute", "--json", "--list", "--from", at(30)).out)
    assert (told["applied"], told["opened"], told["by_fence"]) == (False, 4, {"f": 2, "g": 2})
    assert told["changes"][0]["breach"] is None
    assert run("breaches", "recompute", "--yes").code == 0
    assert len(breaches(unjudged)) == 8
    assert _events(unjudged) == 8
    nothing = run("breaches", "recompute").out
    assert nothing == "would change: 0 opened, 0 amended, 0 closed, 0 withdrawn\n"


def test_recompute_withdraws_what_the_fixes_no_longer_say(
    unjudged: httpx.Client, run: Run, engine: Engine
) -> None:
    run("breaches", "recompute", "--yes")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM fixes WHERE time > :late"), {
            "late": NOON + timedelta(minutes=30)})  # fmt: skip
    done = run("breaches", "recompute", "--unit", "w", "--list", "--yes")
    assert done.out.splitlines()[-1] == "changed: 0 opened, 0 amended, 0 closed, 2 withdrawn"
    gone = breaches(unjudged, state="withdrawn")
    assert [one["unit"] for one in gone] == ["w", "w"]
    assert len(breaches(unjudged, state="closed,withdrawn")) == 8
    assert done.out.splitlines()[0].split()[1] == gone[0]["id"]


def test_recompute_refuses_what_there_is_not(run: Run) -> None:
    assert "no such unit" in run("breaches", "recompute", "--unit", "x").refusal
    assert "no fence with this id" in run("breaches", "recompute", "--fence", "x").refusal
    wrong = run("breaches", "recompute", "--from", at(1), "--to", at(0))
    assert (wrong.code, "--from" in wrong.err) == (2, True)


# Questions ---------------------------------------------------------------------------------------


def test_breaches_are_found_by_area_and_by_several_states(admin: httpx.Client) -> None:
    enrol(admin, "v")
    put(admin, "grids", feature("west", box(99.9, 39.95, 0.1025), level="banner"))
    put(admin, "grids", feature("east", box(100.0025, 39.95, 0.2), level="banner"))
    put(admin, "fences", feature("a", AREA, rule="keep_out"))
    put(admin, "fences", feature("b", box(100.02, 40, 0.01), rule="keep_out"))
    send(admin, [fix("v", 0, WEST), fix("v", 1, INSIDE), fix("v", 2, EAST), fix("v", 3, 100.025)])
    assert {one["fence_id"] for one in breaches(admin, area="west")} == {"a"}
    assert {one["fence_id"] for one in breaches(admin, area="east")} == {"b"}
    assert code(admin.get("/api/breaches", params={"area": "x"})) == "404 no_such_feature"
    assert len(breaches(admin, state="open,closed")) == len(breaches(admin)) == 2
    (still,) = breaches(admin, state="open")
    assert still["fence_id"] == "b"
    assert code(admin.get("/api/breaches", params={"state": "open,bad"})) == "422 invalid_request"


def test_the_history_says_what_changed_and_when(admin: httpx.Client) -> None:
    _doubted(admin)
    (first,) = breaches(admin)
    send(admin, [fix("v", 2, INSIDE, accuracy_m=5)])
    found = admin.get(f"/api/breaches/{first['id']}").json()
    opened, amended = found["history"]
    assert opened["changed"] == {}
    assert amended["changed"]["evidence"] == {"from": "probable", "to": "confirmed"}
    assert (
        amended["changed"]["entered_earliest"].keys() == {"from", "to"}
        if ("entered_earliest" in amended["changed"])
        else True
    )
    assert amended["changed_at"] >= opened["changed_at"]
    assert "revision" not in amended["changed"]


# By itself ---------------------------------------------------------------------------------------


def _partitions(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [one.name for one in dropping.partitions(connection)]


def test_the_worker_drops_by_itself(admin: httpx.Client, engine: Engine, database_url: str) -> None:
    enrol(admin, "v")
    today = datetime.now(UTC)
    days = [fix("v", 0, 100.01) | {"time": f"{today - timedelta(days=n):%Y-%m-%dT00:00:00Z}"}
            for n in (0, 10, 20)]  # fmt: skip
    send(admin, days)
    assert len(_partitions(engine)) == 3

    async def until_dropped() -> None:
        stop = asyncio.Event()
        worker = asyncio.create_task(run_worker(database_url, stop=stop, retention_days=5))
        async with asyncio.timeout(60):
            while len(_partitions(engine)) > 1:
                await asyncio.sleep(0.1)
        stop.set()
        await worker

    asyncio.run(until_dropped())
    assert _partitions(engine) == [f"fixes_{today:%Y%m%d}"]


def _aged(admin: httpx.Client) -> datetime:
    """Now, the time of a unit's newest fix; it has others of ten and twenty days ago."""
    enrol(admin, "v")
    today = datetime.now(UTC)
    times = [today - timedelta(days=n) for n in (10, 20, 0)]
    send(admin, [{**fix("v", 0, 100.01), "time": one.isoformat()} for one in times])
    return today


def test_a_worker_that_is_stopped_ends_its_run_and_leaves_no_connection(
    admin: httpx.Client, engine: Engine, database_url: str
) -> None:
    today = _aged(admin)
    detaching = text("SELECT count(*) FROM pg_inherits WHERE inhdetachpending")

    async def stopped_while_it_waits(reader: Connection) -> None:
        stop = asyncio.Event()
        worker = asyncio.create_task(run_worker(database_url, stop=stop, retention_days=5))
        async with asyncio.timeout(60):
            while True:
                with engine.connect() as other:
                    if other.execute(detaching).scalar_one():
                        break
                await asyncio.sleep(0.05)
        stop.set()
        await asyncio.sleep(0.5)
        assert not worker.done()
        reader.rollback()
        await worker

    with engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM fixes"))
        asyncio.run(stopped_while_it_waits(reader))
    assert _partitions(engine) == [f"fixes_{today:%Y%m%d}"]
    gc.collect()  # a connection that was left open is a warning here, and so an error


def test_a_run_that_is_killed_while_it_waits_for_a_reader_is_taken_up(
    admin: httpx.Client, engine: Engine, database_url: str
) -> None:
    today = _aged(admin)
    program = (
        "import sys; from layers.db.engine import make_engine; from layers.fixes import dropping;"
        " dropping.drop(make_engine(sys.argv[1]), retention_days=5)"
    )
    with engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM fixes"))
        run = subprocess.Popen([sys.executable, "-c", program, database_url])
        waits = text("SELECT count(*) FROM pg_inherits WHERE inhdetachpending")
        for _ in range(600):
            with engine.connect() as other:
                if other.execute(waits).scalar_one():
                    break
            time.sleep(0.1)
        else:
            raise AssertionError("it never began to detach")
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert send(admin, [fix("v", 0, 100.01) | {"time": today.isoformat()}])["duplicate"] == 1
    for _ in range(100):  # the server may be a moment behind
        if dropping.drop(engine, retention_days=5) is not None:
            break
        time.sleep(0.2)
    assert _partitions(engine) == [f"fixes_{today:%Y%m%d}"]
