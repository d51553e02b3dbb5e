"""The outbox: what is told commits with what it tells of, in order, once for each who asked."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError

from layers.db.engine import SYSTEM, acting
from layers.errors import BadSubscriptionError, NoSuchSubscriptionError
from layers.outbox import deliveries, events, subscriptions
from layers.outbox.events import NewEvent, publish

T = TypeVar("T")
URL = "https://hooks.example/in"
OPENED = NewEvent(type="breach.opened", breach=None, data={"unit": "马队-1", "revision": 1})
CLOSED = NewEvent(type="breach.closed", breach=None, data={"unit": "马队-1", "revision": 2})


@pytest.fixture
def engine(outbox_engine: Engine) -> Engine:
    return outbox_engine


def subscribe(engine: Engine, *types: str) -> str:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        return subscriptions.create(connection, url=URL, types=types).subscription.id


def tell(engine: Engine, *told: NewEvent) -> list[int]:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        return publish(connection, told)


def ask(engine: Engine, question: Callable[[Connection], T]) -> T:
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        return question(connection)


def rows(engine: Engine, sql: str) -> Sequence[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def jobs(engine: Engine) -> list[int]:
    """Deliveries that a job waits for."""
    found = rows(
        engine,
        "SELECT CAST(args ->> 'delivery_id' AS bigint) FROM procrastinate_jobs"
        " WHERE status = 'todo' ORDER BY 1",
    )
    return [int(str(row[0])) for row in found]


def insert_breach(connection: Connection) -> int:
    number: int = connection.execute(
        text(
            "INSERT INTO breaches (unit, fence, fence_version, rule, severity, visit, state,"
            " evidence, entered_fix, entered_at, geom)"
            " VALUES ('u', 'f', 1, 'keep_out', 'high', 'v', 'open', 'confirmed', now(), now(),"
            " ST_SetSRID(ST_MakePoint(106, 42), 4326)) RETURNING id"
        )
    ).scalar_one()
    return number


def test_a_breach_that_is_rolled_back_leaves_no_event_no_delivery_and_no_job(
    engine: Engine,
) -> None:
    subscribe(engine)

    def intake() -> None:
        with acting(engine, SYSTEM, "patrolgrid_write") as connection:
            number = insert_breach(connection)
            publish(connection, [NewEvent(type="breach.opened", breach=number, data={})])
            raise RuntimeError("the intake failed")

    with pytest.raises(RuntimeError, match="the intake failed"):
        intake()
    for table in ("breaches", "events", "deliveries", "procrastinate_jobs"):
        assert rows(engine, f"SELECT count(*) FROM {table}") == [(0,)], table


def test_a_breach_commits_with_its_event_its_deliveries_and_their_jobs(engine: Engine) -> None:
    subscribe(engine)
    subscribe(engine)
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        number = insert_breach(connection)
        told = publish(connection, [NewEvent(type="breach.opened", breach=number, data={})])
    assert rows(engine, "SELECT id, breach FROM events") == [(told[0], number)]
    made = [int(str(row[0])) for row in rows(engine, "SELECT id FROM deliveries ORDER BY id")]
    assert len(made) == 2
    assert jobs(engine) == made


def test_only_active_subscriptions_of_the_type_get_a_delivery(engine: Engine) -> None:
    every, closings, off = subscribe(engine), subscribe(engine, "breach.closed"), subscribe(engine)
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        subscriptions.change(connection, off, url=URL, types=[], note=None, active=False)
    opened, closed = tell(engine, OPENED, CLOSED)
    assert sorted(rows(engine, "SELECT subscription, event FROM deliveries")) == sorted(
        [(every, opened), (every, closed), (closings, closed)]
    )


def test_nothing_to_tell_takes_no_lock_and_makes_nothing(engine: Engine) -> None:
    subscribe(engine)
    assert tell(engine) == []
    assert jobs(engine) == []


def test_the_feed_pages_by_id_without_a_miss(engine: Engine) -> None:
    told = tell(engine, *[OPENED] * 5)
    assert told == sorted(told)
    assert ask(engine, events.latest_id) == told[-1]
    first = ask(engine, lambda connection: events.after(connection, 0, 2))
    rest = ask(engine, lambda connection: events.after(connection, first[-1].id, 100))
    assert [event.id for event in [*first, *rest]] == told
    assert ask(engine, lambda connection: events.after(connection, told[-1], 100)) == []
    assert first[0].data == OPENED.data


def test_the_feed_of_an_empty_database_starts_at_0(engine: Engine) -> None:
    assert ask(engine, events.latest_id) == 0


def test_ids_become_visible_in_their_order_when_two_transactions_publish_at_once(
    engine: Engine,
) -> None:
    second: list[int] = []
    other = threading.Thread(target=lambda: second.extend(tell(engine, CLOSED)))
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        first = publish(connection, [OPENED])
        other.start()
        other.join(timeout=0.3)
        assert other.is_alive()  # it waits: else a reader would see its id and skip ours
        assert ask(engine, events.latest_id) == 0
    other.join(timeout=5)
    assert second > first
    assert [event.id for event in ask(engine, lambda c: events.after(c, 0, 10))] == first + second


def test_deleting_a_subscription_meanwhile_does_not_take_the_breach_with_it(
    engine: Engine,
) -> None:
    leaver, stayer = subscribe(engine), subscribe(engine)
    told: list[int] = []
    other = threading.Thread(target=lambda: told.extend(tell(engine, OPENED)))
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        subscriptions.delete(connection, leaver)
        other.start()
        other.join(timeout=0.3)
        assert other.is_alive()
    other.join(timeout=5)
    assert rows(engine, "SELECT subscription, event FROM deliveries") == [(stayer, told[0])]


def test_times_in_the_data_are_rfc_3339_in_utc(engine: Engine) -> None:
    at = datetime.fromisoformat("2026-03-01T08:30:00+08:00")
    tell(engine, NewEvent(type="breach.opened", breach=None, data={"entered_at": at}))
    (event,) = ask(engine, lambda connection: events.after(connection, 0, 1))
    assert event.data == {"entered_at": "2026-03-01T00:30:00Z"}
    assert event.message()["timestamp"] == event.time.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(float("nan"), ValueError), (datetime(2026, 3, 1), TypeError)],  # noqa: DTZ001
)
def test_what_json_cannot_say_is_refused(
    engine: Engine, wrong: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        tell(engine, NewEvent(type="breach.opened", breach=None, data={"wrong": wrong}))
    assert ask(engine, events.latest_id) == 0


def test_a_secret_is_shown_once_and_only_the_writing_role_reads_it(engine: Engine) -> None:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        made = subscriptions.create(connection, url=URL, note="a neighbour", created_by="tok_1")
    assert made.secret.startswith("whsec_")
    assert len(base64.b64decode(made.secret.removeprefix("whsec_"), validate=True)) == 32
    assert made.secret not in repr(made)
    assert ask(engine, subscriptions.listed) == [made.subscription]
    with pytest.raises(ProgrammingError, match="permission denied"):
        ask(engine, lambda connection: connection.execute(text("SELECT secret FROM subscriptions")))


def test_a_subscription_is_changed_and_deleted(engine: Engine) -> None:
    name = subscribe(engine)
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        changed = subscriptions.change(
            connection, name, url=URL + "2", types=["breach.closed"], note="n", active=False
        )
    assert ask(engine, lambda connection: subscriptions.get(connection, name)) == changed
    assert (changed.url, changed.types, changed.active) == (URL + "2", ["breach.closed"], False)
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        subscriptions.delete(connection, name)
    assert ask(engine, subscriptions.listed) == []


def test_what_there_is_not_is_refused(engine: Engine) -> None:
    with pytest.raises(BadSubscriptionError, match=r"breach\.shouted"):
        subscribe(engine, "breach.shouted")
    calls: list[Callable[[Connection], object]] = [
        lambda c: subscriptions.get(c, "sub_no"),
        lambda c: subscriptions.delete(c, "sub_no"),
        lambda c: subscriptions.change(c, "sub_no", url=URL, types=[], note=None, active=True),
        lambda c: subscriptions.replay(c, "sub_no"),
    ]
    for call in calls:
        with (
            pytest.raises(NoSuchSubscriptionError, match="sub_no"),
            acting(engine, SYSTEM, "patrolgrid_write") as connection,
        ):
            call(connection)


def finish(engine: Engine, state: str) -> None:
    """All deliveries ended so, and their jobs are gone."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET state = :s, attempts = 9"), {"s": state})
        connection.execute(text("DELETE FROM procrastinate_jobs"))


def replay(engine: Engine, name: str, **since: object) -> int:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        return subscriptions.replay(connection, name, **since)  # type: ignore[arg-type]


def test_replay_takes_up_what_failed(engine: Engine) -> None:
    name = subscribe(engine)
    tell(engine, OPENED, CLOSED)
    finish(engine, "failed")
    assert replay(engine, name) == 2
    assert replay(engine, name) == 0
    waiting = ask(engine, lambda connection: deliveries.listed(connection, name))
    assert [(d.state, d.attempts) for d in waiting] == [("pending", 0)] * 2
    assert jobs(engine) == sorted(d.id for d in waiting)


def test_replay_after_an_event_delivers_what_was_delivered_and_what_never_was(
    engine: Engine,
) -> None:
    early = tell(engine, OPENED, CLOSED)
    name = subscribe(engine, "breach.closed")
    late = tell(engine, OPENED, CLOSED)
    finish(engine, "delivered")
    assert replay(engine, name, after=early[0]) == 2  # the two closings, one from before its time
    assert replay(engine, name, after=early[0]) == 2  # again: still one job each
    listed = ask(engine, lambda connection: deliveries.listed(connection, name))
    assert {d.event for d in listed} == {early[1], late[1]}
    assert jobs(engine) == sorted(d.id for d in listed)


def test_replay_since_a_time_takes_the_events_from_then_on(engine: Engine) -> None:
    name = subscribe(engine)
    tell(engine, OPENED)
    assert replay(engine, name, since=datetime.now(UTC) - timedelta(hours=1)) == 1
    assert replay(engine, name, since=datetime.now(UTC) + timedelta(hours=1)) == 0


def test_replay_of_a_subscription_that_is_off_is_refused(engine: Engine) -> None:
    name = subscribe(engine)
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        subscriptions.change(connection, name, url=URL, types=[], note=None, active=False)
    with pytest.raises(BadSubscriptionError, match="switched off"):
        replay(engine, name)


def test_a_pending_delivery_that_lost_its_job_gets_one_again(engine: Engine) -> None:
    subscribe(engine)
    tell(engine, OPENED)
    armed = jobs(engine)
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        assert deliveries.rearm(connection) == 0
        connection.execute(text("DELETE FROM procrastinate_jobs"))
        assert deliveries.rearm(connection) == 1
    assert jobs(engine) == armed


def test_deliveries_are_listed_newest_first_by_state_and_page(engine: Engine) -> None:
    name = subscribe(engine)
    told = tell(engine, *[OPENED] * 3)
    first = ask(engine, lambda c: deliveries.listed(c, name, limit=2))
    rest = ask(engine, lambda c: deliveries.listed(c, name, before=first[-1].id))
    assert [d.event for d in [*first, *rest]] == told[::-1]
    assert ask(engine, lambda c: deliveries.listed(c, name, state="failed")) == []
