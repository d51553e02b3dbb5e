"""How far coverage has come while it is computed: events, and a client that goes away."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.http.context import Service
from layers import coverage
from tests.api.api_words import at, box, code, enrol, feature, fix, put, send

#: Many parts of a window, so that they take a while.
LONG = {"from": at(0), "to": at(60 * 24 * 3), "every": "hour", "swath_m": "333"}
LONGER = {**LONG, "from": at(-60 * 24 * 7)}
Event = tuple[str, dict[str, Any]]


@pytest.fixture
def patrolled(admin: httpx.Client) -> httpx.Client:
    """A unit that goes through two cells for days, a fix every half hour."""
    enrol(admin, "v")
    for n in range(2):
        put(admin, "grids", feature(f"c{n}", box(100 + n / 10, 40, 0.1), level="cell"))
    walk = [fix("v", 30 * n, 100.05 + n % 20 / 200) for n in range(48 * 3)]
    for first in range(0, len(walk), 100):
        send(admin, walk[first : first + 100])
    return admin


def _events(client: httpx.Client, path: str, **asked: str) -> Iterator[Event]:
    """What is told, from the first event to the last."""
    with client.stream("GET", path, params=asked) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        name = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                yield name, json.loads(line[6:])


def _service(application: FastAPI) -> Service:
    found: Service = application.state.service
    return found


def test_who_watches_is_told_when_the_answer_is_there_at_once(
    patrolled: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = {"from": at(0), "to": at(60), "swath_m": "333"}
    *before, (name, ready) = _events(patrolled, "/api/coverage/progress", **window, by="team")
    assert name == "ready"
    assert {one for one, _ in before} <= {"progress"}
    assert (ready["swept"], ready["data_version"][:6]) == ("computed", "fixes.")
    monkeypatch.setattr("layers.coverage.answer", None)  # would fail if it were computed again
    told = patrolled.get(ready["href"]).json()
    assert (told["from"], told["to"], told["swath_m"]) == (at(0), at(60), 333)
    assert told["features"][0]["properties"]["parts"]
    assert told["data_version"] == ready["data_version"]


def test_a_long_answer_tells_how_far_it_has_come(patrolled: httpx.Client) -> None:
    *before, (name, ready) = _events(patrolled, "/api/coverage/series/progress", **LONG)
    assert name == "ready"
    parts = [told["done"] for _, told in before]
    assert parts
    assert parts == sorted(set(parts))
    assert {told["of"] for _, told in before} == {3 * 86_400}
    assert max(parts) <= 3 * 86_400
    told = patrolled.get(ready["href"])
    assert len(told.json()["series"]) == 3 * 24


def test_a_window_without_its_end_is_named_when_it_is_ready(patrolled: httpx.Client) -> None:
    (_, ready), *_ = reversed(list(_events(patrolled, "/api/coverage/progress", level="cell")))
    asked = httpx.URL(ready["href"]).params
    assert asked["level"] == "cell"
    assert asked["to"].endswith(":00Z")
    assert asked["from"].endswith(":00Z")
    assert patrolled.get(ready["href"]).status_code == 200


def test_who_watches_what_somebody_else_asked_for_sees_the_same(
    patrolled: httpx.Client, application: FastAPI
) -> None:
    service = _service(application)
    answers: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: answers.append(
            patrolled.get("/api/coverage/series", params={**LONG, "grid": "c0"})
        )
    )
    asking.start()
    while not service.underway.any():
        time.sleep(0.01)
    names = [name for name, _ in _events(patrolled, "/api/coverage/series/progress", **LONG)]
    asking.join()
    assert answers[0].status_code == 200
    assert names[-1] == "ready"
    assert "progress" in names


def _wait_until_idle(service: Service) -> None:
    """Until nothing is computed any more, of which nothing is kept."""
    until = time.monotonic() + 60
    while service.underway.any() and time.monotonic() < until:
        time.sleep(0.05)
    assert not service.underway.any()
    time.sleep(0.1)
    assert len(service.kept_series) == 0


def test_a_client_that_goes_away_ends_what_is_computed_for_it(
    patrolled: httpx.Client, application: FastAPI
) -> None:
    service = _service(application)
    for name, _ in _events(patrolled, "/api/coverage/series/progress", **LONG):
        assert name == "progress"
        assert service.underway.any()
        break
    _wait_until_idle(service)
    # Whoever asks later has all of it.
    told = patrolled.get("/api/coverage/series", params={**LONG, "to": at(180)}).json()
    assert len(told["series"]) == 3


def test_an_answer_that_nobody_waits_for_any_more_is_not_computed_to_its_end(
    patrolled: httpx.Client, application: FastAPI
) -> None:
    service = _service(application)
    _give_up(patrolled, 1.0)
    assert service.underway.any()
    _wait_until_idle(service)


def test_what_somebody_else_waits_for_is_computed_to_its_end_and_once(
    patrolled: httpx.Client, application: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = _service(application)
    times: list[str] = []
    real = coverage.series

    def counted(*given: Any) -> Iterator[coverage.Bin]:
        times.append("computed")
        return real(*given)

    monkeypatch.setattr(coverage, "series", counted)
    answers: list[httpx.Response] = []
    hasty = threading.Thread(target=lambda: _give_up(patrolled, 1.0))
    patient = threading.Thread(
        target=lambda: answers.append(patrolled.get("/api/coverage/series", params=LONGER))
    )
    hasty.start()
    while not service.underway.any():
        time.sleep(0.01)
    patient.start()
    hasty.join()
    patient.join()
    assert len(answers[0].json()["series"]) == 10 * 24
    assert times == ["computed"]


def _give_up(client: httpx.Client, after_s: float) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.get("/api/coverage/series", params=LONGER, timeout=after_s)


def test_what_is_refused_is_told_as_the_answer_itself_would(patrolled: httpx.Client) -> None:
    years = {"from": "2020-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    for path, asked in (
        ("/api/coverage", {"level": "nope"}),
        ("/api/coverage", {"grid": "moon"}),
        ("/api/coverage/series", {"level": "nope"}),
        ("/api/coverage/series", {"grid": "moon"}),
        ("/api/coverage/series", years),
    ):
        refused = patrolled.get(path, params=asked)
        assert refused.status_code in {404, 422}
        last = list(_events(patrolled, f"{path}/progress", **asked))[-1]
        assert last == ("failed", refused.json())
    # What can be seen from the query alone is refused before there is a stream.
    for query in ("swath_m=0", "by=horse", "every=year", "moon=1", "geometry=maybe",
                  f"from={at(5)}&to={at(1)}"):  # fmt: skip
        path = "/api/coverage/series/progress" if "every" in query else "/api/coverage/progress"
        assert code(patrolled.get(f"{path}?{query}")).startswith("422"), query


def test_who_may_not_read_watches_nothing(patrolled: httpx.Client, anybody: httpx.Client) -> None:
    for path in ("/api/coverage/progress", "/api/coverage/series/progress"):
        shown = {"Authorization": "Bearer pg_wrong"}
        assert code(anybody.get(path, headers=shown)) == "401 unknown_identity"
        head = patrolled.head(path)
        assert (head.status_code, head.content) == (200, b"")
