"""How far a survey has come: never back, never beyond, and at its end all of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.coverage.spells import Fixes, Seen, Spell
from layers import coverage
from layers.coverage import Question
from layers.coverage.reached import Reached
from layers.db.engine import SYSTEM, acting
from tests.layers.conftest import Post
from tests.layers.test_coverage_keeping import grid, walk

DAY = datetime.fromisoformat("2026-03-02T00:00:00+08:00")
WEEK = Question(start=DAY, end=DAY + timedelta(days=7), level="cell", swath_m=333.0)
S = 1_000_000


def spell(*fixes: tuple[int, float]) -> Spell:
    """A spell with a fix of each (unit, second)."""
    unit = np.array([unit for unit, _ in fixes], dtype=np.int32)
    time_us = np.array([int(second * S) for _, second in fixes], dtype=np.int64)
    nowhere = np.zeros(len(fixes))
    edges = Fixes(unit, time_us, nowhere, nowhere, unit)
    return Spell(seen=Seen.together([]), edges=edges, part=np.zeros(len(fixes), np.uint8))


def handed_on(*spells: Spell) -> Generator[Spell, None, None]:
    yield from spells


def told(units: int, end_s: int, *spells: Spell) -> list[int]:
    heard: list[int] = []

    def done(parts: int, of: int) -> None:
        assert of == max(1, end_s)
        heard.append(parts)

    reached = Reached(done, 0, end_s * S, units)
    assert list(reached.over(handed_on(*spells))) == list(spells)
    reached.until(end_s * S)
    return heard


def test_units_of_the_same_days_are_parts_of_them() -> None:
    first, second = spell((1, 0), (2, 100)), spell((3, 50), (4, 100))
    assert told(4, 200, first, second) == [50, 100, 200]


def test_a_unit_that_comes_again_begins_other_days() -> None:
    found = told(2, 200, spell((1, 0), (2, 100)), spell((1, 110), (1, 200)), spell((2, 150)))
    assert found == [100, 100, 150, 200, 200]


def test_days_of_others_begin_after_those_before() -> None:
    assert told(4, 200, spell((1, 0), (1, 100)), spell((2, 150), (2, 180))) == [25, 100, 120, 200]


@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(1, 5), st.floats(0, 500)), min_size=1, max_size=6),
        max_size=12,
    ),
    units=st.integers(0, 5),
    end_s=st.integers(0, 400),
)
def test_it_never_goes_back_nor_beyond(
    batches: list[list[tuple[int, float]]], units: int, end_s: int
) -> None:
    found = told(units, end_s, *(spell(*one) for one in batches))
    assert found == sorted(found)
    assert found[-1] == end_s
    assert all(0 <= one <= end_s for one in found)


@pytest.fixture
def walked(post: Post) -> Post:
    """Two cells and three units of a week."""
    grid(post, "g1", 100.0, 40.0, 0.05)
    grid(post, "g2", 100.05, 40.0, 0.05)
    for n, unit in enumerate(("a", "b", "c")):
        post.enrol(unit)
        post.send(walk(unit, DAY, 200, n), now=DAY + timedelta(days=9))
    return post


def test_an_answer_and_a_series_tell_of_their_whole_window(walked: Post) -> None:
    for many in (1, 7):
        heard: list[tuple[int, int]] = []
        with acting(walked.engine, SYSTEM, "patrolgrid_read") as connection:

            def done(parts: int, of: int, heard: list[tuple[int, int]] = heard) -> None:
                heard.append((parts, of))

            if many == 1:
                coverage.answer(connection, walked.region, WEEK, done)
            else:
                found = coverage.series(connection, walked.region, WEEK, "day", done)
                assert len(list(found)) == many
        assert heard == sorted(heard)
        assert {of for _, of in heard} == {7 * 86_400}
        assert heard[0][0] == 0
        assert heard[-1][0] == 7 * 86_400


class EnoughError(Exception):
    """Whoever waited has gone."""


def test_what_the_hearer_raises_ends_the_work_and_leaves_the_connection_usable(
    walked: Post,
) -> None:
    def gone(parts: int, _of: int) -> None:
        if parts:
            raise EnoughError

    def asked() -> Iterator[coverage.Measured]:
        with acting(walked.engine, SYSTEM, "patrolgrid_read") as connection:
            with pytest.raises(EnoughError):
                coverage.answer(connection, walked.region, WEEK, gone)
            yield coverage.answer(connection, walked.region, WEEK)

    (whole,) = asked()
    with acting(walked.engine, SYSTEM, "patrolgrid_read") as connection:
        afresh = coverage.answer(connection, walked.region, WEEK)
    assert whole.totals == afresh.totals
    assert whole.totals["patrol_s"] > 0
