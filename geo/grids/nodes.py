"""A corner at which three grids or more meet is one corner: it moves for all of them.

Where one neighbour shares an edge, ground that is given up or taken says what becomes of it
(``geo.grids.moving``). It says nothing of one that lies across a corner, as in a chessboard, and
not where the edge between two others that ended at the corner is to end now.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.grids.split import BESIDE_DEG, MovedEdgeError, Place, noded, place_of

#: How far along an edge (10 m) it is looked whether a neighbour lies along it.
_ALONG_DEG = 1e-4
_Edge = tuple[Place, Place]  #: from the corner that stays to the one that moves


def images(before: shapely.Geometry, after: shapely.Geometry) -> dict[Place, Place]:
    """Where each corner went: those between two that stayed, when there are still as many."""
    found: dict[Place, Place] = {}
    for old, new in itertools.product(_rings(before), _rings(after)):
        stayed = set(old) & set(new)
        now = _runs(new, stayed)
        for ends, run in _runs(old, stayed).items():
            if len(now.get(ends, ())) == len(run):
                found.update(zip(run, now[ends], strict=True))
    return found


def _rings(shape: shapely.Geometry) -> list[list[Place]]:
    """The corners of each ring, in their order."""
    rings = shapely.get_rings(shapely.get_parts(shape))
    return [[(float(x), float(y)) for x, y in shapely.get_coordinates(r)[:-1]] for r in rings]


def _runs(ring: list[Place], stayed: set[Place]) -> dict[tuple[Place, Place], list[Place]]:
    """The corners between each two, one after the other, of those that stayed."""
    first = next((n for n, corner in enumerate(ring) if corner in stayed), None)
    if first is None:
        return {}
    runs: dict[tuple[Place, Place], list[Place]] = {}
    start, run = ring[first], list[Place]()
    for corner in [*ring[first + 1 :], *ring[: first + 1]]:
        if corner in stayed:
            runs[start, corner] = run
            start, run = corner, []
        else:
            run.append(corner)
    return runs


def reach(
    before: shapely.Geometry, after: shapely.Geometry, siblings: Sequence[shapely.Geometry]
) -> shapely.Geometry:
    """All that may change when ``before`` becomes ``after``: what was moved, and every edge of a
    sibling that ends at a corner which moves for all."""
    ends = [
        point
        for old in images(before, after)
        if _is_node(before, old, siblings)
        for edge in _edges(before, old, siblings)
        for point in edge
    ]
    moved = shapely.symmetric_difference(before, after)
    return shapely.union(moved, shapely.multipoints(ends)) if ends else moved


def moved(
    name: str,
    before: shapely.Geometry,
    after: shapely.Geometry,
    *,
    siblings: Sequence[str],
    shapes: Mapping[str, shapely.Geometry],
) -> dict[str, shapely.Geometry]:
    """The shapes that change, ``name`` among them, when its corners at which others meet, or a
    sibling touches it by that point alone, go to where ``after`` has them: whatever ends there
    goes along.

    What lies on an edge between such a corner and the next goes along in proportion, so that it
    stays on the edge: corners of children, and of neighbours that meet there. Raises
    MovedEdgeError, with the place, for an outline that would cross itself.
    """
    now = {**shapes, name: before}
    changed: dict[str, None] = {}
    for old, new in images(before, after).items():
        beside = [now[s] for s in siblings]
        if not _is_node(now[name], old, beside):
            continue
        edges = _edges(now[name], old, beside)
        lines = shapely.multilinestrings(edges)
        stops = shapely.multipoints([old, *(start for start, _ in edges)])
        for each, shape in now.items():
            if not shapely.dwithin(shape, lines, BESIDE_DEG):
                continue
            whole = shape if each == name else noded(shape, stops)
            made = shapely.transform(whole, lambda xy: _shifted(xy, old, new, edges))  # noqa: B023
            if not made.is_valid:
                raise MovedEdgeError(
                    f"the corner of {name!r} is moved to where {each!r} would cross itself"
                    f" {place_of(shapely.Point(new))}: move it less far"
                )
            # What was straight there and stays it needs no corner; its own ones move in any case.
            if not shapely.equals(made, shape) or _has_corner(shape, old):
                now[each] = made
                changed[each] = None
    return {each: now[each] for each in changed}


def _has_corner(shape: shapely.Geometry, at: Place) -> bool:
    """Whether a place is exactly one of a shape's vertices."""
    return bool((shapely.get_coordinates(shape) == at).all(axis=1).any())


def _is_node(shape: shapely.Geometry, corner: Place, siblings: Sequence[shapely.Geometry]) -> bool:
    """Whether two siblings touch a corner of the shape, or one and no edge that ends there."""
    here = shapely.Point(corner)
    near = [s for s in siblings if shapely.dwithin(s, here, BESIDE_DEG)]
    if len(near) > 1:
        return True
    if not near:
        return False
    along = []
    for start, _ in _edges_of(shape, corner):
        edge = shapely.LineString([corner, start])
        along.append(shapely.line_interpolate_point(edge, min(_ALONG_DEG, edge.length / 2)))
    return bool(along) and any(
        not shapely.dwithin(s, np.array(along), BESIDE_DEG).any() for s in near
    )


def _edges(
    shape: shapely.Geometry, corner: Place, siblings: Sequence[shapely.Geometry]
) -> list[_Edge]:
    """The edges that end at a corner: the shape's own, then the siblings', the shortest first."""
    here = shapely.Point(corner)
    near = [s for s in siblings if shapely.dwithin(s, here, BESIDE_DEG)]
    theirs = {edge for one in near for edge in _edges_of(noded(one, here, shape, *near), corner)}
    own = list(_edges_of(shape, corner))
    return [*own, *sorted(theirs - set(own), key=lambda edge: _length(*edge))]


def _length(start: Place, end: Place) -> float:
    return float(np.hypot(start[0] - end[0], start[1] - end[1]))


def _edges_of(shape: shapely.Geometry, corner: Place) -> Iterator[_Edge]:
    """The edges of a shape that end at its corner there."""
    for ring in _rings(shape):
        for n, place in enumerate(ring):
            if _length(place, corner) <= BESIDE_DEG:
                for start in (ring[n - 1], ring[(n + 1) % len(ring)]):
                    if _length(start, corner) > BESIDE_DEG:
                        yield start, corner


def _shifted(
    xy: NDArray[np.float64], old: Place, new: Place, edges: Sequence[_Edge]
) -> NDArray[np.float64]:
    """Vertices as they are when one corner moved and the edges that end there go with it."""
    by = np.subtract(new, old)
    share = np.zeros(len(xy))  # 1 at the corner, 0 at the other ends of the edges and elsewhere
    for start, end in edges:
        way = np.subtract(end, start)
        along = (xy - start) @ way / (way @ way)
        foot = start + np.clip(along, 0, 1)[:, None] * way
        on = (np.hypot(*(xy - foot).T) <= BESIDE_DEG) & (share == 0)
        share[on] = np.clip(along[on], 0, 1)
    made = xy + share[:, None] * by
    made[np.hypot(*(xy - old).T) == 0] = new
    return made
