"""The feed: paged by id, and streamed as it happens."""

from __future__ import annotations

import json
import threading
import time

import httpx

from tests.api.api_words import box, code, enrol, feature, fix, put, send

STREAM = {"Accept": "text/event-stream"}


def _heard(client: httpx.Client, many: int, into: list[tuple[float, dict[str, object]]],
           **headers: str) -> None:  # fmt: skip
    with client.stream("GET", "/api/events", headers={**STREAM, **headers}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                into.append((time.monotonic(), json.loads(line[6:])))
            if len(into) == many:
                return


def test_events_stream_within_a_second_and_resume_where_one_stopped(admin: httpx.Client) -> None:
    enrol(admin, "v1")
    put(admin, "fences", feature("box", box(100, 40, 0.01), rule="keep_out"))
    send(admin, [fix("v1", 0, 99.99), fix("v1", 2, 100.005)])
    live: list[tuple[float, dict[str, object]]] = []
    listener = threading.Thread(target=_heard, args=(admin, 1, live))
    listener.start()
    time.sleep(0.5)  # it hears only what happens after it listens
    send(admin, [fix("v1", 4, 100.02)])
    stored = time.monotonic()
    listener.join(10)
    (heard,) = live
    assert heard[0] - stored < 1
    assert heard[1]["type"] == "breach.closed"
    every = admin.get("/api/events").json()
    assert [one["type"] for one in every["events"]] == ["breach.opened", "breach.closed"]
    resumed: list[tuple[float, dict[str, object]]] = []
    _heard(admin, 1, resumed, **{"Last-Event-ID": str(every["events"][0]["id"])})
    assert resumed[0][1] == every["events"][1] == heard[1]

    first = admin.get("/api/events", params={"limit": "1"}).json()
    rest = admin.get("/api/events", params={"after": str(first["next"])}).json()
    assert [*first["events"], *rest["events"]] == every["events"]
    told = every["events"][1]["time"]
    later = admin.get("/api/events", params={"from": told}).json()["events"]
    earlier = admin.get("/api/events", params={"to": told}).json()["events"]
    assert [*earlier, *later] == every["events"]
    tag = {"If-None-Match": admin.get("/api/events").headers["ETag"]}
    assert admin.get("/api/events", headers=tag).status_code == 304
    for shown in ("x", "-1", "9" * 25):
        answer = admin.get("/api/events", headers={**STREAM, "Last-Event-ID": shown})
        assert code(answer) == "422 bad_event_id"
    for query in ("after=-1", "after=x", f"after={9**30}", "limit=0"):
        assert admin.get(f"/api/events?{query}").status_code == 422
