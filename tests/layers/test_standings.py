"""Where units stand: what a process remembers is what is stored, whoever wrote it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import OperationalError
from sqlalchemy import Engine, text

from layers import breaches, standings
from layers.breaches.catching_up import catch_up
from layers.db.engine import SYSTEM, acting, make_engine
from layers.fixes import intake
from layers.standings import SLOTS
from layers.units import enrolment
from tests.layers.conftest import NOON, Post

EXAMPLES = int(os.environ.get("PATROLGRID_TEST_EXAMPLES", "15"))
BOX = "POLYGON((100.05 39,100.1 39,100.1 41,100.05 41,100.05 39))"
Fixes = Callable[..., pd.DataFrame]


@pytest.fixture
def other(post: Post) -> Iterator[Post]:
    """The same post as another process knows it."""
    url = post.engine.url.render_as_string(hide_password=False)
    engine = make_engine(url)
    yield Post(engine=engine, region=post.region)
    engine.dispose()


def stands(engine: Engine, unit: str) -> tuple[float, bool, int]:
    """Longitude and whether it is walked, and how many visits last, as ``engine`` knows it."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        stand, places = standings.enlist(connection, [unit])
        head = stand.heads[places[0]]
        lasting = int((stand.records["unit"] == places[0]).sum())
        return float(head["lon"]), bool(head["walked"]), lasting


def enlisted_at_once(post: Post, unit: str) -> None:
    """Lock a unit, or fail where somebody else has."""
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
        standings.enlist(connection, [unit])


def test_what_one_process_writes_another_knows(post: Post, other: Post, fixes: Fixes) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    for minute, (who, lon) in enumerate(
        [(post, 100.0), (other, 100.06), (post, 100.07), (post, 100.2), (other, 100.06)]
    ):
        who.send(fixes("v", (9 * minute, lon, 40.0)))
        within = 100.05 < lon < 100.1
        assert stands(post.engine, "v") == stands(other.engine, "v") == (lon, True, int(within))
    assert [b.told["state"] for b in post.told()] == ["closed", "open"]


def test_the_newest_fix_of_each_unit_is_where_it_stands(post: Post, fixes: Fixes) -> None:
    names = [f"u{n:02d}" for n in range(2 * SLOTS + 3)]
    for name in names:
        post.enrol(name)
    rng = np.random.default_rng(5)
    for _ in range(6):
        some = rng.choice(names, 9, replace=False)
        rows = [
            fixes(name, (int(rng.integers(0, 40)), 100 + rng.random(), 40.0, 5.0)) for name in some
        ]
        post.send(pd.concat(rows, ignore_index=True).assign(battery=rng.integers(0, 9)))
        wrong = post.scalar(
            "SELECT count(*) FROM (SELECT DISTINCT ON (unit_no) unit_no, time, lon, lat,"
            " accuracy_m, speed_ms, heading_deg, altitude_m, battery, received_at FROM fixes"
            " ORDER BY unit_no, time DESC) f FULL JOIN latest_fixes l USING (unit_no)"
            " WHERE (f.time, f.lon, f.lat, f.accuracy_m, f.speed_ms, f.battery, f.received_at)"
            " IS DISTINCT FROM"
            " (l.time, l.lon, l.lat, l.accuracy_m, l.speed_ms, l.battery, l.received_at)"
        )
        assert wrong == 0


def test_a_unit_that_leaves_is_refused_by_every_process(
    post: Post, other: Post, fixes: Fixes
) -> None:
    post.enrol("v")
    for who in (post, other):
        assert who.send(fixes("v", (0, 100.0, 40.0))).refused == 0
    with acting(other.engine, SYSTEM, "patrolgrid_write") as connection:
        enrolment.disenrol(connection, "v")
    for who in (post, other):
        assert who.send(fixes("v", (1, 100.0, 40.0))).refused == 1
    other.enrol("v")
    for minute, who in enumerate((post, other), 2):
        assert who.send(fixes("v", (minute, 100.0, 40.0))).accepted == 1


def test_a_unit_under_another_name_is_another(post: Post, fixes: Fixes) -> None:
    post.enrol("v")
    post.enrol("w")
    post.send(pd.concat([fixes(unit, (0, 100.0, 40.0)) for unit in ("v", "w")], ignore_index=True))
    with post.engine.begin() as connection:
        connection.execute(text("UPDATE units SET id = 'x' WHERE id = 'v'"))
        connection.execute(text("UPDATE units SET id = 'v' WHERE id = 'w'"))
    assert post.send(fixes("w", (1, 101.0, 40.0))).refused == 1
    assert post.send(fixes("v", (1, 102.0, 40.0))).accepted == 1
    held = "SELECT lon FROM latest_fixes JOIN units USING (unit_no) WHERE id = '{}'"
    assert (post.scalar(held.format("x")), post.scalar(held.format("v"))) == (100.0, 102.0)


def test_a_unit_of_another_kind_is_walked_anew(post: Post, fixes: Fixes) -> None:
    post.enrol("v")
    post.enrol("w")
    for unit in ("v", "w"):
        post.send(fixes(unit, *((minute, 100.0, 40.0) for minute in range(70))))
    assert post.scalar("SELECT count(DISTINCT unit_no) FROM walk_marks") == 2
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(text("UPDATE units SET call_sign = 'changed'"))
        connection.execute(text("UPDATE units SET kind = 'foot' WHERE id = 'v'"))
    assert not stands(post.engine, "v")[1]
    assert stands(post.engine, "w")[1]
    assert post.scalar("SELECT count(DISTINCT unit_no) FROM walk_marks") == 1


def test_who_enrols_many_in_any_order_and_who_sends_wait_for_each_other(
    post: Post, fixes: Fixes
) -> None:
    for n in range(2 * SLOTS):
        post.enrol(f"u{n:02d}")
    asked = [enrolment.Enrolment(unit=f"u{n:02d}", kind="foot") for n in range(2 * SLOTS)][::-1]
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        enrolment.enrol(connection, asked[:3], post.region, update=True)
        with pytest.raises(OperationalError, match="lock timeout"):
            enlisted_at_once(post, "u31")
        enlisted_at_once(post, "u00")
    assert post.send(fixes("u31", (0, 100.0, 40.0))).accepted == 1


def test_a_process_that_met_a_rollback_knows_what_is_stored(post: Post, fixes: Fixes) -> None:
    post.enrol("v")
    post.fence("B", BOX)
    post.send(fixes("v", (0, 100.0, 40.0)))
    with post.engine.begin() as connection:
        connection.execute(text("ALTER TABLE breaches ADD CONSTRAINT no CHECK (id < 0)"))
    with pytest.raises(Exception, match="violates check constraint"):
        post.send(fixes("v", (1, 100.06, 40.0)))
    assert stands(post.engine, "v") == (100.0, True, 0)
    with post.engine.begin() as connection:
        connection.execute(text("ALTER TABLE breaches DROP CONSTRAINT no"))
    post.send(fixes("v", (1, 100.06, 40.0)))
    assert stands(post.engine, "v") == (100.06, True, 1)
    assert len(post.told()) == 1


def test_what_an_upgrade_left_unwalked_is_walked_before_the_next_fix(
    post: Post, other: Post, fixes: Fixes
) -> None:
    post.enrol("v")
    post.enrol("new")
    post.fence("B", BOX)
    post.send(fixes("v", *((minute, 100.06, 40.0) for minute in range(200))))
    told = [breach.told for breach in post.told()]
    seen: list[tuple[int, int]] = []
    for forget in ("layout = 0", "walked = array_fill(false, ARRAY[16])"):
        with post.engine.begin() as connection:
            connection.execute(text("DELETE FROM walk_marks"))
            connection.execute(text(f"UPDATE standings SET {forget}, stamp = stamp + 1"))
        seen.clear()
        walked = catch_up(other.engine, post.region, done=lambda *now: seen.append(now))
        assert (walked, seen) == (1, [(1, 1)])
        assert catch_up(post.engine, post.region) == 0
        assert stands(post.engine, "v") == (100.06, True, 1)
        assert post.scalar("SELECT count(*) FROM walk_marks") == 3
    assert [breach.told for breach in post.told()] == told


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    turns=st.lists(
        st.tuples(st.booleans(), st.integers(0, 2), st.floats(99.9, 100.2), st.integers(0, 30)),
        min_size=3, max_size=12,
    )
)  # fmt: skip
def test_processes_that_take_turns_say_what_one_says(
    post: Post, other: Post, turns: list[tuple[bool, int, float, int]]
) -> None:
    number = post.scalar("SELECT count(*) FROM units")
    if number == 0:
        post.fence("B", BOX)
    names = [f"u{number + n}" for n in range(3)]
    for name in names:
        post.enrol(name)
    for minute, (elsewhere, n, lon, late) in enumerate(turns):
        row = {"unit": names[n], "time": NOON + timedelta(seconds=40 * minute - late * 7),
               "lon": lon, "lat": 40.0, "accuracy_m": 5.0}  # fmt: skip
        (other if elsewhere else post).send(intake.frame([row]))
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        now = NOON + timedelta(days=2)
        assert breaches.recompute(connection, post.region, now=now, units=names).total == 0
