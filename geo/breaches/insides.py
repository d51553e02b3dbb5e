"""Where fixes and legs are inside area fences."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely

from geo.breaches.edges import TOUCH_DEG
from geo.breaches.fences import Fences
from geo.breaches.pieces import Pieces
from geo.tracks.columns import Bools, Floats, Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class Near:
    """Fixes inside an area fence or not outside it by more than its margin, by fence and fix."""

    fence: Ints
    fix: Ints
    inside: Bools  #: strictly inside; else on the boundary or in the margin


@dataclass(frozen=True, kw_only=True, eq=False)
class Stretches:
    """Stretches of legs inside area fences, by fence, leg and place on the leg."""

    fence: Ints
    leg: Ints  #: the fix that ends the leg
    start: Floats  #: fraction of the leg (0-1)
    end: Floats


def near_fixes(lon: Floats, lat: Floats, wanted: Bools, unit: Ints, fences: Fences) -> Near:
    """Which fixes count for which fence; ``wanted`` (units, fences) says who is asked.

    Inside is strictly inside: the boundary (to 0.1 mm) is not, so a walk along a fence never
    enters it; nor is it outside by more than any margin, so it ends no stay.
    """
    points = shapely.points(lon, lat)
    fix, box = fences.boxes.query(points)
    fence = fences.boxed[box]
    asked = wanted[unit[fix], fence]
    fix, fence = fix[asked].astype(np.int64), fence[asked]
    order = np.lexsort((fix, fence))
    fix, fence = fix[order], fence[order]
    inside, near = np.zeros(len(fix), dtype=bool), np.zeros(len(fix), dtype=bool)
    for group in _groups(fence):
        f, i = int(fence[group.start]), fix[group]
        inside[group] = strictly_inside(fences, f, lon[i], lat[i])
        rest = np.flatnonzero(~inside[group])
        i = i[rest]
        near[group.start + rest] = _in_margin(fences, f, points[i], lon[i], lat[i])
    keep = inside | near
    return Near(fence=fence[keep], fix=fix[keep], inside=inside[keep])


def strictly_inside(fences: Fences, fence: int, lon: Floats, lat: Floats) -> Bools:
    """Which places are inside an area fence and not on its boundary."""
    inside = np.asarray(shapely.contains_xy(fences.geometry[fence], lon, lat))
    at = np.flatnonzero(inside)
    if len(at):
        points = shapely.points(lon[at], lat[at])
        inside[at] = ~shapely.dwithin(fences.boundary[fence], points, TOUCH_DEG)
    return inside


def deeper_than(fences: Fences, fence: int, lon: Floats, lat: Floats, metres: Floats) -> Bools:
    """Which places (inside) are further than ``metres`` from the boundary of a fence."""
    metric = fences.metric(fence)
    points = shapely.points(*metric.plane.forward(lon, lat))
    return np.asarray(~shapely.dwithin(metric.boundary, points, metres))


def farther_than(fences: Fences, fence: int, lon: Floats, lat: Floats, metres: Floats) -> Bools:
    """Which places are outside a fence by more than ``metres``."""
    metric = fences.metric(fence)
    points = shapely.points(*metric.plane.forward(lon, lat))
    return np.asarray(~shapely.dwithin(metric.area, points, metres))


def _in_margin(fences: Fences, fence: int, points: np.ndarray, lon: Floats, lat: Floats) -> Bools:
    near = np.asarray(shapely.dwithin(fences.boundary[fence], points, TOUCH_DEG))
    margin_m = float(fences.margin_m[fence])
    if margin_m > 0 and not near.all():
        at = np.flatnonzero(~near)
        near[at] = ~farther_than(fences, fence, lon[at], lat[at], np.full(len(at), margin_m))
    return near


def stretches(pieces: Pieces, piece: Ints, edge: Ints, fences: Fences) -> Stretches:
    """The stretches inside fences of the legs that come near their edges.

    ``piece`` and ``edge`` are pairs whose boxes meet. The pieces of a leg are cut wherever they
    meet an edge; each part is inside when its middle is. What is cut once too often is joined
    again, so only a part's middle decides, and a leg that touches a corner or runs along an edge
    has no stretch there.
    """
    fence = fences.edges.fence[edge]
    row_fence, row_piece = _rows(fence, pieces.leg[piece], pieces)
    if not len(row_piece):
        empty = np.empty(0, dtype=np.int64)
        return Stretches(fence=empty, leg=empty, start=np.empty(0), end=np.empty(0))
    width = len(pieces.leg)
    row_of_pair = np.searchsorted(row_fence * width + row_piece, fence * width + piece)
    at_row, at = _cuts(pieces, piece, edge, fences, row_of_pair)
    rows = np.arange(len(row_piece))
    row = np.r_[rows, rows, at_row]
    part = np.r_[np.zeros(len(rows)), np.ones(len(rows)), at]
    order = np.lexsort((part, row))
    row, part = row[order], part[order]
    real = (row[1:] == row[:-1]) & (part[1:] - part[:-1] > 1e-12)
    row, low, high = row[:-1][real], part[:-1][real], part[1:][real]
    inside = _middles_inside(pieces, row_piece[row], row_fence[row], (low + high) / 2, fences)
    row, low, high = row[inside], low[inside], high[inside]
    of = row_piece[row]
    span = pieces.tail[of] - pieces.head[of]
    start, end = pieces.head[of] + low * span, pieces.head[of] + high * span
    return _joined(row_fence[row], pieces.leg[of], start, end)


def _rows(fence: Ints, leg: Ints, pieces: Pieces) -> tuple[Ints, Ints]:
    """(fence, piece) for all pieces of the legs that come near a fence, sorted."""
    width = int(pieces.leg.max(initial=0)) + 1
    key = np.unique(fence * width + leg)
    fence, leg = key // width, key % width
    first = np.searchsorted(pieces.leg, leg)
    count = np.searchsorted(pieces.leg, leg, side="right") - first
    row = np.repeat(np.arange(len(leg)), count)
    return fence[row], first[row] + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)


def _cuts(
    pieces: Pieces, piece: Ints, edge: Ints, fences: Fences, row: Ints
) -> tuple[Ints, Floats]:
    """Places (0-1) on pieces where they meet an edge, or where the end of an edge along them is."""
    p, d = pieces.start[piece], pieces.end[piece] - pieces.start[piece]
    a = fences.edges.start[edge] - p
    b = fences.edges.end[edge] - p
    e = b - a
    across = _cross(d, e)
    size = np.hypot(*d.T) * np.hypot(*e.T)
    slanted = np.abs(across) > 1e-12 * size
    safe = np.where(slanted, across, 1.0)
    t, u = _cross(a, e) / safe, _cross(a, d) / safe
    meets = slanted & (u > -1e-6) & (u < 1 + 1e-6)
    length2 = np.maximum((d * d).sum(axis=1), 1e-300)
    rows, places = [row[meets]], [t[meets]]
    along = np.abs(across) <= 1e-6 * size
    for end in (a, b):
        rows.append(row[along])
        places.append(((end * d).sum(axis=1) / length2)[along])
    where, place = np.concatenate(rows), np.concatenate(places)
    within = (place > 0) & (place < 1)
    return where[within], place[within]


def _middles_inside(
    pieces: Pieces, piece: Ints, fence: Ints, part: Floats, fences: Fences
) -> Bools:
    xy = pieces.start[piece] + (pieces.end[piece] - pieces.start[piece]) * part[:, None]
    inside = np.zeros(len(fence), dtype=bool)
    for group in _groups(fence):
        x, y = xy[group, 0], xy[group, 1]
        inside[group] = strictly_inside(fences, int(fence[group.start]), x, y)
    return inside


def _joined(fence: Ints, leg: Ints, start: Floats, end: Floats) -> Stretches:
    """Neighbouring stretches of one leg with nothing in between made one."""
    new = np.ones(len(leg), dtype=bool)
    new[1:] = (fence[1:] != fence[:-1]) | (leg[1:] != leg[:-1]) | (start[1:] - end[:-1] > 1e-9)
    head = np.flatnonzero(new)
    tail = np.r_[head[1:], len(new)] - 1 if len(head) else head
    return Stretches(fence=fence[head], leg=leg[head], start=start[head], end=end[tail])


def _groups(sorted_keys: Ints) -> list[slice]:
    """The slices of equal keys."""
    if not len(sorted_keys):
        return []
    cuts = np.flatnonzero(np.diff(sorted_keys)) + 1
    ends = [0, *cuts.tolist(), len(sorted_keys)]
    return [slice(a, b) for a, b in pairwise(ends)]


def _cross(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
