"""Grids side by side: narrow overlaps are taken from one of them, narrow gaps are told.

Outlines drawn twice never agree to the last metre. An overlap that is narrow beside its grids is
such a slip and goes to one of them: to what is stored already, else to the lower id. A broad one
is a contradiction that only its author can mend, and is left for the check that refuses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select, text

from geo.grids import ground
from geo.rings import Rings
from geo.rings import loose_edges as rings_edges
from layers.places import LAYERS
from layers.places.judged import Geometries

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
#: An overlap or gap is narrow up to this part of the smaller grid's width (the root of its area) …
_NARROW = 0.01
#: … but at least and at most so many metres.
_LEAST_M, _MOST_M = 10.0, 200.0
#: Two outlines nearer than this share the edge: what stands between is a float's last digits.
_TOUCH_M = 0.01
_M_PER_DEG = 111_195.0
_MOST_STORED = 20_000
_ANY_THERE = text("SELECT EXISTS (SELECT FROM grids)")


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Grids fitted to their neighbours."""

    geometries: Geometries
    cut: dict[int, str]  #: number → what was taken from it
    notes: list[str]  #: gaps
    changed: bool  #: whether any geometry is another


def fit(
    connection: Connection,
    ids: Sequence[str],
    parents: Sequence[str | None],
    levels: Sequence[str],
    geometries: Geometries,
    rings: Rings | None = None,
) -> Fitted:
    """Take narrow overlaps from grids of one level and parent, and tell of narrow gaps.

    ``rings`` are those of the geometries, where they are known.
    """
    rings = Rings.of(geometries) if rings is None else rings
    loose, middles = loose_edges(rings, levels)
    stored = _stored(connection, ids, geometries[loose])
    all_shapes = np.concatenate([geometries, stored.shapes])
    suspects = np.concatenate([loose, np.arange(len(geometries), len(all_shapes))])
    family = np.full(len(all_shapes), -1, dtype=np.intp)
    parent, level = [*parents, *stored.parents], [*levels, *stored.levels]
    numbers: dict[tuple[str, str], int] = {}
    for n in suspects.tolist():
        family[n] = numbers.setdefault((parent[n] or "", level[n]), len(numbers))
    first, second = _near(all_shapes, suspects, family)
    both_stored = (first >= len(ids)) & (second >= len(ids))
    first, second = first[~both_stored], second[~both_stored]
    names = [*ids, *stored.ids]
    # What is stored keeps its ground; of two of the file's the lower id does.
    own = len(ids)
    wins = np.array(
        [(a < own, names[a]) < (b < own, names[b]) for a, b in zip(first, second, strict=True)],
        dtype=bool,
    )
    keeps, gives = np.where(wins, first, second), np.where(wins, second, first)
    fitted, cut, given_way = _cut(all_shapes, keeps, gives, names)
    if given_way or len(stored.ids):
        _, middles = loose_edges(Rings.of(fitted), level)
    notes = _gaps(fitted, middles, keeps, gives, names) if len(keeps) else []
    return Fitted(geometries=fitted[: len(ids)], cut=cut, notes=notes, changed=given_way)


def loose_edges(rings: Rings, levels: Sequence[str]) -> tuple[Rows, Geometries]:
    """Those of some polygons with an edge that no other of their level has in the opposite
    direction, and, for all, the middles of such edges as one multipoint each (empty for none).

    Where neighbours share every vertex, only the outermost are left: none of the others can
    overlap its neighbour or leave a gap. Exteriors must run anticlockwise.
    """
    at = rings.loose
    if len(set(levels)) > 1:
        group = ground.numbered(levels)
        at = rings_edges(rings, group[rings.owner])
    polygon = rings.owner[np.searchsorted(rings.start, at, side="right") - 1]
    middle = (rings.xy[at] + rings.xy[at + 1]) / 2
    middles = np.full(len(levels), shapely.MultiPoint(), dtype=object)
    # Rings are in the order of their polygons.
    found, number = np.unique(polygon, return_inverse=True)
    if len(found):
        middles[found] = shapely.multipoints(shapely.points(middle), indices=number)
    return found, middles


@dataclass(frozen=True, kw_only=True)
class _Stored:
    ids: list[str]
    parents: list[str]
    levels: list[str]
    shapes: Geometries


def _stored(connection: Connection, ids: Sequence[str], loose: Geometries) -> _Stored:
    """The grids that are there and not in the file, around what the file has."""
    empty = np.empty(0, dtype=object)
    if not len(loose) or not connection.execute(_ANY_THERE).scalar_one():
        return _Stored(ids=[], parents=[], levels=[], shapes=empty)
    table = LAYERS["grids"].table
    west, south, east, north = shapely.total_bounds(loose)
    box = func.ST_MakeEnvelope(west, south, east, north, 4326)
    query = select(table.c.id, table.c.parent, table.c.level, func.ST_AsBinary(table.c.geom))
    query = query.where(table.c.geom.op("&&")(box))
    known = set(ids)
    rows = [row for row in connection.execute(query) if row[0] not in known][:_MOST_STORED]
    return _Stored(
        ids=[row[0] for row in rows],
        parents=[row[1] or "" for row in rows],
        levels=[row[2] for row in rows],
        shapes=shapely.from_wkb(np.array([bytes(row[3]) for row in rows], dtype=object))
        if rows
        else empty,
    )


def _near(shapes: Geometries, suspects: Rows, family: NDArray[np.intp]) -> tuple[Rows, Rows]:
    """Pairs of suspects of one family whose boxes come nearer than the widest gap."""
    some = shapes[suspects]
    box = shapely.bounds(some)
    reach = _reach_m(some) / _M_PER_DEG
    wide = reach / np.maximum(np.cos(np.radians(np.abs(box[:, [1, 3]]).max(axis=1))), 0.1)
    windows = shapely.box(box[:, 0] - wide, box[:, 1] - reach, box[:, 2] + wide, box[:, 3] + reach)
    a, b = shapely.STRtree(some).query(windows)
    a, b = suspects[a], suspects[b]
    pair = np.unique(np.column_stack([np.minimum(a, b), np.maximum(a, b)])[a != b], axis=0)
    pair = pair[family[pair[:, 0]] == family[pair[:, 1]]]
    return pair[:, 0], pair[:, 1]


def _reach_m(shapes: Geometries) -> Floats:
    """How wide an overlap or gap of each may be and still count as narrow."""
    box = shapely.bounds(shapes)
    wide = np.cos(np.radians((box[:, 1] + box[:, 3]) / 2))
    width_m = np.sqrt(shapely.area(shapes) * wide) * _M_PER_DEG
    return np.clip(_NARROW * width_m, _LEAST_M, _MOST_M)


def _cut(
    shapes: Geometries, keeps: Rows, gives: Rows, names: Sequence[str]
) -> tuple[Geometries, dict[int, str], bool]:
    """Shapes without their narrow overlaps, what is told of which, and whether any is another."""
    out = shapes.copy()
    if not len(keeps):
        return out, {}, False
    common = shapely.intersection(shapes[keeps], shapes[gives])
    over = np.flatnonzero(shapely.area(common) > 0)
    limits = np.minimum(_reach_m(shapes[keeps[over]]), _reach_m(shapes[gives[over]]))
    over = over[_width_at_least_m(common[over]) <= limits]
    told: dict[int, str] = {}
    smaller = np.minimum(_reach_m(shapes[keeps[over]]), _reach_m(shapes[gives[over]]))
    taken: dict[int, list[int]] = {}
    for at, limit_m in zip(over.tolist(), smaller.tolist(), strict=True):
        width_m = _width_m(_areas(common[at]))
        # What a float's last digits leave is none, or a grid that was cut would be cut again.
        if _TOUCH_M < width_m <= limit_m:
            taken.setdefault(int(gives[at]), []).append(int(keeps[at]))
            where = shapely.get_coordinates(shapely.point_on_surface(common[at]))[0]
            said = (
                f"overlaps {names[keeps[at]]!r} by {width_m:.1f} m at"
                f" {where[0]:.5f}, {where[1]:.5f}: taken from it"
            )
            before = told.get(int(gives[at]))
            told[int(gives[at])] = f"{before}; {said}" if before else said
    for giver, keepers in taken.items():
        left = shapely.difference(shapes[giver], shapely.union_all(shapes[keepers]))
        left = _areas(left if shapely.is_valid(left) else shapely.make_valid(left))
        if not shapely.is_empty(left):
            out[giver] = shapely.orient_polygons(left)
    return out, told, bool(taken)


def _areas(shape: shapely.Geometry) -> shapely.Geometry:
    """The polygons of a shape as one."""
    parts = [one for part in shapely.get_parts(shape) for one in shapely.get_parts(part)]
    return shapely.MultiPolygon([part for part in parts if shapely.get_dimensions(part) == 2])


def _width_at_least_m(shapes: Geometries) -> Floats:
    """A lower bound of ``_width_m`` of many: no circle within has a radius under area over
    perimeter (Bonnesen). A degree is longest along a meridian, so that no perimeter is more."""
    box = shapely.bounds(shapes)
    area = shapely.area(shapes) * np.cos(np.radians(np.abs(box[:, [1, 3]]).max(axis=1, initial=0)))
    return np.asarray(2 * area / shapely.length(shapes) * _M_PER_DEG)


def _width_m(shape: shapely.Geometry) -> float:
    """Twice the radius of the largest circle within, in a plane true where it lies."""
    if shapely.is_empty(shape):
        return 0.0
    flat = _flat(shape)
    parts = shapely.get_parts(flat)
    circles = [
        shapely.length(shapely.maximum_inscribed_circle(part, tolerance=0.05)) for part in parts
    ]
    return float(2 * max(circles))


def narrow_m(between: shapely.Geometry, *grids: shapely.Geometry) -> float | None:
    """Width in metres of a ground that is narrow beside each of some grids; None for a broad one.

    The one measure of what is a slip of the hand, for siblings and for parents.
    """
    width_m = _width_m(_areas(between))
    return width_m if width_m <= _reach_m(np.array(grids, dtype=object)).min() else None


def _flat(shape: shapely.Geometry) -> shapely.Geometry:
    """A shape in metres around its own middle."""
    west, south, east, north = shapely.bounds(shape)
    middle = ((west + east) / 2, (south + north) / 2)
    scale = (_M_PER_DEG * np.cos(np.radians(middle[1])), _M_PER_DEG)
    return shapely.transform(shape, lambda xy: (xy - middle) * scale)


def _gaps(
    shapes: Geometries, middles: Geometries, keeps: Rows, gives: Rows, names: Sequence[str]
) -> list[str]:
    """One note on narrow gaps between neighbours, with the place of the widest."""
    found: list[tuple[float, int, Any]] = []
    reach = np.minimum(_reach_m(shapes[keeps]), _reach_m(shapes[gives]))
    # Along a gap the edges of one run near the other; where all are shared none is near but at its
    # ends. Degrees of longitude are shorter: what is too far in degrees is too far.
    far = 1 / np.cos(np.radians(np.minimum(np.abs(shapely.bounds(shapes[keeps])[:, 3]), 85)))
    near = (
        np.fmin(
            shapely.distance(middles[keeps], shapes[gives]),
            shapely.distance(middles[gives], shapes[keeps]),
        )
        <= reach / _M_PER_DEG * far
    )
    for at in _apart(shapes, middles, keeps, gives, reach, np.flatnonzero(near)).tolist():
        gap = _between(shapes[keeps[at]], shapes[gives[at]], float(reach[at]))
        if gap is not None:
            found.append((gap[0], at, gap[1]))
    # What a third grid fills is no gap.
    tree = shapely.STRtree(shapes)
    found = [one for one in found if not len(tree.query(shapely.Point(one[2]), "intersects"))]
    if not found:
        return []
    width_m, at, place = max(found, key=lambda one: one[0])
    count = "a narrow gap" if len(found) == 1 else f"{len(found)} narrow gaps"
    return [
        f"{count} between neighbours, up to {width_m:.1f} m wide, such as between"
        f" {names[keeps[at]]!r} and {names[gives[at]]!r} at {place[0]:.5f}, {place[1]:.5f}: nobody"
        " has that ground"
    ]


def _apart(
    shapes: Geometries, middles: Geometries, keeps: Rows, gives: Rows, reach: Floats, near: Rows
) -> Rows:
    """Those of the pairs ``near`` each other of which one has an edge whose middle stands off the
    other: where all touch, as float's last digits let them, nothing is between."""
    found = np.zeros(len(near), dtype=bool)
    far = 1 / np.cos(np.radians(np.minimum(np.abs(shapely.bounds(shapes[keeps[near]])[:, 3]), 85)))
    for one, other in ((keeps[near], gives[near]), (gives[near], keeps[near])):
        points, pair = shapely.get_parts(middles[one], return_index=True)
        off = shapely.distance(points, shapes[other[pair]])
        limit = reach[near][pair] / _M_PER_DEG * far[pair]
        found[pair[(off > _TOUCH_M / _M_PER_DEG / 2) & (off <= limit)]] = True
    return near[found]


def _between(
    a: shapely.Geometry, b: shapely.Geometry, reach_m: float
) -> tuple[float, tuple[float, float]] | None:
    """Width in metres and place of the ground enclosed between two grids, if it is narrow.

    A gap is what closing their union (growing and shrinking it) fills along both of them.
    """
    west, south, east, north = shapely.bounds(shapely.intersection(
        shapely.box(*shapely.bounds(a)).buffer(reach_m / _M_PER_DEG * 2),
        shapely.box(*shapely.bounds(b)).buffer(reach_m / _M_PER_DEG * 2),
    ))  # fmt: skip
    window = shapely.box(west, south, east, north)
    both = shapely.union(shapely.intersection(a, window), shapely.intersection(b, window))
    flat = _flat(_areas(both))
    closed = flat.buffer(reach_m / 2, join_style="mitre").buffer(-reach_m / 2, join_style="mitre")
    filled = [
        part
        for part in shapely.get_parts(closed.difference(flat.buffer(_TOUCH_M / 2)))
        if part.area > reach_m * _TOUCH_M
    ]
    slivers = [part for part in filled if shapely.length(part) > 8 * shapely.area(part) ** 0.5]
    if not slivers:
        return None
    widest = max(slivers, key=shapely.area)
    width_m = float(2 * shapely.length(shapely.maximum_inscribed_circle(widest, tolerance=0.05)))
    x, y = shapely.get_coordinates(shapely.point_on_surface(widest))[0]
    middle = shapely.bounds(_areas(both))
    lon, lat = (middle[0] + middle[2]) / 2, (middle[1] + middle[3]) / 2
    wide = _M_PER_DEG * float(np.cos(np.radians(lat)))
    return width_m, (lon + x / wide, lat + y / _M_PER_DEG)
