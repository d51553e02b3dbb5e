"""The ground of stored grids: every child in its parent, no two siblings on each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from geo.grids import ground
from layers.db.engine import raw
from layers.errors import BadFeatureError

if TYPE_CHECKING:
    from geo.rings import Rings

_ROW = "o.id, o.parent, o.level, public.ST_AsBinary(o.geom)"
#: Ids come as one text: a driver takes seconds over an array of 200,000. None holds a line end.
_IDS = r"string_to_array(%(ids)s, E'\n')"
_BY_ID = f"SELECT {_ROW} FROM grids o WHERE o.id = ANY({_IDS})"
_CHILDREN = f"""
SELECT {_ROW} FROM grids o WHERE o.parent = ANY({_IDS}) AND NOT o.id = ANY({_IDS})
"""
#: Of a few grids each looks up its own neighbours; of many, all that are in their bounds are read.
_NEIGHBOURS = f"""
SELECT DISTINCT ON (o.id) {_ROW} FROM grids w JOIN grids o ON o.geom OPERATOR(public.&&) w.geom
    AND (o.level = w.level OR o.parent = w.parent)
WHERE w.id = ANY({_IDS}) AND NOT o.id = ANY({_IDS})
"""
_NEARBY = f"""
SELECT {_ROW} FROM grids o WHERE NOT o.id = ANY({_IDS})
    AND (o.level = ANY(%(levels)s) OR o.parent = ANY(%(parents)s))
    AND o.geom OPERATOR(public.&&) public.ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326)
"""
_ANY = text("SELECT EXISTS (SELECT FROM grids)")
FEW = 200


@dataclass(frozen=True, kw_only=True)
class Grids:
    """Some stored grids."""

    ids: list[str]
    parents: list[str | None]
    levels: list[str]
    shapes: NDArray[np.object_]  #: in degrees
    rings: Rings | None = None  #: of the shapes, where they are known

    def __add__(self, more: Grids) -> Grids:
        if not more.ids:
            return self
        return Grids(
            ids=self.ids + more.ids,
            parents=self.parents + more.parents,
            levels=self.levels + more.levels,
            shapes=np.concatenate((self.shapes, more.shapes)),
        )


def fetch(connection: Connection, query: str, **given: object) -> Grids:
    """The grids that a query selects by the columns of ``_ROW``."""
    with raw(connection).cursor(binary=True) as cursor:
        rows = cursor.execute(query.encode(), given).fetchall()
    ids, parents, levels, wkb = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Grids(
        ids=list(ids),
        parents=list(parents),
        levels=list(levels),
        shapes=shapely.from_wkb(np.array(wkb, dtype=object)),
    )


def by_id(connection: Connection, ids: Iterable[str]) -> Grids:
    """The grids of these ids."""
    return fetch(connection, _BY_ID, ids="\n".join(ids))


def children(connection: Connection, ids: Iterable[str]) -> Grids:
    """The children of these grids that are not of these themselves."""
    return fetch(connection, _CHILDREN, ids="\n".join(ids))


def neighbours(connection: Connection, written: Grids) -> Grids:
    """Others of their levels or parents whose bounds meet theirs (of many: may meet)."""
    if len(written.ids) <= FEW:
        return fetch(connection, _NEIGHBOURS, ids="\n".join(written.ids))
    west, south, east, north = map(float, shapely.total_bounds(written.shapes))
    return fetch(
        connection, _NEARBY, ids="\n".join(written.ids),
        parents=list({p for p in written.parents if p is not None}),
        levels=list(set(written.levels)),
        w=west, s=south, e=east, n=north,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Around:
    """The stored grids that some others are held against; none is among those."""

    above: Grids  #: parents
    below: Grids  #: children
    beside: Grids  #: of their levels or parents, whose bounds may meet theirs


#: The id at fault and what is wrong.
Fault = tuple[str, str]


def around(connection: Connection, written: Grids) -> Around:
    """What is stored around grids; more than ``FEW`` of them may be not yet stored themselves."""
    if not connection.execute(_ANY).scalar_one():
        nothing = Grids(ids=[], parents=[], levels=[], shapes=written.shapes[:0])
        return Around(above=nothing, below=nothing, beside=nothing)
    there = set(written.ids)
    return Around(
        above=by_id(connection, {p for p in written.parents if p is not None} - there),
        below=children(connection, written.ids),
        beside=neighbours(connection, written),
    )


def faults(written: Grids, stored: Around) -> list[Fault]:
    """What ``check`` refuses; asks no database, so that a thread may look while rows are sent."""
    return _outside(written, stored) + _overlaps(written, stored.beside)


def refuse(found: Sequence[Fault]) -> None:
    """Raise BadFeatureError for faults, if there are any."""
    if found:
        more = f" ({len(found) - 1} more like it)" if len(found) > 1 else ""
        raise BadFeatureError(
            f"grids {found[0][1]}: mend the outline or the parent{more}",
            features=tuple(dict.fromkeys(feature_id for feature_id, _ in found)),
            reasons={feature_id: f"grids {why}" for feature_id, why in reversed(found)},
        )


def check(connection: Connection, ids: Sequence[str]) -> None:
    """Hold the ground of the grids ``ids`` against that of parents, children and siblings.

    None may overlap another of its level, nor of its parent, whatever their levels. So several
    tops may stand beside each other, and cells that were loaded without their parents may lie on
    a banner, but not on other cells.
    Ground narrower than ``geo.grids.ground.TOLERANCE_M`` is none, and gaps are allowed.

    Raises BadFeatureError with the place; its ``features`` are grids among ``ids`` (of two
    siblings the one that lies on more of them, else whose id comes later) without which none of
    these faults would be. What lies on nothing but those is none.
    """
    written = by_id(connection, ids)
    refuse(faults(written, around(connection, written)))


def _outside(written: Grids, stored: Around) -> list[Fault]:
    """Id at fault and what is wrong, for ground of children that is not their parents'."""
    there = set(written.ids)
    below = written + stored.below
    if not any(below.parents):
        return []
    parents = written + stored.above
    place = {name: n for n, name in enumerate(parents.ids)}
    parent = np.array([-1 if p is None else place.get(p, -1) for p in below.parents], dtype=int)
    return [
        (
            below.ids[one.one] if below.ids[one.one] in there else parents.ids[one.other],
            f"{below.ids[one.one]!r}: {one.area_m2:,.0f} m² of it lie outside its parent"
            f" {parents.ids[one.other]!r} near {one.lon:.5f}, {one.lat:.5f}",
        )
        for one in ground.outside(below.shapes, parents.shapes, parent)
    ]


def _overlaps(written: Grids, stored: Grids) -> list[Fault]:
    """Id at fault and what is wrong, for ground of two of one level or parent."""
    beside = written + stored
    mine = np.arange(len(beside.ids)) < len(written.ids)
    told = []
    both = {
        (one.one, one.other): one
        for group in ground.apart(beside.parents, beside.levels)
        for one in ground.overlaps(beside.shapes, group, written=mine, rings=beside.rings)
    }
    found = list(both.values())
    spared = _spared([(one.one, one.other) for one in found], mine, beside.ids)
    for one in found:
        if (one.one in spared) == (one.other in spared):
            continue  # both go, each for lying on another
        other, at_fault = (one.one, one.other) if one.one in spared else (one.other, one.one)
        told.append(
            (
                beside.ids[at_fault],
                f"{beside.ids[at_fault]!r}: {one.area_m2:,.0f} m² of it lie on"
                f" {beside.ids[other]!r} near {one.lon:.5f}, {one.lat:.5f}",
            )
        )
    return told


def _spared(
    pairs: Sequence[tuple[int, int]], mine: NDArray[np.bool_], ids: Sequence[str]
) -> set[int]:
    """Of grids that lie on each other those that may stay, no two of a pair: what is stored; of
    the others first what lies on few, then what has the lower id."""
    beside: dict[int, list[int]] = {}
    for one, other in pairs:
        beside.setdefault(one, []).append(other)
        beside.setdefault(other, []).append(one)
    spared: set[int] = set()
    for n in sorted(beside, key=lambda n: (mine[n], len(beside[n]), ids[n])):
        if spared.isdisjoint(beside[n]):
            spared.add(n)
    return spared
