"""Ground that a grid gives up: which neighbour takes which part of it, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import GeoError

Place = tuple[float, float]

#: What lies this near to an edge, in degrees (0.1 mm), lies on it.
ON_EDGE_DEG = 1e-9
#: Edges that were drawn twice lie about a metre from each other.
BESIDE_DEG = 1e-5
#: Strips narrower than this (a micrometre) are rounding.
_ROUNDING_DEG = 1e-11


class MovedEdgeError(GeoError):
    """An edge was moved to where its neighbours cannot follow."""


def place_of(shape: shapely.Geometry) -> str:
    """A place in a shape, for a message."""
    point = shapely.point_on_surface(shape)
    return f"near {point.x:.5f}, {point.y:.5f}"


def solid(shape: shapely.Geometry) -> list[shapely.Geometry]:
    """The polygons of a shape that are more than rounding."""
    parts = shapely.get_parts(shape)
    parts = parts[shapely.get_type_id(parts) == 3]
    return list(parts[2 * shapely.area(parts) > _ROUNDING_DEG * shapely.length(parts)])


def noded(
    shape: shapely.Geometry, *others: shapely.Geometry, within_deg: float = ON_EDGE_DEG
) -> shapely.Geometry:
    """The shape with the others' vertices that lie on its edges among its own."""
    west, south, east, north = shape.bounds
    pad = 2 * within_deg
    for other in others:
        xy = shapely.get_coordinates(other)
        x, y = xy[:, 0], xy[:, 1]
        near = (x > west - pad) & (x < east + pad) & (y > south - pad) & (y < north + pad)
        if near.any():
            made = shapely.snap(shape, shapely.multipoints(xy[near]), within_deg)
            shape = made if made.is_valid and not made.is_empty else shape
    return shape


def joined(shape: shapely.Geometry, piece: shapely.Geometry) -> shapely.Geometry:
    """A shape and a piece that lies beside it as one, without slivers along the old edge."""
    first = None
    for within_deg in (ON_EDGE_DEG, BESIDE_DEG):
        made = shapely.union(
            noded(shape, piece, within_deg=within_deg), noded(piece, shape, within_deg=within_deg)
        )
        if first is None:
            first = made
        if _pieces(made) <= _pieces(shape):
            return made
    return first


def _pieces(shape: shapely.Geometry) -> int:
    parts = shapely.get_parts(shape)
    return len(parts) + int(shapely.get_num_interior_rings(parts).sum())


@dataclass(frozen=True, kw_only=True)
class _Edges:
    """The edges of a piece that was given up, ring by ring."""

    start: NDArray[np.float64]  #: (n, 2)
    middle: NDArray[np.object_]  #: points
    ring: NDArray[np.int64]
    end: NDArray[np.float64]
    is_new: NDArray[np.bool_]  #: whether the edge is the giver's new one
    owner: list[str | None]  #: who is beside an old edge


def shared_out(
    piece: shapely.Geometry,
    *,
    giver: str,
    old: shapely.Geometry,
    new: shapely.Geometry,
    takers: Mapping[str, shapely.Geometry],
    images: Mapping[Place, Place],
) -> list[tuple[str | None, shapely.Geometry]]:
    """The parts of a piece that ``giver`` gives up, each with who takes it; None: it is a gap.

    ``piece`` is a part of ``old`` outside ``new``. It goes to the one neighbour that it touches
    along the old edge. Where several do (or one and a gap), it is cut from the place where they
    met on the old edge to where that corner was moved (``images``), else to the nearest place of
    the new edge. A neighbour along whose edge the new one only slid gets nothing.

    Raises MovedEdgeError, with the place, for what cannot be cut so.
    """
    edges = _edges(piece, new, takers)
    owners = [o for o, new_one in zip(edges.owner, edges.is_new, strict=True) if not new_one]
    if not any(owners):
        return [(None, piece)]
    if len(set(owners)) == 1:
        return [(owners[0], piece)]
    claims = _without_slides(edges, _bends([old, *takers.values()]), images)
    told = {edges.owner[k] for k in np.flatnonzero(claims)}
    if len(told) == 1:
        return [(told.pop(), piece)]
    return _cut(piece, edges, claims, giver, images)


def _edges(
    piece: shapely.Geometry, new: shapely.Geometry, takers: Mapping[str, shapely.Geometry]
) -> _Edges:
    rings = shapely.get_rings(piece)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    start, end, ring = xy[:-1][same], xy[1:][same], ring[1:][same]
    middle = np.asarray(shapely.points((start + end) / 2), dtype=object)
    is_new = shapely.dwithin(shapely.boundary(new), middle, ON_EDGE_DEG)
    owner: list[str | None] = [None] * len(middle)
    nearest = np.full(len(middle), BESIDE_DEG)
    for name in sorted(takers):
        away = shapely.distance(takers[name], middle)
        for k in np.flatnonzero((away < nearest) & ~is_new):
            owner[k], nearest[k] = name, away[k]
    return _Edges(start=start, end=end, middle=middle, ring=ring, is_new=is_new, owner=owner)


def _bends(shapes: Iterable[shapely.Geometry]) -> set[Place]:
    """The corners of shapes: not the vertices that lie between others on a straight edge."""
    found: set[Place] = set()
    for ring in shapely.get_rings(shapely.get_parts(np.array(list(shapes), dtype=object)).ravel()):
        xy = shapely.get_coordinates(ring)[:-1]
        chord = shapely.linestrings(np.stack((np.roll(xy, 1, 0), np.roll(xy, -1, 0)), axis=1))
        bend = shapely.distance(shapely.points(xy), chord) > ON_EDGE_DEG
        found.update((float(x), float(y)) for x, y in xy[bend])
    return found


def _without_slides(
    edges: _Edges, corners: set[Place], images: Mapping[Place, Place]
) -> NDArray[np.bool_]:
    """The old edges whose neighbours claim ground: not those along which the new edge only slid.

    These are edges along which a corner was moved (``images``), and runs of edges with one
    neighbour (or one edge beside a gap) that begin or end where the new edge does, at a place that
    was none of the ``corners`` before. Where nothing would be left they claim after all.
    """
    claims = ~edges.is_new
    for way in images.items():
        claims &= ~shapely.dwithin(shapely.LineString(way), edges.middle, ON_EDGE_DEG)
    claims = claims if claims.any() else ~edges.is_new
    slid = claims.copy()
    for ring in np.unique(edges.ring):
        run = np.flatnonzero(edges.ring == ring)
        for i, k in enumerate(run):
            before, after = run[i - 1], run[(i + 1) % len(run)]
            if edges.is_new[before] and tuple(edges.start[k]) not in corners:
                _drop(edges, slid, run, i, 1, corners)
            if edges.is_new[after] and tuple(edges.end[k]) not in corners:
                _drop(edges, slid, run, i, -1, corners)
    return slid if slid.any() else claims


def _drop(
    edges: _Edges,
    claims: NDArray[np.bool_],
    run: NDArray[np.int64],
    at: int,
    step: int,
    corners: set[Place],
) -> None:
    """Take the claims of the old edges with one neighbour that follow on ``run[at]``."""
    owner = edges.owner[run[at]]
    for i in range(len(run)):
        k = run[(at + i * step) % len(run)]
        if edges.is_new[k] or edges.owner[k] != owner:
            return
        claims[k] = False
        if owner is None and tuple((edges.end if step > 0 else edges.start)[k]) in corners:
            return


def _cut(
    piece: shapely.Geometry,
    edges: _Edges,
    claims: NDArray[np.bool_],
    giver: str,
    images: Mapping[Place, Place],
) -> list[tuple[str | None, shapely.Geometry]]:
    """The piece cut where those who claim it met; each face must touch the edge of one of them."""
    unclear = MovedEdgeError(
        f"the ground that {giver!r} gives up {place_of(piece)} lies beside several others, and"
        " which of them takes what is not clear: move fewer corners at once"
    )
    cuts = _cuts(edges, claims, images)
    within = shapely.buffer(piece, ON_EDGE_DEG)
    if not cuts or not all(within.covers(cut) for cut in cuts):
        raise unclear
    targets = shapely.multipoints([shapely.get_coordinates(cut)[1] for cut in cuts])
    outline = shapely.snap(piece.boundary, targets, ON_EDGE_DEG)
    lines = shapely.get_parts(shapely.union_all([outline, *cuts]))
    out: list[tuple[str | None, shapely.Geometry]] = []
    for face in solid(shapely.polygonize(lines)):
        mine = claims & shapely.dwithin(face.boundary, edges.middle, ON_EDGE_DEG)
        told = {edges.owner[k] for k in np.flatnonzero(mine)}
        if len(told) != 1:
            raise unclear
        out.append((told.pop(), face))
    return out


def _cuts(
    edges: _Edges, claims: NDArray[np.bool_], images: Mapping[Place, Place]
) -> list[shapely.Geometry]:
    """A line from each corner where two of those who claim met, to where that corner went."""
    new_edges = shapely.multilinestrings(
        shapely.linestrings(np.stack((edges.start, edges.end), axis=1)[edges.is_new])
    )
    cuts = []
    for k in np.flatnonzero(claims):
        following = np.flatnonzero(
            (edges.ring == edges.ring[k]) & (edges.start == edges.end[k]).all(axis=1)
        )
        if not claims[following].any() or edges.owner[following[0]] == edges.owner[k]:
            continue
        corner = (float(edges.end[k, 0]), float(edges.end[k, 1]))
        target = images.get(corner)
        if target is None and not new_edges.is_empty:
            line = shapely.shortest_line(new_edges, shapely.Point(corner))
            target = tuple(shapely.get_coordinates(line)[0])
        if target is not None:
            cuts.append(shapely.LineString([corner, target]))
    return cuts
