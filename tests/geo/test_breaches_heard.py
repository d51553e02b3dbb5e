"""When a unit was heard inside: stays without their gaps, by hand and minute by minute."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import breaches
from geo.tracks import Track


def heard(*rows: tuple[float, float]) -> list[tuple[float, float]]:
    """When a unit that may be silent for 10 minutes was heard in a square: (minute, x) in degrees,
    0 to 1 is in it."""
    made = pd.DataFrame(
        {"unit": "u", "time": pd.Timestamp("2026-03-02", tz="UTC") + pd.to_timedelta(
            [minute for minute, _ in rows], unit="min"
        ), "lon": [x for _, x in rows], "lat": 0.5, "accuracy_m": 5.0}
    )  # fmt: skip
    speeds = {"max_gap_s": [600.0], "top_speed_ms": [1e6], "accuracy_m": [5.0]}
    units = pd.DataFrame(speeds, index=["u"])
    track = Track.of(made, units)
    found = breaches.presence_of(track, units, breaches.searched(shapely.box(0, 0, 1, 1)))
    end = pd.Timestamp("2026-03-03", tz="UTC")
    parts = breaches.without_gaps(found.assign(exited_at=found["exited_at"].fillna(end)), track)
    zero = pd.Timestamp("2026-03-02", tz="UTC")
    return [
        ((a - zero).total_seconds() / 60, (b - zero).total_seconds() / 60)
        for a, b in zip(parts["entered_at"], parts["exited_at"], strict=True)
    ]


def test_a_stay_is_heard_of_where_legs_are() -> None:
    assert heard((0, 0.5), (5, 0.5), (60, 0.5), (65, 0.5)) == [(0, 5), (60, 65)]
    assert heard((0, 0.5), (5, 0.5)) == [(0, 5)]  # and not until the end of the window
    assert heard((0, 0.5), (60, 0.5), (120, 0.5)) == [(0, 0), (60, 60), (120, 120)]
    assert heard((0, 0.5), (60, 3)) == [(0, 0)]  # nobody knows when it left


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from([-1.0, 0.25, 0.5, 0.75, 2.0])),
        min_size=1, max_size=12, unique_by=lambda row: row[0],
    ).map(sorted)
)  # fmt: skip
def test_what_is_heard_is_inside_at_every_minute_of_a_leg(rows: list[tuple[int, float]]) -> None:
    parts = heard(*rows)
    for minute in np.arange(0, 200, 0.5):
        before = [row for row in rows if row[0] <= minute]
        after = [row for row in rows if row[0] >= minute]
        there = False
        if before and after and after[0][0] - before[-1][0] <= 10:
            (m0, x0), (m1, x1) = before[-1], after[0]
            x = x0 if m0 == m1 else x0 + (x1 - x0) * (minute - m0) / (m1 - m0)
            if abs(x) < 0.01 or abs(x - 1) < 0.01:
                continue
            there = 0 < x < 1
        assert there == any(a <= minute <= b for a, b in parts), minute
