"""One heap over roads and ground: Dijkstra on the lanes, straight lines over the cells.

A unit may leave the road anywhere and come back anywhere. Every cell holds the **origin** of its
wave, the place at which it last left a road or a source, and its time is that of the straight
line from there (bent at the road as Snell's law wants it), which open ground of one speed makes
exact: cells hand on origins, not times, as a vector distance transform does (Danielsson 1980), so
no error gathers with distance, and no place is ever given a time that no route achieves.

An origin is a number: below ``nodes`` the node that the wave came from by road, then (+ nodes)
the arc that it left for the ground, then (+ arcs) the source from which it came straight, then
(+ sources) the arc that it joined from a source.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.response.compiled import compiled
from geo.response.ground import REACHED, SETTLED, Ground
from geo.response.heap import Heap, pop, push, with_room
from geo.response.lanes import REACH_CELLS, Lanes
from geo.response.snell import join, leave

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

#: A road starts waves in the cells this far from it, in cells; from there they hand on.
_STRIP_CELLS = 1.5
#: A later origin must be better by this share of a cell's crossing to be worth a place on the heap.
_WORTH = 1e-3


class Sources(NamedTuple):
    """Where waves start."""

    x: Floats  #: metres from the window's corner
    y: Floats
    start_s: Floats
    foot: Ints  #: node at the nearest point of a road, or -1


class Nodes(NamedTuple):
    """What is known of each node of the lanes."""

    seconds: Floats
    origin: Ints
    source: Ints  #: the nearest source, -1 while unreached
    settled: NDArray[np.bool_]


@compiled
def march(lanes: Lanes, sources: Sources, ground: Ground, stop_s: float) -> Nodes:
    """Earliest times up to ``stop_s`` (s), written into ``ground`` (its state all 0) and returned
    for the nodes; what is later may hold a time that is too late, or none."""
    count = lanes.x.size
    nodes = Nodes(
        np.full(count, np.inf), np.full(count, -1, np.int32), np.full(count, -1, np.int32),
        np.zeros(count, dtype=np.bool_),
    )  # fmt: skip
    room = _most_pushes(lanes)
    heap = Heap(np.empty(8192 + room), np.empty(8192 + room, np.int32), np.zeros(1, np.int64))
    for k in range(sources.x.size):
        heap = _start(lanes, sources, ground, nodes, k, heap, room)
    cells = ground.columns * ground.rows
    while heap.size[0] > 0 and heap.keys[0] <= stop_s:
        heap = with_room(heap, room)
        t, item = pop(heap)
        if item >= cells:
            if not nodes.settled[item - cells]:
                _settle_node(lanes, ground, nodes, item - cells, t, heap)
        elif not ground.state[item] & SETTLED:
            _settle_cell(lanes, sources, ground, nodes, item, heap)
    return nodes


@compiled
def _most_pushes(lanes: Lanes) -> int:
    """No single step puts more than this on the heap."""
    most = 128
    for v in range(lanes.x.size):
        most = max(most, 64 * (lanes.first[v + 1] - lanes.first[v]) + 64)
    for b in range(lanes.bin_first.size - 1):
        most = max(most, 4 * (lanes.bin_first[b + 1] - lanes.bin_first[b]) + 64)
    return most


@compiled
def _start(
    lanes: Lanes, sources: Sources, ground: Ground, nodes: Nodes, k: int, heap: Heap, room: int
) -> Heap:
    """Source k: the road at its side, the disc of cells around it, the roads in that disc."""
    x, y, t0, cell_m = sources.x[k], sources.y[k], sources.start_s[k], ground.cell_m
    columns, rows, straight = ground.columns, ground.rows, lanes.x.size + lanes.head.size + k
    foot, span = sources.foot[k], int(REACH_CELLS) + 1
    i0, j0 = int(x / cell_m), int(y / cell_m)
    heap = with_room(heap, room)
    if foot >= 0:
        aside_m = math.sqrt((lanes.x[foot] - x) ** 2 + (lanes.y[foot] - y) ** 2)
        _offer_node(ground, nodes, foot, t0 + aside_m * ground.slow, straight, k, heap)
    for j in range(max(0, j0 - span), min(rows, j0 + span + 1)):
        for i in range(max(0, i0 - span), min(columns, i0 + span + 1)):
            heap = with_room(heap, room)
            d = math.sqrt(((i + 0.5) * cell_m - x) ** 2 + ((j + 0.5) * cell_m - y) ** 2)
            if d <= REACH_CELLS * cell_m:
                _offer_cell(ground, j * columns + i, t0 + d * ground.slow, straight, heap)
            b = j * (columns + 1) + i
            for at in range(lanes.bin_first[b], lanes.bin_first[b + 1]):
                v = lanes.bin_node[at]
                heap = with_room(heap, room)
                for e in range(lanes.first[v], lanes.first[v + 1]):
                    if lanes.leaves[e]:
                        q = t0 + join(lanes, e, x, y, ground.slow)[0]
                        joined = lanes.x.size + lanes.head.size + sources.x.size + e
                        _offer_node(ground, nodes, lanes.head[e], q, joined, k, heap)
    return heap


@compiled
def _offer_node(
    ground: Ground, nodes: Nodes, v: int, t: float, origin: int, source: int, heap: Heap
) -> None:
    if t < nodes.seconds[v]:
        nodes.seconds[v], nodes.origin[v], nodes.source[v] = t, origin, source
        push(heap, t, ground.columns * ground.rows + v)


@compiled
def _offer_cell(ground: Ground, c: int, t: float, origin: int, heap: Heap) -> None:
    worth_s = _WORTH * ground.cell_m * ground.slow
    if ground.state[c] == 0 or t < ground.seconds[c] - worth_s:
        ground.seconds[c], ground.state[c], ground.origin[c] = t, REACHED, origin
        push(heap, t, c)


@compiled
def _settle_node(lanes: Lanes, ground: Ground, nodes: Nodes, v: int, t: float, heap: Heap) -> None:
    """Along each arc, and off it on either side."""
    nodes.settled[v] = True
    for e in range(lanes.first[v], lanes.first[v + 1]):
        u = lanes.head[e]
        if nodes.origin[v] == u:
            continue  # the wave came along here
        _offer_node(ground, nodes, u, t + lanes.pace_s[e], v, nodes.source[v], heap)
        if lanes.leaves[e]:
            _leak(lanes, ground, e, t, heap)


@compiled
def _leak(lanes: Lanes, ground: Ground, e: int, t: float, heap: Heap) -> None:
    """Give the cells beside arc e, whose tail is reached at t, their times off it."""
    cell_m, wide = ground.cell_m, _STRIP_CELLS * ground.cell_m
    ax, ay = lanes.x[lanes.tail[e]], lanes.y[lanes.tail[e]]
    bx, by = lanes.x[lanes.head[e]], lanes.y[lanes.head[e]]
    i0 = max(0, math.ceil((min(ax, bx) - wide) / cell_m - 0.5))
    i1 = min(ground.columns - 1, math.floor((max(ax, bx) + wide) / cell_m - 0.5))
    j0 = max(0, math.ceil((min(ay, by) - wide) / cell_m - 0.5))
    j1 = min(ground.rows - 1, math.floor((max(ay, by) + wide) / cell_m - 0.5))
    for j in range(j0, j1 + 1):
        for i in range(i0, i1 + 1):
            c = j * ground.columns + i
            if ground.state[c] & SETTLED or (ground.state[c] and ground.seconds[c] <= t):
                continue
            q = t + leave(lanes, e, (i + 0.5) * cell_m, (j + 0.5) * cell_m, ground.slow)[0]
            _offer_cell(ground, c, q, lanes.x.size + e, heap)


@compiled
def _settle_cell(
    lanes: Lanes, sources: Sources, ground: Ground, nodes: Nodes, c: int, heap: Heap
) -> None:
    """Hand the origin on to the four neighbours, and to the roads between this centre and those."""
    ground.state[c] |= SETTLED
    columns, rows, origin = ground.columns, ground.rows, ground.origin[c]
    i, j = c % columns, c // columns
    for side in range(4):
        p, q = i + (side == 1) - (side == 0), j + (side == 3) - (side == 2)
        if not (0 <= p < columns and 0 <= q < rows):
            continue
        g = q * columns + p
        if ground.state[g] & SETTLED or (ground.state[g] and ground.origin[g] == origin):
            continue
        x, y = (p + 0.5) * ground.cell_m, (q + 0.5) * ground.cell_m
        t = straight_s(lanes, sources, ground, nodes, origin, x, y)
        _offer_cell(ground, g, t, origin, heap)
    for row in range(j, j + 2):
        b = row * (columns + 1) + i
        for at in range(lanes.bin_first[b], lanes.bin_first[b + 2]):
            v = lanes.bin_node[at]
            if not nodes.settled[v] and _touches_ground(lanes, v):
                t = straight_s(lanes, sources, ground, nodes, origin, lanes.x[v], lanes.y[v])
                _offer_node(ground, nodes, v, t, origin, source_of(lanes, nodes, origin), heap)


@compiled
def _touches_ground(lanes: Lanes, v: int) -> bool:
    """False inside a tunnel or on a bridge: nobody comes onto the road there."""
    return bool(lanes.leaves[lanes.first[v] : lanes.first[v + 1]].any())


@compiled
def source_of(lanes: Lanes, nodes: Nodes, origin: int) -> int:
    """The source of a wave that came over the ground from ``origin``."""
    arc = origin - lanes.x.size
    if arc < lanes.head.size:
        return int(nodes.source[lanes.tail[arc]])
    return int(arc - lanes.head.size)


@compiled
def straight_s(
    lanes: Lanes, sources: Sources, ground: Ground, nodes: Nodes, origin: int, x: float, y: float
) -> float:
    """Seconds at a place by the straight line over the ground from ``origin``."""
    arc = origin - lanes.x.size
    if arc < lanes.head.size:
        return nodes.seconds[lanes.tail[arc]] + leave(lanes, arc, x, y, ground.slow)[0]
    k = arc - lanes.head.size
    d = math.sqrt((x - sources.x[k]) ** 2 + (y - sources.y[k]) ** 2)
    return float(sources.start_s[k] + d * ground.slow)
