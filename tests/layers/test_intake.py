"""The door and the store: what becomes of fixes, and of breaches, in whatever order they come."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from geo.breaches import judge
from layers import breaches, frames
from layers.breaches import marks
from layers.db.engine import SYSTEM, acting
from layers.errors import NoSuchUnitError
from layers.fixes import intake
from layers.fixes.journeys import parameters
from layers.fixes.read import fixes as stored_fixes

if TYPE_CHECKING:
    from conftest import Post

Fixes = Callable[..., pd.DataFrame]
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BOX = "POLYGON((100 40,100.01 40,100.01 40.01,100 40.01,100 40))"
HOME = "POLYGON((99.99 39.99,100.012 39.99,100.012 40.02,99.99 40.02,99.99 39.99))"
#: What two runs are compared by: ids, revisions and history depend on the order of arrival.
COMPARED = (
    "unit", "fence", "fence_version", "rule", "direction", "state", "evidence", "entered_at",
    "entered_earliest", "entered_latest", "exited_at", "exited_earliest", "exited_latest",
    "unknown_s",
)  # fmt: skip


def test_a_walk_through_a_fence_is_stored_and_one_breach_is_told(post: Post, fixes: Fixes) -> None:
    post.enrol("v1")
    post.fence("box", BOX)
    walk = fixes("v1", (0, 99.99, 40.005), (1, 100.005, 40.005), (2, 100.02, 40.005))
    receipt = post.send(walk)
    assert (receipt.accepted, receipt.duplicate, receipt.refused) == (3, 0, 0)
    (told,) = post.told()
    assert told.told["state"] == "closed"
    assert told.told["evidence"] == "confirmed"
    # The edge at 100 E is two thirds of the way from 99.99 to 100.005.
    assert told.told["entered_at"] == NOON + timedelta(seconds=40)
    assert receipt.breaches == 1


def test_sending_again_changes_nothing_and_says_so(post: Post, fixes: Fixes) -> None:
    post.enrol("v1")
    post.fence("box", BOX)
    walk = fixes("v1", (0, 99.99, 40.005), (1, 100.005, 40.005), (2, 100.02, 40.005))
    post.send(walk)
    before = post.scalar("SELECT max(id) FROM events")
    receipt = post.send(pd.concat([walk, walk]))
    assert (receipt.accepted, receipt.duplicate, receipt.breaches) == (0, 6, 0)
    assert post.scalar("SELECT max(id) FROM events") == before


def test_a_late_fix_amends_the_breach_that_was_told(post: Post, fixes: Fixes) -> None:
    post.enrol("v1")
    post.fence("box", BOX)
    post.send(fixes("v1", (0, 99.99, 40.005), (4, 100.005, 40.005), (5, 100.02, 40.005)))
    (first,) = post.told()
    post.send(fixes("v1", (2, 99.995, 40.005)))
    (then,) = post.told()
    assert then.id == first.id
    assert then.told["revision"] == 2
    assert then.told["entered_at"] == NOON + timedelta(minutes=3)


def test_a_late_fix_that_joins_two_visits_withdraws_the_younger(post: Post, fixes: Fixes) -> None:
    post.enrol("v1", max_gap_s=120)
    post.fence("box", BOX, margin_m=500)
    inside, margin, away = (100.005, 40.005), (100.0115, 40.005), (100.05, 40.005)
    post.send(fixes("v1", (0, *away), (2, *inside), (3, *away), (5, *inside), (6, *away)))
    old = post.told()
    assert len(old) == 2
    # Of two fixes at one time the more accurate one stays: now the unit only went to the margin.
    post.send(fixes("v1", (3, *margin, 1.0)))
    (now,) = post.told()
    (gone,) = post.told("withdrawn")
    assert (now.id, gone.id) == (old[0].id, old[1].id)
    assert gone.told["merged_into"] == now.id


def test_a_stranger_is_refused_and_neither_who_nor_where_is_kept(post: Post, fixes: Fixes) -> None:
    receipt = post.send(fixes("STRANGER-77", (0, 104.123456, 41.654321)))
    assert (receipt.accepted, receipt.refused) == (0, 1)
    assert post.scalar("SELECT fixes FROM strangers") == 1
    with post.engine.connect() as connection:
        tables = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'patrolgrid'")
        ).scalars()
        for table in tables.all():
            rows = connection.execute(text(f"SELECT CAST(t AS text) FROM patrolgrid.{table} t"))
            for row in rows.scalars():
                assert "STRANGER" not in row
                assert "104.1234" not in row


def test_a_unit_that_left_is_a_stranger_again(post: Post, fixes: Fixes) -> None:
    post.enrol("v1")
    post.send(fixes("v1", (0, 100.0, 40.0)))
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(text("UPDATE units SET disenrolled_at = now()"))
    assert post.send(fixes("v1", (1, 100.0, 40.0))).refused == 1


@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        ({"lon": np.nan}, "not_a_number"),
        ({"lat": 91.0}, "latitude_out_of_range"),
        ({"lon": 0.0, "lat": 0.0}, "zero_zero"),
        ({"time": NOON + timedelta(days=2)}, "in_the_future"),
        ({"accuracy_m": 9_999.0}, "too_inaccurate"),
        ({"time": None}, "no_time"),
    ],
)
def test_what_is_not_believed_is_quarantined_with_its_reason(
    post: Post, spoiled: dict[str, Any], reason: str
) -> None:
    post.enrol("v1")
    sound = {"unit": "v1", "time": NOON, "lon": 100.0, "lat": 40.0, "accuracy_m": 5.0}
    receipt = post.send(intake.frame([sound, {**sound, **spoiled}]))
    assert receipt.accepted == 1
    assert [(q.index, q.reason) for q in receipt.quarantined] == [(1, reason)]
    assert post.scalar("SELECT reason FROM quarantine") == reason


def test_of_two_fixes_at_one_time_the_more_accurate_stays_whichever_came_first(
    post: Post, fixes: Fixes
) -> None:
    for unit, order in (("v1", (0, 1)), ("v2", (1, 0))):
        post.enrol(unit)
        both = [fixes(unit, (0, 100.0, 40.0, 20.0)), fixes(unit, (0, 100.001, 40.0, 5.0))]
        for i in order:
            post.send(both[i])
    assert post.scalar("SELECT count(DISTINCT lon) FROM fixes") == 1
    assert post.scalar("SELECT min(lon) FROM fixes") == 100.001
    assert post.scalar("SELECT count(*) FROM quarantine WHERE reason = 'conflicting_fix'") == 2


@pytest.mark.parametrize("batches", [[[0, 1]], [[0], [1]], [[1], [0]]])
def test_accuracies_that_are_stored_alike_decide_alike_in_one_batch_or_two(
    post: Post, fixes: Fixes, batches: list[list[int]]
) -> None:
    post.enrol("v1")
    # The table's single precision cannot tell these two accuracies apart, so the place decides.
    both = fixes("v1", (0, 100.2, 40.0), (0, 100.1, 40.0)).assign(accuracy_m=[5.0, 5.00000001])
    for rows in batches:
        post.send(both.iloc[rows])
    assert post.scalar("SELECT lon FROM fixes") == 100.1
    assert post.scalar("SELECT lon FROM quarantine") == 100.2


@pytest.mark.parametrize(
    "column", ["speed_ms", "battery", "heading_deg", "altitude_m", "patrol_id"]
)
def test_of_repeats_that_say_more_the_same_is_kept_whichever_came_first(
    post: Post, fixes: Fixes, column: str
) -> None:
    # 1.1 and 4.1 are no binary fractions: in single precision they are other numbers.
    said = ["b", "a", None] if column == "patrol_id" else [2.0, np.float32(1.1), None]
    for n, order in enumerate(permutations(range(3))):
        post.enrol(f"v{n}")
        for i in order:
            fix = fixes(f"v{n}", (0, 100.0, 40.0)).assign(accuracy_m=4.1, **{column: [said[i]]})
            receipt = post.send(fix)
            assert receipt.accepted + receipt.duplicate == 1
    kept = "p.id" if column == "patrol_id" else f"f.{column}"
    joined = f"SELECT {{}}(DISTINCT {kept}) FROM fixes f LEFT JOIN patrols p USING (patrol_no)"
    assert post.scalar(joined.format("count")) == 1
    assert post.scalar(joined.format("min")) == ("a" if column == "patrol_id" else 1.1)
    assert post.scalar(f"SELECT count(*) FROM fixes f WHERE {kept.replace('p.id', 'patrol_no')}"
                       " IS NULL") == 0  # fmt: skip
    if column != "patrol_id":
        least = f"SELECT count(*) FROM latest_fixes WHERE {column} = CAST(1.1 AS real)"
        assert post.scalar(least) == 6
    assert post.scalar("SELECT count(*) FROM quarantine") == 0
    # What is known to the last bit moves no version.
    before = post.scalar("SELECT version FROM layer_versions WHERE layer = 'fixes'")
    again = fixes("v0", (0, 100.0, 40.0)).assign(accuracy_m=4.1, **{column: [said[1]]})
    assert post.send(again).duplicate == 1
    assert post.scalar("SELECT version FROM layer_versions WHERE layer = 'fixes'") == before


def test_numbers_that_mean_nothing_are_missing_and_the_fix_is_kept(
    post: Post, fixes: Fixes
) -> None:
    post.enrol("v1")
    said = {"speed_ms": -1.0, "heading_deg": 361.0, "altitude_m": np.inf, "battery": 255.0}
    assert post.send(fixes("v1", (0, 100.2, 40.0)).assign(**said)).accepted == 1
    for table in ("fixes", "latest_fixes"):
        assert post.scalar(f"SELECT num_nonnulls({', '.join(said)}) FROM {table}") == 0


def test_nothing_and_strangers_are_not_judged_again(post: Post) -> None:
    def again(units: list[str] | None) -> int:
        with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
            return breaches.recompute(connection, post.region, now=NOON, units=units).total

    assert again(None) == 0
    post.enrol("v1")
    assert again(["v1"]) == 0
    with pytest.raises(NoSuchUnitError, match="v2: no such unit is enrolled"):
        again(["v1", "v2"])


def test_fixes_of_long_ago_share_the_partition_of_their_year(post: Post) -> None:
    post.enrol("v1")
    days = [datetime(1970, 1, 2, tzinfo=UTC) + timedelta(days=n) for n in range(0, 365, 30)]
    rows = [{"unit": "v1", "time": day, "lon": 1.0, "lat": 1.0} for day in days]
    assert post.send(intake.frame(rows)).accepted == len(days)
    assert post.scalar("SELECT DISTINCT tableoid::regclass::text FROM fixes") == "fixes_1970"
    assert post.send(intake.frame(rows)).duplicate == len(days)


def test_fixes_older_than_the_retention_edge_are_too_old(post: Post, fixes: Fixes) -> None:
    post.enrol("v1")
    receipt = post.send(
        fixes("v1", (0, 100.0, 40.0)), now=NOON + timedelta(days=40), retention_days=30
    )
    assert [q.reason for q in receipt.quarantined] == ["too_old"]


def test_a_window_is_read_with_the_fixes_beside_it(post: Post, fixes: Fixes) -> None:
    post.enrol("v1")
    post.send(fixes("v1", *[(minute, 100 + minute / 1000, 40.0) for minute in range(20)]))
    with acting(post.engine, SYSTEM, "patrolgrid_read") as connection:
        found = stored_fixes(
            connection, start=NOON + timedelta(minutes=8), end=NOON + timedelta(minutes=10)
        )
    minutes = ((found["time"] - pd.Timestamp(NOON)).dt.total_seconds() / 60).tolist()
    assert minutes == [5, 6, 7, 8, 9, 10, 11, 12]


EXAMPLES = int(os.environ.get("PATROLGRID_TEST_EXAMPLES", "15"))
#: A lattice on which fixes fall on edges and vertices of the fences: degenerate on purpose.
LATTICE = [(100 + i * 0.005, 40 + j * 0.005) for i in range(-3, 6) for j in range(-3, 6)]
WALKS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(LATTICE), st.sampled_from([None, 3.0, 90.0])),
    min_size=3, max_size=40,
)  # fmt: skip


def _live(rows: pd.DataFrame) -> st.SearchStrategy[tuple[list[int], list[int]]]:
    """Fix by fix in order, but for a few that come late."""
    in_time = rows["time"].sort_values(kind="stable").index.tolist()

    def delayed(late: set[int]) -> tuple[list[int], list[int]]:
        order = [i for i in in_time if i not in late] + [i for i in in_time if i in late]
        return order, list(range(len(order) + 1))

    return st.sets(st.sampled_from(in_time), max_size=3).map(delayed)


def _shuffled(count: int) -> st.SearchStrategy[tuple[list[int], list[int]]]:
    """Any order, in some batches."""
    cuts = st.sets(st.integers(1, count), max_size=5).map(lambda s: sorted(s | {0, count}))
    return st.tuples(st.permutations(range(count)).map(list), cuts)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.parametrize("fixes_between_marks", [1, 4, 64])
@given(walk=WALKS, data=st.data())
def test_breaches_do_not_depend_on_the_order_or_batches_in_which_fixes_came(
    post: Post,
    monkeypatch: pytest.MonkeyPatch,
    fixes_between_marks: int,
    walk: list[tuple[int, tuple[float, float], float | None]],
    data: st.DataObject,
) -> None:
    monkeypatch.setattr(marks, "EVERY", fixes_between_marks)
    number = post.scalar("SELECT count(*) FROM units")
    unit = f"v{number}"
    # Only some are spoken of by the keep_in fence: one that never was inside is judged whole.
    kept = data.draw(st.booleans())
    post.enrol(unit, "motorcycle" if kept else "vehicle", max_gap_s=300)
    if number == 0:
        post.fence("box", BOX, dwell_s=30)
        post.fence("wide", BOX, margin_m=300)
        post.fence("home", HOME, "keep_in", applies_to={"kinds": ["motorcycle"]})
        post.fence("line", "LINESTRING(99.9 40.005,100.005 40.005,100.1 40.01)", "line")
    rows = intake.frame(
        [
            {"unit": unit, "time": NOON + timedelta(minutes=m), "lon": lon, "lat": lat,
             "accuracy_m": accuracy}
            for m, (lon, lat), accuracy in walk
        ]
    )  # fmt: skip
    order, cuts = data.draw(st.one_of(_live(rows), _shuffled(len(rows))))
    for first, last in pairwise(cuts):
        post.send(rows.iloc[order[first:last]])
    with acting(post.engine, SYSTEM, "patrolgrid_read") as connection:
        expected = judge(
            rows, parameters(connection, [unit]), frames.fence_versions(connection),
            timezone=post.region.timezone,
        )  # fmt: skip
        told = breaches.listed(connection, unit=unit, limit=10_000)
    found = pd.DataFrame([b.told | {"fence": b.told["fence_id"]} for b in told])
    assert _comparable(found) == _comparable(expected)


def _comparable(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    if frame.empty:
        return []
    plain = frame.reindex(columns=list(COMPARED)).copy()
    for name in COMPARED:
        if name.endswith(("_at", "_earliest", "_latest")):
            plain[name] = pd.to_datetime(plain[name], utc=True).astype("datetime64[us, UTC]")
    return sorted(
        tuple("-" if pd.isna(value) else str(value) for value in row)
        for row in plain.itertuples(index=False)
    )
