"""How far places are from the edges of a fence, in metres on the ellipsoid.

Edges are straight in lon/lat. The nearest place of an edge is found on a plane whose scales are
those of the latitude halfway there, the distance to it by the mid-latitude formula (off by less
than 1e-5 of itself at 50 km); where that is too near to what is asked, by the geodesic.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from geo.breaches.edges import AREA

_A_M, _F = 6_378_137.0, 1 / 298.257223563
_B_M, _E2 = _A_M * (1 - _F), _F * (2 - _F)
#: A degree of latitude is never shorter.
_LEAST_DEGREE_M = 110_574.0
_FEW_EDGES = 64
_NEAR_M = 5_000.0


@njit(cache=True)
def scales(lat):
    """Metres in a degree of longitude and of latitude."""
    s, c = math.sin(math.radians(lat)), math.cos(math.radians(lat))
    w2 = 1 - _E2 * s * s
    normal_m = _A_M / math.sqrt(w2)
    return math.radians(normal_m * c), math.radians(normal_m * (1 - _E2) / w2)


@njit(cache=True)
def _foot(dx0, dy0, dx1, dy1, lon_m, lat_m):
    """Where on 0→1 (0-1, relative to a place at the origin) it is nearest."""
    ex, ey = (dx1 - dx0) * lon_m, (dy1 - dy0) * lat_m
    length2 = ex * ex + ey * ey
    if length2 == 0:
        return 0.0
    return min(max(-(dx0 * lon_m * ex + dy0 * lat_m * ey) / length2, 0.0), 1.0)


@njit(cache=True)
def geodesic_m(lon0, lat0, lon1, lat1):
    """Vincenty's inverse (Survey Review 23:88, 1975); not for places nearly opposite."""
    u0 = math.atan((1 - _F) * math.tan(math.radians(lat0)))
    u1 = math.atan((1 - _F) * math.tan(math.radians(lat1)))
    apart = lam = math.radians(lon1 - lon0)
    su0, cu0, su1, cu1 = math.sin(u0), math.cos(u0), math.sin(u1), math.cos(u1)
    sigma, s_sig, c_sig, c2a, c2m = 0.0, 0.0, 1.0, 1.0, 0.0
    for _ in range(30):
        sl, cl = math.sin(lam), math.cos(lam)
        s_sig = math.hypot(cu1 * sl, cu0 * su1 - su0 * cu1 * cl)
        if s_sig == 0:
            return 0.0
        c_sig = su0 * su1 + cu0 * cu1 * cl
        sigma = math.atan2(s_sig, c_sig)
        sa = cu0 * cu1 * sl / s_sig
        c2a = 1 - sa * sa
        c2m = c_sig - 2 * su0 * su1 / c2a if c2a > 1e-14 else 0.0
        c = _F / 16 * c2a * (4 + _F * (4 - 3 * c2a))
        turn = sigma + c * s_sig * (c2m + c * c_sig * (2 * c2m * c2m - 1))
        before, lam = lam, apart + (1 - c) * _F * sa * turn
        if abs(lam - before) < 1e-12:
            break
    k2 = c2a * (_A_M * _A_M - _B_M * _B_M) / (_B_M * _B_M)
    a = 1 + k2 / 16384 * (4096 + k2 * (-768 + k2 * (320 - 175 * k2)))
    b = k2 / 1024 * (256 + k2 * (-128 + k2 * (74 - 47 * k2)))
    inner = c_sig * (2 * c2m * c2m - 1)
    inner -= b / 6 * c2m * (4 * s_sig * s_sig - 3) * (4 * c2m * c2m - 3)
    return _B_M * a * (sigma - b * s_sig * (c2m + b / 4 * inner))


@njit(cache=True)
def edge_within(edge, lon, lat, metres):
    """Whether a place is within so many metres of an edge, on whichever side of ±180°."""
    if edge.kind != AREA:
        return False
    dx0, dy0 = edge.x0 - lon, edge.y0 - lat
    dx0 -= 360 * round(dx0 / 360)
    dx1, dy1 = dx0 + edge.x1 - edge.x0, edge.y1 - lat
    t, lon_m, lat_m, x, y = 0.0, 0.0, 0.0, 0.0, 0.0
    middle = lat
    for _ in range(2):
        lon_m, lat_m = scales(middle)
        t = _foot(dx0, dy0, dx1, dy1, lon_m, lat_m)
        x, y = dx0 + t * (dx1 - dx0), dy0 + t * (dy1 - dy0)
        middle = lat + y / 2
    lon_m, lat_m = scales(middle)
    away_m = math.hypot(x * lon_m, y * lat_m)
    if away_m > _NEAR_M and abs(away_m - metres) < 0.02 * metres + away_m * away_m / 2e7:
        return geodesic_m(lon, lat, lon + x, lat + y) <= metres
    return away_m <= metres


@njit(cache=True)
def boundary_within(tree, fence, first, last, lon, lat, metres):
    """Whether the boundary of a fence, edges ``first``..``last``, is within metres of a place."""
    up = metres / _LEAST_DEGREE_M + 1e-9
    side = up / math.cos(math.radians(min(abs(lat) + up, 89.9)))
    if last - first <= _FEW_EDGES:
        near_seam = abs(lon) + side > 180
        for e in range(first, last):
            edge = tree.edges[e]
            if min(edge.y0, edge.y1) > lat + up or max(edge.y0, edge.y1) < lat - up:
                continue
            if not near_seam and (
                min(edge.x0, edge.x1) > lon + side or max(edge.x0, edge.x1) < lon - side
            ):
                continue
            if edge_within(edge, lon, lat, metres):
                return True
        return False
    for turn in (-360.0, 0.0, 360.0):
        if lon + turn + side < -180 or lon + turn - side > 180:
            continue
        if _any_in_box(
            tree, fence, lon, lat, metres,
            lon + turn - side, lon + turn + side, lat - up, lat + up,
        ):  # fmt: skip
            return True
    return False


@njit(cache=True)
def _any_in_box(tree, fence, lon, lat, metres, west, east, south, north):
    todo = np.empty(128, np.int64)
    todo[0], left = 0, 1
    while left:
        left -= 1
        node = tree.nodes[todo[left]]
        if (
            node.x > east
            or node.x + node.size < west
            or node.y > north
            or node.y + node.size < south
        ):
            continue
        if node.child >= 0:
            for q in range(4):
                todo[left] = node.child + q
                left += 1
            continue
        for k in range(node.edge0, node.edge1):
            edge = tree.edges[tree.entries[k]]
            if edge.fence == fence and edge_within(edge, lon, lat, metres):
                return True
    return False
