"""Boxes that may meet a polygon: no fix in one, and no leg between two, is ever left out."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st

from geo.breaches import may_be_in, searched
from geo.earth import interpolate

SHARE = st.floats(0, 1)


def around(lon: float, lat: float, half_deg: float = 1e-6) -> shapely.Polygon:
    """A speck."""
    west, east = max(lon - half_deg, -180), min(lon + half_deg, 180)
    return shapely.box(west, max(lat - half_deg, -90), east, min(lat + half_deg, 90))


@given(
    lon=st.floats(-180, 180),
    lat=st.floats(-90, 90),
    wide=st.floats(0, 1).map(lambda share: 180 * share**4),
    high=st.floats(0, 1).map(lambda share: 90 * share**4),
    ends=st.tuples(SHARE, SHARE, SHARE, SHARE),
    part=SHARE,
)
@example(lon=20, lat=79, wide=4, high=0, ends=(0, 0, 1, 0), part=0.5)
@example(lon=20, lat=-79, wide=40, high=0.1, ends=(0, 0, 1, 0), part=0.5)
@example(lon=-30, lat=10, wide=89, high=70, ends=(0, 0.2, 1, 1), part=0.8)
@example(lon=179.9, lat=10, wide=0.2, high=0, ends=(0, 0, 1, 0), part=0.7)
def test_a_place_on_a_leg_between_two_fixes_of_a_box_is_met(
    lon: float, lat: float, wide: float, high: float, ends: tuple[float, ...], part: float
) -> None:
    east, north = min(lon + wide, 180.0), min(lat + high, 90.0)
    x0, x1 = (lon + (east - lon) * share for share in ends[::2])
    y0, y1 = (lat + (north - lat) * share for share in ends[1::2])
    x, y = interpolate(x0, y0, x1, y1, part)
    polygon = searched(around(float(x), float(y)))
    bounds = (np.array([value]) for value in (lon, lat, east, north))
    assert may_be_in(polygon, *bounds).all()


@pytest.mark.parametrize(
    ("box", "met"),
    [
        ((0.0, 0.0, 1.0, 1.0), True), ((1.1, 0.0, 2.0, 1.0), False), ((0.0, 1.1, 1.0, 2.0), False),
        ((0.4, 0.4, 0.6, 0.6), False),  # in the hole
        ((0.1, 0.1, 0.1, 0.1), True), ((-50.0, 5.0, 50.0, 6.0), True),  # too wide to say
        ((179.0, 5.0, 180.0, 6.0), True),  # on the seam
    ],
)  # fmt: skip
def test_boxes_beside_a_polygon_and_in_its_hole_are_left_out(
    box: tuple[float, ...], met: bool
) -> None:
    ring = shapely.difference(shapely.box(0, 0, 1, 1), shapely.box(0.3, 0.3, 0.7, 0.7))
    found = may_be_in(searched(ring), *(np.array([value]) for value in box))
    assert found.tolist() == [met]
