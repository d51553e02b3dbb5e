"""Rounds: by hand, and against a slow count that looks at every second."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.plan.rounds import NEVER, Rounds, Stays, counted

ALWAYS = np.array([[0, 10_000]])


def stays(*given: tuple[int, int, int]) -> Stays:
    """Stays (target, begin, end)."""
    target, begin, end = np.array(given, dtype=np.int64).reshape(-1, 3).T
    return Stays(target=target, begin_us=begin, end_us=end)


def of(
    *given: tuple[int, int, int],
    targets: int = 1,
    periods: tuple[int, ...] = (0, 100, 200),
    active: np.ndarray = ALWAYS,
    apart: int = 10,
    at: int = 10_000,
) -> Rounds:
    """Rounds of stays (target, begin, end)."""
    return counted(
        stays(*given), targets, periods_us=np.array(periods), active_us=active, apart_us=apart,
        at_us=at,
    )  # fmt: skip


def test_stays_that_are_apart_are_rounds_of_their_own() -> None:
    assert of((0, 5, 10), (0, 30, 40), (0, 150, 160)).count.tolist() == [[2, 1]]


def test_stays_that_follow_closely_are_one_round_whoever_made_them() -> None:
    found = of((0, 5, 30), (0, 10, 12), (0, 39, 50))
    assert found.count.tolist() == [[1, 0]]
    assert of((0, 5, 30), (0, 40, 50)).count.tolist() == [[2, 0]]


def test_a_round_over_midnight_counts_on_both_sides() -> None:
    assert of((0, 90, 110)).count.tolist() == [[1, 1]]
    assert of((0, 90, 100)).count.tolist() == [[1, 0]]
    assert of((0, 80, 95), (0, 101, 110)).count.tolist() == [[1, 1]]


def test_a_passage_of_no_length_counts_once_where_it_was() -> None:
    assert of((0, 100, 100)).count.tolist() == [[0, 1]]
    assert of((0, 40, 40), active=np.array([[20, 40], [60, 80]])).count.tolist() == [[0, 0]]
    assert of((0, 60, 60), active=np.array([[20, 40], [60, 80]])).count.tolist() == [[1, 0]]


def test_only_active_time_counts() -> None:
    nights = np.array([[50, 70], [150, 170]])
    found = of((0, 0, 50), (0, 69, 75), (0, 170, 180), active=nights)
    assert found.count.tolist() == [[1, 0]]
    assert found.last_us.tolist() == [70]


def test_what_comes_later_is_not_known_yet() -> None:
    found = of((0, 5, 10), (0, 90, 150), at=100)
    assert found.count.tolist() == [[2, 0]]
    assert found.last_us.tolist() == [100]
    assert of((0, 5, 10), at=5).last_us.tolist() == [NEVER]


def test_nothing_at_all() -> None:
    found = of(targets=2)
    assert found.count.tolist() == [[0, 0], [0, 0]]
    assert found.last_us.tolist() == [NEVER, NEVER]


spans = st.tuples(st.integers(0, 2), st.integers(0, 60), st.integers(1, 12)).map(
    lambda one: (one[0], one[1], one[1] + one[2])
)
EDGES = (0, 20, 50, 80)


@settings(max_examples=200, deadline=None)
@given(
    made=st.lists(spans, max_size=12), apart=st.integers(1, 9), at=st.integers(1, 80),
    active=st.lists(st.integers(0, 80), min_size=2, max_size=6, unique=True),
)  # fmt: skip
def test_rounds_are_what_a_look_at_every_second_counts(
    made: list[tuple[int, int, int]], apart: int, at: int, active: list[int]
) -> None:
    on = np.array(sorted(active)[: len(active) // 2 * 2]).reshape(-1, 2)
    counts = {second for begin, end in on.tolist() for second in range(begin, end)}
    found = of(*made, targets=3, periods=EDGES, active=on, apart=apart, at=at)
    for target in range(3):
        there = [s for s in range(at) if any(a <= s < b for t, a, b in made if t == target)]
        rounds: list[list[int]] = []
        for second in there:
            if rounds and second - rounds[-1][-1] - 1 < apart:
                rounds[-1].append(second)
            else:
                rounds.append([second])
        for n, (begin, end) in enumerate(pairwise(EDGES)):
            own = [r for r in rounds if any(begin <= s < end and s in counts for s in r)]
            assert found.count[target, n] == len(own)
        seen = [s for s in there if s in counts and s < EDGES[-1]]
        assert found.last_us[target] == (seen[-1] + 1 if seen else NEVER)
