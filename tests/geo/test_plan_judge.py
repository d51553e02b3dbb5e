"""States: days of 24 hours by hand, and an active clock against a slow one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.plan import NEVER, STATES, Judged, judge
from geo.plan.judge import _Clock
from tests.geo.test_plan_rounds import stays

HOUR = 3_600
DAYS = np.arange(0, 10) * 24 * HOUR
ALWAYS = np.array([[0, 240 * HOUR]])
NIGHTS = np.array([[d * 24 * HOUR + 22 * HOUR, d * 24 * HOUR + 30 * HOUR] for d in range(9)])


def at(
    hour: float, *given: tuple[float, float], required: int = 1, active: np.ndarray = ALWAYS,
    apart: float = 0.5, first: int = 0, periods: np.ndarray = DAYS,
) -> Judged:  # fmt: skip
    """How one target is judged at an hour, by stays (from hour, to hour)."""
    made = [(0, round(begin * HOUR), round(end * HOUR)) for begin, end in given]
    return judge(
        stays(*made), 1, required=required, periods_us=periods, active_us=active,
        apart_us=round(apart * HOUR), at_us=round(hour * HOUR), first=first,
    )  # fmt: skip


def state(found: Judged) -> str:
    return STATES[int(found.state[0])]


def test_three_rounds_a_day() -> None:
    two = [(1.0, 2.0), (8.0, 9.0)]
    assert state(at(12, *two, (11.0, 11.5), required=3)) == "kept"
    assert state(at(16.9, *two, required=3)) == "due"  # eight hours may lie between two
    assert state(at(17.1, *two, required=3)) == "late"
    assert state(at(24, *two, required=3)) == "missed"
    assert at(12, *two, required=3).due_us.tolist() == [17 * HOUR]


def test_who_was_never_there_is_late_and_the_worst() -> None:
    found = at(1, required=3)
    assert state(found) == "late"
    assert found.overdue.tolist() == [np.inf]
    assert found.due_us.tolist() == found.last_us.tolist() == [NEVER]


def test_what_cannot_be_made_up_for_is_missed_before_the_day_is_over() -> None:
    # Two are missing, and half an hour lies between rounds.
    assert state(at(23.4, (1.0, 2.0), required=3)) == "late"
    assert state(at(23.6, (1.0, 2.0), required=3)) == "missed"


def test_the_pace_goes_on_from_one_period_into_the_next() -> None:
    assert state(at(30, (8.0, 9.0))) == "due"
    assert state(at(34, (8.0, 9.0))) == "late"
    assert at(34, (8.0, 9.0)).overdue.tolist() == [25 / 24]


def test_a_past_day_is_kept_or_missed() -> None:
    found = at(72, (8.0, 9.0), (60.0, 61.0))
    assert (found.period, found.closed.tolist()) == (2, [0, 1, 2])
    assert (state(found), found.kept.tolist()) == ("kept", [2])
    assert at(72, (8.0, 9.0), first=1).kept.tolist() == [0]


def test_time_outside_of_active_hours_does_not_pass() -> None:
    # A day has ten hours of them: six of the night before, two of its own.
    assert state(at(50, (23.0, 24.0), active=NIGHTS, periods=DAYS)) == "late"
    found = at(45, (23.0, 24.0), active=NIGHTS)
    assert state(found) == "due"
    assert found.overdue.tolist() == [6 / 8]
    assert found.due_us.tolist() == [48 * HOUR]


def test_a_day_without_active_hours_is_not_judged() -> None:
    first_alone = np.array([[2 * HOUR, 5 * HOUR]])
    found = at(40, (3.0, 4.0), active=first_alone)
    assert (found.period, found.closed.tolist(), state(found)) == (0, [0], "kept")
    assert at(40, active=np.empty((0, 2), np.int64)).period == -1


def test_after_the_last_active_hour_what_is_missing_is_missed() -> None:
    mornings = np.array([[6 * HOUR, 8 * HOUR], [30 * HOUR, 32 * HOUR]])
    assert state(at(7, active=mornings)) == "late"
    assert state(at(8, active=mornings)) == "missed"
    assert state(at(8, (7.0, 7.5), active=mornings)) == "kept"


def test_who_is_there_now_was_there_now() -> None:
    found = at(10, (9.0, 12.0), required=3)
    assert found.last_us.tolist() == [10 * HOUR]
    assert found.overdue.tolist() == [0]


@settings(max_examples=200, deadline=None)
@given(
    edges=st.lists(st.integers(0, 60), min_size=2, max_size=8, unique=True),
    moment=st.integers(-5, 70),
)
def test_the_active_clock_goes_as_a_slow_one(edges: list[int], moment: int) -> None:
    spans = np.array(sorted(edges)[: len(edges) // 2 * 2]).reshape(-1, 2)
    ticks = [t for a, b in spans.tolist() for t in range(a, b)]
    clock = _Clock(spans)
    gone = sum(t < moment for t in ticks)
    assert clock.gone(moment) == gone
    assert clock.gone(np.array([moment])).tolist() == [gone]
    back = clock.at(np.array([float(gone)])).tolist()[0]
    assert clock.gone(back) == gone
    before = [t + 1 for t in ticks if t < moment]
    assert clock.last(moment) == (before[-1] if before else NEVER)
    assert clock.at(np.array([len(ticks) + 1.0])).tolist() == [NEVER]


@pytest.mark.parametrize("required", [1, 2, 5])
def test_states_follow_each_other_and_only_rounds_turn_them_back(required: int) -> None:
    seen = [state(at(hour / 2, (1.0, 1.25), required=required)) for hour in range(3, 49)]
    order = [STATES.index(word) for word in seen]
    if required == 1:
        assert set(seen) == {"kept"}
    else:
        assert order == sorted(order)
        assert seen[-1] == "missed"
