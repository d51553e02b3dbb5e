"""The straight edges of fences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.earth import Geometries
from geo.tracks.columns import Bools, Floats, Ints

#: A place is *on* an edge within this distance (0.1 mm): well below any position's own rounding
#: (7 decimals are 1 cm) and well above that of the arithmetic.
TOUCH_DEG = 1e-9
#: What an edge is of: an area's boundary, the cut of an area at the antimeridian, a line.
AREA, SEAM, LINE = 0, 1, 2
EDGE = np.dtype(
    [("x0", "f8"), ("y0", "f8"), ("x1", "f8"), ("y1", "f8"), ("fence", "i4"), ("kind", "u1")],
    align=True,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Edges:
    """All edges of a set of fences, straight in lon/lat, by fence."""

    start: Floats  #: (n, 2) lon, lat
    end: Floats
    fence: Ints
    before: Ints  #: of a line: the edge before it in its strand, -1 at a tip
    after: Ints  #: the edge after it
    first: Ints  #: (fences + 1,) where the edges of each fence begin, and the end
    packed: NDArray[np.void]  #: the same as EDGE

    @classmethod
    def of(cls, geometry: Geometries, is_line: Bools) -> Edges:
        """Edges of areas' rings and of lines; parts of a line that meet end to start are one."""
        merged = geometry.copy()
        for i in np.flatnonzero(is_line):
            line = shapely.remove_repeated_points(geometry[i])
            merged[i] = shapely.line_merge(line, directed=True)
        parts, fence = shapely.get_parts(merged, return_index=True)
        flat = is_line[fence] if len(fence) else np.zeros(0, dtype=bool)
        rings, ring_part = shapely.get_rings(parts[~flat], return_index=True)
        strands = np.r_[rings, parts[flat]]
        owner = np.r_[fence[~flat][ring_part], fence[flat]].astype(np.int64)
        order = np.argsort(owner, kind="stable")
        strands, owner = strands[order], owner[order]
        xy, strand = shapely.get_coordinates(strands, return_index=True)
        joined = np.flatnonzero(
            (strand[1:] == strand[:-1]) & (xy[1:] != xy[:-1]).any(axis=1) if len(xy) else []
        )
        start, end, of = xy[joined], xy[joined + 1], strand[joined]
        before, after = _neighbours(of, start, end)
        fence = owner[of]
        return cls(
            start=start,
            end=end,
            fence=fence,
            before=before,
            after=after,
            first=np.searchsorted(fence, np.arange(len(geometry) + 1)),
            packed=_packed(start, end, fence, is_line, geometry),
        )


def _packed(
    start: Floats, end: Floats, fence: Ints, is_line: Bools, geometry: Geometries
) -> NDArray[np.void]:
    packed = np.zeros(len(fence), dtype=EDGE)
    packed["x0"], packed["y0"] = start.reshape(-1, 2).T
    packed["x1"], packed["y1"] = end.reshape(-1, 2).T
    packed["fence"] = fence
    if len(fence):
        bounds = shapely.bounds(geometry)
        across = (bounds[:, 0] <= -180) & (bounds[:, 2] >= 180)
        cut = (np.abs(packed["x0"]) == 180) & (packed["x0"] == packed["x1"]) & across[fence]
        packed["kind"] = np.where(is_line[fence], LINE, np.where(cut, SEAM, AREA))
    return packed


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
