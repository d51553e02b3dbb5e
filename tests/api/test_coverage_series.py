"""Coverage over time: each part of a window is what the window itself would be."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.api.api_words import box, code, enrol, feature, fix, put, send

#: Monday the 2nd of March 2026 at 04:00 UTC is minute 0 of the words.
DAYS = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-05T00:00:00Z"}


@pytest.fixture
def patrolled(admin: httpx.Client) -> httpx.Client:
    """Two cells, of which one is patrolled on two days."""
    enrol(admin, "v")
    put(admin, "grids", feature("a", box(100, 40, 0.02), level="cell"))
    put(admin, "grids", feature("b", box(101, 40, 0.02), level="cell"))
    send(admin, [fix("v", minute, 100.001 + minute / 100_000) for minute in (0, 5, 10)])
    send(admin, [fix("v", 1440 + minute, 100.01) for minute in (0, 5)])
    return admin


def test_each_part_is_what_the_window_itself_would_be(patrolled: httpx.Client) -> None:
    told: dict[str, Any] = patrolled.get("/api/coverage/series", params=DAYS).json()
    parts = told["series"]
    # The region's midnights, and the window's ends.
    assert [part["from"][5:16] for part in parts] == [
        "03-01T00:00", "03-01T16:00", "03-02T16:00", "03-03T16:00", "03-04T16:00"
    ]  # fmt: skip
    assert all(a["to"] == b["from"] for a, b in pairwise(parts))
    for part in parts:
        window = {"from": part["from"], "to": part["to"]}
        alone = patrolled.get("/api/coverage", params=window).json()
        assert part["totals"] == alone["totals"]
        for one in alone["features"]:
            figures = part["grids"][one["id"]]
            assert figures == {name: one["properties"][name] for name in figures}
    assert [part["grids"]["a"]["patrol_s"] for part in parts] == [0, 600, 300, 0, 0]
    assert told["swept"] == "kept"
    assert told["data_version"].startswith("fixes.")


def test_weeks_begin_on_monday_and_months_on_the_first(patrolled: httpx.Client) -> None:
    months = {"from": "2026-02-10T00:00:00Z", "to": "2026-04-02T00:00:00Z", "every": "month"}
    told = patrolled.get("/api/coverage/series", params=months).json()["series"]
    assert [part["from"][:13] for part in told] == [
        "2026-02-10T00",
        "2026-02-28T16",
        "2026-03-31T16",
    ]
    weeks = {**DAYS, "every": "week"}
    told = patrolled.get("/api/coverage/series", params=weeks).json()["series"]
    assert [part["from"][:13] for part in told] == ["2026-03-01T00", "2026-03-01T16"]


def test_some_grids_are_told_alone_and_strangers_named(patrolled: httpx.Client) -> None:
    told = patrolled.get("/api/coverage/series", params={**DAYS, "grid": "b"}).json()["series"]
    assert all(list(part["grids"]) == ["b"] for part in told)
    wrong = patrolled.get("/api/coverage/series", params={**DAYS, "grid": ["a", "x"]})
    assert code(wrong) == "404 no_such_feature"
    assert "'x'" in wrong.json()["detail"]


def test_too_many_parts_are_refused(patrolled: httpx.Client) -> None:
    years = {"from": "2020-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    refused = patrolled.get("/api/coverage/series", params=years)
    assert code(refused) == "422 too_much"
    assert code(patrolled.get("/api/coverage/series?every=year")) == "422 invalid_request"
