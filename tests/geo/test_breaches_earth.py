from __future__ import annotations

import pytest
import shapely

from geo.earth import geodesic_m, interpolate
from tests.geo.walks import (
    GATE,
    breaches,
    fence,
    times,
    units,
    walk,
)


def test_a_crossing_on_ten_kilometres_is_where_the_geodesic_is():
    # due east at 42° N the geodesic bulges 1.8 m north: a fence edge at 10 % slope is met earlier
    lon1 = 104 + 10_000 / 82_900
    walked = walk((0, 0), (0, 0)).assign(lon=[104.0, lon1], lat=[42.0, 42.0])
    edge = shapely.LineString([(104.0, 42.0 - 0.006), (lon1, 42.0 + 0.006)])
    found = breaches(walked, fence(edge, "line"), units(top_speed_ms=500))
    seconds = times(found, "entered_at")[0] * 60
    low, high = 0.0, 1.0
    for _ in range(60):  # bisection on the geodesic itself
        part = (low + high) / 2
        x, y = interpolate(104.0, 42.0, lon1, 42.0, part)
        above = y > 42.0 - 0.006 + 0.012 * (x - 104.0) / (lon1 - 104.0)
        low, high = (part, high) if above else (low, part)
    assert seconds == pytest.approx(low * 60, abs=0.01)
    true_lon, true_lat = interpolate(104.0, 42.0, lon1, 42.0, low)
    assert geodesic_m(found.loc[0, "lon"], found.loc[0, "lat"], true_lon, true_lat) < 1
    assert abs(seconds - 30) > 0.05  # and not where the straight line would be


def test_a_long_leg_along_a_parallel_enters_what_only_its_bulge_reaches():
    lon1 = 104 + 10_000 / 82_900
    strip = shapely.box(
        104.0, 42.00001, lon1, 42.01
    )  # its southern edge is 1.1 m north of the fixes
    walked = walk((0, 0), (0, 0)).assign(lon=[104.0, lon1], lat=[42.0, 42.0])
    assert len(breaches(walked, fence(strip), units(top_speed_ms=500))) == 1


@pytest.mark.parametrize("shifted", [False, True])
def test_a_fence_and_a_walk_across_the_antimeridian(shifted):
    if shifted:
        shape = shapely.box(179.95, 10, 180.05, 10.1)
    else:
        shape = shapely.MultiPolygon(
            [shapely.box(179.95, 10, 180, 10.1), shapely.box(-180, 10, -179.95, 10.1)]
        )
    fleet = units(top_speed_ms=500)
    walked = walk(GATE, GATE, GATE).assign(lon=[179.9, -179.99, -179.9], lat=[10.05] * 3)
    found = breaches(walked, fence(shape), fleet)
    assert len(found) == 1
    assert times(found, "entered_at") == pytest.approx([0.05 / 0.11], abs=1e-3)
    assert times(found, "exited_at") == pytest.approx([1 + 0.04 / 0.09], abs=1e-3)
    passing = breaches(walked.iloc[[0, 2]], fence(shape), fleet)
    assert times(passing, "entered_at") == pytest.approx([0.5], abs=1e-3)
    assert times(passing, "exited_at") == pytest.approx([1.5], abs=1e-3)


def test_the_seam_is_no_edge_of_a_fence_that_spans_it():
    shape = shapely.MultiPolygon(
        [shapely.box(179.95, 10, 180, 10.1), shapely.box(-180, 10, -179.95, 10.1)]
    )
    walked = walk(GATE, GATE).assign(lon=[179.9, 179.99999], lat=[10.05] * 2)  # 1 m from the seam
    assert breaches(walked, fence(shape), units(top_speed_ms=500)).loc[0, "evidence"] == "confirmed"


@pytest.mark.parametrize(
    "ring",
    [
        [(179.838, 66.9494), (-179.8496, 66.9508), (-180.0014, 66.8406)],
        [(179.838, 66.9494), (-179.8496, 66.9508), (179.9986, 66.8406)],
        [(179.838, 66.9494), (180.1504, 66.9508), (179.9986, 66.8406)],
        [(-180.162, 66.9494), (-179.8496, 66.9508), (-180.0014, 66.8406)],
    ],
)
def test_a_fence_across_the_antimeridian_is_there_however_it_is_written(ring):
    across = fence(shapely.Polygon(ring))
    for lon, lat, inside in (
        (-179.9904, 66.9015, True),
        (179.991, 66.9015, True),
        (-179.8792, 66.8368, False),
        (0.0, 66.9, False),
    ):
        walked = walk((0, 0), (0, 0)).assign(lon=lon, lat=lat)
        assert len(breaches(walked, across)) == inside


def test_a_fence_round_the_earth_is_not_turned_inside_out():
    belt = fence(shapely.box(-180, 60, 180, 70))
    walked = walk((0, 0), (0, 0)).assign(lon=0.0, lat=66.9)
    assert len(breaches(walked, belt)) == 1
