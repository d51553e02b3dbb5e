"""Walking on says what judging all again says, whatever happened between two batches."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from layers import breaches
from layers.breaches import marks
from layers.breaches.rejudging import Scope, judge_again
from layers.db.engine import SYSTEM, acting
from layers.fixes import dropping, intake
from tests.layers.conftest import NOON, Post

EXAMPLES = int(os.environ.get("PATROLGRID_TEST_EXAMPLES", "15"))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BOX = "POLYGON((100.05 39,100.1 39,100.1 41,100.05 41,100.05 39))"
FAR = "POLYGON((110 39,111 39,111 41,110 41,110 39))"
VEHICLES = {"kinds": ["vehicle"]}


def along(rows: Sequence[tuple[float, float]], unit: str = "v", begin: datetime = NOON):
    """Fixes (minute, lon) on the 40th parallel."""
    return intake.frame(
        [
            {"unit": unit, "time": begin + m * MINUTE, "lon": lon, "lat": 40.0, "accuracy_m": 5.0}
            for m, lon in rows
        ]
    )


def nothing_changes_when_all_is_judged_again(post: Post, units: list[str] | None = None) -> bool:
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        later = datetime.now(UTC) + timedelta(days=2)
        return breaches.recompute(connection, post.region, now=later, units=units).total == 0


def change(post: Post, statement: str) -> None:
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(text(statement))


def test_a_breach_that_a_recompute_left_alone_is_not_told_twice(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    post.fence("A", FAR)
    post.send(along([(0, 100.06), (1, 100.061)]))
    for scope in (Scope(fence="A"), Scope(end=NOON - timedelta(days=1))):
        later = NOON + timedelta(days=1)
        assert not list(judge_again(post.engine, post.region, ["v"], scope, now=later, apply=True))
    post.send(along([(2, 100.062)]))
    assert [b.told["state"] for b in post.told("open", "closed", "withdrawn")] == ["open"]
    post.send(along([(3, 100.2), (4, 100.21)]))
    assert [b.told["state"] for b in post.told("open", "closed", "withdrawn")] == ["closed"]


def test_a_fix_after_an_outlier_may_prove_one_itself(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    # Two trackers under one name: here and far away in turn.
    places = list(enumerate([100.03, 100.03, 102.0, 100.06, 102.001, 102.002]))
    for batch in (places[:1], places[1:2], places[2:3], places[3:4], places[4:]):
        post.send(along(batch))
    for minute in range(6, 12):
        post.send(along([(minute, 102.002)]))
    assert nothing_changes_when_all_is_judged_again(post)


def test_a_fence_that_is_deleted_while_clocks_are_ahead_lets_its_units_go(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    now = pd.Timestamp.now(tz="UTC").to_pydatetime()
    post.send(along([(-3, 100.06), (0.5, 100.061)], begin=now), now=now)
    post.enrol("w")
    post.send(along([(-3, 100.0), (-2, 100.01)], "w", now), now=now)
    post.send(along([(0.3, 100.04), (0.9, 100.051)], "w", now), now=now)
    change(post, "DELETE FROM fences WHERE id = 'B'")
    later = now + 10 * MINUTE
    for unit in ("v", "w"):
        post.send(along([(2, 100.062), (3, 100.2), (4, 100.21)], unit, now), now=later)
    assert [b.told["state"] for b in post.told()] == ["closed"]
    assert nothing_changes_when_all_is_judged_again(post)


def test_a_unit_of_another_kind_is_judged_anew(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX, applies_to=VEHICLES)
    post.send(along([(k, 100.04 + 0.002 * k) for k in range(8)]))
    change(post, "UPDATE units SET kind = 'motorcycle'")
    post.send(along([(k, 100.04 + 0.002 * k) for k in range(8, 10)]))
    assert post.told() == []


def test_a_batch_that_waits_for_a_change_of_its_unit_is_judged_by_the_change(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX, applies_to=VEHICLES)
    post.send(along([(k, 100.04 + 0.002 * k) for k in range(3)]))
    rest = along([(k, 100.04 + 0.002 * k) for k in range(3, 10)])
    sender = threading.Thread(target=lambda: post.send(rest))
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(text("UPDATE units SET kind = 'motorcycle'"))
        sender.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while not post.scalar(waiting):
            pass
    sender.join()
    assert post.told() == []


def test_a_sensor_that_jitters_has_marks_all_the_same(post: Post) -> None:
    post.enrol("s", "sensor")
    post.fence("B", BOX)
    rows = [(minute, 100.06 + 0.00001 * (minute % 7)) for minute in range(6 * marks.EVERY)]
    for first in range(0, len(rows), 32):
        post.send(along(rows[first : first + 32], "s"))
    assert post.scalar("SELECT count(*) FROM walk_marks") >= 4
    assert nothing_changes_when_all_is_judged_again(post)


def test_what_retention_froze_is_not_rewritten_by_a_late_fix(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    begin = datetime(2026, 3, 6, 18, tzinfo=UTC)
    now = datetime(2026, 4, 6, 12, tzinfo=UTC)
    for k in range(85):  # inside, for a while outside, and inside again over the edge
        lon = 100.06 if 10 <= k < 68 or k >= 71 else 100.0
        post.send(along([(5 * k, lon)], begin=begin), now=now)
    first, second = post.told()
    dropping.drop(post.engine, retention_days=30, now=now)
    post.send(along([(5 * 82 + 2, 100.0601)], begin=begin), now=now)
    post.send(along([(5 * 85, 100.0), (5 * 86, 100.0)], begin=begin), now=now)
    told = {breach.id: breach.told for breach in post.told()}
    assert told[first.id] == first.told
    assert told[second.id]["entered_at"] == second.told["entered_at"]
    assert told[second.id]["state"] == "closed"
    edge = "(SELECT edge FROM fix_retention)"
    assert post.scalar(f"SELECT count(*) FROM walk_marks WHERE time < {edge}") == 0


LONS = st.sampled_from([100.0, 100.04, 100.049, 100.06, 100.11, 101.0])
DEEP = st.lists(st.tuples(st.integers(0, 239), LONS), min_size=1, max_size=3)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    ins=st.lists(st.integers(0, 239), max_size=8),
    late=DEEP,
    gone=st.sets(st.integers(5, 234), max_size=40),
)
def test_a_late_fix_deep_in_the_past_says_what_judging_all_again_says(
    post: Post,
    monkeypatch: pytest.MonkeyPatch,
    ins: list[int],
    late: list[tuple[int, float]],
    gone: set[int],
) -> None:
    """A day of fixes goes in and out; some come late, in the middle of it."""
    monkeypatch.setattr(marks, "EVERY", 8)
    number = post.scalar("SELECT count(*) FROM units")
    unit = f"d{number}"
    post.enrol(unit, max_gap_s=300, top_speed_ms=500)
    if number == 0:
        post.fence("B", BOX, margin_m=30)
        post.fence("slow", BOX, dwell_s=400)
        post.fence("home", FAR, "keep_in")
        post.fence("line", "LINESTRING(100.045 39,100.045 41)", "line")
    turns = np.isin(np.arange(240), ins).cumsum() % 2
    rows = [
        (k, 100.06 if turns[k] else 100.02 + 0.0001 * (k % 5)) for k in range(240) if k not in gone
    ]
    post.send(along(rows, unit))
    before = {b.id: b.told["revision"] for b in post.told("open", "closed", "withdrawn")}
    assert before
    for k, lon in late:
        post.send(along([(k + 0.5, lon)], unit))
        assert nothing_changes_when_all_is_judged_again(post, [unit])


def test_a_late_fix_deep_in_the_past_leaves_what_was_told_later_alone(post: Post) -> None:
    post.enrol("v", max_gap_s=300, top_speed_ms=500)
    post.fence("B", BOX)
    inside = {*range(10, 20), *range(200, 210), *range(390, 400)}
    post.send(along([(k, 100.06 if k in inside else 100.02) for k in range(400)]))
    behind = NOON + timedelta(minutes=350)
    later = f"SELECT string_agg(xmin::text, ' ') FROM walk_marks WHERE time > '{behind}'"
    before = post.scalar(later)
    assert before
    assert post.send(along([(202.5, 100.061), (300.5, 100.02)])).breaches == 0
    assert post.send(along([(50.5, 100.06)])).breaches == 1
    assert post.scalar(later) == before
    told = post.told("open", "closed", "withdrawn")
    assert [b.told["state"] for b in told] == ["closed", "closed", "open", "closed"]


@pytest.mark.parametrize(
    "spoiled",
    [
        "rule = 'keep_in'", "severity = 'low'", "visit = 'v|B|once'",
        "evidence = 'probable'", "unknown_s = 0.000001", "state = 'open', exited_at = NULL",
        "geom = ST_SetSRID(ST_MakePoint(ST_X(geom), ST_Y(geom) + 1e-14), 4326)",
        "geom = ST_SetSRID(ST_MakePoint(ST_X(geom) - 1e-13, ST_Y(geom)), 4326)",
        *(
            f"{name} = {name} + interval '1 microsecond'"
            for name in (
                "entered_fix", "entered_at", "entered_earliest", "entered_latest", "exited_fix",
                "exited_at", "exited_earliest", "exited_latest",
            )
        ),
        "entered_earliest = NULL", "exited_latest = NULL",
    ],
)  # fmt: skip
def test_whatever_is_told_wrong_is_amended_under_its_id(post: Post, spoiled: str) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    post.send(along([(0, 100.0), (3, 100.06), (4, 100.07), (7, 100.2)]))
    row = "SELECT to_jsonb(b) - '{revision,changed_at}'::text[] FROM breaches b"
    right = post.scalar(row)
    change(post, f"UPDATE breaches SET {spoiled}")
    assert post.scalar(row) != right
    assert not nothing_changes_when_all_is_judged_again(post)
    assert post.scalar(row) == right
    assert post.scalar("SELECT max(revision) FROM breaches") == 2
    assert nothing_changes_when_all_is_judged_again(post)


@pytest.mark.parametrize(
    "spoiled", ["fence = 'elsewhere'", "fence_version = 9", "direction = 'left_to_right'"]
)
def test_what_is_told_of_nothing_that_could_be_is_withdrawn(post: Post, spoiled: str) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    post.send(along([(0, 100.0), (3, 100.06), (4, 100.07), (7, 100.2)]))
    change(post, f"UPDATE breaches SET {spoiled}")
    for scope in (Scope(fence="B"), Scope(fence="elsewhere"), Scope()):
        list(judge_again(post.engine, post.region, ["v"], scope, now=NOON + DAY, apply=True))
    told = [b.told for b in post.told("open", "closed", "withdrawn")]
    assert [(b["state"], b["merged_into"]) for b in told] == [("withdrawn", None), ("closed", None)]
    assert nothing_changes_when_all_is_judged_again(post)


def test_a_revision_keeps_all_that_was_told(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    post.send(along([(0, 100.0), (3, 100.06), (4, 100.07)]))
    post.send(along([(7, 100.2)]))
    told = "to_jsonb(b) - 'geom' || jsonb_build_object('lon', ST_X(b.geom), 'lat', ST_Y(b.geom))"
    revisions = "SELECT array_agg(change ORDER BY revision) FROM breach_revisions"
    assert post.scalar(revisions) == ["opened", "closed"]
    kept = "breaches b JOIN breach_revisions r ON r.breach = b.id AND r.revision = b.revision"
    assert post.scalar(f"SELECT r.was = {told} FROM {kept}")
