"""Lattices: evenly spaced points on equal-area planes, by which ground is measured.

A cell's share is that of its points. Which plane and how fine is a matter of the cell and the
swath alone, so that a cell has one figure whatever else is asked for beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import shapely
from numba import njit

from geo.coverage.rows import Floats, Ints
from geo.earth import Geometries, Plane

#: Points to the side of a tile: 2^8, four words of 64 bits.
TILE_BITS = 8
TILE = 1 << TILE_BITS
#: Turn of the planes' axes. What runs straight along rows for the whole of a cell is off by up to a
#: row on either side, so none of what people draw and build by does: 7.4° is far from a compass's
#: points, from the edges of hexagons and squares, and from rows at a slant.
TURN_RAD = 0.13
#: Planes are about the middles of blocks of so many degrees: 0.05 % of scale at their corners.
_BLOCK_DEG = 6.0
#: The coarsest lattice, and how much finer the next is.
_COARSEST_M, _FINER, _FINEST = 25.0, 2.0, 12
#: Tiles side by side in a group of cells, about, and in one cell: slivers are long.
_MOST_TILES, _LONGEST_TILES = 2_048, 256
#: Points across a cell, and across a swath, at least.
_ACROSS_CELL, _ACROSS_SWATH = 100, 8
#: But no swath is worth finer points: of so narrow a strip a cell has little, however it lies.
_FINEST_FOR_SWATH_M = 6.25
#: Metres in a degree of latitude.
_DEGREE_M = 111_000.0
#: Of the WGS 84 ellipsoid.
_A_M, _F = 6378137.0, 1 / 298.257223563
_E2 = _F * (2 - _F)
_E = math.sqrt(_E2)
#: The authalic latitude as its series (eq. 3-18): to 1.3 mm on the earth.
_TO_2 = -(_E2 / 3 + 31 * _E2**2 / 180 + 59 * _E2**3 / 560)
_TO_4, _TO_6 = 17 * _E2**2 / 360 + 61 * _E2**3 / 1260, -383 * _E2**3 / 45360
#: Up to here (radians) sines and cosines are short series, to the last digit.
_NEAR_RAD = 0.25


class Disc(NamedTuple):
    """Lambert's azimuthal equal-area projection of the ellipsoid (Snyder 1987, p. 187), turned."""

    lon: float  #: of the middle, radians
    lat: float
    sin_lat: float
    cos_lat: float
    sin_b: float  #: of the authalic latitude of the middle
    cos_b: float
    radius_m: float  #: of the sphere of equal area
    stretch: float  #: Snyder's D
    squeeze: float  #: 1 / D
    cos_turn: float
    sin_turn: float


@dataclass(frozen=True, kw_only=True, order=True)
class Lattice:
    """Points ``step_m`` apart on the plane of a block; point (i, j) is ``i + 0.5`` steps, and
    what row j is set off by (``stamping.OFFSETS``), to the east of the plane's middle, and
    ``j + 0.5`` to its north."""

    lon_block: int
    lat_block: int
    step_m: float

    @property
    def middle(self) -> tuple[float, float]:
        """Longitude and latitude of the plane's middle."""
        return (self.lon_block + 0.5) * _BLOCK_DEG, (self.lat_block + 0.5) * _BLOCK_DEG

    @property
    def plane(self) -> Plane:
        """For polygons."""
        return _plane(*self.middle)

    @property
    def disc(self) -> Disc:
        """The same plane, for compiled code."""
        return _disc(*self.middle)


@lru_cache(maxsize=64)
def _plane(lon: float, lat: float) -> Plane:
    return Plane.equal_area((lon, lat, lon, lat), rotation_rad=TURN_RAD)


@lru_cache(maxsize=64)
def _disc(lon: float, lat: float) -> Disc:
    sin_lat, cos_lat = math.sin(math.radians(lat)), math.cos(math.radians(lat))
    most = _q(1.0)
    sin_b = _q(sin_lat) / most
    radius_m = _A_M * math.sqrt(most / 2)
    cos_b = math.sqrt(1 - sin_b**2)
    parallel = cos_lat / math.sqrt(1 - _E2 * sin_lat**2)
    stretch = _A_M * parallel / (radius_m * cos_b)
    return Disc(
        math.radians(lon), math.radians(lat), sin_lat, cos_lat, sin_b, cos_b, radius_m,
        stretch, 1 / stretch, math.cos(TURN_RAD), math.sin(TURN_RAD),
    )  # fmt: skip


def _q(sin_lat: float) -> float:
    """Snyder's q (eq. 3-12)."""
    x = _E * sin_lat
    return (1 - _E2) * (sin_lat / (1 - x * x) + math.atanh(x) / _E)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _onto(s: float, c: float, sin_t: float, cos_t: float, disc: Disc) -> tuple[float, float]:
    """A place in metres on a turned plane: by the sines and cosines of its latitude, and of its
    longitude from the middle's."""
    s2, c2 = 2 * s * c, 1 - 2 * s * s
    s4 = 2 * s2 * c2
    s6 = s4 * c2 + (1 - 2 * s2 * s2) * s2
    # from the latitude to the authalic one, 0.13° at most
    d = _TO_2 * s2 + _TO_4 * s4 + _TO_6 * s6
    z = d * d
    sin_d, cos_d = (
        d - d * z * (1 / 6 - z * (1 / 120)),
        1 - z * (1 / 2 - z * (1 / 24 - z * (1 / 720))),
    )
    sin_b, cos_b = s * cos_d + c * sin_d, c * cos_d - s * sin_d
    k = disc.radius_m * math.sqrt(2 / (1 + disc.sin_b * sin_b + disc.cos_b * cos_b * cos_t))
    x = k * disc.stretch * cos_b * sin_t
    y = k * disc.squeeze * (disc.cos_b * sin_b - disc.sin_b * cos_b * cos_t)
    return disc.cos_turn * x + disc.sin_turn * y, disc.cos_turn * y - disc.sin_turn * x


@njit(cache=True, nogil=True, error_model="numpy")
def forward(lon_deg: float, lat_deg: float, disc: Disc) -> tuple[float, float]:
    """Degrees to metres on a turned plane."""
    t, lat = math.radians(lon_deg) - disc.lon, math.radians(lat_deg)
    return _onto(math.sin(lat), math.cos(lat), math.sin(t), math.cos(t), disc)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _sine(x: float) -> float:
    """Of a small angle."""
    z = x * x
    high = 1 / 362880 - z * (1 / 39916800 - z * (1 / 6227020800))
    return x * (1 - z * (1 / 6 - z * (1 / 120 - z * (1 / 5040 - z * high))))


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _cosine(x: float) -> float:
    """Of a small angle."""
    z = x * x
    high = 1 / 40320 - z * (1 / 3628800 - z * (1 / 479001600 - z * (1 / 87178291200)))
    return 1 - z * (1 / 2 - z * (1 / 24 - z * (1 / 720 - z * high)))


@njit(cache=True, nogil=True, error_model="numpy")
def onto_lattice(lon: Floats, lat: Floats, disc: Disc, step_m: float, x: Floats, y: Floats) -> None:
    """Places in degrees onto a lattice, in its steps, into ``x`` and ``y``.

    Most lie near the plane's middle: a loop without a branch or a call does several at once.
    """
    a_metre, far = 1 / step_m, 0
    for n in range(len(lon)):
        t, d = math.radians(lon[n]) - disc.lon, math.radians(lat[n]) - disc.lat
        far += (abs(t) > _NEAR_RAD) | (abs(d) > _NEAR_RAD)
        sin_d, cos_d = _sine(d), _cosine(d)
        s = disc.sin_lat * cos_d + disc.cos_lat * sin_d
        c = disc.cos_lat * cos_d - disc.sin_lat * sin_d
        east_m, north_m = _onto(s, c, _sine(t), _cosine(t), disc)
        x[n], y[n] = east_m * a_metre - 0.5, north_m * a_metre - 0.5
    if far == 0:
        return
    for n in range(len(lon)):
        t, d = math.radians(lon[n]) - disc.lon, math.radians(lat[n]) - disc.lat
        if abs(t) > _NEAR_RAD or abs(d) > _NEAR_RAD:
            east_m, north_m = forward(lon[n], lat[n], disc)
            x[n], y[n] = east_m * a_metre - 0.5, north_m * a_metre - 0.5


def lattices(polygons: Geometries, swath_m: float) -> list[tuple[Lattice, Ints]]:
    """The lattice by which each polygon (in degrees) is measured: groups, each with its polygons.

    A group is never so wide that its tiles are too many to be laid out side by side.
    """
    bounds = shapely.bounds(polygons)
    middle = (bounds[:, :2] + bounds[:, 2:]) / 2
    block = np.floor(middle / _BLOCK_DEG)
    for_swath_m = max(swath_m / _ACROSS_SWATH, _FINEST_FOR_SWATH_M)
    step_m = np.minimum(_breadth_m(polygons, middle[:, 1]) / _ACROSS_CELL, for_swath_m)
    extent_m = (bounds[:, 2:] - bounds[:, :2]).max(axis=1) * _DEGREE_M
    finer = np.ceil(np.log(_COARSEST_M / step_m) / math.log(_FINER))
    most = np.floor(
        np.log(_COARSEST_M * _LONGEST_TILES * TILE / np.maximum(extent_m, 1e-3)) / math.log(_FINER)
    )
    finer = np.clip(np.minimum(finer, np.maximum(most, 0)), 0, _FINEST)
    near = np.floor(
        middle * (_DEGREE_M / (_MOST_TILES * TILE * _COARSEST_M)) * _FINER ** finer[:, None]
    )
    keys = np.column_stack((block, finer, near))
    found, group = np.unique(keys, axis=0, return_inverse=True)
    return [
        (
            Lattice(lon_block=int(i), lat_block=int(j), step_m=float(_COARSEST_M / _FINER**k)),
            np.flatnonzero(group.ravel() == n),
        )
        for n, (i, j, k, _, _) in enumerate(found)
    ]


def _breadth_m(polygons: Geometries, lat: Floats) -> Floats:
    """About how broad polygons are: the side, of a square."""
    squeeze = np.cos(np.radians(np.clip(lat, -89, 89)))
    area = shapely.area(polygons) * squeeze * _DEGREE_M**2
    # lengths in degrees overstate: about the mean of both axes' scales is enough here
    around = shapely.length(polygons) * np.sqrt(squeeze) * _DEGREE_M
    return np.maximum(np.maximum(4 * area / around, np.sqrt(area) / 4), 1e-3)
