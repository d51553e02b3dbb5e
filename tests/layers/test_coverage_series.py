"""Coverage over time: each part of a window is what is answered for that part alone."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from geo.coverage.spells import Fixes
from layers import coverage
from layers.coverage import Question, gathering, keeping
from layers.coverage.beside import Beside
from layers.coverage.measure import answers
from layers.db.engine import SYSTEM, acting
from layers.fixes.read import CONTEXT
from tests.layers.conftest import Post
from tests.layers.test_coverage_keeping import (
    DAY,
    EXAMPLES,
    UNITS,
    assert_same,
    banner,
    measured,
    walk,
)

__all__ = ["banner"]
HOURS = st.integers(-20, 90).map(lambda n: DAY + timedelta(hours=n))
ODD = st.integers(-900, 5000).map(lambda n: DAY + timedelta(minutes=n))
_EXAMPLE = itertools.count()
_HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def sparse(unit: str, seed: int) -> pd.DataFrame:
    """A walk over days with silences that are longer than many parts, and places that were never
    reached."""
    fixes = walk(unit, DAY, 40, seed)
    rng = np.random.default_rng(seed)
    silent_s = rng.choice([0, 60_000], len(fixes), p=[0.92, 0.08]).cumsum()
    fixes["time"] = (fixes["time"] + pd.to_timedelta(silent_s, unit="s")).astype(
        fixes["time"].dtype
    )
    fixes.loc[rng.random(len(fixes)) < 0.1, "lon"] += 2.0
    return fixes


@settings(
    max_examples=EXAMPLES, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=_HEALTH,
)  # fmt: skip
@given(data=st.data())
def test_each_part_is_what_is_answered_for_it_alone(data: st.DataObject, banner: Post) -> None:
    # Units of their own, beside those of the examples before.
    names = [f"{one}{next(_EXAMPLE)}" for one in UNITS]
    for name in names:
        banner.enrol(name)
        fixes = sparse(name, data.draw(st.integers(0, 99)))
        banner.send(fixes, now=DAY + timedelta(days=30))
    if data.draw(st.booleans()):
        keeping.keep_up(banner.engine, banner.region, now=DAY + timedelta(days=40))
    edges = sorted(data.draw(st.sets(st.one_of(HOURS, ODD), min_size=2, max_size=9)))
    question = Question(
        start=edges[0], end=edges[-1], level=data.draw(st.sampled_from(["cell", "gacha"])),
        by=data.draw(st.sampled_from([None, "mode", "team", "hour"])),
        swath_m=data.draw(st.sampled_from([None, 300.0])),
    )  # fmt: skip
    with (
        pytest.MonkeyPatch.context() as patch,
        acting(banner.engine, SYSTEM, "patrolgrid_read") as connection,
    ):
        patch.setattr(gathering, "_AT_ONCE", data.draw(st.sampled_from([1, 7, 20_000])))
        found = list(answers(connection, banner.region, question, edges))
    assert len(found) == len(edges) - 1
    for got, (start, end) in zip(found, pairwise(edges), strict=True):
        assert_same(got, measured(banner, replace(question, start=start, end=end)))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=_HEALTH)
@given(
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=3),
    edges=st.sets(ODD, min_size=2, max_size=9),
)
def test_what_is_beside_each_part_is_the_few_fixes_next_to_it(
    seeds: list[int], edges: set[datetime], banner: Post
) -> None:
    fixes = pd.concat([sparse(unit, seed) for unit, seed in zip(UNITS, seeds, strict=False)])
    banner.send(fixes, now=DAY + timedelta(days=30))
    with acting(banner.engine, SYSTEM, "patrolgrid_read") as connection:
        rows = connection.exec_driver_sql(
            "SELECT unit_no, (extract(epoch FROM time) * 1e6)::bigint FROM fixes ORDER BY 1, 2"
        ).all()
        edges_us = np.array(sorted(int(edge.timestamp() * 1e6) for edge in edges))
        found = Beside.read(connection, np.unique([unit for unit, _ in rows]), edges_us)
    for edge_us in edges_us.tolist():
        before = [(u, t) for u, t in rows if t < edge_us]
        after = [(u, t) for u, t in rows if t >= edge_us]
        if edge_us < edges_us[-1]:
            want = [
                one for one in before if sum(one < o and o[0] == one[0] for o in before) < CONTEXT
            ]
            assert told(found.before(edge_us)) == want
        if edge_us > edges_us[0]:
            want = [
                one for one in after if sum(one > o and o[0] == one[0] for o in after) < CONTEXT
            ]
            assert told(found.after(edge_us)) == want


def told(fixes: Fixes) -> list[tuple[int, int]]:
    return list(zip(fixes.unit.tolist(), fixes.time_us.tolist(), strict=True))


def test_a_series_is_of_days_that_were_kept_up_and_of_others(banner: Post) -> None:
    for n in range(6):
        fixes = walk("a", DAY + timedelta(days=n, hours=8), 40, n)
        banner.send(fixes, now=DAY + timedelta(days=30))
    keeping.keep_up(banner.engine, banner.region, now=DAY + timedelta(days=3, hours=5))
    question = Question(start=DAY, end=DAY + timedelta(days=5, hours=12), level="cell")
    with acting(banner.engine, SYSTEM, "patrolgrid_read") as connection:
        days = list(coverage.series(connection, banner.region, question, "day"))
    assert [day.start for day in days] == [DAY + timedelta(days=n) for n in range(6)]
    for day in days:
        assert_same(day.measured, measured(banner, replace(question, start=day.start, end=day.end)))
    assert sum(day.measured.totals["patrol_s"] for day in days) == pytest.approx(
        measured(banner, question).totals["patrol_s"]
    )
