"""Reach: the ways from fix to fix over the ground that a fence forbids, quickest first.

The *reach* of a gap from fix a to fix b is every place p with d(a,p) + d(p,b) <= top speed x time:
an ellipse about a and b. Where it touches the forbidden ground is found on the plane in metres
about the fence, edge by edge and exactly; the ways are then measured as geodesics.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
import shapely

from geo.breaches.fences import Fences
from geo.earth import Geometries, Plane, geodesic_m
from geo.tracks.columns import Bools, Floats, Ints

#: A way that is too long by less (1 mm) still counts: this is above the arithmetic's own rounding
#: and far below that of any position.
TOUCH_M = 1e-3
_AT_ONCE = 2_000_000  #: pairs of a gap and an edge that are looked at together, for memory
_HALVINGS = 40  #: of an edge of 1 km: far below TOUCH_M
_TRIES = 65  #: places at which a stay may begin
_GROUNDS: weakref.WeakKeyDictionary[Fences, dict[int, Ground]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What a fence version forbids, on a plane in metres about the fence."""

    plane: Plane
    start: Floats  #: (n, 2) the edges that bound it; of a line fence: the line itself
    end: Floats
    shape: shapely.Geometry | None  #: prepared; None: a line, which has no ground
    outside: bool  #: forbidden is what lies outside of ``shape``

    def holds(self, xy: Floats) -> Bools:
        """Which places (n, 2) are on forbidden ground."""
        if self.shape is None:
            return np.zeros(len(xy), dtype=bool)
        if self.outside:
            return np.asarray(~shapely.intersects_xy(self.shape, *xy.T))
        return np.asarray(shapely.contains_xy(self.shape, *xy.T))


@dataclass(frozen=True, kw_only=True, eq=False)
class Ways:
    """Quickest ways from a to forbidden ground to b, one each gap; places in degrees, (n, 2)."""

    way_m: Floats
    place: Floats  #: where the quickest way first touches it
    in_m: Floats  #: from a to the nearest of it that is within reach
    out_m: Floats  #: from the nearest of it that is within reach to b


def ground_of(fences: Fences, fence: int) -> Ground:
    """What a version forbids, made on first use and kept as long as the fences are."""
    kept = _GROUNDS.setdefault(fences, {})
    if fence not in kept:
        kept[fence] = _new_ground(fences, fence)
    return kept[fence]


def _new_ground(fences: Fences, fence: int) -> Ground:
    if fences.is_line[fence]:
        west, south, east, north = fences.geometry[fence].bounds
        plane = Plane.equidistant((west + east) / 2, (south + north) / 2)
        (bounds,) = plane.project([fences.geometry[fence]])
        return Ground(plane=plane, shape=None, outside=False, **_edges(bounds))
    metric, outside = fences.metric(fence), fences.rules[fence] == "keep_in"
    shape, margin_m = metric.area, float(fences.margin_m[fence])
    if outside and margin_m > 0:
        shape = shapely.buffer(shape, margin_m, quad_segs=64)
        shapely.prepare(shape)
    edges = _edges(shapely.boundary(shape))
    return Ground(plane=metric.plane, shape=shape, outside=outside, **edges)


def _edges(lines: shapely.Geometry) -> dict[str, Floats]:
    xy, part = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    joined = np.flatnonzero((part[1:] == part[:-1]) & (xy[1:] != xy[:-1]).any(axis=1))
    return {"start": xy[joined], "end": xy[joined + 1]}


def ways_over(ground: Ground, a: Floats, b: Floats, step_m: Floats, reach_m: Floats) -> Ways:
    """The quickest ways over forbidden ground of gaps from ``a`` to ``b`` (degrees, (n, 2))."""
    flat_a, flat_b = _flat(ground, a), _flat(ground, b)
    size = max(1, _AT_ONCE // max(1, len(ground.start)))
    rows = [np.arange(n, min(n + size, len(a))) for n in range(0, len(a), size)]
    touched = [_touch(ground, flat_a[i], flat_b[i], reach_m[i]) for i in rows]
    place, near_a, near_b = (
        np.column_stack(ground.plane.inverse(*np.concatenate([t[k] for t in touched]).T))
        for k in range(3)
    )
    from_it, to_it = ground.holds(flat_a), ground.holds(flat_b)
    place[from_it], near_a[from_it], near_b[to_it] = a[from_it], a[from_it], b[to_it]
    way_m = _metres(a, place) + _metres(place, b)
    best_m = np.concatenate([t[3] for t in touched])
    straight = from_it | to_it | (best_m <= np.hypot(*(flat_b - flat_a).T) + TOUCH_M)
    way_m[straight] = step_m[straight]
    return Ways(way_m=way_m, place=place, in_m=_metres(a, near_a), out_m=_metres(near_b, b))


def _touch(
    ground: Ground, a: Floats, b: Floats, reach_m: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Where ways from a to b touch the edges: first on the quickest way, nearest to a, to b.

    And how long the quickest way is. On a straight line the way over the place t is
    hypot(t - ta, da) + hypot(t - tb, db): convex, and least where the way is reflected, at
    (ta db + tb da) / (da + db); on an edge it is least at the place of the edge nearest to that.
    """
    along = ground.end - ground.start
    length = np.hypot(*along.T)
    along /= length[:, None]
    ta, da = _beside(a, ground.start, along)
    tb, db = _beside(b, ground.start, along)
    apart = da + db
    t = np.divide(ta * db + tb * da, apart, out=ta.copy(), where=apart > 0)
    t = np.clip(t, 0, length)
    to_it = np.hypot(t - ta, da)
    way = to_it + np.hypot(t - tb, db)
    best = way.min(axis=1)
    rows = np.arange(len(a))
    first = np.where(way <= best[:, None] + TOUCH_M, to_it, np.inf).argmin(axis=1)
    # The best way is within reach here: whether it is too long is measured as a geodesic.
    most = np.maximum(reach_m, best)
    row, edge = np.nonzero(way <= most[:, None])
    at, most = t[row, edge], most[row]
    beside = np.stack([distance[row, edge] for distance in (ta, da, tb, db)])
    low = _farthest(at, np.zeros(len(at)), most, beside)
    high = _farthest(at, length[edge], most, beside)
    near = [
        _nearest(row, edge, np.clip(own, low, high), own, off)
        for own, off in (beside[:2], beside[2:])
    ]
    places = [(first, t[rows, first]), *near]
    spots = [ground.start[e] + along[e] * part[:, None] for e, part in places]
    return spots[0], spots[1], spots[2], best


def _beside(xy: Floats, start: Floats, along: Floats) -> tuple[Floats, Floats]:
    """How far along and beside each edge each place is, in metres: (places, edges) each."""
    off = xy[:, None, :] - start[None, :, :]
    t = (off * along).sum(axis=2)
    return t, np.abs(off[..., 0] * along[:, 1] - off[..., 1] * along[:, 0])


def _farthest(t: Floats, end: Floats, most: Floats, beside: Floats) -> Floats:
    """The place on each edge, from ``t`` towards ``end``, up to which the way is within ``most``.

    ``beside``: ta, da, tb, db, (4, n). By halving: the closed form loses its digits where the
    reach is a thin ellipse.
    """

    def too_long(at: Floats, rows: Ints) -> Bools:
        ta, da, tb, db = beside[:, rows]
        return np.asarray(np.hypot(at - ta, da) + np.hypot(at - tb, db) > most[rows])

    out = end.copy()
    rows = np.flatnonzero(too_long(end, np.arange(len(end))))
    good, bad = t[rows], end[rows]
    for _ in range(_HALVINGS):
        middle = (good + bad) / 2
        beyond = too_long(middle, rows)
        good, bad = np.where(beyond, good, middle), np.where(beyond, middle, bad)
    out[rows] = good
    return out


def _nearest(row: Ints, edge: Ints, t: Floats, own: Floats, off: Floats) -> tuple[Ints, Floats]:
    """By row, the edge and the place on it nearest to the place at ``own`` beside by ``off``."""
    order = np.lexsort((np.hypot(t - own, off), row))
    heads = order[np.r_[True, row[order][1:] != row[order][:-1]]]
    return edge[heads], t[heads]


def lingers(
    ground: Ground, a: Floats, b: Floats, reach_m: float, stay_m: float, ways: Ways, i: int
) -> bool:
    """Whether a way within reach can be on the ground for ``stay_m`` in one go, at top speed.

    It enters at most r from a, leaves at most the rest from b, and goes straight between: r is
    tried from the nearest to the farthest.
    """
    slack = reach_m - stay_m - float(ways.in_m[i]) - float(ways.out_m[i])
    if ground.shape is None or slack < -TOUCH_M:
        return False
    ends = shapely.points(_flat(ground, np.vstack((a, b))))
    area = ground.shape
    if ground.outside:
        area = shapely.difference(shapely.buffer(ends[0], 2 * reach_m), area)
    r = float(ways.in_m[i]) + np.linspace(0, max(slack, 0), _TRIES)
    into = shapely.intersection(area, _disc(ends[0], r))
    out_of = shapely.intersection(area, _disc(ends[1], reach_m - stay_m - r))
    over = shapely.shortest_line(into, out_of)
    fits = shapely.length(over) <= stay_m + TOUCH_M
    return bool((fits & shapely.covers(shapely.buffer(area, 1), over)).any())


def _disc(middle: shapely.Point, metres: Floats) -> Geometries:
    """Polygons of 256 corners that hold the circles, and little more: 0.01 %."""
    return np.asarray(
        shapely.buffer(middle, np.maximum(metres, 0) * 1.0001 + TOUCH_M, quad_segs=64), dtype=object
    )


def _flat(ground: Ground, lonlat: Floats) -> Floats:
    return np.column_stack(ground.plane.forward(*lonlat.T))


def _metres(a: Floats, b: Floats) -> Floats:
    return geodesic_m(a[:, 0], a[:, 1], b[:, 0], b[:, 1])
