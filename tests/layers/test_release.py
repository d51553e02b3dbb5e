"""Release: what was not believed is stored after all, once, and stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from layers import breaches
from layers.db.engine import SYSTEM, acting
from layers.errors import NoSuchQuarantinedError
from layers.fixes import intake, quarantine
from layers.fixes.release import Released, release
from tests.layers.conftest import NOON, Post

Fixes = Callable[..., pd.DataFrame]
AREA = "POLYGON((100 40,100.01 40,100.01 40.01,100 40.01,100 40))"
LATER = NOON + timedelta(days=2)


def _held(post: Post, **more: Any) -> list[dict[str, Any]]:
    with acting(post.engine, SYSTEM, "patrolgrid_read") as connection:
        return [dict(row) for row in quarantine.listed(connection, **more)]


def _release(post: Post, *ids: int, **more: Any) -> Released:
    return release(post.engine, SYSTEM, ids, post.region, now=more.pop("now", LATER), **more)


def _reasons(done: Released) -> list[str]:
    return [one.reason for one in done.refused]


def _blurred(post: Post, fixes: Fixes) -> pd.DataFrame:
    """A walk whose middle, inside of the fence, was not believed for its accuracy."""
    post.enrol("v")
    post.fence("f", AREA)
    post.send(fixes("v", (0, 99.99, 40.005, 5), (4, 100.02, 40.005, 5)))
    doubted = fixes("v", (2, 100.005, 40.005, 50_000))
    assert [q.reason for q in post.send(doubted).quarantined] == ["too_inaccurate"]
    return doubted


def test_a_released_fix_is_judged_with_the_others_and_stays(post: Post, fixes: Fixes) -> None:
    doubted = _blurred(post, fixes)
    (passage,) = post.told()
    (row,) = _held(post)
    done = _release(post, row["id"])
    assert (done.released, done.refused, done.breaches) == ([row["id"]], [], 1)
    (stay,) = post.told()
    assert (stay.id, stay.told["revision"]) == (passage.id, 2)
    assert post.scalar("SELECT count(*) FROM fixes") == 3
    (row,) = _held(post, released=True)
    assert (row["released_at"], row["released_by"]) == (LATER, "system")
    assert _held(post, released=False) == []

    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        assert breaches.recompute(connection, post.region, now=LATER).total == 0
    again = post.send(doubted)
    assert (again.duplicate, again.quarantined) == (1, [])
    assert len(_held(post)) == 1


def test_a_release_that_is_repeated_changes_nothing(post: Post, fixes: Fixes) -> None:
    _blurred(post, fixes)
    _release(post, 1)
    version = post.scalar("SELECT version FROM layer_versions WHERE layer = 'fixes'")
    done = _release(post, 1, now=LATER + timedelta(days=1))
    assert (done.released, done.already, done.breaches) == ([], [1], 0)
    assert _held(post)[0]["released_at"] == LATER
    assert post.scalar("SELECT version FROM layer_versions WHERE layer = 'fixes'") == version


def test_a_process_that_died_before_it_noted_the_release_leaves_one_to_repeat(
    post: Post, fixes: Fixes
) -> None:
    doubted = _blurred(post, fixes)
    intake.store_batch(post.engine, SYSTEM, doubted, post.region, now=LATER, believed=True)
    done = _release(post, 1)
    assert (done.released, done.breaches) == ([1], 0)
    assert post.scalar("SELECT count(*) FROM fixes") == 3


def test_what_can_never_be_believed_is_refused_with_its_reason(post: Post, fixes: Fixes) -> None:
    post.enrol("v")
    nan = float("nan")
    batch = pd.concat(
        [
            fixes("v", (0, nan, 40), (1, 100, 95), (2, 200, 40), (3 * 24 * 60, 100, 40)),
            fixes("v", (3, 100, 40)).assign(time=pd.NaT),
            fixes("v", (4, 100, 40)).assign(time=pd.Timestamp("1890-01-01", tz=UTC)),
        ]
    )
    batch["time"] = pd.to_datetime(batch["time"], utc=True)
    post.send(batch, now=NOON)
    done = _release(post, *(row["id"] for row in _held(post)), now=NOON)
    assert sorted(_reasons(done)) == [
        "in_the_future", "latitude_out_of_range", "longitude_out_of_range", "no_time",
        "not_a_number", "too_old",
    ]  # fmt: skip
    assert all(one.detail for one in done.refused)
    assert post.scalar("SELECT count(*) FROM fixes") == 0
    assert _held(post, released=True) == []
    (ahead,) = _held(post, reason="in_the_future")
    assert _release(post, ahead["id"], now=NOON + timedelta(days=4)).released == [ahead["id"]]


def test_the_loser_of_two_fixes_stays_out_whoever_vouches_for_it(post: Post, fixes: Fixes) -> None:
    post.enrol("v")
    post.send(fixes("v", (0, 100, 40, 5)))
    post.send(fixes("v", (0, 100.001, 40, 9)))
    assert _reasons(_release(post, 1)) == ["conflicting_fix"]
    # One that was doubted, and would lose now, likewise.
    post.send(fixes("v", (0, 100.002, 40, 50_000)))
    assert _reasons(_release(post, 2)) == ["conflicting_fix"]
    assert post.scalar("SELECT lon FROM fixes") == 100


def test_a_released_fix_that_is_better_by_rule_outdoes_the_stored_one(
    post: Post, fixes: Fixes
) -> None:
    post.enrol("v")
    post.send(fixes("v", (0, 100, 40)))
    post.send(fixes("v", (0, 100.5, 40, 50_000)))
    assert _release(post, 1).released == [1]
    assert post.scalar("SELECT lon FROM fixes") == 100.5
    assert [(row["lon"], row["reason"]) for row in _held(post, released=False)] == [
        (100.0, "conflicting_fix")
    ]


def test_a_unit_that_has_left_and_a_day_that_is_no_longer_kept_get_no_fix(
    post: Post, fixes: Fixes
) -> None:
    post.enrol("v")
    post.enrol("w")
    post.send(pd.concat([fixes("v", (0, 0.0, 0.0)), fixes("w", (0, 0.0, 0.0))]))
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.exec_driver_sql("UPDATE units SET disenrolled_at = now() WHERE id = 'v'")
    month = datetime(2026, 4, 10, tzinfo=UTC)
    done = _release(post, 1, 2, now=month, retention_days=30)
    assert _reasons(done) == ["disenrolled", "too_old"]
    assert _release(post, 2, now=month).released == [2]
    assert post.scalar("SELECT sum(fixes) FROM strangers") is None


def test_no_such_fix_is_said(post: Post) -> None:
    with pytest.raises(NoSuchQuarantinedError, match=r"^7: no such fix is in quarantine"):
        _release(post, 7)
