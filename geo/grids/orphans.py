"""Grids without a parent that lie in grids of higher levels: who could be their parent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from geo import earth
from geo.grids import ground

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


def lowest_above(
    shapes: ground.Geometries,
    levels: Sequence[str],
    others: ground.Geometries,
    other_levels: Sequence[str],
    *,
    order: Sequence[str],
) -> NDArray[np.int64]:
    """Which of ``others`` is the lowest one of a higher level that a grid lies on; -1 for none.

    ``shapes`` are polygons in degrees, ``levels`` theirs, ``order`` runs from the highest down. A
    grid lies on that which holds a point within it, so that 200,000 are looked at in a second.
    """
    rank = {level: n for n, level in enumerate(order)}
    own = np.array([rank.get(level, -1) for level in levels], dtype=np.int64)
    above = np.array([rank.get(level, len(rank)) for level in other_levels], dtype=np.int64)
    found = np.full(len(shapes), -1, dtype=np.int64)
    # What is asked with is prepared, which tells for large polygons.
    tree = shapely.STRtree(shapely.point_on_surface(shapes))
    other, one = tree.query(others, predicate="contains")
    higher = above[other] < own[one]
    one, other = one[higher], other[higher]
    # The last that is written stays: the lowest, and of these the first.
    last = np.lexsort((-other, above[other]))
    found[one[last]] = other[last]
    return found


def orphans(grids: gpd.GeoDataFrame, *, levels: Sequence[str]) -> pd.DataFrame:
    """Grids without a parent that lie on one of a higher level; ``levels``: highest first.

    ``grids``: index = id, columns ``parent`` and ``level``, polygons with a CRS. One row each: id,
    other (the lowest that it lies in as a whole; where there is none, that it lies on), fits
    (whether it could be the child of that one), message. They are no faults: files come level by
    level, in any order.
    """
    import pandas as pd  # noqa: PLC0415 - not for those who only load grids

    frame = grids.to_crs(earth.LONLAT)
    shapes, names = frame.geometry.to_numpy(), frame.index.astype(str).to_numpy()
    parents, words = frame["parent"].to_numpy(), frame["level"].astype(str).to_numpy()
    left = np.flatnonzero([pd.isna(parent) or parent == "" for parent in parents])
    found: dict[int, tuple[int, bool]] = {}
    # From the lowest level up: what lies partly beyond one grid may lie in a higher one.
    for level in reversed(levels):
        (of,) = np.nonzero(words == level)
        above = lowest_above(shapes[left], words[left].tolist(), shapes[of], [level] * len(of),
                             order=levels)  # fmt: skip
        parent = np.full(len(frame), -1, dtype=np.int64)
        parent[left[above >= 0]] = of[above[above >= 0]]
        beyond = {one.one for one in ground.outside(shapes, shapes, parent)}
        for n in np.flatnonzero(parent >= 0).tolist():
            if n not in beyond:
                found[n] = int(parent[n]), True
            found.setdefault(n, (int(parent[n]), False))
        left = np.array([n for n in left.tolist() if not found.get(n, (0, False))[1]], dtype=int)
    rows = [
        (names[n], names[p], fits, _said(names[n], names[p], fits=fits))
        for n, (p, fits) in sorted(found.items())
    ]
    return pd.DataFrame(rows, columns=["id", "other", "fits", "message"])


def _said(name: str, other: str, *, fits: bool) -> str:
    if fits:
        return f"{name}: it has no parent, but lies in {other}: give it that parent"
    return f"{name}: it has no parent, but lies on {other}, and partly beyond it: mend its outline"
