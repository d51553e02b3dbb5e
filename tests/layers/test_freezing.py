"""Breaches whose fixes retention dropped stay as they were decided, whatever comes in later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geo.breaches.records import MISSING, RECORD
from layers import breaches
from layers.breaches import freezing
from layers.breaches.told import TOLD
from layers.db.engine import SYSTEM, acting
from layers.fixes import dropping
from layers.fixes.plain import micros
from tests.layers.conftest import NOON, Post

Fixes = Callable[..., pd.DataFrame]
AREA = "POLYGON((100 40,100.01 40,100.01 40.01,100 40.01,100 40))"
WEST, INSIDE, EAST, LAT = 99.995, 100.005, 100.015, 40.005
#: With 30 days kept, the edge is the midnight of UTC after NOON.
NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)
MIDNIGHT = 20 * 60  # minutes after NOON


def _told(post: Post) -> list[dict[str, Any]]:
    return [dict(one.told) for one in post.told("open", "closed", "withdrawn")]


def _recompute(post: Post) -> int:
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        return breaches.recompute(connection, post.region, now=NOW).total


@pytest.fixture
def spent(post: Post, fixes: Fixes) -> Post:
    """A passage before the edge, a stay that spans it, and one after; fixes before are dropped."""
    post.enrol("v")
    post.fence("f", AREA)
    post.fence("l", "LINESTRING(99.9975 39.9,99.9975 40.1)", rule="line")
    walk = [
        (0, WEST, LAT), (1, INSIDE, LAT), (2, EAST, LAT),
        (MIDNIGHT - 4, WEST, LAT), (MIDNIGHT - 2, INSIDE, LAT), (MIDNIGHT + 2, INSIDE, LAT),
        (MIDNIGHT + 60, INSIDE, LAT), (MIDNIGHT + 62, EAST, LAT),
        (MIDNIGHT + 90, WEST, LAT), (MIDNIGHT + 92, INSIDE, LAT), (MIDNIGHT + 94, EAST, LAT),
    ]  # fmt: skip
    post.send(fixes("v", *walk), now=NOW)
    assert len(post.told()) == 6  # a line and an area, thrice
    assert dropping.drop(post.engine, retention_days=30, now=NOW) is not None
    assert post.scalar("SELECT min(time) FROM fixes") > NOON + timedelta(minutes=MIDNIGHT)
    return post


def test_recompute_withdraws_and_changes_nothing_whose_fixes_are_gone(spent: Post) -> None:
    before = _told(spent)
    assert _recompute(spent) == 0
    assert _told(spent) == before


def test_a_late_fix_moves_the_exit_of_a_stay_that_spans_the_edge_and_not_its_entry(
    spent: Post, fixes: Fixes
) -> None:
    before = _told(spent)
    spent.send(fixes("v", (MIDNIGHT + 61, INSIDE, LAT)), now=NOW)
    changed = [(a, b) for a, b in zip(before, _told(spent), strict=True) if a != b]
    ((old, new),) = changed
    assert new["exited_at"] > old["exited_at"]
    assert new["entered_at"] == old["entered_at"] < NOON + timedelta(minutes=MIDNIGHT)
    assert (new["revision"], new["visit"]) == (old["revision"] + 1, old["visit"])
    assert _recompute(spent) == 0


def test_what_lies_after_the_edge_is_judged_as_ever(spent: Post, fixes: Fixes) -> None:
    with spent.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM fixes WHERE time > timestamptz '2026-03-03 01:00Z'")
    assert _recompute(spent) > 0
    with acting(spent.engine, SYSTEM, "patrolgrid_read") as connection:
        gone = breaches.listed(connection, states=["withdrawn"])
    assert gone
    edge = NOON + timedelta(minutes=MIDNIGHT)
    assert all(one.told["entered_at"] > edge for one in gone)  # type: ignore[operator]


@pytest.mark.parametrize("layout", [RECORD, TOLD])
def test_a_moment_is_frozen_when_a_fix_that_it_rests_on_lies_before_the_edge(
    layout: np.dtype[np.void],
) -> None:
    edge_us = micros(NOW)
    fields = ("fix_us", "at_us", "earliest_us", "exit_fix_us", "exit_us", "exit_earliest_us")
    hours_after: list[tuple[float | None, ...]] = [
        (-5, -5, -6, -3, -3, -4),  # all before
        (-5, -5, -6, 3, 3, 2),  # spans the edge
        (-5, -5, -6, None, None, None),  # still open
        (1, 1, -1, 3, 3, 2),  # entered on the leg across the edge
        (-5, -5, -6, 1, 1, -1),  # left on it
        (1, 1, 0, 3, 3, 2),
        (1, 1, None, None, None, None),  # begins with the first fix
    ]
    rows = np.zeros(len(hours_after), dtype=layout)
    for name, hours in zip(fields, zip(*hours_after, strict=True), strict=True):
        rows[name] = [MISSING if n is None else edge_us + int(n * 3.6e9) for n in hours]
    begun, ended = freezing.entered_before(rows, NOW), freezing.ended_before(rows, NOW)
    assert begun.tolist() == [True, True, True, True, True, False, False]
    assert ended.tolist() == [True, False, False, False, True, False, False]
    assert not freezing.entered_before(rows, None).any()
    assert not freezing.ended_before(rows, None).any()
