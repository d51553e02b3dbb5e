"""The first batches of a day come from several trackers at once: each is taken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

TRACKERS, DAYS = 6, 5
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def test_several_first_batches_of_a_day_are_all_taken(
    admin: httpx.Client, token: Callable[[str], str]
) -> None:
    units = [{"unit": f"u{n}", "kind": "vehicle"} for n in range(TRACKERS)]
    assert admin.post("/api/units", json=units).status_code == 201
    together = threading.Barrier(TRACKERS)
    statuses: list[int] = []

    def send(unit: str) -> None:
        with httpx.Client(base_url=admin.base_url, headers=admin.headers, timeout=60) as client:
            for day in range(DAYS):
                moment = (MONDAY + timedelta(days=day)).isoformat()
                fix = {"unit": unit, "time": moment, "lon": 103.0, "lat": 42.0}
                together.wait()
                statuses.append(client.post("/api/fixes", json=[fix]).status_code)

    threads = [threading.Thread(target=send, args=(str(unit["unit"]),)) for unit in units]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * TRACKERS * DAYS
