"""Batches whose new fixes go into the table before their units are locked."""

from __future__ import annotations

import os
import threading
import time as clock
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from layers import breaches
from layers.db.engine import SYSTEM, acting, make_engine
from layers.fixes import ahead, intake
from layers.fixes.intake import Receipt
from layers.units import enrolment
from tests.layers.conftest import NOON, Post

EXAMPLES = int(os.environ.get("PATROLGRID_TEST_EXAMPLES", "15"))
BOX = "POLYGON((100.05 39,100.1 39,100.1 41,100.05 41,100.05 39))"
UNITS = 40  # of three blocks
Fixes = Callable[..., pd.DataFrame]


@pytest.fixture(autouse=True)
def least(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of any size are big."""
    monkeypatch.setattr(ahead, "LEAST_FIXES", 1)


@pytest.fixture
def other(post: Post) -> Iterator[Post]:
    """The same post as another process knows it."""
    engine = make_engine(post.engine.url.render_as_string(hide_password=False))
    yield Post(engine=engine, region=post.region)
    engine.dispose()


@pytest.fixture
def copies() -> Iterator[list[bool]]:
    """Of each transaction that stored something, whether it copied before it locked."""
    told: list[bool] = []
    whole = ahead.arrived_ahead

    def noted(*given: object) -> object:
        found = whole(*given)  # type: ignore[arg-type]
        told.append(found is not None and bool(found.copied.any()))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "arrived_ahead", noted)
        yield told


def sound(post: Post) -> bool:
    """Whether what is told is what the stored fixes say."""
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        now = NOON + timedelta(days=2)
        return breaches.recompute(connection, post.region, now=now).total == 0


def test_what_is_new_is_copied_ahead_and_judged(
    post: Post, fixes: Fixes, copies: list[bool]
) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    for minute, lon in enumerate((100.0, 100.06, 100.07, 100.2)):
        assert post.send(fixes("v", (minute, lon, 40.0))).accepted == 1
    assert copies == [False, *[True] * 4]  # the first meets a day that is not made
    (told,) = post.told("closed")
    assert told.told["entered_at"] <= NOON + timedelta(minutes=1) < told.told["exited_at"]
    assert sound(post)


def test_what_another_process_stored_meanwhile_makes_a_new_fix_a_late_one(
    post: Post, other: Post, fixes: Fixes, copies: list[bool]
) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    post.send(fixes("v", (0, 100.0, 40.0)))
    other.send(fixes("v", (5, 100.2, 40.0)))
    copies.clear()
    assert post.send(fixes("v", (3, 100.07, 40.0))).accepted == 1
    assert copies == [True]
    assert len(post.told("closed")) == 1
    newest = post.scalar("SELECT time FROM latest_fixes")
    assert newest == NOON + timedelta(minutes=5)
    assert sound(post)


def test_what_another_process_stored_already_is_a_duplicate(
    post: Post, other: Post, fixes: Fixes
) -> None:
    post.enrol("v")
    post.send(fixes("v", (0, 100.0, 40.0)))
    other.send(fixes("v", (1, 100.1, 40.0), (2, 100.2, 40.0)))
    receipt = post.send(fixes("v", (1, 100.1, 40.0), (2, 100.2, 40.0), (3, 100.3, 40.0)))
    assert (receipt.accepted, receipt.duplicate) == (1, 2)
    assert post.scalar("SELECT count(*) FROM fixes") == 4


def test_who_left_elsewhere_is_refused_and_nothing_of_it_stays(
    post: Post, other: Post, fixes: Fixes
) -> None:
    post.enrol("v")
    post.enrol("w")
    both = [fixes(unit, (0, 100.0, 40.0)) for unit in ("v", "w")]
    post.send(pd.concat(both, ignore_index=True))
    with acting(other.engine, SYSTEM, "patrolgrid_write") as connection:
        enrolment.disenrol(connection, "v")
    both = [fixes(unit, (1, 100.0, 40.0)) for unit in ("v", "w")]
    receipt = post.send(pd.concat(both, ignore_index=True))
    assert (receipt.accepted, receipt.refused) == (1, 1)
    assert post.scalar("SELECT count(*) FROM fixes") == 3
    assert post.scalar("SELECT fixes FROM strangers") == 1


def test_who_was_enrolled_elsewhere_is_no_stranger(post: Post, other: Post, fixes: Fixes) -> None:
    post.enrol("v")
    post.send(fixes("v", (0, 100.0, 40.0)))
    other.enrol("w")
    both = [fixes(unit, (1, 100.0, 40.0)) for unit in ("v", "w")]
    receipt = post.send(pd.concat(both, ignore_index=True))
    assert (receipt.accepted, receipt.refused) == (2, 0)


def test_a_unit_of_another_kind_is_believed_as_that(post: Post, other: Post, fixes: Fixes) -> None:
    post.enrol("v")
    worst = {name: kind.worst_accuracy_m for name, kind in post.region.kinds.items()}
    strict = min(worst, key=lambda name: worst[name])
    poor_m = worst[strict] + 1
    assert poor_m < worst["vehicle"]
    assert post.send(fixes("v", (0, 100.0, 40.0, poor_m))).accepted == 1
    with acting(other.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(text("UPDATE units SET kind = :kind"), {"kind": strict})
    receipt = post.send(fixes("v", (1, 100.0, 40.0, poor_m)))
    assert [q.reason for q in receipt.quarantined] == ["too_inaccurate"]
    assert post.scalar("SELECT count(*) FROM fixes") == 1


def test_a_new_patrol_and_a_new_day_are_made_in_order(
    post: Post, fixes: Fixes, copies: list[bool]
) -> None:
    post.enrol("v")
    day = 24 * 60
    for minute, patrol in ((0, "p"), (1, "p"), (2, "q"), (day, "q")):
        rows = fixes("v", (minute, 100.0, 40.0)).assign(patrol_id=patrol)
        assert post.send(rows, now=NOON + timedelta(days=3)).accepted == 1
    # The first of a patrol or a day is not copied ahead; a day is made, and then it is.
    assert copies == [False, False, True, False, False, True]
    patrols = (
        "SELECT string_agg(p.id, '' ORDER BY time) FROM fixes JOIN patrols p USING (patrol_no)"
    )
    assert post.scalar(patrols) == "ppqq"


def test_a_batch_is_copied_while_another_holds_its_units(
    post: Post, other: Post, fixes: Fixes
) -> None:
    post.enrol("v")
    post.send(fixes("v", (0, 100.0, 40.0)))
    copying = text(
        "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
        " WHERE c.relname ~ '^fixes_' AND l.mode = 'RowExclusiveLock' AND l.granted"
        " AND l.pid IN (SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock')"
    )
    found: list[Receipt] = []
    sender = threading.Thread(target=lambda: found.append(post.send(fixes("v", (1, 100.1, 40.0)))))
    with other.engine.begin() as holder:
        holder.execute(text("SELECT 1 FROM standings FOR UPDATE"))
        sender.start()
        until = clock.monotonic() + 20
        while not holder.execute(copying).scalar_one():
            assert clock.monotonic() < until, "it did not copy before it waited"
            clock.sleep(0.02)
        assert not found
    sender.join()
    assert found[0].accepted == 1


def _rows(numbers: list[int], moment: datetime) -> pd.DataFrame:
    """Fixes of a walk that is the same whoever sends it: number n is unit n % UNITS."""
    return intake.frame(
        [
            {"unit": f"u{n % UNITS}", "time": moment + timedelta(seconds=n // UNITS * 60),
             "lon": 100 + (n * 7919 % 150) / 1000, "lat": 40.0, "accuracy_m": 5.0}
            for n in numbers
        ]
    )  # fmt: skip


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32 - 1), repeats=st.sampled_from([0.0, 0.3]))
def test_processes_at_once_say_what_one_says(
    post: Post, other: Post, seed: int, repeats: float
) -> None:
    """Two processes with two senders each, in any order, and some sent twice."""
    rng = np.random.default_rng(seed)
    begun = post.scalar("SELECT count(*) FROM fixes")
    if begun == 0:
        for n in range(UNITS):
            post.enrol(f"u{n}")
        post.fence("B", BOX)
    moment = NOON + timedelta(minutes=begun // UNITS)
    each = 4 * UNITS
    numbers = rng.permutation(np.r_[np.arange(each), rng.integers(0, each, int(repeats * each))])
    parts = [part.tolist() for part in np.array_split(numbers, 8)]
    found: list[Receipt] = []
    failed: list[BaseException] = []

    def send(who: Post, own: list[list[int]]) -> None:
        try:
            found.extend(
                who.send(_rows(part, moment), now=NOON + timedelta(days=1)) for part in own
            )
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    senders = [
        threading.Thread(target=send, args=(who, parts[n::4]))
        for n, who in enumerate((post, other, post, other))
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert not failed
    assert post.scalar("SELECT count(*) FROM fixes") == begun + each
    assert sum(receipt.accepted for receipt in found) == each
    assert sum(receipt.duplicate for receipt in found) == len(numbers) - each
    assert sound(post)
