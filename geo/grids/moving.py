"""A grid's edge is moved: its neighbours follow, and so do the grids within them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely

from geo import earth
from geo.grids import nodes
from geo.grids.ground import broad
from geo.grids.split import (
    BESIDE_DEG,
    MovedEdgeError,
    Place,
    joined,
    noded,
    place_of,
    shared_out,
    solid,
)


def follow(
    name: str,
    before: shapely.Geometry,
    after: shapely.Geometry,
    *,
    siblings: Sequence[str],
    shapes: Mapping[str, shapely.Geometry],
    children: Mapping[str, Sequence[str]],
) -> dict[str, shapely.Geometry]:
    """The shapes that change when ``name`` is moved from ``before`` to ``after``, by id.

    Ground that it gains is taken from the siblings that held it; ground that it gives up goes to
    the sibling that shared the edge there (``geo.grids.split.shared_out``), and is a gap where
    none did. Children whose own edge lies along the moved one follow in the same way. A corner at
    which others touch by that point alone moves for all (``geo.grids.nodes``). ``name``
    itself is among the shapes where neighbours' new vertices lie on its edges, so that a common
    edge has the same vertices on both sides.

    ``shapes`` are all that lie near, in degrees: ``siblings`` and, by ``children``, what is below
    them and below ``name``. Raises MovedEdgeError, with the place, where a neighbour would lose
    all of its ground, one that was no neighbour would lose any, or children lie in the way.
    """
    if shapely.equals_exact(before, after, 0):
        return {}
    at_corners = nodes.moved(name, before, after, siblings=siblings, shapes=shapes)
    before = at_corners.pop(name, before)
    move = _Move(
        shapes={**shapes, **at_corners}, children=children, images=nodes.images(before, after),
        changed=dict.fromkeys(at_corners),
    )  # fmt: skip
    beside = [move.shapes[s] for s in siblings]
    old = noded(before, *beside)
    moves: list[tuple[str, str | None, shapely.Geometry]] = []
    takers = {s: move.shapes[s] for s in siblings}
    gained = shapely.difference(after, old)
    for sibling in siblings:
        taken = solid(shapely.intersection(move.shapes[sibling], gained))
        if taken:
            move.take(name, before, after, sibling, taken)
            moves += [(sibling, name, part) for part in taken]
    for lost in solid(shapely.difference(old, after)):
        for taker, part in shared_out(
            lost, giver=name, old=old, new=after, takers=takers, images=move.images
        ):
            if taker is not None:
                move.put(taker, joined(move.shapes[taker], part))
            moves.append((name, taker, part))
    was = {**takers, name: before}
    for giver, taker, part in moves:
        move.hand_over(giver, taker, part, was[taker] if taker else None)
    return move.settled(name, after, siblings)


def _as_one(parts: Sequence[shapely.Geometry]) -> shapely.Geometry:
    return parts[0] if len(parts) == 1 else shapely.multipolygons(list(parts))


@dataclass(kw_only=True)
class _Move:
    """The shapes as they are on the way."""

    shapes: dict[str, shapely.Geometry]
    children: Mapping[str, Sequence[str]]
    images: Mapping[Place, Place]
    changed: dict[str, None] = field(default_factory=dict)

    def put(self, name: str, shape: shapely.Geometry) -> None:
        self.shapes[name] = shape
        self.changed[name] = None

    def take(
        self,
        name: str,
        before: shapely.Geometry,
        after: shapely.Geometry,
        sibling: str,
        taken: Sequence[shapely.Geometry],
    ) -> None:
        """Take the ground of ``name`` from a sibling."""
        where = place_of(taken[0])
        area = float(np.sum(earth.area_m2(taken)))
        if not shapely.dwithin(self.shapes[sibling], before, BESIDE_DEG):
            raise MovedEdgeError(
                f"{name!r}: {area:,.0f} m² of it lie on {sibling!r} {where}, which was no"
                " neighbour of it"
            )
        left = solid(shapely.difference(self.shapes[sibling], after))
        if not left or broad(_as_one(left)) is None:
            raise MovedEdgeError(f"{name!r} takes all of the ground of {sibling!r} {where}")
        self.put(sibling, _as_one(left))

    def hand_over(
        self, giver: str, taker: str | None, part: shapely.Geometry, was: shapely.Geometry | None
    ) -> None:
        """Let what lies below ``giver`` in a part of its ground follow to ``taker``.

        That one's ground ``was`` beside it; a gap, which nobody takes, must be free of children.
        """
        for child in self.children.get(giver, ()):
            shape = self.shapes[child]
            cut = solid(shapely.intersection(shape, part))
            if not cut or broad(_as_one(cut), 1e-3) is None:
                continue
            left = solid(shapely.difference(shape, part))
            along = was is not None and all(_touches_along(one, shape, was) for one in cut)
            if taker is None or not along or not left or broad(_as_one(left)) is None:
                raise MovedEdgeError(
                    f"{child!r} lies in the ground that {giver!r} gives up {place_of(cut[0])}:"
                    " move it first"
                )
            new = _as_one(left)
            takers = {c: self.shapes[c] for c in self.children.get(taker, ())}
            old = noded(shape, *takers.values())
            self.put(child, new)
            for one in cut:
                for heir, piece in shared_out(
                    one, giver=child, old=old, new=new, takers=takers, images=self.images
                ):
                    if heir is not None:
                        self.put(heir, joined(self.shapes[heir], piece))
                    self.hand_over(child, heir, piece, takers[heir] if heir else None)

    def settled(
        self, name: str, after: shapely.Geometry, siblings: Sequence[str]
    ) -> dict[str, shapely.Geometry]:
        """What changed, with the same vertices on both sides of every edge that was moved."""
        moved = [s for s in siblings if s in self.changed]
        own = noded(after, *(self.shapes[s] for s in moved))
        for sibling in moved:
            self.shapes[sibling] = noded(self.shapes[sibling], own)
        out = {n: self.shapes[n] for n in self.changed}
        return out if shapely.equals_exact(own, after, 0) else {name: own, **out}


def _touches_along(
    cut: shapely.Geometry, shape: shapely.Geometry, beyond: shapely.Geometry
) -> bool:
    """Whether a part of a child reaches the ground beyond the old edge by an edge of its own."""
    xy = shapely.get_coordinates(shapely.get_exterior_ring(cut))
    middle = shapely.points((xy[:-1] + xy[1:]) / 2)
    near = shapely.dwithin(beyond, middle, BESIDE_DEG)
    return bool((near & shapely.dwithin(shape.boundary, middle, BESIDE_DEG)).any())
