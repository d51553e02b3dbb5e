"""Coverage straight from fixes: some units at a time, on every core."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise

import geopandas as gpd
import numpy as np

from geo.coverage.figures import Coverage, coverage_of
from geo.coverage.inputs import checked_swath, checked_window
from geo.coverage.lattice import Lattice
from geo.coverage.paths import Path
from geo.coverage.pieces import Terrain, slots_of
from geo.coverage.spells import Fixes, Pace, Seen, Spell
from geo.coverage.swept import Swept, plots_of
from geo.coverage.tally import named

#: So many fixes, or one unit's, are worked on together.
_PART = 300_000


def survey(
    cells: gpd.GeoDataFrame,
    fixes: Fixes,
    pace: Pace,
    *,
    swath_m: float,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Coverage:
    """``coverage`` of arrays of fixes, which need not become a frame of legs.

    ``fixes``: sorted by unit and time, one a unit and moment, units by number; a leg whose first
    fix states no patrol is of the run of legs without a gap that it is in. ``pace``: the same
    units. For the rest see ``coverage``. Raises the same, and OutOfRangeError for fixes that are
    not sorted or not on the earth.
    """
    checked_window(start, end)
    swath_m, terrain, window = checked_swath(swath_m), Terrain.of(cells), slots_of(start, end)
    plots = plots_of(terrain.frame.geometry.to_numpy(), swath_m) if len(cells) else []

    def see(path: Path) -> Seen:
        # Groups of cells that lie apart may be on one lattice.
        swept: dict[tuple[str, Lattice], list[Swept]] = {}
        for of, _ in plots:
            swept.setdefault(("", of.lattice), []).append(of.sweep(path, swath_m, window))
        return Seen(
            pieces=terrain.pieces(path, window),
            swept={key: Swept.union(key[1], several) for key, several in swept.items()},
        )

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(pool.map(lambda part: Spell.whole(part).ended(pace, see), _parts(fixes)))
    seen = Seen.together(found)
    share = np.zeros(len(terrain.ids))
    for of, own in plots:
        if ("", of.lattice) in seen.swept:
            share[own] = np.nan_to_num(of.shares(seen.swept["", of.lattice]))
    return coverage_of(terrain, named(seen.pieces), share, window).reindex(cells.index)


def _parts(fixes: Fixes) -> Iterator[Fixes]:
    """Whole units, some at a time."""
    heads = np.flatnonzero(np.r_[True, fixes.unit[1:] != fixes.unit[:-1]][: len(fixes.unit)])
    near = np.searchsorted(heads, np.arange(_PART, len(fixes.unit), _PART), side="right")
    cuts = [0, *np.unique(heads[near - 1]).tolist(), len(fixes.unit)]
    for a, b in pairwise(cuts):
        if a < b:
            yield fixes.take(slice(a, b))
