"""The way down: of the grids that hold a point those of its chain, from the top to the lowest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Held:
    """A grid that holds the point."""

    id: str
    parent: str | None  #: None, or the empty text, without one
    level: str  #: the empty text where it has none


def descend(held: Sequence[Held], *, levels: Sequence[str] = ()) -> list[str]:
    """Ids of the chain of ``held``, by ``levels`` (highest first), each below its parent.

    Every grid without a parent begins a way down on which the lower id (as text) has a shared
    edge. Of two grids of one level, which can both hold a point of an edge alone, the lower id
    stays, and the other goes with all that is below it.
    """
    ways: list[list[Held]] = []
    for root in _roots(held, levels):
        way = list(_way(held, root))
        for n, other in enumerate(ways):
            way, ways[n] = _apart(way, other)
        ways.append(way)
    rank = {level: n for n, level in enumerate(levels)}
    depth: dict[str, int] = {}
    for way in ways:
        above = 0
        for one in way:
            # A level that the region does not have never stands above its own parent.
            above = depth[one.id] = max(above, rank.get(one.level, len(rank)))
    return sorted(depth, key=depth.__getitem__)


def _roots(held: Sequence[Held], levels: Sequence[str]) -> list[Held]:
    """The grid of the lowest id of each level that has no parent, from the highest level down."""
    rank = {level: n for n, level in enumerate(levels)}
    first: dict[str, Held] = {}
    for one in sorted(held, key=lambda one: one.id):
        if not one.parent:
            first.setdefault(one.level, one)
    return sorted(
        first.values(), key=lambda one: (rank.get(one.level, len(rank)), one.level, one.id)
    )


def _way(held: Sequence[Held], root: Held) -> Iterator[Held]:
    """A grid, the child of it that has the point, and so on."""
    seen: set[str] = set()
    below: Held | None = root
    while below is not None and below.id not in seen:
        yield below
        seen.add(below.id)
        children = [one for one in held if one.parent == below.id]
        below = min(children, key=lambda one: one.id, default=None)


def _apart(way: list[Held], other: list[Held]) -> tuple[list[Held], list[Held]]:
    """Two ways that have no level in common any more."""
    while True:
        both = [(one, two) for one in way for two in other if one.level and one.level == two.level]
        if not both:
            return way, other
        one, two = both[0]
        if one.id < two.id:
            other = other[: other.index(two)]
        else:
            way = way[: way.index(one)]
