"""The field: seconds from the nearest source to every place, over roads and open ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo.errors import OutOfRangeError
from geo.response.chart import EARTH_RADIUS_M, Chart, plane_near
from geo.response.ground import Ground
from geo.response.lanes import Lanes, Window, edges_near, lanes
from geo.response.lookup import look_up
from geo.response.march import Nodes, Sources, march
from geo.response.network import Network, road_distance_m
from geo.response.speeds import Speeds

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

#: A cell is at most this share of what the smallest band reaches off road, and at most this long.
CELLS_PER_REACH = 8
MAX_CELL_M = 50.0
#: An automatic cell grows until a window has no more cells than this; one asked for is refused.
AUTO_CELLS = 4_000_000
MOST_CELLS = 40_000_000
#: Cells of the window beyond what can be reached.
_RIM = 3
#: The plane's box goes this far beyond the window: an edge of the network is no longer (0.02°).
_EDGE_M = 2300.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Patch:
    """One window of a field: sources whose reaches touch, and all that they reach."""

    window: Window
    lanes: Lanes
    ground: Ground
    nodes: Nodes
    sources: Sources
    numbers: Ints  #: which of the field's sources these are
    edges: int  #: how many roads' edges the window has


@dataclass(frozen=True, kw_only=True, eq=False)
class Field:
    """Seconds to every place within ``limit_s`` of a source; ``field`` makes it."""

    speeds: Speeds
    limit_s: float
    cell_m: float  #: side of a cell, the same in all windows
    reverse: bool  #: True: seconds from a place to the nearest source
    sources: int
    plane_error_m: float  #: the most that a distance in a window errs by its map projection
    road_m: (
        float  #: from a source to its nearest road, the most; inf: no roads, nan: over 64 sources
    )
    note: str | None  #: what the answer lacks, in a sentence
    patches: tuple[Patch, ...]

    def seconds_at(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
        """Seconds (inf beyond the limit) and nearest source (its row, -1) of places in degrees."""
        x, y = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (lon, lat))
        seconds, owner = np.full(len(x), np.inf), np.full(len(x), -1, dtype=np.int64)
        for patch in self.patches:
            west, south, east, north = patch.window.chart.lonlat
            inside = np.flatnonzero((x >= west) & (x <= east) & (y >= south) & (y <= north))
            if not len(inside):
                continue
            px, py = patch.window.place(x[inside], y[inside])
            found_s, origin = look_up(patch.lanes, patch.ground, patch.nodes, patch.sources, px, py)
            near = (found_s <= self.limit_s + 1e-6) & (found_s < seconds[inside])
            seconds[inside[near]] = found_s[near]
            owner[inside[near]] = patch.numbers[_owner(patch, origin[near])]
        return seconds, owner


def _owner(patch: Patch, origin: Ints) -> NDArray[np.int64]:
    """The patch's sources of waves that came over the ground from ``origin``."""
    arc = origin.astype(np.int64) - len(patch.lanes.x)
    arcs = len(patch.lanes.head)
    if not arcs:
        return arc
    by_road = patch.nodes.source[patch.lanes.tail[np.minimum(arc, arcs - 1)]]
    return np.where(arc < arcs, by_road, arc - arcs)


def automatic_cell_m(speeds: Speeds, finest_s: float) -> float:
    """An eighth of what the mode reaches off road in ``finest_s``, and no more than 50 m."""
    return min(MAX_CELL_M, speeds.off_road_ms * finest_s / CELLS_PER_REACH)


def field(
    network: Network, *, lon: ArrayLike, lat: ArrayLike, speeds: Speeds, limit_s: float,
    start_s: ArrayLike = 0.0, cell_m: float | None = None, finest_s: float = 60.0,
    reverse: bool = False,
) -> Field:  # fmt: skip
    """Travel time from the nearest of the sources (degrees), or to it when ``reverse``.

    ``start_s`` is the time at which each source sets out; ``finest_s`` the smallest band that will
    be read off, which settles the cell: an eighth of what it reaches off road, at most 50 m,
    grown by the square root of the excess where a window would have over 4 million cells. Sources
    too far apart to meet within ``limit_s`` are solved in windows of their own.
    Raises OutOfRangeError for places, times or cells that cannot be.
    """
    x, y, start = _checked(lon, lat, start_s, limit_s, cell_m)
    groups = _groups(x, y, (limit_s - start) * _top_ms(network, speeds))
    drafts = [_draft(network, speeds, x[g], y[g], limit_s - start[g]) for g in groups]
    if cell_m is None:
        cell_m = automatic_cell_m(speeds, min(finest_s, limit_s))
        area_m2 = max((d.area_m2 for d in drafts), default=0.0)
        cell_m = max(cell_m, math.sqrt(area_m2 / AUTO_CELLS))
    cell_m = float(cell_m)
    patches = tuple(
        _solve(network, speeds, draft, x, y, start, g, limit_s, cell_m, reverse)
        for draft, g in zip(drafts, groups, strict=True)
    )
    road_m = float(road_distance_m(network, x, y).max()) if 0 < len(x) <= 64 else math.nan
    return Field(
        speeds=speeds, limit_s=limit_s, cell_m=cell_m, reverse=reverse, sources=len(x),
        plane_error_m=max((d.plane_error_m for d in drafts), default=0.0), road_m=road_m,
        note=_note(network, speeds, patches, x, y, road_m), patches=patches,
    )  # fmt: skip


def _checked(
    lon: ArrayLike, lat: ArrayLike, start_s: ArrayLike, limit_s: float, cell_m: float | None
) -> tuple[Floats, Floats, Floats]:
    x, y = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (lon, lat))
    start = np.broadcast_to(np.asarray(start_s, dtype=float), x.shape).astype(float)
    if not (math.isfinite(limit_s) and limit_s > 0):
        raise OutOfRangeError(f"response: limit_s is {limit_s}; give seconds above 0")
    if cell_m is not None and not (math.isfinite(cell_m) and cell_m > 0):
        raise OutOfRangeError(f"response: cell_m is {cell_m}; give metres above 0, or none")
    bad = ~((np.abs(x) <= 180) & (np.abs(y) <= 90) & (start >= 0))
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        raise OutOfRangeError(
            f"response: source {k} is at lon {x[k]}, lat {y[k]}, start_s {start[k]}; "
            "lon is -180 to 180, lat -90 to 90, start_s not negative"
        )
    return x, y, start


def _top_ms(network: Network, speeds: Speeds) -> float:
    if speeds.flies or not len(network):
        return speeds.off_road_ms
    return max(speeds.off_road_ms, float(network.speed_ms(speeds).max()))


def _groups(x: Floats, y: Floats, reach_m: Floats) -> list[NDArray[np.intp]]:
    """Rows of the sources, in groups whose reaches do not touch; those without any left out."""
    live = np.flatnonzero(reach_m > 0)
    if len(live) < 2:
        return [live] if len(live) else []
    up = reach_m[live] / 110_000
    wide = up / np.maximum(np.cos(np.radians(np.minimum(np.abs(y[live]) + up, 89.0))), 0.01)
    boxes = shapely.box(x[live] - wide, y[live] - up, x[live] + wide, y[live] + up)
    group = np.arange(len(live))
    pairs = shapely.STRtree(boxes).query(boxes)
    while True:
        lowest = group.copy()
        np.minimum.at(lowest, pairs[0], group[pairs[1]])
        lowest = lowest[lowest]
        if (lowest == group).all():
            return [live[group == g] for g in np.unique(group)]
        group = lowest


@dataclass(frozen=True, kw_only=True, eq=False)
class _Draft:
    """A window's extent before its cell is known."""

    chart: Chart
    edges: Ints
    box_m: tuple[float, float, float, float]
    area_m2: float
    plane_error_m: float


def _draft(network: Network, speeds: Speeds, x: Floats, y: Floats, left_s: Floats) -> _Draft:
    """Just big enough for the roads that are there: drawn for the network's top speed, then again
    for that of the edges found."""
    plane = plane_near(float(x.min() + x.max()) / 2, float(y.min() + y.max()) / 2)
    px, py = plane.forward(x, y)
    top_ms, edges = _top_ms(network, speeds), np.empty(0, dtype=np.int32)
    for _ in range(2):
        reach_m = left_s * top_ms
        box = (
            float((px - reach_m).min()), float((py - reach_m).min()),
            float((px + reach_m).max()), float((py + reach_m).max()),
        )  # fmt: skip
        chart = Chart.over(
            plane, (box[0] - _EDGE_M, box[1] - _EDGE_M, box[2] + _EDGE_M, box[3] + _EDGE_M)
        )
        edges = edges_near(network, speeds, chart)
        found_ms = float(network.speed_ms(speeds)[edges].max()) if len(edges) else 0.0
        if max(found_ms, speeds.off_road_ms) >= top_ms:
            break
        top_ms = max(found_ms, speeds.off_road_ms)
    far_m = max(math.hypot(a, b) for a in box[::2] for b in box[1::2])
    return _Draft(
        chart=chart, edges=edges, box_m=box, area_m2=(box[2] - box[0]) * (box[3] - box[1]),
        plane_error_m=(far_m / EARTH_RADIUS_M) ** 2 / 6 * float(reach_m.max()),
    )  # fmt: skip


def _solve(
    network: Network, speeds: Speeds, draft: _Draft, x: Floats, y: Floats, start: Floats,
    rows: NDArray[np.intp], limit_s: float, cell_m: float, reverse: bool,
) -> Patch:  # fmt: skip
    west, south, east, north = draft.box_m
    columns, high = (math.ceil(side / cell_m) + 2 * _RIM for side in (east - west, north - south))
    if columns * high > MOST_CELLS:
        raise OutOfRangeError(
            f"response: {columns} x {high} cells of {cell_m:g} m; at most {MOST_CELLS}: "
            "give a larger cell_m, or none"
        )
    window = Window(
        chart=draft.chart, west_m=west - _RIM * cell_m, south_m=south - _RIM * cell_m,
        columns=columns, rows=high, cell_m=cell_m,
    )  # fmt: skip
    sx, sy = window.place(x[rows], y[rows])
    roads, foot = lanes(
        network, speeds, window, draft.edges, reverse=reverse, source_x=sx, source_y=sy
    )
    sources = Sources(sx, sy, np.ascontiguousarray(start[rows]), foot)
    cells = columns * high  # only pages that the wave touches are ever given memory
    ground = Ground(
        columns, high, cell_m, 1 / speeds.off_road_ms, np.empty(cells),
        np.zeros(cells, dtype=np.uint8), np.empty(cells, dtype=np.int32),
    )  # fmt: skip
    # One cell more than the limit, so that the contour at the limit lies between known times.
    nodes = march(roads, sources, ground, limit_s + cell_m / speeds.off_road_ms)
    return Patch(
        window=window, lanes=roads, ground=ground, nodes=nodes, sources=sources,
        numbers=rows.astype(np.int32), edges=len(draft.edges),
    )  # fmt: skip


def _note(
    network: Network, speeds: Speeds, patches: tuple[Patch, ...], x: Floats, y: Floats,
    road_m: float,
) -> str | None:  # fmt: skip
    if not len(x):
        return "no source: nothing is reached"
    if speeds.flies:
        return None
    bounds = network.bounds
    if bounds is None:
        return "there are no roads: off road only"
    bare = sum(len(p.numbers) for p in patches if not p.edges)
    if len(x) > 1:
        return f"{bare} of {len(x)} sources have no road in reach: off road only" if bare else None
    west, south, east, north = bounds
    outside = not (west <= x[0] <= east and south <= y[0] <= north)
    if not bare:
        return "the place lies outside the roads' extent" if outside else None
    why = "the place lies outside the roads' extent" if outside else "no road is in reach"
    return f"{why}, the nearest is {road_m:,.0f} m away: off road only"
