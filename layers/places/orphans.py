"""Grids that were stored without a parent, though they lie on grids of higher levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from geo.grids import ground
from geo.grids.orphans import lowest_above
from layers.places.ground import fetch

#: Ids come as one text, as in ``layers.places.ground``.
_ALONE = text(
    "SELECT id FROM grids WHERE id = ANY(string_to_array(:ids, E'\\n')) AND parent IS NULL"
)
_LEVELS = text("SELECT DISTINCT level FROM grids")
_HIGHER = """
SELECT o.id, o.parent, o.level, public.ST_AsBinary(o.geom) FROM grids o
WHERE o.level = ANY(%(levels)s) ORDER BY o.id
"""


def note(
    connection: Connection,
    ids: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    shapes: ground.Geometries,
    *,
    order: Sequence[str],
) -> list[str]:
    """What to say of grids that were just stored, such as '12 grids have no parent but lie in …'.

    ``columns`` are those stored, ``order`` the levels from the highest down. Nothing is read where
    all have a parent, and no outline where no grid is of a higher level.
    """
    parents = columns.get("parent")
    if parents is not None and all(parents):
        return []
    stored = set(connection.execute(_LEVELS).scalars())
    levels = columns["level"]
    rank = {level: n for n, level in enumerate(order)}
    lowest = max((rank.get(level, -1) for level in set(levels)), default=-1)
    higher = [level for level in order[: max(lowest, 0)] if level in stored]
    if not higher:
        return []
    alone = _alone(connection, ids, parents)
    above = fetch(connection, _HIGHER, levels=higher)
    found = lowest_above(
        shapes[alone], [levels[n] for n in alone], above.shapes, above.levels, order=order
    )
    (lying,) = np.nonzero(found >= 0)
    if not len(lying):
        return []
    child, parent = ids[alone[lying[0]]], above.ids[found[lying[0]]]
    have = "1 grid has" if len(lying) == 1 else f"{len(lying):,} grids have"
    lie = "lies in a grid" if len(lying) == 1 else "lie in grids"
    them = "it" if len(lying) == 1 else "them"
    return [
        f"{have} no parent but {lie} of a higher level, such as {child!r} in {parent!r}: give"
        f" {them} the column parent"
    ]


def _alone(connection: Connection, ids: Sequence[str], parents: Sequence[Any] | None) -> list[int]:
    """The places among ``ids`` of those without a parent; a file without the column keeps it."""
    if parents is not None:
        return [n for n, parent in enumerate(parents) if not parent]
    found = set(connection.execute(_ALONE, {"ids": "\n".join(ids)}).scalars())
    return [n for n, name in enumerate(ids) if name in found]
