"""The straight edges of fences, and which steps of a track come near them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from geo.earth import Geometries
from geo.tracks.columns import Bools, Floats, Ints

#: A place is *on* an edge within this distance (0.1 mm): well below any position's own rounding
#: (7 decimals are 1 cm) and well above that of the arithmetic.
TOUCH_DEG = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Edges:
    """All edges of a set of fences, straight in lon/lat, with a tree over their boxes."""

    start: Floats  #: (n, 2) lon, lat
    end: Floats
    fence: Ints
    before: Ints  #: of a line: the edge before it in its strand, -1 at a tip
    after: Ints  #: the edge after it
    is_line: Bools
    tree: shapely.STRtree

    @classmethod
    def of(cls, geometry: Geometries, is_line: Bools) -> Edges:
        """Edges of areas' rings and of lines; parts of a line that meet end to start are one."""
        merged = geometry.copy()
        for i in np.flatnonzero(is_line):
            line = shapely.remove_repeated_points(geometry[i])
            merged[i] = shapely.line_merge(line, directed=True)
        parts, fence = shapely.get_parts(merged, return_index=True)
        flat = is_line[fence]
        rings, ring_part = shapely.get_rings(parts[~flat], return_index=True)
        strands = np.r_[rings, parts[flat]]
        owner = np.r_[fence[~flat][ring_part], fence[flat]].astype(np.int64)
        xy, strand = shapely.get_coordinates(strands, return_index=True)
        joined = np.flatnonzero(
            (strand[1:] == strand[:-1]) & (xy[1:] != xy[:-1]).any(axis=1) if len(xy) else []
        )
        start, end, of = xy[joined], xy[joined + 1], strand[joined]
        before, after = _neighbours(of, start, end)
        low, high = np.minimum(start, end) - 2 * TOUCH_DEG, np.maximum(start, end) + 2 * TOUCH_DEG
        return cls(
            start=start,
            end=end,
            fence=owner[of],
            before=before,
            after=after,
            is_line=is_line[owner[of]],
            tree=shapely.STRtree(shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])),
        )

    def near(self, start: Floats, end: Floats) -> tuple[Ints, Ints]:
        """Pairs (piece, edge) whose boxes meet; pieces run from ``start`` to ``end``, (n, 2)."""
        if not len(self.start) or not len(start):
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        pieces = shapely.linestrings(np.stack([start, end], axis=1))
        piece, edge = self.tree.query(pieces)
        return piece.astype(np.int64), edge.astype(np.int64)


def _neighbours(strand: Ints, start: Floats, end: Floats) -> tuple[Ints, Ints]:
    """The edges before and after each in its strand; a closed strand goes round."""
    n = len(strand)
    at = np.arange(n)
    first = np.r_[True, strand[1:] != strand[:-1]][:n]
    last = np.r_[strand[1:] != strand[:-1], True][:n]
    before, after = np.where(first, -1, at - 1), np.where(last, -1, at + 1)
    heads, tails = np.flatnonzero(first), np.flatnonzero(last)
    closed = (start[heads] == end[tails]).all(axis=1) & (heads != tails)
    before[heads[closed]], after[tails[closed]] = tails[closed], heads[closed]
    return before, after
