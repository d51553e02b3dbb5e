"""Chinese web maps' shifted coordinates: known points, and there and back to under a millimetre."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo import datum
from geo.earth import geodesic_m

#: WGS 84 → GCJ-02, longitude first, as the project eviltransform has them in its tests.
KNOWN = [
    ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
    ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
    ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
]
LON = st.floats(73, 137, allow_subnormal=False)
LAT = st.floats(2, 55, allow_subnormal=False)


@pytest.mark.parametrize(("wgs84", "gcj02"), KNOWN)
def test_known_points_are_shifted_as_everybody_shifts_them(
    wgs84: tuple[float, float], gcj02: tuple[float, float]
) -> None:
    lon, lat = datum.from_wgs84(*wgs84, "gcj02")
    assert (lon[0], lat[0]) == pytest.approx(gcj02, abs=1e-12)
    back_lon, back_lat = datum.to_wgs84(*gcj02, "gcj02")
    assert (back_lon[0], back_lat[0]) == pytest.approx(wgs84, abs=1e-12)


@pytest.mark.parametrize("name", ["gcj02", "bd09"])
@given(lon=LON, lat=LAT)
def test_there_and_back_is_the_same_place_to_a_thousandth_of_a_millimetre(
    name: datum.Datum, lon: float, lat: float
) -> None:
    back_lon, back_lat = datum.to_wgs84(*datum.from_wgs84(lon, lat, name), name)
    assert geodesic_m(lon, lat, back_lon[0], back_lat[0]) < 1e-6


def test_baidus_shift_is_amaps_and_another_of_half_a_mile_or_more() -> None:
    lon, lat = np.array([105.0]), np.array([41.0])
    amap, baidu = (datum.from_wgs84(lon, lat, name) for name in ("gcj02", "bd09"))
    assert 100 < geodesic_m(lon, lat, *amap)[0] < 900
    assert 600 < geodesic_m(*amap, *baidu)[0] < 1500


@pytest.mark.parametrize("name", ["gcj02", "bd09"])
@pytest.mark.parametrize("place", [(13.4, 52.5), (138.0, 35.0), (105.0, 60.0), (100.0, 0.5)])
def test_outside_the_box_of_china_nothing_moves(
    name: datum.Datum, place: tuple[float, float]
) -> None:
    for way in (datum.from_wgs84, datum.to_wgs84):
        lon, lat = way(*place, name)
        assert (lon[0], lat[0]) == place
