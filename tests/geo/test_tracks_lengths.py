"""Lengths of steps: the series for short ones is Karney's geodesic."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from geo.tracks.lengths import steps_m

_GEOD = Geod(ellps="WGS84")


@given(
    lon=st.floats(-180, 180), lat=st.floats(-89.99, 89.99), azimuth=st.floats(-180, 180),
    length_m=st.one_of(st.floats(0, 30_000), st.floats(29_900, 30_100), st.floats(0, 1_000_000)),
)  # fmt: skip
def test_a_step_is_as_long_as_its_geodesic(
    lon: float, lat: float, azimuth: float, length_m: float
) -> None:
    lon1, lat1, _ = _GEOD.fwd(lon, lat, azimuth, length_m)
    _, _, karney_m = _GEOD.inv(lon, lat, lon1, lat1)
    found = steps_m(np.array([lon, lon1]), np.array([lat, lat1]), np.array([False, True]))
    assert found[0] == 0
    assert abs(found[1] - karney_m) < 2e-8


def test_standing_still_is_no_way_at_all_and_what_does_not_follow_has_none() -> None:
    lon, lat = np.array([104.1, 104.1, 105.0]), np.array([42.3, 42.3, 43.0])
    assert steps_m(lon, lat, np.array([False, True, False])).tolist() == [0, 0, 0]
