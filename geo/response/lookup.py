"""Seconds at single places: the finest that the march knows, roads and sources included."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from geo.response.compiled import compiled
from geo.response.ground import REACHED, Ground
from geo.response.lanes import REACH_CELLS, Lanes
from geo.response.march import Nodes, Sources, straight_s
from geo.response.snell import leave

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


@compiled
def look_up(
    lanes: Lanes, ground: Ground, nodes: Nodes, sources: Sources, x: Floats, y: Floats
) -> tuple[Floats, Ints]:
    """Seconds (inf: unreached) and origin (see ``march``) of places in metres from the corner."""
    seconds, origin = np.full(x.size, np.inf), np.full(x.size, -1, dtype=np.int32)
    straight = lanes.x.size + lanes.head.size
    for n in range(x.size):
        best, found = _between(lanes, ground, nodes, sources, x[n], y[n])
        for k in range(sources.x.size):
            d = math.sqrt((x[n] - sources.x[k]) ** 2 + (y[n] - sources.y[k]) ** 2)
            q = sources.start_s[k] + d * ground.slow
            if d <= REACH_CELLS * ground.cell_m and q < best:
                best, found = q, straight + k
        q, e = _beside(lanes, ground, nodes, x[n], y[n])
        if q < best:
            best, found = q, lanes.x.size + e
        seconds[n], origin[n] = best, found
    return seconds, origin


@compiled
def _between(
    lanes: Lanes, ground: Ground, nodes: Nodes, sources: Sources, x: float, y: float
) -> tuple[float, int]:
    """The quickest straight line from the origins of the four cells around, and that origin."""
    best, found = np.inf, -1
    i0, j0 = math.floor(x / ground.cell_m - 0.5), math.floor(y / ground.cell_m - 0.5)
    for j in range(max(0, int(j0)), min(ground.rows, int(j0) + 2)):
        for i in range(max(0, int(i0)), min(ground.columns, int(i0) + 2)):
            c = j * ground.columns + i
            if ground.state[c] & REACHED:
                t = straight_s(lanes, sources, ground, nodes, ground.origin[c], x, y)
                if t < best:
                    best, found = t, ground.origin[c]
    return best, found


@compiled
def _beside(lanes: Lanes, ground: Ground, nodes: Nodes, x: float, y: float) -> tuple[float, int]:
    """The least time off an arc that starts within two cells, and the arc; (inf, -1) if none."""
    best, found, columns, rows = np.inf, -1, ground.columns, ground.rows
    i0, j0 = math.floor(x / ground.cell_m + 0.5), math.floor(y / ground.cell_m + 0.5)
    for j in range(max(0, int(j0) - 2), min(rows, int(j0) + 2) + 1):
        for i in range(max(0, int(i0) - 2), min(columns, int(i0) + 2) + 1):
            b = j * (columns + 1) + i
            for at in range(lanes.bin_first[b], lanes.bin_first[b + 1]):
                v = lanes.bin_node[at]
                if not nodes.settled[v]:
                    continue
                for e in range(lanes.first[v], lanes.first[v + 1]):
                    t, on_s = leave(lanes, e, x, y, ground.slow)
                    t += nodes.seconds[v]
                    # On a bridge or in a tunnel itself the place is on the road.
                    if t < best and (lanes.leaves[e] or t - nodes.seconds[v] - on_s < ground.slow):
                        best, found = t, e
    return best, found
