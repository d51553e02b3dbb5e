from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import tracks
from geo.earth import geodesic_m
from geo.errors import MissingColumnError, NaiveTimeError, OutOfRangeError, UnknownUnitError
from tests.geo.walks import START, at, units, walk

NOW = datetime(2026, 3, 3, tzinfo=UTC)


def fixes(*rows: tuple, columns=("time", "lon", "lat", "accuracy_m", "patrol_id")) -> pd.DataFrame:
    frame = pd.DataFrame([dict(zip(columns, row, strict=False)) for row in rows], columns=columns)
    return frame.assign(unit="u", time=[at(minute) for minute in frame["time"]])


def test_of_two_fixes_at_one_time_the_more_accurate_is_kept():
    given_ = fixes((0, 104.1, 42, 30.0), (0, 104.2, 42, 5.0), (0, 104.0, 42, np.nan))
    settled = tracks.settle(given_)
    assert settled.kept["lon"].tolist() == [104.2]
    assert sorted(settled.conflicts["lon"]) == [104.0, 104.1]
    assert set(settled.conflicts["reason"]) == {"conflicting_fix"}
    assert settled.duplicate_count == 0


def test_of_two_fixes_as_accurate_the_smaller_place_is_kept():
    settled = tracks.settle(fixes((0, 104.1, 42, 5.0), (0, 104.0, 43, 5.0), (0, 104.0, 42.5, 5.0)))
    assert settled.kept[["lon", "lat"]].to_numpy().tolist() == [[104.0, 42.5]]
    assert len(settled.conflicts) == 2


def test_an_exact_repeat_is_a_duplicate_whoever_says_it():
    settled = tracks.settle(fixes((0, 104, 42, 5.0, "p2"), (0, 104, 42, 5.0, "p1"), (1, 104, 42)))
    assert settled.duplicates.tolist() == [True, False, False]
    assert settled.kept["patrol_id"].tolist()[0] == "p1"
    assert settled.conflicts.empty


def test_a_repeat_of_the_loser_is_a_duplicate_too():
    settled = tracks.settle(fixes((0, 104, 42, 5.0), (0, 105, 42, 9.0), (0, 105, 42, 9.0)))
    assert (len(settled.kept), settled.duplicate_count, len(settled.conflicts)) == (1, 1, 1)


ROWS = st.tuples(
    st.integers(0, 2),
    st.sampled_from([104.0, 104.5]),
    st.sampled_from([42.0, 42.5]),
    st.sampled_from([np.nan, 5.0, 9.0]),
    st.sampled_from([None, "a", "b"]),
)


@settings(max_examples=30)
@given(st.lists(ROWS, min_size=1, max_size=9), st.randoms(use_true_random=False), st.integers(0, 9))
def test_settling_does_not_know_the_order_of_arrival(rows, random, split):
    given_ = fixes(*rows)
    shuffled = given_.iloc[random.sample(range(len(rows)), len(rows))]
    once, again = tracks.settle(given_), tracks.settle(shuffled)
    pd.testing.assert_frame_equal(
        once.kept.reset_index(drop=True), again.kept.reset_index(drop=True)
    )
    assert len(once.conflicts) == len(again.conflicts)
    assert len(once.kept) + once.duplicate_count + len(once.conflicts) == len(given_)
    stored = tracks.settle(given_.iloc[:split]).kept  # in two batches
    later = tracks.settle(pd.concat([stored, given_.iloc[split:]]))
    pd.testing.assert_frame_equal(
        once.kept.reset_index(drop=True), later.kept.reset_index(drop=True)
    )


def test_the_callers_frame_is_untouched():
    given_ = fixes((1, 104, 42), (0, 104, 42), (0, 104, 42))
    before = given_.copy(deep=True)
    tracks.legs(given_, units())
    pd.testing.assert_frame_equal(given_, before)


def test_a_step_is_a_leg_up_to_the_gap_and_not_beyond():
    found = tracks.legs(fixes((0, 104, 42), (5, 104, 42), (10.001, 104, 42)), units())
    assert found["is_leg"].tolist() == [True, False]
    assert found["reason"].tolist()[1] == "time"
    assert found["duration_s"].tolist() == [300.0, 300.06]


def test_a_step_faster_than_the_unit_is_a_gap():
    length_m = float(geodesic_m(104, 42, 104.01, 42))
    walked = fixes((0, 104, 42), (1, 104.01, 42))
    assert tracks.legs(walked, units(top_speed_ms=length_m / 60)).loc[0, "is_leg"]
    slow = tracks.legs(walked, units(top_speed_ms=length_m / 60 - 1e-6))
    assert slow.loc[0, "reason"] == "speed"
    assert slow.loc[0, "length_m"] == pytest.approx(length_m)


def test_a_sensor_that_stands_still_has_legs():
    assert tracks.legs(walk((0, 0), (0, 0)), units(top_speed_ms=0)).loc[0, "is_leg"]


def test_a_lone_outlier_is_set_aside():
    there_and_back = walk((0, 0), (1, 0), (500, 0), (2, 0), (3, 0))
    assert tracks.outliers(there_and_back, units()).tolist() == [False, False, True, False, False]
    found = tracks.legs(there_and_back, units())
    assert found["is_leg"].all()
    assert found["duration_s"].tolist() == [60, 120, 60]


def test_a_jump_without_return_is_no_outlier_but_a_gap():
    found = tracks.legs(walk((0, 0), (1, 0), (500, 0), (501, 0)), units())
    assert found["reason"].fillna("leg").tolist() == ["leg", "speed", "leg"]


def test_the_first_and_the_last_fix_always_stay():
    assert not tracks.outliers(walk((500, 0), (0, 0), (1, 0)), units()).any()
    assert not tracks.outliers(walk((0, 0), (1, 0), (500, 0)), units()).any()


def test_units_do_not_make_legs_with_each_other():
    both = pd.concat([walk((0, 0), (1, 0)), walk((0, 0), (1, 0), unit="v")])
    found = tracks.legs(both, units("u", "v"))
    assert found["unit"].tolist() == ["u", "v"]


def test_a_stated_patrol_names_its_legs_and_the_run_names_the_rest():
    walked = walk((0, 0), (1, 0), (2, 0), None, None, None, None, None, (3, 0), (4, 0))
    walked["patrol_id"] = [None, "dawn", None, None, None]
    found = tracks.legs(walked, units())
    start, later = "u@2026-03-02T04:00:00Z", "u@2026-03-02T04:08:00Z"
    assert found["patrol"].fillna("-").tolist() == [start, "dawn", "-", later]


def test_a_gap_within_one_stated_patrol_belongs_to_it():
    walked = walk((0, 0), None, None, None, None, None, (1, 0), patrol_id="dawn")
    assert tracks.legs(walked, units()).loc[0, ["patrol", "is_leg"]].tolist() == ["dawn", False]


def test_a_window_cuts_legs_in_proportion_and_loses_nothing():
    found = tracks.legs(walk((0, 0), (8, 0), (8, 8)), units())
    early = tracks.cut(found, None, START + timedelta(seconds=75))
    late = tracks.cut(found, START + timedelta(seconds=75), None)
    assert early["duration_s"].tolist() == [60, 15]
    assert early.loc[1, "length_m"] == pytest.approx(found.loc[1, "length_m"] / 4)
    assert early.loc[1, ["lon1", "lat1"]].tolist() == late.loc[1, ["lon0", "lat0"]].tolist()
    whole_m = early["length_m"].sum() + late["length_m"].sum()
    assert whole_m == pytest.approx(found["length_m"].sum())
    assert np.isnan(late.loc[1, "accuracy0_m"])


def test_a_window_cuts_gaps_in_time_alone():
    found = tracks.legs(walk((0, 0), None, None, None, None, None, (6, 0)), units())
    part = tracks.cut(found, at(1), at(2))
    assert part.loc[0, "duration_s"] == 60
    assert part.loc[0, ["lon0", "lon1"]].tolist() == found.loc[0, ["lon0", "lon1"]].tolist()


def test_what_only_touches_a_window_is_left_out():
    assert tracks.cut(tracks.legs(walk((0, 0), (1, 0)), units()), at(1), at(2)).empty


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"lat": np.nan}, "not_a_number"),
        ({"lon": np.inf}, "not_a_number"),
        ({"lat": 90.5}, "latitude_out_of_range"),
        ({"lon": -180.5}, "longitude_out_of_range"),
        ({"lon": 0.0, "lat": 0.0}, "zero_zero"),
        ({"lon": 0.0, "lat": 42.0}, None),
        ({"time": pd.Timestamp(NOW) + pd.Timedelta(seconds=60)}, None),
        ({"time": pd.Timestamp(NOW) + pd.Timedelta(seconds=61)}, "in_the_future"),
        ({"time": pd.Timestamp("2025-12-31", tz="UTC")}, "too_old"),
        ({"time": pd.NaT}, "no_time"),
        ({"accuracy_m": -1.0}, "negative_accuracy"),
        ({"accuracy_m": 200.0}, None),
        ({"accuracy_m": 200.5}, "too_inaccurate"),
        ({"accuracy_m": np.inf}, "too_inaccurate"),
    ],
)
def test_the_door_names_what_it_does_not_believe(change, reason):
    row = {"unit": "u", "time": at(0), "lon": 104.0, "lat": 42.0, "accuracy_m": np.nan, **change}
    given_ = pd.DataFrame([row], index=[7])
    given_["time"] = pd.to_datetime(given_["time"], utc=True)
    found = tracks.doubt(
        given_,
        units(),
        now=NOW,
        worst_accuracy_m={"u": 200.0},
        oldest=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert found.index.tolist() == [7]
    assert (found.isna().all() and reason is None) or found[7] == reason


def test_a_stranger_is_refused():
    with pytest.raises(UnknownUnitError, match="not enrolled"):
        tracks.doubt(walk((0, 0), unit="x"), units(), now=NOW, worst_accuracy_m={})
    with pytest.raises(UnknownUnitError, match="'x'"):
        tracks.legs(walk((0, 0), unit="x"), units())


def test_bad_frames_are_refused_with_the_reason():
    good = walk((0, 0), (1, 0))
    with pytest.raises(MissingColumnError, match="'lat'"):
        tracks.settle(good.drop(columns="lat"))
    with pytest.raises(NaiveTimeError, match="time zone"):
        tracks.settle(good.assign(time=good["time"].dt.tz_localize(None)))
    with pytest.raises(NaiveTimeError, match="time zone"):
        tracks.cut(tracks.legs(good, units()), datetime(2026, 3, 2), None)  # noqa: DTZ001
    with pytest.raises(OutOfRangeError, match="row 1 is at lon nan"):
        tracks.legs(good.assign(lon=[104, np.nan]), units())
    with pytest.raises(OutOfRangeError, match="no time"):
        tracks.legs(good.assign(time=pd.Series([at(0), pd.NaT])), units())
    with pytest.raises(MissingColumnError, match="max_gap_s"):
        tracks.legs(good, units().drop(columns="max_gap_s"))


def test_no_fixes_make_no_legs():
    empty = walk((0, 0)).iloc[:0]
    assert tracks.legs(empty, units()).empty
    assert tracks.settle(empty).kept.empty
