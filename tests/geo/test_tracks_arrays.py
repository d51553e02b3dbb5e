"""Tracks from plain arrays: the same as from frames, and as the geodesic says of every step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.earth import geodesic_m
from geo.errors import OutOfRangeError
from geo.tracks import Track
from geo.tracks.steps import within
from tests.geo.walks import ORIGIN, at

NAMES = ["a", "b", "c", "d"]


def slow_track(unit, time_us, lon, lat, gap_s, top_ms):
    """Which fixes stay, and what each of these is: leg, late, and hasty of each unit's last."""

    def too_fast(p, q):
        step_s = (time_us[q] - time_us[p]) / 1e6
        return geodesic_m(lon[p], lat[p], lon[q], lat[q]) > top_ms[unit[p]] * step_s

    kept, legs, late, hasty = [], [], [], dict.fromkeys(range(len(NAMES)), False)
    for u in range(len(NAMES)):
        own = np.flatnonzero(unit == u).tolist()
        if len(own) > 1:
            hasty[u] = bool(too_fast(own[-2], own[-1]))
        alone = [
            i
            for p, i, n in zip(own, own[1:], own[2:], strict=False)
            if too_fast(p, i) and too_fast(i, n) and not too_fast(p, n)
        ]
        own = [i for i in own if i not in alone]
        for p, i in zip([None, *own], own, strict=False):
            kept.append(i)
            late.append(p is not None and (time_us[i] - time_us[p]) / 1e6 > gap_s[u])
            legs.append(p is not None and not late[-1] and not too_fast(p, i))
    return kept, legs, late, list(hasty.values())


MOVES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([1, 10, 60, 300, 301]),
        st.sampled_from([0, 0, 1, -1, 2, 40]),
        st.sampled_from([0, 0, 1, 40, -40]),
    ),
    max_size=24,
)


@settings(max_examples=200)
@given(MOVES, st.sampled_from([0.0, 3.0, 8.0, 40.0, 900.0]), st.booleans())
def test_arrays_make_the_track_that_frames_make(moves, top_ms, seam):
    order = sorted(range(len(moves)), key=lambda n: moves[n][0])
    unit = np.array([moves[n][0] for n in order], dtype=np.int64)
    passed, east, north = (np.cumsum([moves[n][k] for n in order]) for k in (1, 2, 3))
    time_us = 1_772_000_000_000_000 + passed.astype(np.int64) * 1_000_000
    west, south = (179.999, -0.01) if seam else ORIGIN
    lon = (west + east / 1024 + 180) % 360 - 180
    lat = np.clip(south + north / 1024, -90, 90)
    accuracy_m = np.where(passed % 2, 5.0, np.nan)
    gap_s, speed_ms = np.full(4, 300.0), np.array([top_ms, 20.0, top_ms * 2, 0.0])
    track = Track.of_arrays(
        NAMES, unit, time_us, lon, lat, accuracy_m, max_gap_s=gap_s, top_speed_ms=speed_ms
    )
    kept, legs, late, hasty = slow_track(unit, time_us, lon, lat, gap_s, speed_ms)
    assert (track.row.tolist(), track.is_leg.tolist()) == (kept, legs)
    assert (track.is_late.tolist(), track.hasty.tolist()) == (late, hasty)
    assert sorted(track.outlier_rows) == sorted(set(range(len(unit))) - set(kept))

    shuffled = np.random.default_rng(len(moves)).permutation(len(unit))
    frame = pd.DataFrame(
        {
            "unit": pd.array([NAMES[u] for u in unit], dtype="str"),
            "time": pd.DatetimeIndex(time_us.view("datetime64[us]"), tz="UTC"),
            "lon": lon, "lat": lat, "accuracy_m": accuracy_m,
        }
    ).iloc[shuffled]  # fmt: skip
    fleet = pd.DataFrame({"max_gap_s": gap_s, "top_speed_ms": speed_ms}, index=NAMES)
    framed = Track.of(frame, fleet)
    assert shuffled[framed.row].tolist() == track.row.tolist()
    assert sorted(shuffled[framed.outlier_rows]) == sorted(track.outlier_rows)
    for name in ("time_us", "lon", "lat", "accuracy_m", "follows", "is_leg", "is_late", "step_m"):
        np.testing.assert_array_equal(getattr(framed, name), getattr(track, name))
    heard = np.unique(unit)
    assert framed.units == [NAMES[u] for u in heard]
    np.testing.assert_array_equal(framed.hasty, track.hasty[heard])


PLACE = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
FAR = st.one_of(
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
    st.tuples(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02)),
    st.tuples(st.floats(-1e-6, 1e-6), st.floats(-1e-6, 1e-6)),
    st.just((180.0, 0.0)),
)


@settings(max_examples=500)
@given(PLACE, FAR, st.sampled_from([0, 1, -1, 1e-7, -1e-7, 1e-3, -1e-3, 0.3, -0.3, np.nan]))
def test_what_is_within_a_limit_is_so_by_the_geodesic(place, way, off_m):
    lon = (place[0] + way[0] + 180) % 360 - 180
    opposite = way == (180.0, 0.0)
    lat = -place[1] if opposite else min(max(place[1] + way[1], -90), 90)
    ends = tuple(np.array([v]) for v in (*place, lon, lat))
    length_m = geodesic_m(*ends)
    for limit_m in (length_m + off_m, length_m * (1 + off_m), np.full(1, off_m * 1e9)):
        assert within(ends, limit_m) == (length_m <= limit_m)


def test_steps_are_decided_alike_in_any_company():
    rng = np.random.default_rng(3)
    lon, lat = 104 + rng.normal(0, 0.01, 400), 42 + rng.normal(0, 0.01, 400)
    ends = lon[:-1], lat[:-1], lon[1:], lat[1:]
    limit_m = geodesic_m(*ends) * rng.choice([0.5, 1 - 1e-12, 1, 1 + 1e-12, 2], 399)
    together = within(ends, limit_m)
    alone = [within(tuple(e[n : n + 1] for e in ends), limit_m[n : n + 1]) for n in range(399)]
    assert together.tolist() == np.concatenate(alone).tolist()
    assert 0 < together.sum() < 399


@pytest.mark.parametrize(
    ("unit", "minutes"), [([1, 0], [0, 1]), ([0, 0], [1, 0]), ([0, 0], [1, 1])]
)
def test_arrays_out_of_order_are_refused(unit, minutes):
    time_us = np.array([at(minute).value // 1000 for minute in minutes])
    two = np.zeros(2)
    with pytest.raises(OutOfRangeError):
        Track.of_arrays(
            ["a", "b"], np.array(unit), time_us, two, two, two, max_gap_s=two, top_speed_ms=two
        )


def test_a_place_off_the_earth_is_refused():
    one = np.zeros(1)
    with pytest.raises(OutOfRangeError):
        Track.of_arrays(
            ["a"], np.zeros(1, int), np.zeros(1, int), one + 181, one, one,
            max_gap_s=one, top_speed_ms=one,
        )  # fmt: skip
