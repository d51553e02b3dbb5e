"""Crossings of line fences, with their direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geo.breaches.contacts import Contact, decide
from geo.breaches.edges import TOUCH_DEG, Edges
from geo.breaches.fences import Fences
from geo.breaches.pieces import Pieces
from geo.tracks.columns import Bools, Floats, Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class LineCrossings:
    """Crossings of line fences, in no order."""

    fence: Ints
    leg: Ints  #: the fix that ends the leg on which it crosses
    part: Floats  #: where on the leg (0-1)
    to_right: Bools  #: from the left of the line, as it was drawn, to its right


def line_crossings(
    pieces: Pieces, piece: Ints, edge: Ints, fences: Fences, joins: Bools
) -> LineCrossings:
    """The crossings among pairs of pieces and edges whose boxes meet.

    A crossing is a passage from one side of the line to the other. Where piece and edge cross
    within both, it is plain. Everything else (through a vertex, a fix on the line, a walk along
    it) is a *contact*; it is a crossing when the path comes from one side and leaves to the
    other, and it happens when it leaves. ``joins``: the piece goes on from the piece before.
    """
    p, q = pieces.start[piece], pieces.end[piece]
    a, b = fences.edges.start[edge], fences.edges.end[edge]
    side_p, side_q = _offset(a, b, p), _offset(a, b, q)
    side_a, side_b = _offset(p, q, a), _offset(p, q, b)
    clear = np.min(np.abs([side_p, side_q, side_a, side_b]), axis=0) > TOUCH_DEG
    plain = clear & (side_p * side_q < 0) & (side_a * side_b < 0)
    t = np.divide(side_p, side_p - side_q, out=np.zeros_like(side_p), where=plain)
    rest = np.flatnonzero(~plain)
    low, high = _touch(p[rest], q[rest], a[rest], b[rest])
    touch = low <= high
    contacts = [
        Contact(piece=int(i), low=float(s), high=float(e), edge=int(j))
        for i, s, e, j in zip(
            piece[rest[touch]], low[touch], high[touch], edge[rest[touch]], strict=True
        )
    ]
    late = decide(contacts, pieces, fences.edges, joins)
    at = np.r_[piece[plain], np.asarray([c.piece for c in late], dtype=np.int64)]
    part = np.r_[t[plain], np.asarray([c.part for c in late], dtype=float)]
    return LineCrossings(
        fence=np.r_[fences.edges.fence[edge[plain]], np.asarray([c.fence for c in late], np.int64)],
        leg=pieces.leg[at],
        part=pieces.head[at] + part * (pieces.tail[at] - pieces.head[at]),
        to_right=np.r_[side_p[plain] > 0, np.asarray([c.to_right for c in late], dtype=bool)],
    )


def touches(places: Floats, edges: Edges, edge: Ints) -> Bools:
    """Whether each place (n, 2) is on an edge."""
    return _place(edges.start[edge], edges.end[edge], places)[1]


def _offset(a: Floats, b: Floats, p: Floats) -> Floats:
    """Signed distance in degrees of p from the infinite line a→b, positive on its left."""
    d, r = b - a, p - a
    length = np.hypot(*d.T)
    across = d[:, 0] * r[:, 1] - d[:, 1] * r[:, 0]
    return np.divide(across, length, out=np.zeros_like(across), where=length > 0)


def _touch(p: Floats, q: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """First and last place (0-1) on p→q at which it touches a→b (first > last: nowhere).

    Segments that do not cross plainly touch at an end of one of them or not at all.
    """
    places = np.column_stack(
        [
            np.where(_place(a, b, p)[1], 0.0, np.nan),
            np.where(_place(a, b, q)[1], 1.0, np.nan),
            *(np.where(on, t, np.nan) for t, on in (_place(p, q, a), _place(p, q, b))),
        ]
    )
    low = np.nan_to_num(np.fmin.reduce(places, axis=1), nan=1.0)
    high = np.nan_to_num(np.fmax.reduce(places, axis=1), nan=-1.0)
    return low, high


def _place(a: Floats, b: Floats, p: Floats) -> tuple[Floats, Bools]:
    """Where on a→b (0-1) it is nearest to p, and whether it touches it there."""
    d, r = b - a, p - a
    length2 = (d * d).sum(axis=1)
    t = np.divide((r * d).sum(axis=1), length2, out=np.zeros(len(p)), where=length2 > 0)
    t = np.clip(t, 0, 1)
    return t, np.hypot(*(r - d * t[:, None]).T) <= TOUCH_DEG
