"""Retention: what is older goes by days, what is held stays, what was decided is frozen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from layers.db.engine import SYSTEM, acting
from layers.errors import BadHoldError, NoSuchHoldError
from layers.fixes import dropping, holds, intake, retention
from layers.fixes.dropping import Outcome
from tests.layers.conftest import NOON, Post

Fixes = Callable[..., pd.DataFrame]
DAY = timedelta(days=1)
#: Noon of the tests is on 2 March: with 30 days kept, the edge is at 7 March then.
NOW = datetime(2026, 4, 6, 12, tzinfo=UTC)
EDGE = datetime(2026, 3, 7, tzinfo=UTC)
HOME = ZoneInfo("Asia/Shanghai")


def _walk(unit: str, first: datetime, days: int) -> pd.DataFrame:
    rows = [
        {"unit": unit, "time": first + n * DAY, "lon": 100 + n * 0.01, "lat": 40.0}
        for n in range(days)
    ]
    return intake.frame(rows)


@pytest.fixture
def kept(post: Post) -> Post:
    """A post with a fix of each day from 2 to 11 March."""
    post.enrol("v")
    post.send(_walk("v", NOON, 10), now=NOW)
    return post


def _drop(post: Post, now: datetime = NOW, days: float = 30) -> Outcome:
    done = dropping.drop(post.engine, retention_days=days, now=now)
    assert done is not None
    return done


def _hold(post: Post, first: int, last: int, **more: Any) -> holds.Hold:
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        return holds.place(
            connection, date(2026, 3, first), date(2026, 3, last), reason="case 7", by="tok",
            timezone=HOME, now=more.pop("now", NOW), **more,
        )  # fmt: skip


def _days(post: Post) -> list[int]:
    with post.engine.connect() as connection:
        rows = connection.execute(text("SELECT time FROM fixes ORDER BY time")).scalars()
        return [row.day for row in rows]


def _partitions(post: Post) -> list[str]:
    with post.engine.connect() as connection:
        return [one.name for one in dropping.partitions(connection)]


def _edge(post: Post) -> datetime | None:
    with post.engine.connect() as connection:
        return retention.edge(connection)


def test_days_before_the_edge_go_and_fixes_of_them_are_too_old_for_ever(kept: Post) -> None:
    version = kept.scalar("SELECT version FROM layer_versions WHERE layer = 'fixes'")
    done = _drop(kept)
    assert (done.edge, done.moved, len(done.dropped), done.left) == (EDGE, True, 5, [])
    assert _days(kept) == [7, 8, 9, 10, 11]
    assert _partitions(kept) == [f"fixes_202603{day:02d}" for day in range(7, 12)]
    assert kept.scalar("SELECT version FROM layer_versions WHERE layer = 'fixes'") > version
    # Also where no retention is set any more: what was dropped stays dropped.
    receipt = kept.send(_walk("v", NOON, 10), now=NOW)
    assert [q.reason for q in receipt.quarantined] == ["too_old"] * 5
    assert receipt.duplicate == 5
    again = _drop(kept)
    assert (again.moved, again.dropped) == (False, [])


def test_the_edge_never_goes_back(kept: Post) -> None:
    _drop(kept)
    assert _drop(kept, days=300).edge == EDGE
    assert _edge(kept) == EDGE
    for statement in ("UPDATE fix_retention SET edge = edge - interval '1 day'",
                      "DELETE FROM fix_retention"):  # fmt: skip
        with pytest.raises(DBAPIError, match="does not go back"), kept.engine.begin() as connection:
            connection.execute(text(statement))


def test_no_partition_is_made_before_the_edge(kept: Post) -> None:
    _drop(kept)
    with pytest.raises(DBAPIError, match="no longer kept"), kept.engine.begin() as connection:
        connection.execute(text("SELECT ensure_fix_partition(date '2026-03-06')"))


def test_a_hold_keeps_its_days_until_it_ends_and_stays_in_the_history(kept: Post) -> None:
    hold = _hold(kept, 4, 4)  # of Shanghai: from the evening of the 3rd, in UTC
    done = _drop(kept)
    assert (done.held, len(done.dropped)) == (2, 3)
    assert _days(kept) == [3, 4, 7, 8, 9, 10, 11]
    # Held days are to be looked at; they are frozen as all before the edge.
    assert [q.reason for q in kept.send(_walk("v", NOON + 2 * DAY, 1), now=NOW).quarantined] == [
        "too_old"
    ]
    with acting(kept.engine, SYSTEM, "patrolgrid_write") as connection:
        ended = holds.release(connection, hold.id, by="other", now=NOW)
        assert holds.release(connection, hold.id, by="third") == ended
        assert holds.listed(connection) == [ended]
        assert holds.listed(connection, in_force_at=NOW) == []
    assert (ended.released_by, ended.released_at, ended.placed_by) == ("other", NOW, "tok")
    assert _drop(kept).dropped == ["fixes_20260303", "fixes_20260304"]


def test_a_hold_ends_at_its_until(kept: Post) -> None:
    hold = _hold(kept, 1, 31, until=NOW + DAY)
    assert hold.in_force(NOW)
    assert not hold.in_force(NOW + DAY)
    assert _drop(kept).dropped == []
    assert len(_drop(kept, NOW + DAY).dropped) == 6


def test_a_hold_that_cannot_be_is_refused(post: Post) -> None:
    with pytest.raises(BadHoldError, match="before it begins"):
        _hold(post, 4, 3)
    with pytest.raises(BadHoldError, match="is past"):
        _hold(post, 3, 4, until=NOW)
    with (
        pytest.raises(BadHoldError, match="for what"),
        acting(post.engine, SYSTEM, "patrolgrid_write") as connection,
    ):
        holds.place(
            connection, date(2026, 3, 1), date(2026, 3, 1), reason=" ", by="t", timezone=HOME
        )
    with (
        pytest.raises(NoSuchHoldError, match="9"),
        acting(post.engine, SYSTEM, "patrolgrid_write") as connection,
    ):
        holds.release(connection, 9, by="t")


def test_long_ago_is_thinned_out_of_its_year_and_dropped_with_it(post: Post) -> None:
    post.enrol("v")
    post.send(_walk("v", datetime(1999, 12, 20, tzinfo=UTC), 24), now=NOW)
    assert _partitions(post) == ["fixes_1999", "fixes_2000"]
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        holds.place(
            connection, date(2000, 1, 2), date(2000, 1, 2), reason="r", by="t", timezone=HOME
        )
    back = (NOW - datetime(2000, 1, 10, 2, tzinfo=UTC)) / DAY
    done = _drop(post, days=back)
    assert done.dropped == ["fixes_1999"]
    assert done.deleted == 7  # of the 1st to the 9th those that are not held
    assert _days(post) == [1, 2, 10, 11, 12]


@pytest.mark.parametrize(
    "broken_off",
    [
        "ALTER TABLE fixes DETACH PARTITION fixes_20260302",
        "UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid ="
        " 'fixes_20260302'::regclass",
    ],
    ids=["detached", "detaching"],
)
@pytest.mark.parametrize("is_held", [False, True])
def test_what_a_killed_run_left_is_taken_up_or_back(
    kept: Post, broken_off: str, is_held: bool
) -> None:
    with kept.engine.begin() as connection:
        retention.move_edge(connection, EDGE)
        connection.execute(text(broken_off))
    if is_held:
        _hold(kept, 2, 2)
    done = _drop(kept)
    assert ("fixes_20260302" in done.dropped) is not is_held
    assert _days(kept) == ([2] if is_held else []) + [7, 8, 9, 10, 11]
    assert ("fixes_20260302" in _partitions(kept)) is is_held


def test_readers_and_writers_go_on_while_a_day_is_waited_for(
    kept: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "_LOCK_TIMEOUT_S", 0.5)
    monkeypatch.setattr(dropping, "_TRIES", 2)
    done: list[Outcome | None] = []
    with kept.engine.connect() as reader:
        assert reader.execute(text("SELECT count(*) FROM fixes")).scalar_one() == 10
        run = threading.Thread(
            target=lambda: done.append(dropping.drop(kept.engine, retention_days=30, now=NOW))
        )
        run.start()
        time.sleep(0.2)
        begun = time.monotonic()
        assert kept.send(_walk("v", NOON + 10 * DAY, 20), now=NOW).accepted == 20
        assert kept.scalar("SELECT count(*) FROM fixes") > 20
        took_s = time.monotonic() - begun
        run.join()
    assert took_s < 3
    assert done[0] is not None
    assert done[0].left  # the reader was there all the time
    assert len(_drop(kept).dropped) == 5
    assert len(_days(kept)) == 25


def test_one_run_at_a_time(kept: Post) -> None:
    with dropping._alone(kept.engine) as turn:
        assert turn is not None
        assert dropping.drop(kept.engine, retention_days=30, now=NOW) is None
    assert len(_drop(kept).dropped) == 5


def test_quarantine_is_kept_as_long_as_fixes_are(kept: Post) -> None:
    kept.send(_walk("v", NOON + timedelta(hours=1), 1).assign(lon=999.0), now=NOON + DAY)
    kept.send(_walk("v", NOON + 5 * DAY, 1).assign(lon=999.0), now=NOON + 6 * DAY)
    hold = _hold(kept, 2, 3)
    assert _drop(kept).quarantined == 0
    with acting(kept.engine, SYSTEM, "patrolgrid_write") as connection:
        holds.release(connection, hold.id, by="t", now=NOW)
    assert _drop(kept).quarantined == 1
    assert kept.scalar("SELECT count(*) FROM quarantine") == 1


def test_the_edge_is_a_midnight_older_than_the_setting() -> None:
    late = datetime(2026, 4, 6, 0, 59, tzinfo=UTC)
    assert retention.edge_due(late, 30) == datetime(2026, 3, 6, tzinfo=UTC)
    assert retention.edge_due(late + timedelta(minutes=1), 30) == EDGE
