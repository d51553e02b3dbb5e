"""Collars that are heard of in bursts, up to a month late: told as if all had come in order.

The collars are invented; how they are heard is as real ones are: hourly fixes, kept where there is
no network, and sent the newest first or the oldest, once a beast is in range again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from layers import breaches
from layers.db.engine import SYSTEM, acting, make_engine
from layers.region import Region
from tests.conftest import clone
from tests.layers.conftest import NOON, Post

HOURS, COLLARS, BATCH = 24 * 60, ("ovoo", "salkhi"), 150
LATER = NOON + timedelta(days=120)
TOLD = ("unit", "fence", "entered_at", "entered_earliest", "entered_latest", "exited_at", "state",
        "evidence", "unknown_s", "visit")  # fmt: skip


def heard() -> pd.DataFrame:
    """Fixes of two invented collars over sixty days, with the time at which each was received."""
    rng = np.random.default_rng(20)
    parts = []
    for n, unit in enumerate(COLLARS):
        steps = rng.normal(0, 0.01, (HOURS, 2)) * (rng.random((HOURS, 1)) < 0.6)
        place = np.array([103.0 + 0.1 * n, 42.0]) + np.cumsum(steps, axis=0)
        time = pd.DatetimeIndex([NOON + timedelta(hours=h) for h in range(HOURS)])
        ranges = np.sort(rng.choice(HOURS, 25, replace=False))  # hours in which it is in range
        at = ranges[np.minimum(np.searchsorted(ranges, np.arange(HOURS)), len(ranges) - 1)]
        late = np.maximum(at - np.arange(HOURS), 0)
        parts.append(
            pd.DataFrame({"unit": unit, "time": time, "lon": place[:, 0], "lat": place[:, 1]})
            .assign(accuracy_m=np.nan, received_at=time + pd.to_timedelta(late, "h"))
        )  # fmt: skip
    made = pd.concat(parts, ignore_index=True)
    assert (made["received_at"] - made["time"]).max() > timedelta(days=5)
    return made


@pytest.fixture
def fresh(
    cluster_url: str, template_database: str, region: Region
) -> Iterator[Callable[[pd.DataFrame], Post]]:
    """A new command post with fences along the ways of the collars."""
    with ExitStack() as held:

        def make(fixes: pd.DataFrame) -> Post:
            engine = make_engine(held.enter_context(clone(cluster_url, template_database)))
            held.callback(engine.dispose)
            post = Post(engine=engine, region=region)
            for unit in COLLARS:
                post.enrol(unit, "collar")
            rng = np.random.default_rng(4)
            for n in range(12):
                lon, lat = fixes[["lon", "lat"]].iloc[rng.integers(len(fixes))]
                half = 10 ** rng.uniform(-3, -1)
                w, e, s, t = lon - half, lon + half, lat - half, lat + half
                post.fence(
                    f"f{n}", f"POLYGON(({w} {s},{e} {s},{e} {t},{w} {t},{w} {s}))",
                    rule=("keep_out", "keep_in")[n % 2], margin_m=float(rng.choice([0, 300])),
                    dwell_s=float(rng.choice([0, 7200])),
                )  # fmt: skip
            return post

        yield make


def told(post: Post, fixes: pd.DataFrame) -> list[tuple[Any, ...]]:
    """The current breaches after ``fixes``, in batches, with a fix that was repeated in each."""
    for first in range(0, len(fixes), BATCH):
        part = fixes.iloc[max(first - 1, 0) : first + BATCH].drop(columns="received_at")
        receipt = post.send(part.reset_index(drop=True), now=LATER)
        assert receipt.accepted + receipt.duplicate == len(part)
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        assert breaches.recompute(connection, post.region, now=LATER).total == 0
    found = [breach.told for breach in post.told("open", "closed")]
    return sorted((tuple(one[name] for name in TOLD) for one in found), key=repr)


@pytest.mark.parametrize("newest_first", [False, True])
def test_what_came_by_received_at_is_told_as_what_came_in_order(
    fresh: Callable[[pd.DataFrame], Post], newest_first: bool
) -> None:
    fixes = heard()
    in_order = fixes.sort_values(["time", "unit"])
    received = fixes.sort_values(["received_at", "time"], ascending=[True, not newest_first])
    was = told(fresh(fixes), in_order)
    assert len(was) > 50
    assert told(fresh(fixes), received) == was
