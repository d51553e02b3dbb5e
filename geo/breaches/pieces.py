"""Legs as pieces that are straight in lon/lat: geodesics bend, and the world has a seam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geo.earth import geodesic_m, interpolate
from geo.tracks.columns import Bools, Floats, Ints
from geo.tracks.path import Track

#: How far a piece may lie from the geodesic that it stands for. A crossing at one degree of
#: angle is then within 3 m of the truth, and legs under about 1.6 km at 42° N are one piece.
BEND_M = 0.05
_EARTH_M = 6_378_137.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """Pieces of legs, in the order of the legs and along them, lon within ±180°."""

    leg: Ints  #: the fix that ends the leg
    head: Floats  #: where on the leg (0-1) the piece starts …
    tail: Floats  #: … and ends
    start: Floats  #: (n, 2) lon, lat
    end: Floats


def pieces(leg: Ints, lon: Floats, lat: Floats) -> Pieces:
    """Cut the legs that end at the fixes ``leg`` (from the fix before each) into pieces."""
    lon0, lat0, lon1, lat1 = lon[leg - 1], lat[leg - 1], lon[leg], lat[leg]
    turn = np.where(lon1 - lon0 > 180, -360.0, np.where(lon1 - lon0 < -180, 360.0, 0.0))
    lon1 = lon1 + turn
    count = _counts(lon0, lat0, lon1, lat1)
    if (count == 1).all() and not turn.any():
        start, end = np.column_stack((lon0, lat0)), np.column_stack((lon1, lat1))
        whole = np.zeros(len(leg)), np.ones(len(leg))
        return Pieces(leg=leg, head=whole[0], tail=whole[1], start=start, end=end)
    of = np.repeat(np.arange(len(leg)), count)
    k = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    head, tail = k / count[of], (k + 1) / count[of]
    ends = lon0[of], lat0[of], lon1[of], lat1[of]
    start, end = _points(*ends, head), _points(*ends, tail)
    return _split_at_seam(Pieces(leg=leg[of], head=head, tail=tail, start=start, end=end))


def bends(track: Track) -> Bools:
    """The legs that are no single straight piece: they bend too much or cross ±180°."""
    out = np.zeros(len(track.lon), dtype=bool)
    d_lon, d_lat = np.abs(np.diff(track.lon)), np.abs(np.diff(track.lat))
    out[1:] = track.is_leg[1:] & ((d_lon > 180) | (_bend_bound_m(d_lon, d_lat) > BEND_M))
    return out


def _bend_bound_m(d_lon_deg: Floats, d_lat_deg: Floats) -> Floats:
    """No leg lies further from what is straight in lon/lat."""
    d_lon, d_lat = np.radians(d_lon_deg), np.radians(d_lat_deg)
    return _EARTH_M / 8 * (d_lon**2 / 2 + 2 * d_lon * d_lat + 0.02 * d_lat**2)


def _counts(lon0: Floats, lat0: Floats, lon1: Floats, lat1: Floats) -> Ints:
    """Into how many pieces each leg goes so that none bends by more than ``BEND_M``."""
    bound_m = _bend_bound_m(np.abs(lon1 - lon0), np.abs(lat1 - lat0))
    count = np.ones(len(lon0), dtype=np.int64)
    long = np.flatnonzero(bound_m > BEND_M)
    if len(long):
        a, b, c, d = lon0[long], lat0[long], lon1[long], lat1[long]
        bend_m = np.max([_off_straight_m(a, b, c, d, part) for part in (0.25, 0.5, 0.75)], axis=0)
        by_length = np.ceil(geodesic_m(a, b, c, d) / 100_000)
        by_bend = np.ceil(np.sqrt(bend_m * 4 / 3 / BEND_M))
        count[long] = np.where(bend_m > BEND_M, np.maximum(by_bend, by_length), 1).astype(np.int64)
    return count


def _off_straight_m(lon0: Floats, lat0: Floats, lon1: Floats, lat1: Floats, part: float) -> Floats:
    lon, lat = interpolate(lon0, lat0, lon1, lat1, part)
    return geodesic_m(lon, lat, lon0 + (lon1 - lon0) * part, lat0 + (lat1 - lat0) * part)


def _points(lon0: Floats, lat0: Floats, lon1: Floats, lat1: Floats, part: Floats) -> Floats:
    """Points at ``part`` of geodesics, unwrapped to the side of point 0; the ends exactly."""
    lon, lat = np.where(part == 0, lon0, lon1), np.where(part == 0, lat0, lat1)
    within = np.flatnonzero((part > 0) & (part < 1))
    if len(within):
        a = lon0[within]
        x, lat[within] = interpolate(a, lat0[within], lon1[within], lat1[within], part[within])
        lon[within] = a + (x - a + 180) % 360 - 180
    return np.column_stack((lon, lat))


def _split_at_seam(given: Pieces) -> Pieces:
    """Cut pieces that cross ±180° there, and bring every piece within the world."""
    x0, x1 = given.start[:, 0], given.end[:, 0]
    seam = np.where(np.maximum(x0, x1) > 180, 180.0, -180.0)
    cross = (np.minimum(x0, x1) < seam) & (np.maximum(x0, x1) > seam)
    part = np.divide(seam - x0, x1 - x0, out=np.ones_like(x0), where=cross)
    middle = given.start + (given.end - given.start) * part[:, None]
    middle[cross, 0] = seam[cross]
    cut = given.head + (given.tail - given.head) * part
    of = np.repeat(np.arange(len(x0)), 1 + cross)
    second = np.r_[False, of[1:] == of[:-1]]
    first = np.r_[of[1:] == of[:-1], False]
    start = np.where(second[:, None], middle[of], given.start[of])
    end = np.where(first[:, None], middle[of], given.end[of])
    shift = 360 * np.round((start[:, :1] + end[:, :1]) / 2 / 360)
    zero = np.zeros_like(shift)
    return Pieces(
        leg=given.leg[of],
        head=np.where(second, cut[of], given.head[of]),
        tail=np.where(first, cut[of], given.tail[of]),
        start=start - np.hstack((shift, zero)),
        end=end - np.hstack((shift, zero)),
    )
