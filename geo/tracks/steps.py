"""Whether steps can be gone at a unit's top speed, decided by the geodesic where it is close."""

from __future__ import annotations

import numpy as np

from geo.earth import geodesic_m
from geo.tracks.columns import Bools, Floats

_A_M, _F = 6_378_137.0, 1 / 298.257223563
_E2 = _F * (2 - _F)
#: The smallest radius of curvature on the ellipsoid: no geodesic bends more.
_TIGHTEST_M = _A_M * (1 - _F) ** 2
#: A degree along a meridian or a parallel is never longer.
_MOST_M_A_DEGREE = 111_694.0
#: What is nearer to a limit than this is left to the geodesic itself.
_SLACK, _SLACK_M = 1e-9, 1e-6

#: lon0, lat0, lon1, lat1 in degrees.
Ends = tuple[Floats, Floats, Floats, Floats]


def within(ends: Ends, limit_m: Floats) -> Bools:
    """Whether each geodesic is at most so long; what is beyond any doubt is not measured.

    The same as ``geodesic_m(*ends) <= limit_m`` to the last bit, whatever else is asked of. A
    geodesic is no longer than a way along a parallel and a meridian, no shorter than the straight
    line through the earth, and no longer than an arc over that line that is as tight as any
    (Schur's theorem).
    """
    lon0, lat0, lon1, lat1 = ends
    turn = np.abs(lon1 - lon0)
    turn = np.minimum(turn, np.abs(360.0 - turn))
    most_m = (turn + np.abs(lat1 - lat0)) * _MOST_M_A_DEGREE
    out: Bools = most_m < limit_m * (1 - _SLACK) - _SLACK_M
    if out.all():
        return out
    rest = np.flatnonzero(~out)
    far = tuple(end[rest] for end in ends)
    out[rest] = _by_chord((far[0], far[1], far[2], far[3]), limit_m[rest])
    return out


def _by_chord(ends: Ends, limit_m: Floats) -> Bools:
    a, b = _place_m(ends[0], ends[1]), _place_m(ends[2], ends[3])
    chord_m = np.sqrt(sum((p - q) ** 2 for p, q in zip(a, b, strict=True)))
    part = chord_m / (2 * _TIGHTEST_M)
    most_m = np.where(part < 0.95, 2 * _TIGHTEST_M * np.arcsin(np.minimum(part, 1.0)), np.inf)
    out: Bools = most_m < limit_m * (1 - _SLACK) - _SLACK_M
    unsure = np.flatnonzero(~out & ~(chord_m > limit_m * (1 + _SLACK) + _SLACK_M))
    if len(unsure):
        out[unsure] = geodesic_m(*(end[unsure] for end in ends)) <= limit_m[unsure]
    return out


def _place_m(lon_deg: Floats, lat_deg: Floats) -> tuple[Floats, Floats, Floats]:
    """Places on the ellipsoid in metres about the middle of the earth."""
    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    normal_m = _A_M / np.sqrt(1 - _E2 * np.sin(lat) ** 2)
    out_m = normal_m * np.cos(lat)
    return out_m * np.cos(lon), out_m * np.sin(lon), normal_m * (1 - _E2) * np.sin(lat)
