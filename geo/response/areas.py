"""Bands: the areas that a field reaches within so many minutes, nested one in the next."""

from __future__ import annotations

from collections.abc import Sequence

import contourpy
import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo import earth
from geo.errors import OutOfRangeError
from geo.response.compiled import compiled
from geo.response.field import Field, Patch
from geo.response.ground import REACHED, Ground

Floats = NDArray[np.float64]
Geometries = NDArray[np.object_]


def bands(field: Field, minutes: Sequence[float] = (1, 3, 5)) -> gpd.GeoDataFrame:
    """What is reached within each of ``minutes``: columns minutes, seconds, area_m2 and geometry
    (MultiPolygon, EPSG:4326), smallest first, each holding all of those before it.

    The contour of the field between cell centres, and along the roads at the tips of the shape,
    where a road is quicker than a cell is wide, the strip that can be reached off it. Every piece
    and hole is kept. Raises OutOfRangeError for minutes that are not above 0 or past the field's
    limit.
    """
    levels_s = sorted({float(m) * 60 for m in minutes})
    if not levels_s or levels_s[0] <= 0 or levels_s[-1] > field.limit_s + 1e-6:
        raise OutOfRangeError(
            f"response: minutes {list(minutes)} must be above 0 and within the field's "
            f"{field.limit_s / 60:g}"
        )
    by_patch = [_nested(patch, levels_s) for patch in field.patches]
    shapes = [_together([patch[k] for patch in by_patch]) for k in range(len(levels_s))]
    return gpd.GeoDataFrame(
        {
            "minutes": [_plain(level / 60) for level in levels_s],
            "seconds": [_plain(level) for level in levels_s],
            "area_m2": earth.area_m2(shapes),
        },
        geometry=shapes,
        crs=earth.LONLAT,
    )


def _plain(number: float) -> float:
    return round(number, 6)


def _together(shapes: Sequence[Geometries]) -> shapely.MultiPolygon:
    """One MultiPolygon of polygons from windows whose reaches do not touch."""
    return shapely.multipolygons(np.concatenate([*shapes, np.empty(0, dtype=object)]))


def _nested(patch: Patch, levels_s: Sequence[float]) -> list[Geometries]:
    """Polygons in degrees, one array a level."""
    ground = patch.ground
    i0, i1, j0, j1 = _extent(ground)
    if i1 < i0:
        return [np.empty(0, dtype=object) for _ in levels_s]
    ceiling_s = levels_s[-1] + 4 * ground.cell_m * ground.slow
    z = _raster(ground, i0, i1, j0, j1, ceiling_s)
    x = (np.arange(i0, i1 + 1) + 0.5) * ground.cell_m
    y = (np.arange(j0, j1 + 1) + 0.5) * ground.cell_m
    contours = contourpy.contour_generator(x, y, z, name="serial", fill_type="OuterOffset")
    out: list[Geometries] = []
    strips = np.empty(0, dtype=object)
    for level_s in levels_s:
        shape = _contour(contours, level_s)
        strips = np.concatenate([strips, _tips(patch, shape, level_s), _dots(patch, level_s)])
        strips = strips[~_covered(shape, strips)]
        if len(strips):
            shape = _polygons(shapely.union_all(np.concatenate([shape, strips])))
        out.append(shape)
    return _nest([_in_degrees(patch, shape) for shape in out])


@compiled
def _extent(ground: Ground) -> tuple[int, int, int, int]:
    """First and last column and row that hold a time, and one more all round."""
    i0, i1, j0, j1 = ground.columns, -1, ground.rows, -1
    for j in range(ground.rows):
        for i in range(ground.columns):
            if ground.state[j * ground.columns + i]:
                i0, i1, j0, j1 = min(i0, i), max(i1, i), min(j0, j), max(j1, j)
    return max(i0 - 1, 0), min(i1 + 1, ground.columns - 1), max(j0 - 1, 0), min(j1 + 1, ground.rows - 1)


@compiled
def _raster(ground: Ground, i0: int, i1: int, j0: int, j1: int, ceiling_s: float) -> Floats:
    """Seconds as rows; the ceiling where nothing is known, so that levels never meet there."""
    z = np.full((j1 - j0 + 1, i1 - i0 + 1), ceiling_s)
    for j in range(j0, j1 + 1):
        for i in range(i0, i1 + 1):
            c = j * ground.columns + i
            if ground.state[c] & REACHED:
                z[j - j0, i - i0] = min(ground.seconds[c], ceiling_s)
    return z


def _contour(contours: contourpy.ContourGenerator, level_s: float) -> Geometries:
    """Valid polygons with holes below a level."""
    points, offsets = contours.filled(-1.0, level_s)
    if not points:
        return np.empty(0, dtype=object)
    ends = [o.astype(np.int64) for o in offsets]
    counts = np.array([len(o) - 1 for o in ends])
    base = np.r_[0, np.cumsum([len(p) for p in points])]
    cuts = np.concatenate([o[:-1] + b for o, b in zip(ends, base[:-1], strict=True)])
    ring = np.repeat(np.arange(len(cuts)), np.diff(np.r_[cuts, base[-1]]))
    rings = shapely.linearrings(np.concatenate(points), indices=ring)
    shape = shapely.polygons(rings, indices=np.repeat(np.arange(len(points)), counts))
    return _valid(shape)


def _valid(shape: Geometries) -> Geometries:
    if shapely.is_valid(shape).all():
        return shape
    return _polygons(shapely.union_all(shapely.make_valid(shape)))


def _polygons(shape: shapely.Geometry) -> Geometries:
    """The polygons of a geometry; slivers without an area left out."""
    parts = shapely.get_parts(np.atleast_1d(np.asarray(shape, dtype=object)))
    while (shapely.get_type_id(parts) > 3).any():
        parts = shapely.get_parts(parts)
    return parts[(shapely.get_type_id(parts) == 3) & (shapely.area(parts) > 0)]


def _covered(shape: Geometries, pieces: Geometries) -> NDArray[np.bool_]:
    if not len(pieces) or not len(shape):
        return np.zeros(len(pieces), dtype=bool)
    inside = shapely.STRtree(shape).query(pieces, predicate="covered_by")[0]
    return np.isin(np.arange(len(pieces)), inside)


def _tips(patch: Patch, shape: Geometries, level_s: float) -> Geometries:
    """What is reached off the roads where the contour, blind to what is thinner than a cell,
    ends before the road does: about each such piece a strip that narrows with the time left.

    All of a strip is truly reached: at the side of a road the time grows by
    sqrt(1/ground² - 1/road²) a metre, at its ends by 1/ground.
    """
    lanes, slow, cell_m = patch.lanes, patch.ground.slow, patch.ground.cell_m
    left_s = level_s - patch.nodes.seconds[lanes.tail]
    arc = np.flatnonzero((left_s > 0) & (left_s - lanes.pace_s < cell_m * slow) & lanes.leaves)
    ax, ay = lanes.x[lanes.tail[arc]], lanes.y[lanes.tail[arc]]
    dx, dy = lanes.x[lanes.head[arc]] - ax, lanes.y[lanes.head[arc]] - ay
    length, left_s, whole_s = np.hypot(dx, dy), left_s[arc], lanes.pace_s[arc]
    share = np.minimum(left_s / np.maximum(whole_s, 1e-9), 1.0)
    tip_x, tip_y = ax + share * dx, ay + share * dy
    out = length > 1e-6
    for polygon in shape:
        out[out] = ~shapely.contains_xy(polygon, tip_x[out], tip_y[out])
    if not out.any():
        return np.empty(0, dtype=object)
    ax, ay, dx, dy, tip_x, tip_y, length, left_s, whole_s = (
        v[out] for v in (ax, ay, dx, dy, tip_x, tip_y, length, left_s, whole_s)
    )
    pace = whole_s / length
    aside = np.sqrt(np.maximum(slow**2 - pace**2, (0.05 * slow) ** 2))
    rest_s = np.maximum(left_s - whole_s, 0.0)
    nx, ny = -dy / length, dx / length
    wide, thin = np.minimum(left_s / aside, left_s / slow * 2), rest_s / aside
    ring = np.stack([
        np.column_stack([ax + wide * nx, ay + wide * ny]),
        np.column_stack([ax - wide * nx, ay - wide * ny]),
        np.column_stack([tip_x - thin * nx, tip_y - thin * ny]),
        np.column_stack([tip_x + thin * nx, tip_y + thin * ny]),
    ], axis=1)  # fmt: skip
    strips = shapely.make_valid(shapely.polygons(ring))
    ends = shapely.buffer(shapely.points(tip_x, tip_y), rest_s / slow, quad_segs=4)
    starts = shapely.buffer(shapely.points(ax, ay), left_s / slow, quad_segs=4)
    return _polygons(np.concatenate([strips, starts, ends]))


def _dots(patch: Patch, level_s: float) -> Geometries:
    """Discs about sources whose reach off road is too small for the cells to show."""
    reach_m = (level_s - patch.sources.start_s) / patch.ground.slow
    small = np.flatnonzero((reach_m > 0) & (reach_m < 3 * patch.ground.cell_m))
    centres = shapely.points(patch.sources.x[small], patch.sources.y[small])
    return shapely.buffer(centres, reach_m[small], quad_segs=16)


def _in_degrees(patch: Patch, shape: Geometries) -> Geometries:
    xy = shapely.get_coordinates(shape)
    lon, lat = patch.window.degrees(xy[:, 0], xy[:, 1])
    return _valid(shapely.set_coordinates(shape.copy(), np.column_stack([lon, lat])))


def _nest(levels: list[Geometries]) -> list[Geometries]:
    """Each level with the one before it united in, where rounding left something out."""
    for k in range(1, len(levels)):
        inner, outer = (shapely.multipolygons(levels[m]) for m in (k - 1, k))
        if not shapely.covers(outer, inner):
            levels[k] = _polygons(shapely.union_all([outer, inner]))
    return levels
