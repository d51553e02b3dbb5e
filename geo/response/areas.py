"""Bands: the areas that a field reaches within so many minutes, nested one in the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

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
from geo.response.lanes import Lanes

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
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
    for level_s in levels_s:
        shape = _contour(contours, level_s)
        strips = _polygons(np.concatenate([_tips(patch, level_s), _dots(patch, level_s)]))
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
    i0, j0 = max(i0 - 1, 0), max(j0 - 1, 0)
    return i0, min(i1 + 1, ground.columns - 1), j0, min(j1 + 1, ground.rows - 1)


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
    found: Any = contours.filled(-1.0, level_s)
    points, offsets = found
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


def _tips(patch: Patch, level_s: float) -> Geometries:
    """What is reached off the roads where the contour, blind to what is thinner than a cell,
    ends before the road does: about each such piece a strip that narrows with the time left.

    All of a strip is truly reached: at the side of a road the time grows by
    sqrt(1/ground² - 1/road²) a metre, at its ends by 1/ground.
    """
    lanes, slow = patch.lanes, patch.ground.slow
    arc, share = _missed(lanes, patch.ground, patch.nodes.seconds, level_s)
    if not len(arc):
        return np.empty(0, dtype=object)
    ax, ay = lanes.x[lanes.tail[arc]], lanes.y[lanes.tail[arc]]
    dx, dy = lanes.x[lanes.head[arc]] - ax, lanes.y[lanes.head[arc]] - ay
    length = np.hypot(dx, dy)
    left_s = level_s - patch.nodes.seconds[lanes.tail[arc]]
    rest_s = np.maximum(left_s - lanes.pace_s[arc], 0.0)
    pace = lanes.pace_s[arc] / length
    aside = np.sqrt(np.maximum(slow**2 - pace**2, slow**2 / 4))
    nx, ny, wide, thin = -dy / length, dx / length, left_s / aside, rest_s / aside
    tip_x, tip_y = ax + share * dx, ay + share * dy
    ring = np.stack([
        np.column_stack([ax + wide * nx, ay + wide * ny]),
        np.column_stack([ax - wide * nx, ay - wide * ny]),
        np.column_stack([tip_x - thin * nx, tip_y - thin * ny]),
        np.column_stack([tip_x + thin * nx, tip_y + thin * ny]),
    ], axis=1)  # fmt: skip
    seen = rest_s > 0.05 * patch.ground.cell_m * slow  # what is smaller is not drawn
    ends = shapely.points(tip_x[seen], tip_y[seen])
    discs = shapely.buffer(ends, rest_s[seen] / slow, quad_segs=3)
    return np.concatenate([shapely.polygons(ring), discs])


@compiled
def _missed(lanes: Lanes, ground: Ground, seconds: Floats, level_s: float) -> tuple[Ints, Floats]:
    """Arcs whose last point within the level (a share of the arc) the contour leaves outside or
    hardly holds, because what it sees there is a tenth of a cell's crossing late or more."""
    out, share = np.empty(lanes.head.size, dtype=np.int32), np.empty(lanes.head.size)
    n, cross_s = 0, ground.cell_m * ground.slow
    for e in range(lanes.head.size):
        left_s = level_s - seconds[lanes.tail[e]]
        if not lanes.leaves[e] or left_s <= 0 or left_s - lanes.pace_s[e] >= cross_s:
            continue
        ax, ay = lanes.x[lanes.tail[e]], lanes.y[lanes.tail[e]]
        dx, dy = lanes.x[lanes.head[e]] - ax, lanes.y[lanes.head[e]] - ay
        length = math.sqrt(dx * dx + dy * dy)
        if length < 1e-6:
            continue
        part = min(left_s / max(lanes.pace_s[e], 1e-9), 1.0)
        drawn_s = _drawn_s(ground, ax + part * dx, ay + part * dy)
        true_s = seconds[lanes.tail[e]] + part * lanes.pace_s[e]
        if drawn_s > level_s - 0.25 * cross_s and drawn_s - true_s > 0.1 * cross_s:
            out[n], share[n] = e, part
            n += 1
    return out[:n].copy(), share[:n].copy()


@compiled
def _drawn_s(ground: Ground, x: float, y: float) -> float:
    """The time that the contour sees at a place: bilinear; inf beside an untouched cell."""
    u, v = x / ground.cell_m - 0.5, y / ground.cell_m - 0.5
    i, j = int(math.floor(u)), int(math.floor(v))
    if not (0 <= i < ground.columns - 1 and 0 <= j < ground.rows - 1):
        return np.inf
    total = 0.0
    for dj in range(2):
        for di in range(2):
            c = (j + dj) * ground.columns + i + di
            if not ground.state[c] & REACHED:
                return np.inf
            total += (1 - abs(u - i - di)) * (1 - abs(v - j - dj)) * ground.seconds[c]
    return total


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
