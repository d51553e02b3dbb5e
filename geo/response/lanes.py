"""The roads of one window, cut into pieces no longer than a cell, ready for the march."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.response.chart import Chart
from geo.response.compiled import compiled
from geo.response.network import BACKWARD, FORWARD, Network
from geo.response.speeds import Speeds

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]

#: A source further from a road than this many cells starts on the ground alone.
REACH_CELLS = 4.5
#: Who stands this near to a bridge or tunnel is taken to be on or in it.
ON_IT_M = 1.0


@dataclass(frozen=True, kw_only=True)
class Window:
    """A raster laid over a chart: cell (i, j) has its centre at ((i + 1/2), (j + 1/2)) cells."""

    chart: Chart
    west_m: float  #: of the corner, on the chart's plane
    south_m: float
    columns: int
    rows: int
    cell_m: float

    def place(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Degrees to metres from the window's corner."""
        x, y = self.chart.forward(lon, lat)
        return x - self.west_m, y - self.south_m

    def degrees(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Metres from the window's corner to degrees."""
        return self.chart.inverse(x + self.west_m, y + self.south_m)


class Pieces(NamedTuple):
    """Nodes and undirected pieces in a window's metres."""

    x: Floats  #: of each node
    y: Floats
    start: Ints  #: nodes at the ends of each piece
    end: Ints
    time_s: Floats  #: along each piece
    ways: Bytes  #: FORWARD, BACKWARD or both
    leaves: Flags  #: whether one can leave the piece for the ground, or come onto it


class Lanes(NamedTuple):
    """A directed network in a window's metres; ``Pieces`` with an arc for each way open."""

    x: Floats  #: of each node
    y: Floats
    first: Ints  #: arcs of node v are first[v] to first[v + 1]
    tail: Ints  #: of each arc: the node that it leaves
    head: Ints  #: of each arc: the node that it enters
    pace_s: Floats  #: seconds along each arc
    leaves: Flags
    piece: Ints  #: of each arc
    bin_first: Ints  #: nodes between four neighbouring cell centres, bin by bin
    bin_node: Ints


def edges_near(network: Network, speeds: Speeds, chart: Chart) -> Ints:
    """The edges open to the mode whose box touches the chart's."""
    if speeds.flies or not len(network):
        return np.empty(0, dtype=np.int32)
    return _edges_near(
        network.lon, network.lat, network.start, network.end, network.speed_ms(speeds),
        *chart.lonlat,
    )  # fmt: skip


def lanes(
    network: Network, speeds: Speeds, window: Window, edges: Ints, *,
    reverse: bool, source_x: Floats, source_y: Floats,
) -> tuple[Lanes, Ints]:  # fmt: skip
    """``edges`` cut for a window (against their direction when ``reverse``), and for each source
    (metres from the window's corner) the node made at its nearest point of a road, or -1."""
    used, start, end = _renumber(network.start[edges], network.end[edges], len(network.lon))
    x, y = window.place(network.lon[used], network.lat[used])
    ways = network.open_ways(speeds)[edges]
    if reverse:
        ways = np.asarray(((ways & FORWARD) * BACKWARD) | (ways >> 1), dtype=np.uint8)
    length_m = network.length_m[edges]
    pieces = _cut(
        x, y, start, end, length_m, length_m / network.speed_ms(speeds)[edges], ways,
        network.leaves[edges], window.cell_m,
    )  # fmt: skip
    shape = window.columns, window.rows, window.cell_m
    index = _index(pieces, *shape)
    foot = np.full(len(source_x), -1, dtype=np.int32)
    if not len(edges):
        return index, foot
    piece, part = _nearest_pieces(index, pieces, *shape, source_x, source_y)
    near = np.flatnonzero(piece >= 0)
    if not len(near):
        return index, foot
    order = near[np.lexsort((part[near], piece[near]))]
    pieces, foot[order] = _insert(pieces, piece[order], part[order])
    return _index(pieces, *shape), foot


@compiled
def _edges_near(
    lon: Floats, lat: Floats, start: Ints, end: Ints, speed_ms: Floats,
    west: float, south: float, east: float, north: float,
) -> Ints:  # fmt: skip
    out = np.empty(start.size, dtype=np.int32)
    n = 0
    for e in range(start.size):
        a, b = start[e], end[e]
        if speed_ms[e] <= 0 or min(lon[a], lon[b]) > east or max(lon[a], lon[b]) < west:
            continue
        if min(lat[a], lat[b]) <= north and max(lat[a], lat[b]) >= south:
            out[n] = e
            n += 1
    return out[:n].copy()


@compiled
def _renumber(start: Ints, end: Ints, nodes: int) -> tuple[Ints, Ints, Ints]:
    """The nodes in use, and the edges' ends as positions among them."""
    number = np.full(nodes, -1, dtype=np.int32)
    used = np.empty(2 * start.size, dtype=np.int32)
    ends = np.empty((2, start.size), dtype=np.int32)
    n = 0
    for e in range(start.size):
        for side in range(2):
            v = start[e] if side == 0 else end[e]
            if number[v] < 0:
                number[v] = n
                used[n] = v
                n += 1
            ends[side, e] = number[v]
    return used[:n].copy(), ends[0], ends[1]


@compiled
def _cut(
    x: Floats, y: Floats, start: Ints, end: Ints, length_m: Floats, time_s: Floats,
    ways: Bytes, leaves: Flags, cell_m: float,
) -> Pieces:  # fmt: skip
    """Edges cut into equal pieces no longer than a cell."""
    parts = np.empty(start.size, dtype=np.int64)
    for e in range(start.size):
        parts[e] = max(1, math.ceil(length_m[e] / cell_m))
    n, m = x.size, parts.sum()
    px, py = np.empty(n + m - start.size), np.empty(n + m - start.size)
    px[:n], py[:n] = x, y
    a, b = np.empty(m, dtype=np.int32), np.empty(m, dtype=np.int32)
    t, w, o = np.empty(m), np.empty(m, dtype=np.uint8), np.empty(m, dtype=np.bool_)
    p = 0
    for e in range(start.size):
        last = start[e]
        for k in range(1, parts[e] + 1):
            node = end[e]
            if k < parts[e]:
                part, node = k / parts[e], n
                px[n] = x[start[e]] + part * (x[end[e]] - x[start[e]])
                py[n] = y[start[e]] + part * (y[end[e]] - y[start[e]])
                n += 1
            a[p], b[p], t[p], w[p], o[p] = last, node, time_s[e] / parts[e], ways[e], leaves[e]
            last = node
            p += 1
    return Pieces(px, py, a, b, t, w, o)


@compiled
def _bin(position: float, cells: int, cell_m: float) -> int:
    """Bin of a coordinate: bin b lies between the centres of cells b - 1 and b; -1 is outside."""
    b = math.floor(position / cell_m + 0.5)
    return int(b) if 0 <= b <= cells else -1


@compiled
def _index(pieces: Pieces, columns: int, rows: int, cell_m: float) -> Lanes:
    """Arcs sorted by the node that they leave, and nodes sorted by bin (counting sorts)."""
    nodes, m = pieces.x.size, pieces.start.size
    first = np.zeros(nodes + 1, dtype=np.int32)
    for p in range(m):
        first[pieces.start[p] + 1] += pieces.ways[p] & 1
        first[pieces.end[p] + 1] += pieces.ways[p] >> 1
    for v in range(nodes):
        first[v + 1] += first[v]
    arcs, free = first[nodes], first[:nodes].copy()
    tail, head = np.empty(arcs, dtype=np.int32), np.empty(arcs, dtype=np.int32)
    piece, pace_s = np.empty(arcs, dtype=np.int32), np.empty(arcs)
    leaves = np.empty(arcs, dtype=np.bool_)
    for p in range(m):
        for back in range(2):
            if pieces.ways[p] >> back & 1:
                a = pieces.end[p] if back else pieces.start[p]
                e = free[a]
                free[a] += 1
                tail[e], head[e] = a, pieces.start[p] if back else pieces.end[p]
                piece[e], pace_s[e], leaves[e] = p, pieces.time_s[p], pieces.leaves[p]
    bin_first, bin_node = _bins(pieces.x, pieces.y, columns, rows, cell_m)
    return Lanes(pieces.x, pieces.y, first, tail, head, pace_s, leaves, piece, bin_first, bin_node)


@compiled
def _bins(x: Floats, y: Floats, columns: int, rows: int, cell_m: float) -> tuple[Ints, Ints]:
    """Where each bin's nodes begin, and the nodes bin by bin; those outside are left out."""
    nodes = x.size
    bin_first = np.zeros((columns + 1) * (rows + 1) + 1, dtype=np.int32)
    where = np.full(nodes, -1, dtype=np.int64)
    for v in range(nodes):
        i, j = _bin(x[v], columns, cell_m), _bin(y[v], rows, cell_m)
        if i >= 0 and j >= 0:
            where[v] = j * (columns + 1) + i
            bin_first[where[v] + 1] += 1
    for b in range(bin_first.size - 1):
        bin_first[b + 1] += bin_first[b]
    spot, bin_node = bin_first.copy(), np.empty(bin_first[-1], dtype=np.int32)
    for v in range(nodes):
        if where[v] >= 0:
            bin_node[spot[where[v]]] = v
            spot[where[v]] += 1
    return bin_first, bin_node


@compiled
def _nearest_pieces(
    lanes: Lanes, pieces: Pieces, columns: int, rows: int, cell_m: float,
    source_x: Floats, source_y: Floats,
) -> tuple[Ints, Floats]:  # fmt: skip
    """For each source the nearest piece within reach (-1: none), and the share of it before."""
    piece = np.full(source_x.size, -1, dtype=np.int32)
    part = np.zeros(source_x.size)
    span = int(REACH_CELLS) + 2
    for k in range(source_x.size):
        best = (REACH_CELLS * cell_m) ** 2
        i0, j0 = int(source_x[k] / cell_m), int(source_y[k] / cell_m)
        for j in range(max(0, j0 - span), min(rows, j0 + span) + 1):
            for i in range(max(0, i0 - span), min(columns, i0 + span) + 1):
                b = j * (columns + 1) + i
                for at in range(lanes.bin_first[b], lanes.bin_first[b + 1]):
                    v = lanes.bin_node[at]
                    for e in range(lanes.first[v], lanes.first[v + 1]):
                        p = lanes.piece[e]
                        ax, ay = lanes.x[pieces.start[p]], lanes.y[pieces.start[p]]
                        dx, dy = lanes.x[pieces.end[p]] - ax, lanes.y[pieces.end[p]] - ay
                        share = (source_x[k] - ax) * dx + (source_y[k] - ay) * dy
                        share = min(max(share / max(dx * dx + dy * dy, 1e-12), 0.0), 1.0)
                        gap = (source_x[k] - ax - share * dx) ** 2
                        gap += (source_y[k] - ay - share * dy) ** 2
                        if gap < best and (lanes.leaves[e] or gap <= ON_IT_M**2):
                            best, piece[k], part[k] = gap, p, share
    return piece, part


@compiled
def _insert(pieces: Pieces, piece: Ints, part: Floats) -> tuple[Pieces, Ints]:
    """Pieces cut at given shares (sorted by piece, then share), and the nodes made there."""
    n, m, extra = pieces.x.size, pieces.start.size, piece.size
    x, y = np.empty(n + extra), np.empty(n + extra)
    start, end = np.empty(m + extra, dtype=np.int32), np.empty(m + extra, dtype=np.int32)
    time_s, ways = np.empty(m + extra), np.empty(m + extra, dtype=np.uint8)
    leaves = np.empty(m + extra, dtype=np.bool_)
    x[:n], y[:n], start[:m], end[:m] = pieces.x, pieces.y, pieces.start, pieces.end
    time_s[:m], ways[:m], leaves[:m] = pieces.time_s, pieces.ways, pieces.leaves
    nodes = np.empty(extra, dtype=np.int32)
    rest = 0
    for k in range(extra):
        p, q, new = piece[k], m + k, n + k
        if k == 0 or piece[k - 1] != p:
            rest = p  # the part of the piece that is not yet cut
        a, b = pieces.start[p], pieces.end[p]
        x[new] = pieces.x[a] + part[k] * (pieces.x[b] - pieces.x[a])
        y[new] = pieces.y[a] + part[k] * (pieces.y[b] - pieces.y[a])
        before = part[k - 1] if rest != p else 0.0
        start[q], end[q], ways[q], leaves[q] = new, b, ways[p], leaves[p]
        time_s[q] = pieces.time_s[p] * (1 - part[k])
        end[rest], time_s[rest] = new, pieces.time_s[p] * (part[k] - before)
        nodes[k] = new
        rest = q
    return Pieces(x, y, start, end, time_s, ways, leaves), nodes
