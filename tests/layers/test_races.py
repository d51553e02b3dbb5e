"""Those who change units, fences or the database itself while fixes are stored."""

from __future__ import annotations

import gc
import threading
import time as clock
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import event, text

from layers import breaches, standings
from layers.breaches import lawbook as lawbooks
from layers.breaches.catching_up import catch_up
from layers.db.engine import SYSTEM, acting
from layers.errors import HeldError
from layers.fixes import boxes, intake
from layers.fixes.batch import Batch
from layers.fixes.intake import store_together
from layers.fixes.together import Terms, group
from layers.standings import store
from layers.standings.block import rosters
from layers.units import enrolment
from tests.layers.conftest import NOON, Post

MINUTE = timedelta(minutes=1)
BOX = "POLYGON((100.05 39,100.1 39,100.1 41,100.05 41,100.05 39))"


def along(
    rows: Sequence[tuple[float, float]], unit: str = "v", begin: datetime = NOON
) -> pd.DataFrame:
    """Fixes (minute, lon) on the 40th parallel."""
    return intake.frame(
        [
            {"unit": unit, "time": begin + m * MINUTE, "lon": lon, "lat": 40.0, "accuracy_m": 5.0}
            for m, lon in rows
        ]
    )


def sql(post: Post, statement: str) -> None:
    """Change the database as who has psql does."""
    with post.engine.begin() as connection:
        connection.execute(text(statement))


def test_a_renamed_unit_with_an_open_breach_can_be_sent_of(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    post.send(along([(0, 100.04), (1, 100.06)]))
    sql(post, "UPDATE units SET id = 'x' WHERE id = 'v'")
    receipt = post.send(along([(2, 100.2), (3, 100.21)], "x"))
    assert receipt.accepted == 2


def test_a_deleted_unit_is_nobodys_breach(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    post.send(along([(0, 100.04), (1, 100.06)]))
    sql(post, "DELETE FROM units WHERE id = 'v'")
    sql(post, "UPDATE standings SET layout = 0, stamp = stamp + 1")
    catch_up(post.engine, post.region)
    assert {b.told["unit"] for b in post.told("open", "closed", "withdrawn")} == {"v"}


def test_leaving_and_changing_a_unit_at_once_do_not_deadlock(post: Post) -> None:
    post.enrol("v")
    failed: list[Exception] = []

    def leave() -> None:
        try:
            with acting(post.engine, SYSTEM, "patrolgrid_write") as c:
                enrolment.disenrol(c, "v")
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    leaving = threading.Thread(target=leave)
    try:
        with acting(post.engine, SYSTEM, "patrolgrid_write") as c:
            # As ``enrol`` begins: it has the lock of the block, and not yet the row.
            number = c.execute(text("SELECT unit_no FROM units")).scalar_one()
            standings.lock(c, np.array([number]))
            leaving.start()
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            until = clock.monotonic() + 5
            while not post.scalar(waiting) and clock.monotonic() < until:
                pass
            enrolment.enrol(
                c, [enrolment.Enrolment(unit="v", kind="foot")], post.region, update=True
            )
    except Exception as error:  # noqa: BLE001
        failed.append(error)
    leaving.join()
    assert not failed


def test_an_edit_in_the_farther_past_leaves_no_breach_open_for_ever(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    begin = NOON - timedelta(days=6)
    post.send(along([(k * 600, 100.06 if k else 100.0) for k in range(15)], begin=begin))
    with acting(post.engine, SYSTEM, "patrolgrid_write") as c:
        at = begin + timedelta(days=1)
        c.execute(text("UPDATE fences SET severity = 'low', valid_from = :at"), {"at": at})
    end = begin + timedelta(minutes=600 * 14)
    post.send(along([(1, 100.061), (2, 100.2), (3, 100.2), (4, 100.2)], begin=end))
    post.send(along([(5, 100.2), (6, 100.2)], begin=end))
    assert [b.told["state"] for b in post.told("open")] == []


def test_two_threads_that_meet_new_kinds_of_units_keep_both(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.enrol("v")
    for n in range(20):
        post.enrol(f"f{n}", "foot")
    post.fence("A", BOX, applies_to={"kinds": ["vehicle"]})
    post.fence("C", BOX, applies_to={"kinds": ["foot"]})
    post.fence("D", BOX, applies_to={"kinds": ["drone"]})
    real, first = lawbooks.kinds_of, threading.Event()
    go_on = threading.Event()

    def slow(*given):
        found = real(*given)
        if threading.current_thread().name == "slow":
            first.set()
            go_on.wait(10)
        return found

    monkeypatch.setattr(lawbooks, "kinds_of", slow)
    told = []

    def ask(unit: str) -> None:
        with acting(post.engine, SYSTEM, "patrolgrid_read") as c:
            law = lawbooks.lawbook(c)
            number = c.execute(text("SELECT unit_no FROM units WHERE id = :u"), {"u": unit})
            block = number.scalar_one() // standings.SLOTS
            roster = rosters(c, [block])[block]
            one = store.Block(stamp=1, units_stamp=1, roster=roster, heads=b"", records=b"")
            stand = store.Standings(
                engine=post.engine,
                numbers=np.array([block]),
                blocks=[one],
                heads=np.empty(0),
                records=np.empty(0),
            )
            told.append(law.kinds(stand))

    slowly = threading.Thread(target=ask, args=("v",), name="slow")
    with acting(post.engine, SYSTEM, "patrolgrid_read") as c:
        lawbooks.lawbook(c)
    # "slow" asks of a block with few kinds; meanwhile another asks of a block with one more.
    slowly.start()
    first.wait(10)
    sql(post, "UPDATE units SET kind = 'drone' WHERE id = 'f19'")
    ask("f19")
    go_on.set()
    slowly.join()
    ask("f19")
    ask("v")
    assert all(codes.max() < len(asked) for asked, codes in told)


def test_fences_that_are_no_more_in_force_are_let_go(post: Post) -> None:
    for n in range(6 * standings.SLOTS):
        post.enrol(f"u{n}")
    post.fence("B", BOX)
    gc.collect()
    before = sum(isinstance(o, lawbooks.Lawbook) for o in gc.get_objects())
    for n in range(6):  # units of one block after another fall silent, between edits of fences
        post.send(along([(n, 100.0)], f"u{n * standings.SLOTS + 1}"))
        sql(post, f"UPDATE fences SET margin_m = {n + 1}")
    gc.collect()
    alive = sum(isinstance(o, lawbooks.Lawbook) for o in gc.get_objects()) - before
    assert alive <= 2, alive


def test_units_enrolled_by_two_at_once_in_any_order(post: Post) -> None:
    failed: list[Exception] = []

    def slowly(_c, _cursor, statement, *_rest) -> None:
        if statement.startswith("INSERT INTO units"):
            clock.sleep(0.5)

    def enrol(names: str) -> None:
        try:
            with acting(post.engine, SYSTEM, "patrolgrid_write") as c:
                asked = [enrolment.Enrolment(unit=name, kind="foot") for name in names]
                enrolment.enrol(c, asked, post.region, update=True)
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    event.listen(post.engine, "after_cursor_execute", slowly)
    # Enough that each of the two has a block of its own: the first of "ab" is the last of a block.
    for n in range(standings.SLOTS - 2):
        with acting(post.engine, SYSTEM, "patrolgrid_write") as c:
            c.exec_driver_sql(
                " INSERT INTO units (id, call_sign, kind, max_gap_s, top_speed_ms,"
                f" accuracy_m) VALUES ('u{n}', 'u', 'foot', 9, 9, 9)"
            )
    both = [threading.Thread(target=enrol, args=(n,)) for n in ("ab", "ba")]
    for one in both:
        one.start()
        clock.sleep(0.1)
    for one in both:
        one.join()
    assert not failed


def test_a_session_of_psql_that_waits_does_not_stop_other_units(post: Post) -> None:
    """One writer thread: a lock on one block is waited for by everybody's fixes."""
    for n in range(3 * standings.SLOTS):
        post.enrol(f"u{n}")
    door = group(post.engine, post.region)
    terms = Terms(principal=SYSTEM, clock_skew_s=60, retention_days=None)
    done: list[str] = []
    held: list[str] = []

    def send(unit: str) -> None:
        try:
            door.store(Batch.of(along([(0, 100.0)], unit)), terms)
        except HeldError:
            held.append(unit)
        else:
            done.append(unit)

    with post.engine.begin() as connection:
        connection.execute(text("UPDATE units SET call_sign = 'x' WHERE id = 'u0'"))
        senders = [threading.Thread(target=send, args=(unit,)) for unit in ("u1", "u2", "u40")]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert sorted(held) == ["u1", "u2"]
    assert done == ["u40"]
    assert door.store(Batch.of(along([(0, 100.0)], "u1")), terms).accepted == 1


def test_a_repeat_beside_the_fix_itself_says_that_it_changed_nothing(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    post.send(along([(0, 100.04)]))
    given = [Batch.of(along([(1, 100.06)])), Batch.of(along([(0, 100.04)]))]
    news, repeat = store_together(
        post.engine, SYSTEM, given, post.region, now=NOON + timedelta(days=1)
    )
    assert (news.accepted, repeat.duplicate) == (1, 1)
    assert (news.breaches, repeat.breaches) == (1, 0)


def test_a_renamed_unit_is_judged_by_its_name(post: Post) -> None:
    post.enrol("v")
    post.fence("B", BOX, applies_to={"units": ["v"]})
    post.send(along([(0, 100.04), (1, 100.06)]))
    sql(post, "UPDATE units SET id = 'x' WHERE id = 'v'")
    post.send(along([(2, 100.061)], "x"))
    with acting(post.engine, SYSTEM, "patrolgrid_write") as c:
        assert breaches.recompute(c, post.region, now=datetime.now(UTC)).total == 0


def test_a_batch_that_was_the_victim_of_a_deadlock_is_tried_again(post: Post) -> None:
    """psql changes two units in one transaction, in the order of its choice."""
    for n in range(2 * standings.SLOTS):
        post.enrol(f"u{n}")
    failed: list[Exception] = []

    def send() -> None:
        try:
            post.send(pd.concat([along([(0, 100.0)], u) for u in ("u0", "u31")]))
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    with post.engine.begin() as connection:
        # So that it is the batch that is given up.
        connection.execute(text("SET LOCAL deadlock_timeout = '10s'"))
        connection.execute(text("UPDATE units SET call_sign = 'x' WHERE id = 'u31'"))
        sender = threading.Thread(target=send)
        sender.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while not post.scalar(waiting):
            pass
        connection.execute(text("UPDATE units SET call_sign = 'x' WHERE id = 'u0'"))
    sender.join()
    assert not failed


def test_a_database_that_was_restored_beneath_gets_its_partitions_again(post: Post) -> None:
    post.enrol("v")
    post.send(along([(0, 100.0)]))
    sql(post, "DROP TABLE fixes_20260302")  # as an older backup would have it
    sql(
        post,
        "UPDATE standings SET time = array_fill('-infinity'::timestamptz, ARRAY[16]),"
        " walked = array_fill(false, ARRAY[16]), stamp = stamp + 1",
    )
    assert post.send(along([(1, 100.0)])).accepted == 1


# Fixes that somebody copies into the table ---------------------------------------------------


COPIED = """
INSERT INTO fixes (unit_no, time, lon, lat, accuracy_m, received_at)
SELECT u.unit_no, timestamptz '{noon}' + n * interval '1 minute', 100.04 + n * 0.01, 40, 5, now()
FROM units u, generate_series(1, 10) n WHERE u.id = 'v'
"""


@pytest.fixture
def copied(post: Post) -> Post:
    """A unit that was sent of once, and copied in from there on: into a fence and out."""
    post.enrol("v")
    post.fence("B", BOX)
    post.send(along([(0, 100.04)]))
    sql(post, COPIED.format(noon=NOON.isoformat()))
    return post


def _whole(post: Post) -> None:
    """The copied fixes are judged, stood at and found, as if they had been sent."""
    (told,) = post.told("closed")
    assert told.told["entered_at"] == NOON + MINUTE
    assert told.told["exited_at"] == NOON + 6 * MINUTE
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        assert breaches.recompute(connection, post.region, now=datetime.now(UTC)).total == 0
        where = boxes.read(connection, 0, 10**7)
        newest = connection.execute(text("SELECT max(time) FROM fixes")).scalar_one()
        assert connection.execute(text("SELECT time FROM latest_fixes")).scalars().all() == [newest]
    assert where.west.min() <= 100.04
    assert where.east.max() >= 100.14


def test_fixes_that_were_copied_in_are_judged_by_recompute(copied: Post) -> None:
    with acting(copied.engine, SYSTEM, "patrolgrid_write") as connection:
        assert breaches.recompute(connection, copied.region, now=datetime.now(UTC)).opened == 1
    _whole(copied)


def test_a_fix_that_meets_copied_ones_has_them_judged(copied: Post) -> None:
    receipt = copied.send(along([(5, 100.09), (11, 100.15)]))
    assert (receipt.accepted, receipt.duplicate) == (1, 1)
    _whole(copied)
