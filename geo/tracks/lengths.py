"""Lengths of the steps of tracks: millions of short geodesics at machine speed."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from geo.earth import geodesic_m
from geo.tracks.columns import Bools, Floats

_A_M, _F = 6_378_137.0, 1 / 298.257223563
_E2 = _F * (2 - _F)
#: Up to this chord the series is within 5 nm of the geodesic.
_NEAR_M = 30_000.0
#: Steps that are worth a thread of their own.
_MANY = 200_000


def steps_m(lon: Floats, lat: Floats, follows: Bools) -> Floats:
    """Length in metres of the geodesic from the place before to each (degrees); 0 where it does
    not ``follow`` that one.

    Near places by the chord through the earth and the curvature of the normal section at the
    middle (Euler's; within 5 nm of Karney's geodesic up to 30 km), others by Karney's.
    """
    out = np.zeros(len(lon))
    jobs = min(os.cpu_count() or 1, max(1, len(lon) // _MANY))
    cuts = np.linspace(0, len(lon), jobs + 1).astype(int).tolist()
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda a, b: _near(lon, lat, follows, a, b, out), cuts[:-1], cuts[1:]))
    far = np.flatnonzero(np.isnan(out))
    if len(far):
        out[far] = geodesic_m(lon[far - 1], lat[far - 1], lon[far], lat[far])
    return out


@njit(cache=True, nogil=True)
def _place_m(lon_deg: float, lat_deg: float) -> tuple[float, float, float]:
    """A place on the ellipsoid in metres about the middle of the earth."""
    lon, lat = math.radians(lon_deg), math.radians(lat_deg)
    s = math.sin(lat)
    normal_m = _A_M / math.sqrt(1 - _E2 * s * s)
    out_m = normal_m * math.cos(lat)
    return out_m * math.cos(lon), out_m * math.sin(lon), normal_m * (1 - _E2) * s


@njit(cache=True, nogil=True)
def _near(lon: Floats, lat: Floats, follows: Bools, begin: int, end: int, out: Floats) -> None:
    """Lengths into ``out[begin:end]``; NaN of steps that are long."""
    x0, y0, z0 = _place_m(lon[max(begin - 1, 0)], lat[max(begin - 1, 0)])
    for n in range(begin, end):
        x, y, z = x0, y0, z0
        x0, y0, z0 = _place_m(lon[n], lat[n])
        if not follows[n]:
            continue
        chord_m = math.sqrt((x0 - x) ** 2 + (y0 - y) ** 2 + (z0 - z) ** 2)
        if chord_m > _NEAR_M:
            out[n] = np.nan
        elif chord_m > 0:
            s = math.sin(math.radians((lat[n] + lat[n - 1]) / 2))
            w = 1 - _E2 * s * s
            normal_m = _A_M / math.sqrt(w)
            meridian_m = normal_m * (1 - _E2) / w
            north = math.radians(lat[n] - lat[n - 1]) * meridian_m / chord_m
            north2 = min(1.0, north * north)
            half = chord_m / 2 * (north2 / meridian_m + (1 - north2) / normal_m)
            out[n] = chord_m * (1 + half**2 / 6 + 3 * half**4 / 40)
