"""Ground that two grids have in common, and ground of a child that is not its parent's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geo import earth
from geo.grids.apart import perhaps_overlapping, surely_apart

if TYPE_CHECKING:
    from geo.rings import Rings

Geometries = NDArray[np.object_]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Ground narrower than this is none: an edge that was drawn twice differs a little.
TOLERANCE_M = 1.0
#: Fewer pairs than this are GEOS's at once: numba's code takes longer to come from the disk.
_FEW_PAIRS = 3_000
#: Pairs whose common ground is computed together, and of how many that are found no more are.
_PAIRS_AT_ONCE, MOST_OVERLAPS = 10_000, 100_000
#: Shapes from which on it is worth to look first at the edges that nobody shares.
_MANY = 2_000
#: So many children of one parent are worth a raster of what surely lies in it, this wide.
_MANY_CHILDREN, _RASTER = 1_000, 96


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Ground in question between two grids."""

    one: int  #: place in the array of the grid (of a pair of siblings, the first)
    other: int  #: place of its sibling, or of its parent
    area_m2: float  #: of all its parts that are no slivers
    lon: float  #: a place in the largest of them
    lat: float


def broad(
    shape: shapely.Geometry, tolerance_m: float = TOLERANCE_M
) -> tuple[shapely.Geometry, float] | None:
    """The largest part of a ground that is broader than the tolerance, and all such parts' m².

    None where all is slivers.
    """
    parts = shapely.get_parts(shape)
    parts = parts[shapely.get_type_id(parts) == 3]
    area, wide = _breadth(parts, tolerance_m)
    if not wide.any():
        return None
    return parts[wide][np.argmax(area[wide])], float(area[wide].sum())


def _breadth(polygons: Geometries, tolerance_m: float) -> tuple[NDArray[np.float64], Bools]:
    """The m² of polygons, and which are broader than the tolerance: a strip's breadth is about
    twice its area over its perimeter."""
    area = earth.area_m2(polygons)
    return area, 2 * area > tolerance_m * earth.length_m(shapely.boundary(polygons))


def overlaps(
    shapes: Geometries,
    group: Ints,
    *,
    written: Bools | None = None,
    rings: Rings | None = None,
    tolerance_m: float = TOLERANCE_M,
) -> list[Ground]:
    """Ground that two shapes of one group have in common, in the order of the pairs; of more than
    ``MOST_OVERLAPS`` not all.

    ``shapes`` are valid polygons in degrees, ``group`` numbers the siblings of each, and with
    ``written`` only pairs are looked at of which one is. ``rings`` are theirs, where known.
    """
    if len(shapes) >= _MANY and surely_apart(shapes, group, rings):
        return []
    one, two = _pairs(shapes, group, np.ones(len(shapes), bool) if written is None else written)
    found: list[Ground] = []
    # Where many lie on each other, pairs are very many: a part of them at a time takes little
    # memory, and with so many told nobody needs the rest.
    for start in range(0, len(one), _PAIRS_AT_ONCE):
        a, b = one[start : start + _PAIRS_AT_ONCE], two[start : start + _PAIRS_AT_ONCE]
        inside = shapely.relate_pattern(shapes[a], shapes[b], "T********")
        a, b = a[inside], b[inside]
        common = shapely.intersection(shapes[a], shapes[b])
        found += _told(zip(a, b, common, strict=True), tolerance_m)
        if len(found) > MOST_OVERLAPS:
            break
    return found


def numbered(words: Sequence[str]) -> Ints:
    """The same number for the same word, from 0 in the order in which they come."""
    known = pa.array(words, pa.large_string()).dictionary_encode()
    return np.asarray(known.indices).astype(np.int64)


def apart(parents: Sequence[str | None], levels: Sequence[str]) -> list[Ints]:
    """Groups of which none may overlap another: of each level, of each parent with several levels.

    One array of group numbers for each way to group. A missing parent (None or "") groups nobody,
    nor does a missing level ("") but those without a parent either.
    """
    count = len(levels)
    if len(set(levels)) == 1 and not any(parents):
        return [np.zeros(count, dtype=np.int64)]
    orphan = np.fromiter((not parent for parent in parents), dtype=bool, count=count)
    unnamed = np.fromiter((not level for level in levels), dtype=bool, count=count)
    parent = numbered([parent or "" for parent in parents])
    level = numbered(levels)
    alone = np.arange(count) + count
    level = np.where(unnamed & ~orphan, alone, level)
    pairs = np.unique(parent * 2 * count + level)
    mixed = (np.bincount(pairs // (2 * count), minlength=1)[parent] > 1) & ~orphan
    if not mixed.any():
        return [level]
    # Of one parent and one level they are held apart already.
    return [level, np.where(mixed, parent, alone)]


def outside(
    shapes: Geometries,
    parents: Geometries,
    parent: Ints,
    *,
    tolerance_m: float = TOLERANCE_M,
) -> list[Ground]:
    """Ground of ``shapes[i]`` that is not of ``parents[parent[i]]``; -1 stands for no parent."""
    found = []
    for p in np.unique(parent[parent >= 0]):
        own = np.flatnonzero(parent == p)
        if len(own) >= _MANY_CHILDREN:
            own = own[~_surely_in(shapes[own], parents[p])]
        shapely.prepare(parents[p])
        own = own[~shapely.covers(parents[p], shapes[own])]
        beyond = shapely.difference(shapes[own], parents[p])
        found += [(i, p, ground) for i, ground in zip(own, beyond, strict=True)]
    return _told(sorted(found, key=lambda row: int(row[0])), tolerance_m)


def _told(rows, tolerance_m: float) -> list[Ground]:  # type: ignore[no-untyped-def]
    """Those of (one, other, ground) that are no slivers."""
    pairs = [(int(one), int(other), shape) for one, other, shape in rows]
    parts, owner = shapely.get_parts(
        np.array([shape for _, _, shape in pairs], dtype=object), return_index=True
    )
    polygons = shapely.get_type_id(parts) == 3
    parts, owner = parts[polygons], owner[polygons]
    area, wide = _breadth(parts, tolerance_m)
    parts, owner, area = parts[wide], owner[wide], area[wide]
    largest = np.lexsort((-area, owner))
    found, first = np.unique(owner[largest], return_index=True)
    total = np.bincount(owner, weights=area, minlength=len(pairs))
    place = shapely.point_on_surface(parts[largest][first])
    return [
        Ground(
            one=pairs[n][0], other=pairs[n][1], area_m2=float(total[n]),
            lon=float(shapely.get_x(at)), lat=float(shapely.get_y(at)),
        )
        for n, at in zip(found.tolist(), place, strict=True)
    ]  # fmt: skip


def _pairs(shapes: Geometries, group: Ints, written: Bools) -> tuple[Ints, Ints]:
    """Pairs one < two of a group that may have ground in common, each once and in order."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    asked = np.flatnonzero(written[owner])
    query, two = shapely.STRtree(parts).query(parts[asked])
    one = asked[query]
    # Of two that are written each finds the other; of the rest only the written one does.
    keep = (group[owner[one]] == group[owner[two]]) & (owner[one] != owner[two])
    keep &= (one < two) | ~written[owner[two]]
    one, two = one[keep], two[keep]
    if len(one) > _FEW_PAIRS:
        perhaps = perhaps_overlapping(parts, one, two)
        one, two = one[perhaps], two[perhaps]
    pairs = np.sort(np.stack((owner[one], owner[two]), axis=-1), axis=1)
    pairs = np.unique(pairs, axis=0)
    return pairs[:, 0], pairs[:, 1]


def _surely_in(shapes: Geometries, parent: shapely.Geometry) -> Bools:
    """Whether each shape's bounds lie in squares of a raster that lie in the parent."""
    west, south, east, north = shapely.bounds(parent)
    x, y = np.linspace(west, east, _RASTER + 1), np.linspace(south, north, _RASTER + 1)
    squares = shapely.box(x[None, :-1], y[:-1, None], x[None, 1:], y[1:, None])
    shapely.prepare(parent)
    out = ~shapely.contains_properly(parent, squares)
    # Squares that are out, summed from the south-west corner: any rectangle's sum in four reads.
    summed = np.zeros((_RASTER + 1, _RASTER + 1), dtype=np.int64)
    summed[1:, 1:] = out.cumsum(axis=0).cumsum(axis=1)
    box = shapely.bounds(shapes)
    left, right = np.searchsorted(x, box[:, 0], "right") - 1, np.searchsorted(x, box[:, 2])
    low, high = np.searchsorted(y, box[:, 1], "right") - 1, np.searchsorted(y, box[:, 3])
    on = (left >= 0) & (low >= 0) & (right <= _RASTER) & (high <= _RASTER)
    left, low = np.clip(left, 0, _RASTER), np.clip(low, 0, _RASTER)
    right, high = np.clip(right, 0, _RASTER), np.clip(high, 0, _RASTER)
    count = summed[high, right] - summed[low, right] - summed[high, left] + summed[low, left]
    return np.asarray(on & (count == 0))
