"""The border by what is read near it alone: the same as by all legs."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from geo.coverage.line import border_and_lines
from layers import frames
from layers.coverage import border, measure_border
from layers.db.engine import SYSTEM, acting
from layers.fixes import journeys
from tests.layers.conftest import NOON, Post

LINES = {"north": "LINESTRING(100 40,100.3 40.1,100.6 40.05)", "east": "LINESTRING(101 40,101 39)"}


def wander(rng: np.random.Generator, unit: str, steps: int) -> pd.DataFrame:
    """A unit that wanders about the border, falls silent now and then, and jumps."""
    waits = rng.choice([20.0, 120.0, 550.0, 3_000.0], steps, p=[0.3, 0.4, 0.25, 0.05])
    pace = rng.choice([0.0, 0.002, 0.02, 0.4], steps, p=[0.1, 0.5, 0.35, 0.05])
    way = np.cumsum(rng.normal(0, 0.6, steps))
    lon, lat = 100.2 + np.cumsum(pace * np.cos(way)), 40.05 + np.cumsum(pace * np.sin(way))
    return pd.DataFrame({
        "unit": unit, "time": NOON + pd.to_timedelta(np.cumsum(waits), unit="s"),
        "lon": 99.5 + (lon - 99.5) % 2, "lat": 39.3 + (lat - 39.3) % 1.2, "accuracy_m": 5.0,
        "patrol_id": [None if n % 40 else f"p{n}" for n in range(steps)],
    })  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_what_is_read_near_the_border_says_the_same_as_all_legs(
    post: Post, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        for name, wkt in LINES.items():
            connection.execute(
                text("INSERT INTO border (id, geom) VALUES (:id, ST_GeomFromText(:wkt, 4326))"),
                {"id": name, "wkt": wkt},
            )
    for n in range(6):
        post.enrol(f"u{n}", top_speed_ms=300.0)
        post.send(wander(rng, f"u{n}", 300), now=NOON + timedelta(days=9))
    post.enrol("far")
    post.send(wander(rng, "far", 200).assign(lat=45.0), now=NOON + timedelta(days=9))
    monkeypatch.setattr(border, "_AT_ONCE", 20_000)  # two units at a time
    window = {"start": NOON + timedelta(hours=1.3), "end": NOON + timedelta(hours=17)}
    for swath_m in (50.0, 2_000.0, 30_000.0):
        with acting(post.engine, SYSTEM, "patrolgrid_read") as connection:
            found = measure_border(connection, **window, segment_m=5_000, swath_m=swath_m)
            legs = journeys.legs(connection, **window)
            stretches, lines = border_and_lines(
                frames.places(connection, "border"), legs, segment_m=5_000, swath_m=swath_m,
                **window,
            )  # fmt: skip
        pd.testing.assert_frame_equal(pd.DataFrame(found.stretches), pd.DataFrame(stretches))
        pd.testing.assert_frame_equal(pd.DataFrame(found.lines), pd.DataFrame(lines))
        assert stretches["visits"].sum() > 3
        assert stretches["unknown_s"].sum() > 0 or swath_m < 10_000


def test_without_a_border_or_fixes_nothing_is_said_of_them(post: Post) -> None:
    window = {"start": NOON, "end": NOON + timedelta(days=1)}
    with acting(post.engine, SYSTEM, "patrolgrid_read") as connection:
        found = measure_border(connection, **window, segment_m=5_000, swath_m=500)
    assert len(found.stretches) == len(found.lines) == 0
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(
            text("INSERT INTO border (id, geom) VALUES ('n', ST_GeomFromText(:wkt, 4326))"),
            {"wkt": LINES["north"]},
        )
    with acting(post.engine, SYSTEM, "patrolgrid_read") as connection:
        found = measure_border(connection, **window, segment_m=5_000, swath_m=500)
    assert found.lines["visited_share"].tolist() == [0.0]
    assert found.lines["longest_unseen_m"].tolist() == pytest.approx([55_000], rel=0.1)
