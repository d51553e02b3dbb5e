"""The earth: geodesic lengths and areas, local planes, and the tiles of the world.

Everywhere else in the project a length or an area in metres comes from here. Two kinds of line
are told apart, because DESIGN does: the *leg* of a unit is a geodesic; the *edge* of a polygon
or line is straight in longitude and latitude (RFC 7946, section 3.1.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod, Transformer

from geo.errors import OutOfRangeError

if TYPE_CHECKING:
    from geo.rings import Rings

Floats = NDArray[np.float64]
Geometries = NDArray[np.object_]

LONLAT = "EPSG:4326"
MERCATOR = "EPSG:3857"
#: Area of the earth in m².
EARTH_M2 = 5.1e14
#: Half the width of the Web Mercator world, in its metres.
MERCATOR_HALF_M = math.pi * 6378137.0

_GEOD = Geod(ellps="WGS84")
_A_M, _E2 = float(_GEOD.a), float(_GEOD.es)
_E = math.sqrt(_E2)
# Nodes and weights of Gauss-Legendre quadrature on 0..1, exact to 1e-12: 5 points for edges < 10
# deg, 2 for those < 0.1 deg (the error goes with the 4th power of the edge, over 4,320).
_FEW, _MANY = (
    ((nodes + 1) / 2, weights / 2)
    for nodes, weights in (np.polynomial.legendre.leggauss(n) for n in (2, 5))
)
_SHORT_RAD = math.radians(0.1)
#: Geometries from which on machine code is worth its coming from the disk.
_MANY_POLYGONS = 2_000


def geodesic_m(lon0: ArrayLike, lat0: ArrayLike, lon1: ArrayLike, lat1: ArrayLike) -> Floats:
    """Length in metres of the geodesics between points in degrees (Karney 2013, WGS 84)."""
    a, b, c, d = np.broadcast_arrays(
        *(np.asarray(v, dtype=float) for v in (lon0, lat0, lon1, lat1))
    )
    _, _, length_m = _GEOD.inv(a.ravel(), b.ravel(), c.ravel(), d.ravel())
    return np.asarray(length_m, dtype=float).reshape(a.shape)


def interpolate(
    lon0: ArrayLike, lat0: ArrayLike, lon1: ArrayLike, lat1: ArrayLike, fraction: ArrayLike
) -> tuple[Floats, Floats]:
    """The points (degrees) at ``fraction`` (0-1) of the geodesics from point 0 to point 1."""
    arrays = np.broadcast_arrays(
        *(np.asarray(v, dtype=float) for v in (lon0, lat0, lon1, lat1, fraction))
    )
    a, b, c, d, part = (v.ravel() for v in arrays)
    azimuth_deg, _, length_m = _GEOD.inv(a, b, c, d)
    lon, lat, _ = _GEOD.fwd(a, b, azimuth_deg, np.asarray(length_m) * part)
    shape = arrays[0].shape
    return np.asarray(lon, dtype=float).reshape(shape), np.asarray(lat, dtype=float).reshape(shape)


def segmented(geometries: Geometries, max_edge: float) -> Geometries:
    """Geometries with vertices on all edges that are longer than ``max_edge``.

    Ring by ring: of a polygon whose hole touches its edge, as a slot that was cut out of it, the
    densifier of GEOS may take the new vertices' rounding for a fault, and mend it by leaving out
    most of its ground.
    """
    out = geometries.copy()
    kind = shapely.get_type_id(geometries)
    areal = np.isin(kind, (3, 6)) & ~shapely.is_empty(geometries)
    out[~areal] = shapely.segmentize(geometries[~areal], max_edge)
    if areal.any():
        parts, of = shapely.get_parts(geometries[areal], return_index=True)
        real = ~shapely.is_empty(parts)
        parts, of = parts[real], of[real]
        rings, part = shapely.get_rings(parts, return_index=True)
        made = shapely.polygons(shapely.segmentize(rings, max_edge), indices=part)
        single = kind[areal] == 3
        whole = shapely.multipolygons(made, indices=of)
        whole[single] = made[single[of]]
        out[areal] = whole
    return out


def circle(lon: float, lat: float, radius_m: float, corners: int = 80) -> shapely.Polygon:
    """What lies within ``radius_m`` of a point (degrees), along geodesics; its corners on the
    circle. Where it crosses the antimeridian it goes on beyond ±180°."""
    around = np.linspace(0, 360, corners, endpoint=False)
    of_corner = np.ones(corners)
    lons, lats, _ = _GEOD.fwd(lon * of_corner, lat * of_corner, around, radius_m * of_corner)
    lons = lon + (np.asarray(lons) - lon + 180) % 360 - 180
    return shapely.Polygon(np.column_stack((lons, lats)))


def _authalic_q(sin_lat: Floats) -> Floats:
    """Snyder's q over 2 (1987, eq. 3-12): its integral over longitude is area over a²."""
    # arctanh(e s) / e as its series in (e s)²: on the earth the 6th term is under 1e-13, and this
    # takes a third of the time.
    x = (_E * sin_lat) ** 2
    series = 1 + x * (1 / 3 + x * (1 / 5 + x * (1 / 7 + x * (1 / 9 + x / 11))))
    return (1 - _E2) / 2 * sin_lat * (1 / (1 - x) + series)


def _ring_area_m2(rings: Geometries) -> Floats:
    """Unsigned areas in m² of closed rings whose edges are straight in lon/lat."""
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    if len(xy) < 2:
        return np.zeros(len(rings))
    lon, lat = np.radians(xy[:, 0]), np.radians(xy[:, 1])
    same = ring[1:] == ring[:-1]
    d_lon, d_lat = np.diff(lon)[same], np.diff(lat)[same]
    start_lat = lat[:-1][same]
    nodes, weights = _FEW if np.abs(d_lat).max(initial=0) < _SHORT_RAD else _MANY
    strip = _authalic_q(np.sin(start_lat[:, None] + d_lat[:, None] * nodes)) @ weights * d_lon
    return np.abs(np.bincount(ring[:-1][same], strip, minlength=len(rings))) * _A_M**2


def area_m2(geometries: ArrayLike) -> Floats:
    """Area in m² on the WGS 84 ellipsoid of polygons in degrees, edges straight in lon/lat.

    Integrates the authalic latitude along each edge, so an edge may be long. Holes are taken
    off, the direction of rings does not matter; other geometries have no area, None has 0.
    """
    given = np.atleast_1d(np.asarray(geometries, dtype=object))
    if len(given) >= _MANY_POLYGONS and np.isin(shapely.get_type_id(given), (-1, 3, 6)).all():
        return _areas_m2(given)
    out = np.zeros(len(given))
    parts, owner = shapely.get_parts(given, return_index=True)
    nested = np.isin(shapely.get_type_id(parts), (4, 5, 6, 7))
    if nested.any():  # collections inside collections
        np.add.at(out, owner[nested], [float(area_m2(list(p.geoms)).sum()) for p in parts[nested]])
    polygon = shapely.get_type_id(parts) == 3
    parts, owner = parts[polygon], owner[polygon]
    if not len(parts):
        return out
    rings, part = shapely.get_rings(parts, return_index=True)
    signed = _ring_area_m2(rings)
    first = np.r_[True, part[1:] != part[:-1]]
    np.add.at(out, owner[part], np.where(first, signed, -signed))
    return out


def _areas_m2(polygons: Geometries) -> Floats:
    """``area_m2`` of many polygons and multipolygons: the same integral in machine code."""
    # numba's half second is for those who need it.
    from geo.rings import Rings  # noqa: PLC0415

    return areas_of_rings_m2(Rings.of(polygons), len(polygons))


def areas_of_rings_m2(found: Rings, polygons: int) -> Floats:
    """``area_m2`` of so many polygons whose rings these are."""
    from geo import rings  # noqa: PLC0415

    few, many = np.stack(_FEW), np.stack(_MANY)
    strips = rings.strips(found.xy, found.start, _E2, few, many, _SHORT_RAD)
    return found.signed_sums(strips, polygons) * _A_M**2


def length_m(lines: ArrayLike) -> Floats:
    """Length in metres of lines in degrees: the sum of the geodesics between their vertices."""
    given = np.atleast_1d(np.asarray(lines, dtype=object))
    xy, line = shapely.get_coordinates(shapely.get_parts(given), return_index=True)
    owner = shapely.get_parts(given, return_index=True)[1]
    if len(xy) < 2:
        return np.zeros(len(given))
    same = line[1:] == line[:-1]
    step_m = geodesic_m(xy[:-1, 0], xy[:-1, 1], xy[1:, 0], xy[1:, 1])[same]
    return np.bincount(owner[line[:-1][same]], step_m, minlength=len(given)).astype(float)


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A local map plane in metres; x to the east and y to the north unless it was turned."""

    proj: str  #: the PROJ string of the projection, before it is turned
    rotation_rad: float = 0.0  #: anticlockwise turn of the axes
    _to: Transformer = field(init=False, repr=False, compare=False)
    _back: Transformer = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_to", Transformer.from_crs(LONLAT, self.proj, always_xy=True))
        object.__setattr__(self, "_back", Transformer.from_crs(self.proj, LONLAT, always_xy=True))

    @classmethod
    def equal_area(cls, bounds: Sequence[float], *, rotation_rad: float = 0.0) -> Plane:
        """Lambert azimuthal equal-area about the middle of ``bounds`` (degrees: w, s, e, n)."""
        west, south, east, north = bounds
        lon, lat = float(west + east) / 2, float(south + north) / 2
        proj = f"+proj=laea +lat_0={lat!r} +lon_0={lon!r} +ellps=WGS84 +units=m +type=crs"
        return cls(proj=proj, rotation_rad=rotation_rad)

    @classmethod
    def equidistant(cls, lon: float, lat: float) -> Plane:
        """Azimuthal equidistant about a point: distances and directions from it are geodesic."""
        middle = f"+lat_0={float(lat)!r} +lon_0={float(lon)!r}"
        return cls(proj=f"+proj=aeqd {middle} +ellps=WGS84 +units=m +type=crs")

    def forward(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
        """Degrees to metres on the plane."""
        lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
        x, y = self._to.transform(lon, lat)
        if not self.rotation_rad:
            return np.asarray(x), np.asarray(y)
        c, s = math.cos(self.rotation_rad), math.sin(self.rotation_rad)
        return c * x + s * y, c * y - s * x

    def inverse(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Metres on the plane to degrees."""
        u, v = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        if self.rotation_rad:
            c, s = math.cos(self.rotation_rad), math.sin(self.rotation_rad)
            u, v = c * u - s * v, s * u + c * v
        lon, lat = self._back.transform(u, v)
        return np.asarray(lon), np.asarray(lat)

    def project(self, geometries: ArrayLike, *, max_edge_deg: float = 0.01) -> Geometries:
        """Geometries in degrees onto the plane.

        Edges longer than ``max_edge_deg`` are given vertices first, so that what is straight
        in lon/lat stays so: at 0.01° (1 km) the plane's chord is within 0.2 m of it.
        """
        given = np.atleast_1d(np.asarray(geometries, dtype=object))
        return self._apply(segmented(given, max_edge_deg), self.forward)

    def unproject(self, geometries: ArrayLike) -> Geometries:
        """Geometries on the plane back to degrees, vertex by vertex."""
        return self._apply(np.atleast_1d(np.asarray(geometries, dtype=object)), self.inverse)

    @staticmethod
    def _apply(geometries: Geometries, move) -> Geometries:  # type: ignore[no-untyped-def]
        xy = shapely.get_coordinates(geometries)
        return np.asarray(
            shapely.set_coordinates(geometries.copy(), np.column_stack(move(xy[:, 0], xy[:, 1]))),
            dtype=object,
        )


def mercator(xy: Floats) -> Floats:
    """Degrees, of shape (n, 2), in metres of Web Mercator (EPSG:3857), a map of a sphere."""
    out = np.radians(xy)
    out[:, 1] = np.arcsinh(np.tan(out[:, 1]))
    out *= MERCATOR_HALF_M / math.pi
    return out


def unmercator(xy: Floats) -> Floats:
    """Metres of Web Mercator, of shape (n, 2), in degrees."""
    out = xy / (MERCATOR_HALF_M / math.pi)
    out[:, 1] = np.arctan(np.sinh(out[:, 1]))
    return np.degrees(out)


def tile_bounds_3857(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """Bounds (west, south, east, north) of a tile in Web Mercator metres.

    Raises OutOfRangeError for a tile that is not of this world.
    """
    n = 1 << z if 0 <= z <= 30 else 0
    if not (0 <= x < n and 0 <= y < n):
        raise OutOfRangeError(
            f"tile {z}/{x}/{y}: no such tile; z is 0-30, x and y are 0 to 2^z - 1"
        )
    size_m = 2 * MERCATOR_HALF_M / n
    # each edge from its own number, so that neighbours have the very same one
    west, east = x * size_m - MERCATOR_HALF_M, (x + 1) * size_m - MERCATOR_HALF_M
    south, north = MERCATOR_HALF_M - (y + 1) * size_m, MERCATOR_HALF_M - y * size_m
    return west, south, east, north
