"""Long edges, straight in degrees (RFC 7946), which the map of the tiles bends: more points."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from geo import earth

#: How far a point of an edge may lie beside it on the map, in metres.
_OFF_M = 0.25
#: Edges that climb less, in degrees, are straight enough up to 80 degrees of latitude.
_LEAST_DEG = 0.005
_MOST_POINTS = 1_000
_RADIUS_M = earth.MERCATOR_HALF_M / math.pi


def bent(
    xy: NDArray[np.float64], first_xy: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Coordinates (n, 2) in degrees of pieces that begin at ``first_xy`` (pieces + 1), with points
    between those of long sloping edges; and where each piece begins then.

    An edge that two shapes have gets the same points in both, whichever way they run.
    """
    climb = np.abs(np.diff(xy[:, 1]))
    long = np.flatnonzero(climb > _LEAST_DEG)
    last = np.zeros(len(xy), dtype=bool)
    last[first_xy[1:] - 1] = True
    long = long[~last[long]]
    if not len(long):
        return xy, first_xy
    parts = np.ones(len(xy), dtype=np.int64)
    parts[long] = _parts(xy[long], xy[long + 1])
    start = np.repeat(np.arange(len(xy)), parts)
    nth = np.arange(len(start)) - np.repeat(np.cumsum(parts) - parts, parts)
    out = xy[start]
    between = np.flatnonzero(nth)
    start, nth = start[between], nth[between]
    a, b, many = xy[start], xy[start + 1], parts[start]
    # From the lower end, or the western one: neighbours run the other way.
    turned = (a[:, 1] > b[:, 1]) | ((a[:, 1] == b[:, 1]) & (a[:, 0] > b[:, 0]))
    a[turned], b[turned] = b[turned], a[turned].copy()
    share = np.where(turned, many - nth, nth) / many
    out[between] = a + share[:, None] * (b - a)
    ends = np.concatenate([[0], np.cumsum(parts)])
    return out, ends[first_xy]


def _parts(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.int64]:
    """Into how many parts each edge is cut: what a chord is off falls with their square."""
    lat = np.radians(np.maximum(np.abs(a[:, 1]), np.abs(b[:, 1])))
    across, climb = np.abs(np.radians(b - a)).T
    # The second derivative of the map's y by latitude, an eighth of it, square to the edge.
    off_m = _RADIUS_M / 8 * climb**2 * np.tan(lat) / np.cos(lat)
    off_m *= across / np.hypot(across, climb / np.cos(lat))
    parts = np.ceil(np.sqrt(off_m / _OFF_M)).astype(np.int64)
    return np.clip(parts, 1, _MOST_POINTS)
