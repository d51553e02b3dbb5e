"""A quadtree over the edges of fences: what is near a place, and which fences hold it.

Each square knows the edges that touch it and, for the fences of these edges, whether its
south-west corner is inside. From there the edges that an L-shaped way to a place crosses say
whether the place is inside, too. A fence that covers a square and has no edge in it is named at
the largest such square. So a place costs a descent and a handful of edges, however large or many
the fences are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.breaches.edges import LINE, TOUCH_DEG

NODE = np.dtype(
    [
        ("x", "f8"), ("y", "f8"), ("size", "f8"),  # the south-west corner; degrees
        ("child", "i4"),  # the first of four children; -1 of a leaf
        ("parent", "i4"),
        ("cover0", "i4"), ("cover1", "i4"),  # in ``covers``: fences that cover this square …
        ("up", "i4"),  # … and the nearest square above with such fences; -1 without
        ("edge0", "i4"), ("edge1", "i4"),  # in ``entries``
        ("local0", "i4"), ("local1", "i4"),  # in ``locals``
    ],
    align=True,
)  # fmt: skip
LOCAL = np.dtype([("fence", "i4"), ("inside", "u1")], align=True)

#: No coordinate that people write lies on a side of a square: then the L never meets a vertex.
_WEST, _SOUTH, _SIZE = -180.5000131071, -180.4999713373, 361.0000917771
_MOST_EDGES, MOST_DEPTH, _MOST_WASTE = 6, 22, 3
NEAR_DEG = 2 * TOUCH_DEG


class Tree(NamedTuple):
    """Arrays of a quadtree, for compiled code."""

    nodes: NDArray[np.void]  #: NODE; 0 is the root
    covers: NDArray[np.int32]  #: fences
    entries: NDArray[np.int32]  #: edges
    locals: NDArray[np.void]  #: LOCAL: fences with edges in a leaf
    edges: NDArray[np.void]  #: EDGE


def grow(edges: NDArray[np.void], fences: int) -> Tree:
    """The tree over ``edges`` (EDGE, by fence) of so many fences."""
    nodes, covers, entries, locals_ = _grown(edges, fences)
    return Tree(nodes=nodes, covers=covers, entries=entries, locals=locals_, edges=edges)


@njit(cache=True)
def left_of(x0, y0, x1, y1, x, y):
    """Whether a place is on the left of the infinite line 0→1.

    One on the line is taken a hair to the north (and west), as the half-open tests beside it do.
    """
    side = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
    if side == 0.0:
        return x1 > x0 if x1 != x0 else y1 > y0
    return side > 0.0


@njit(cache=True)
def odd_on_the_way(edge, cx, cy, x, y):
    """Whether an edge is crossed an odd number of times by the way north from c, then east."""
    x0, y0, x1, y1 = edge.x0, edge.y0, edge.x1, edge.y1
    upright = (x0 < cx) != (x1 < cx)
    level = (y0 > y) != (y1 > y)
    if not (upright or level):
        return False
    at_bend = left_of(x0, y0, x1, y1, cx, y)
    odd = upright and left_of(x0, y0, x1, y1, cx, cy) != at_bend
    if level and left_of(x0, y0, x1, y1, x, y) != at_bend:
        odd = not odd
    return odd


@njit(cache=True)
def meets_square(x0, y0, x1, y1, x, y, size):
    """Whether the segment 0→1 comes within reach of a square."""
    west, east, south, north = x - NEAR_DEG, x + size + NEAR_DEG, y - NEAR_DEG, y + size + NEAR_DEG
    if max(x0, x1) < west or min(x0, x1) > east or max(y0, y1) < south or min(y0, y1) > north:
        return False
    dx, dy, half = x1 - x0, y1 - y0, size / 2 + NEAR_DEG
    off = dx * (y + size / 2 - y0) - dy * (x + size / 2 - x0)
    return abs(off) <= half * (abs(dx) + abs(dy)) * (1 + 1e-12) + 1e-300


@njit(cache=True)
def _longer(given, used, more):
    if used + more <= len(given):
        return given
    longer = np.empty(max(2 * len(given), used + more), given.dtype)
    longer[:used] = given[:used]
    return longer


@njit(cache=True)
def _corners(node, pool, first, last, edges, spot, flags):
    """For each corner of the node's children and each of its fences: is it inside? In flags."""
    half = node.size / 2
    for e in range(first, last):
        edge = edges[pool[e]]
        if edge.kind == LINE:
            continue
        for q in range(1, 4):
            if odd_on_the_way(
                edge, node.x, node.y, node.x + half * (q & 1), node.y + half * (q >> 1)
            ):
                flags[spot[edge.fence], q] ^= 1


@njit(cache=True)
def _wasted(pool, first, last, edges, x, y, half):
    """Whether to cut a square would repeat many edges, and leave one child with nearly all."""
    most = total = 0
    for q in range(4):
        count = 0
        for e in range(first, last):
            edge = edges[pool[e]]
            count += meets_square(
                edge.x0, edge.y0, edge.x1, edge.y1, x + half * (q & 1), y + half * (q >> 1), half
            )
        most, total = max(most, count), total + count
    return most > 0.7 * (last - first) and total > 1.3 * (last - first)


@njit(cache=True, nogil=True)
def _grown(edges, fences):  # noqa: C901, PLR0912, PLR0915  one loop over the squares left to cut
    nodes = np.zeros(1024, NODE)
    covers = np.empty(1024, np.int32)
    entries = np.empty(max(1024, 2 * len(edges)), np.int32)
    locals_ = np.empty(1024, LOCAL)
    # What each square holds while the tree grows; that of squares that were cut is left behind.
    pool = np.empty(max(1024, 4 * len(edges)), np.int32)
    held = np.empty(1024, LOCAL)
    spot = np.zeros(fences, np.int32)
    mark = np.full(fences, -1, np.int64)
    todo = np.empty((256, 7), np.int64)  # node, pool range, held range, depth, waste
    n_nodes, n_covers, n_entries, n_locals, n_pool, n_held = 1, 0, 0, 0, len(edges), 0
    nodes[0].x, nodes[0].y, nodes[0].size = _WEST, _SOUTH, _SIZE
    nodes[0].parent, nodes[0].up = -1, -1
    for e in range(len(edges)):
        pool[e] = e
        f = edges[e].fence
        if edges[e].kind != LINE and mark[f] != -2:
            mark[f] = -2
            held = _longer(held, n_held, 1)
            held[n_held].fence, held[n_held].inside = f, 0
            n_held += 1
    todo[0] = 0, 0, n_pool, 0, n_held, 0, 0
    left, stamp = 1, np.int64(0)
    while left:
        left -= 1
        at, e0, e1, h0, h1, depth, waste = todo[left]
        node, half = nodes[at], nodes[at].size / 2
        cut = e1 - e0 > _MOST_EDGES and depth < MOST_DEPTH and waste < _MOST_WASTE
        if not cut:
            node.child = -1
            entries = _longer(entries, n_entries, e1 - e0)
            node.edge0, node.edge1 = n_entries, n_entries + e1 - e0
            for e in range(e0, e1):
                entries[n_entries] = pool[e]
                n_entries += 1
            locals_ = _longer(locals_, n_locals, h1 - h0)
            node.local0, node.local1 = n_locals, n_locals + h1 - h0
            for h in range(h0, h1):
                locals_[n_locals] = held[h]
                n_locals += 1
            continue
        waste = waste + 1 if _wasted(pool, e0, e1, edges, node.x, node.y, half) else 0
        flags = np.zeros((h1 - h0, 4), np.uint8)
        for h in range(h0, h1):
            spot[held[h].fence] = h - h0
            flags[h - h0, :] = held[h].inside
        _corners(node, pool, e0, e1, edges, spot, flags)
        nodes = _longer(nodes, n_nodes, 4)
        nodes[at].child = n_nodes
        if left + 4 > len(todo):
            more = np.empty((2 * len(todo), 7), np.int64)
            more[:left] = todo[:left]
            todo = more
        pool, held = _longer(pool, n_pool, 4 * (e1 - e0)), _longer(held, n_held, 4 * (h1 - h0))
        covers = _longer(covers, n_covers, 4 * (h1 - h0))
        for q in range(4):
            child = nodes[n_nodes]
            child.x = nodes[at].x + half * (q & 1)
            child.y = nodes[at].y + half * (q >> 1)
            child.size, child.parent = half, at
            p0, g0, stamp = n_pool, n_held, stamp + 1
            for e in range(e0, e1):
                edge = edges[pool[e]]
                if meets_square(edge.x0, edge.y0, edge.x1, edge.y1, child.x, child.y, half):
                    pool[n_pool] = pool[e]
                    n_pool += 1
                    f = edge.fence
                    if edge.kind != LINE and mark[f] != stamp:
                        mark[f] = stamp
                        held[n_held].fence, held[n_held].inside = f, flags[spot[f], q]
                        n_held += 1
            child.cover0 = n_covers
            for h in range(h0, h1):
                if flags[h - h0, q] and mark[held[h].fence] != stamp:
                    covers[n_covers] = held[h].fence
                    n_covers += 1
            child.cover1 = n_covers
            child.up = at if nodes[at].cover1 > nodes[at].cover0 else nodes[at].up
            todo[left] = n_nodes, p0, n_pool, g0, n_held, depth + 1, waste
            left, n_nodes = left + 1, n_nodes + 1
    return nodes[:n_nodes], covers[:n_covers], entries[:n_entries], locals_[:n_locals]
