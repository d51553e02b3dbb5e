"""When units were heard near points: day by day, remembered or not, the same as in one go."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from geo.earth import circle
from layers.db.engine import SYSTEM, acting
from layers.fixes.plain import micros
from layers.plan import days
from layers.plan.near import _read, heard, together
from layers.plan.stayed import Stayed
from tests.layers.conftest import NOON, Post
from tests.layers.test_coverage_border import wander

CIRCLES = [circle(lon, lat, 8_000) for lon in (100.0, 100.3, 100.35) for lat in (39.6, 40.0)]


def rows(found: Stayed) -> list[tuple[object, ...]]:
    columns = (found.place, found.unit, found.begin_us, found.end_us, found.confirmed)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_day_by_day_is_as_in_one_go(post: Post, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for n in range(4):
        post.enrol(f"u{n}", top_speed_ms=300.0)
        # By some half a fix an hour: across many midnights, and silent over some.
        walk = wander(rng, f"u{n}", 600)
        stretched = NOON + (walk["time"] - NOON) * 3
        slow = walk.assign(time=stretched) if n % 2 else walk
        post.send(slow, now=NOON + timedelta(days=60))
    start, end = micros(NOON - timedelta(days=1)), micros(NOON + timedelta(days=8, hours=3))
    with acting(post.engine, SYSTEM, "patrolgrid_read") as connection:
        whole = together([_read(connection, CIRCLES, start, end)])
        told = [
            days.answered(connection, heard(connection, sets), start, end, post.region.timezone)
            # in one set, remembered, and in two
            for sets in ([CIRCLES], [CIRCLES], [CIRCLES[:2], CIRCLES[2:]])
        ]
    assert len(whole.place) > 20
    assert rows(together(told[0][0])) == rows(together(told[1][0])) == rows(whole)
    few = rows(together(told[2][0]))
    assert few == [row for row in rows(whole) if row[0] < 2]
    rest = [(row[0] + 2, *row[1:]) for row in rows(together(told[2][1]))]
    assert few + rest == rows(whole)
