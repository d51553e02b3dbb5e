"""Contacts of a path with a line that are no plain crossing: vertices, fixes on it, walks along.

These are rare on real tracks and are decided one by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from geo.breaches.edges import TOUCH_DEG, Edges
from geo.breaches.pieces import Pieces
from geo.tracks.columns import Bools

Vector = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Contact:
    """A piece touches an edge from ``low`` to ``high`` (0-1 on the piece)."""

    piece: int
    low: float
    high: float
    edge: int


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A contact that is a crossing; it happens at ``part`` of ``piece``."""

    fence: int
    piece: int
    part: float
    to_right: bool


def decide(contacts: list[Contact], pieces: Pieces, edges: Edges, joins: Bools) -> list[Decided]:
    """The crossings among contacts: those that come from one side and leave to the other."""
    out = []
    by_fence: dict[int, list[Contact]] = {}
    for contact in contacts:
        by_fence.setdefault(int(edges.fence[contact.edge]), []).append(contact)
    for fence, own in by_fence.items():
        own.sort(key=lambda c: (c.piece, c.low, c.high, c.edge))
        for chain in _chains(own, joins):
            found = _crossing(chain, fence, pieces, edges, joins)
            if found:
                out.append(found)
    return out


def _chains(contacts: list[Contact], joins: Bools) -> Iterator[list[Contact]]:
    """Contacts grouped where the path does not leave the line between them."""
    chain: list[Contact] = []
    piece, high = -1, 0.0
    for contact in contacts:
        same = contact.piece == piece and contact.low <= high + 1e-9
        follows = contact.piece == piece + 1 and bool(joins[contact.piece])
        if chain and (same or (follows and high >= 1 - 1e-9 and contact.low <= 1e-9)):
            high = max(high, contact.high) if same else contact.high
            chain.append(contact)
        else:
            if chain:
                yield chain
            chain, high = [contact], contact.high
        piece = contact.piece
    if chain:
        yield chain


def _crossing(
    chain: list[Contact], fence: int, pieces: Pieces, edges: Edges, joins: Bools
) -> Decided | None:
    first = chain[0]
    last = max(chain, key=lambda c: (c.piece, c.high))
    came = _way(pieces, joins, first.piece, first.low, forward=False)
    left = _way(pieces, joins, last.piece, last.high, forward=True)
    if came is None or left is None:
        return None  # the path begins or ends on the line: nobody knows from where, or where to
    before = _side(edges, first.edge, _point(pieces, first.piece, first.low), came[1])
    after = _side(edges, last.edge, _point(pieces, last.piece, last.high), left[1])
    if before * after >= 0:
        return None
    part = last.high if left[0] == last.piece else 0.0
    return Decided(fence=fence, piece=left[0], part=part, to_right=before > 0)


def _way(
    pieces: Pieces, joins: Bools, piece: int, part: float, *, forward: bool
) -> tuple[int, Vector] | None:
    """The piece on which the path leaves the contact (or came to it), and in which direction."""
    count, step = len(pieces.leg), 1 if forward else -1
    reached = part >= 1 - 1e-9 if forward else part <= 1e-9
    while reached or _length(pieces, piece) == 0:
        joined = piece + 1 < count and joins[piece + 1] if forward else joins[piece]
        if not joined:
            return None
        piece, reached = piece + step, False
    (x0, y0), (x1, y1) = pieces.start[piece], pieces.end[piece]
    return piece, (float(x1 - x0) * step, float(y1 - y0) * step)


def _side(edges: Edges, edge: int, at: Vector, way: Vector) -> int:
    """1 when ``way`` leads from ``at``, on ``edge``, to the left of the line, -1 right, 0 along.

    At a vertex the line is the wedge of two edges; a tip is taken to go on straight.
    """
    (ax, ay), (bx, by) = map(tuple, (edges.start[edge], edges.end[edge]))
    back, ahead = (ax - bx, ay - by), (bx - ax, by - ay)
    if math.hypot(at[0] - ax, at[1] - ay) <= TOUCH_DEG and edges.before[edge] >= 0:
        other = edges.before[edge]
        back = tuple(edges.start[other] - edges.end[other])
    elif math.hypot(at[0] - bx, at[1] - by) <= TOUCH_DEG and edges.after[edge] >= 0:
        other = edges.after[edge]
        back, ahead = (ax - bx, ay - by), tuple(edges.end[other] - edges.start[other])
    turn, wedge = _angle(ahead, way), _angle(ahead, back)
    near = 1e-9
    if turn < near or turn > 2 * math.pi - near or abs(turn - wedge) < near:
        return 0
    return 1 if turn < wedge else -1


def _angle(a: Vector, b: Vector) -> float:
    """Anticlockwise angle from a to b, 0 to 2π."""
    return math.atan2(a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1]) % (2 * math.pi)


def _point(pieces: Pieces, piece: int, part: float) -> Vector:
    at = pieces.start[piece] + (pieces.end[piece] - pieces.start[piece]) * part
    return float(at[0]), float(at[1])


def _length(pieces: Pieces, piece: int) -> float:
    return math.hypot(*(pieces.end[piece] - pieces.start[piece]))
