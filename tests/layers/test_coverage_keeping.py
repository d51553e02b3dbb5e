"""What coverage is read from: kept up, it is what is computed afresh, to the last digit."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from layers import coverage
from layers.coverage import Measured, Question, gathering, keeping
from layers.db.engine import SYSTEM, acting
from layers.units import enrolment
from tests.layers.conftest import NOON, Post

EXAMPLES = int(os.environ.get("PATROLGRID_TEST_EXAMPLES", "8"))
#: 2026-03-02 of the region, and what is around it.
DAY = datetime.fromisoformat("2026-03-02T00:00:00+08:00")
MONTH = (DAY - timedelta(days=1), DAY + timedelta(days=32))
UNITS = ("a", "b", "c")
LEVELS = st.sampled_from(["cell", "gacha"])
_EXAMPLE = itertools.count()


def grid(post: Post, name: str, west: float, south: float, side: float, **more: object) -> None:
    east, north = west + side, south + side
    ring = f"{west} {south},{east} {south},{east} {north},{west} {north},{west} {south}"
    columns = {"id": name, "level": "cell", "parent": None, "area_m2": 1e8, **more}
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(
            text(
                f"INSERT INTO grids ({', '.join(columns)}, geom) VALUES"
                f" ({', '.join(':' + one for one in columns)}, ST_GeomFromText(:wkt, 4326))"
            ),
            {**columns, "wkt": f"MULTIPOLYGON((({ring})))"},
        )


@pytest.fixture
def banner(post: Post) -> Post:
    """A gacha with two cells that do not fill it."""
    grid(post, "g", 100.0, 40.0, 0.2, level="gacha")
    grid(post, "g1", 100.0, 40.0, 0.05, parent="g")
    grid(post, "g2", 100.05, 40.0, 0.05, parent="g")
    for unit in UNITS:
        post.enrol(unit)
    return post


def measured(post: Post, question: Question) -> Measured:
    with acting(post.engine, SYSTEM, "patrolgrid_read") as connection:
        return coverage.answer(connection, post.region, question)


def afresh(post: Post, question: Question) -> Measured:
    """The same with nothing that is kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering, "kept", lambda *_: [])
        return measured(post, question)


def assert_same(got: Measured, want: Measured) -> None:
    pd.testing.assert_frame_equal(got.grids, want.grids, check_exact=True)
    pd.testing.assert_frame_equal(got.rest, want.rest, check_exact=True)
    assert got.totals == want.totals
    assert got.parts.keys() == want.parts.keys()
    for word, part in got.parts.items():
        pd.testing.assert_frame_equal(part, want.parts[word], check_exact=True)


def kept(post: Post) -> int:
    return int(post.scalar("SELECT count(*) FROM coverage_spells"))


def walk(unit: str, start: datetime, count: int, seed: int) -> pd.DataFrame:
    """A stroll over the cells with a fix every five minutes, and silences."""
    rng = np.random.default_rng(seed)
    step_s = rng.choice([300, 300, 300, 7200], count)
    lon = 100.05 + np.cumsum(rng.normal(0, 0.004, count))
    lat = 40.02 + np.cumsum(rng.normal(0, 0.004, count))
    return pd.DataFrame({
        "unit": unit, "time": pd.Timestamp(start) + pd.to_timedelta(np.cumsum(step_s), unit="s"),
        "lon": lon, "lat": lat, "accuracy_m": 5.0,
    })  # fmt: skip


@settings(
    max_examples=EXAMPLES, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_kept_up_in_any_order_it_is_what_is_computed_afresh(
    data: st.DataObject, banner: Post
) -> None:
    # Units of their own, beside those of the examples before.
    names = [f"{unit}{next(_EXAMPLE)}" for unit in UNITS]
    for name in names:
        banner.enrol(name)
    fixes = pd.concat([walk(name, DAY, 60, data.draw(st.integers(0, 99))) for name in names])
    fixes["batch"] = data.draw(st.randoms()).choices(range(5), k=len(fixes))
    window = st.integers(-6, 60).map(lambda n: DAY + timedelta(minutes=47 * n))
    for batch in data.draw(st.permutations(range(5))):
        sent = fixes[fixes["batch"] == batch].drop(columns="batch")
        banner.send(sent, now=DAY + timedelta(days=30))
        if data.draw(st.booleans()):
            now = DAY + timedelta(hours=data.draw(st.one_of(st.integers(0, 120), st.just(800))))
            keeping.keep_up(banner.engine, banner.region, now=now)
        start, end = sorted(data.draw(st.one_of(st.tuples(window, window), st.just(MONTH))))
        by, level = data.draw(st.sampled_from([None, "mode"])), data.draw(LEVELS)
        question = Question(start=start, end=end + timedelta(minutes=1), by=by, level=level)
        assert_same(measured(banner, question), afresh(banner, question))


def test_only_what_a_late_fix_touches_is_made_again(banner: Post) -> None:
    for day in range(4):
        banner.send(
            walk("a", DAY + timedelta(days=day, hours=8), 40, day), now=DAY + timedelta(days=30)
        )
    now = DAY + timedelta(days=20)
    made = keeping.keep_up(banner.engine, banner.region, now=now)
    assert made == kept(banner) > 4
    assert keeping.keep_up(banner.engine, banner.region, now=now) == 0
    late = pd.DataFrame({
        "unit": ["b"], "time": [pd.Timestamp(DAY + timedelta(days=1, hours=9))], "lon": [100.02],
        "lat": [40.02], "accuracy_m": [5.0],
    })  # fmt: skip
    banner.send(late, now=DAY + timedelta(days=30))
    assert keeping.keep_up(banner.engine, banner.region, now=now) == 1


@pytest.mark.parametrize("change", ["grid", "unit", "truncated"])
def test_what_was_made_by_other_grids_units_or_fixes_is_not_read(banner: Post, change: str) -> None:
    banner.send(walk("a", DAY, 90, 7), now=DAY + timedelta(days=30))
    question = Question(start=DAY, end=DAY + timedelta(days=3), level="cell")
    keeping.keep_up(banner.engine, banner.region, now=DAY + timedelta(days=9))
    before = measured(banner, question)
    if change == "grid":
        grid(banner, "g3", 100.0, 40.05, 0.05, parent="g")
    if change == "unit":
        with acting(banner.engine, SYSTEM, "patrolgrid_write") as connection:
            asked = enrolment.Enrolment(unit="a", kind="vehicle", max_gap_s=60)
            enrolment.enrol(connection, [asked], banner.region, update=True)
    if change == "truncated":
        with banner.engine.begin() as connection:
            connection.execute(text("TRUNCATE patrolgrid.fixes"))
    after = measured(banner, question)
    assert not after.grids.equals(before.grids)
    assert_same(after, afresh(banner, question))


def test_hours_give_way_to_the_day_that_holds_them(banner: Post) -> None:
    banner.send(walk("a", DAY, 90, 7), now=DAY + timedelta(days=30))
    keeping.keep_up(banner.engine, banner.region, now=DAY + timedelta(hours=20))
    hours = kept(banner)
    assert hours >= 18
    keeping.keep_up(banner.engine, banner.region, now=DAY + timedelta(days=5))
    keeping.keep_up(banner.engine, banner.region, now=DAY + timedelta(days=5))
    assert banner.scalar(
        f"SELECT count(*) FROM coverage_spells WHERE ends < '{DAY + timedelta(days=2)}'"
        " AND ends - begins < interval '2 hours'"
    ) == 0  # fmt: skip


def test_a_keeper_that_is_told_to_stop_leaves_the_rest_for_the_next(banner: Post) -> None:
    banner.send(walk("a", DAY, 90, 7), now=DAY + timedelta(days=30))
    now = DAY + timedelta(days=9)
    assert keeping.keep_up(banner.engine, banner.region, now=now, stopping=lambda: True) == 0
    assert keeping.keep_up(banner.engine, banner.region, now=now, patience_s=-1) == 0
    assert kept(banner) == 0


def test_a_swath_or_part_that_is_not_kept_is_computed_and_says_so(banner: Post) -> None:
    banner.send(walk("a", NOON, 20, 3), now=NOON + timedelta(days=30))
    asked: dict[str, object] = {"start": DAY, "end": DAY + timedelta(days=1), "level": "cell"}
    told: Callable[..., str] = lambda **more: measured(banner, Question(**asked, **more)).swept  # type: ignore[arg-type]  # noqa: E731
    assert [told(), told(swath_m=500.0), told(by="mode")] == ["kept"] * 3
    assert [told(swath_m=300.0), told(by="team"), told(by="hour")] == ["computed"] * 3


def test_a_region_without_grids_is_kept_up_and_measured(post: Post) -> None:
    post.enrol("a")
    post.send(walk("a", DAY, 30, 5), now=DAY + timedelta(days=30))
    question = Question(start=DAY, end=DAY + timedelta(days=1), level="cell")
    before = measured(post, question)
    assert keeping.keep_up(post.engine, post.region, now=DAY + timedelta(days=9)) > 0
    assert_same(measured(post, question), before)
    assert before.grids.empty
    assert before.totals["outside_s"] > 0


def test_what_units_made_that_are_gone_is_not_read(banner: Post) -> None:
    banner.send(walk("c", DAY, 30, 5), now=DAY + timedelta(days=30))
    question = Question(start=DAY, end=DAY + timedelta(days=1), level="cell")
    keeping.keep_up(banner.engine, banner.region, now=DAY + timedelta(days=9))
    assert measured(banner, question).totals["units"] == 1
    with banner.engine.begin() as connection:
        connection.execute(text("SET search_path = patrolgrid, public"))
        connection.execute(text("DELETE FROM fixes"))
        connection.execute(text("DELETE FROM units WHERE id = 'c'"))
    assert measured(banner, question).totals["units"] == 0
