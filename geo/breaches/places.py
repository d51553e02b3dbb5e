"""Places in the tree: which fences hold one, which edges a way comes near. Compiled."""

from __future__ import annotations

from numba import njit

from geo.breaches.edges import AREA, LINE, TOUCH_DEG
from geo.breaches.tree import MOST_DEPTH, NEAR_DEG, meets_square, odd_on_the_way

MOST_TODO = 4 * MOST_DEPTH + 4
#: Crossings are looked for by so much of the length of an edge and of a way beyond their ends.
_REACH_DEG, _SLACK = 2 * NEAR_DEG, 2e-6


@njit(cache=True)
def locate(tree, x, y):
    """The leaf in which a place lies."""
    at = 0
    while tree.nodes[at].child >= 0:
        half = tree.nodes[at].size / 2
        east, north = x >= tree.nodes[at].x + half, y >= tree.nodes[at].y + half
        at = tree.nodes[at].child + east + 2 * north
    return at


@njit(cache=True)
def holds(tree, leaf, x, y):
    """Whether a place lies in a square."""
    node = tree.nodes[leaf]
    return node.x <= x < node.x + node.size and node.y <= y < node.y + node.size


@njit(cache=True)
def is_bare(tree, leaf):
    """Whether a leaf has no edge."""
    return tree.nodes[leaf].edge0 == tree.nodes[leaf].edge1


@njit(cache=True)
def off_the_seam(x):
    """A longitude moved off ±180, where fences across the antimeridian are cut in two."""
    return min(max(x, -180.0 + NEAR_DEG), 180.0 - NEAR_DEG)


@njit(cache=True)
def is_on(edge, x, y):
    """Whether a place is on an edge (to 0.1 mm); the cut at the antimeridian is no edge."""
    if edge.kind != AREA:
        return False
    if x < min(edge.x0, edge.x1) - NEAR_DEG or x > max(edge.x0, edge.x1) + NEAR_DEG:
        return False
    if y < min(edge.y0, edge.y1) - NEAR_DEG or y > max(edge.y0, edge.y1) + NEAR_DEG:
        return False
    dx, dy, rx, ry = edge.x1 - edge.x0, edge.y1 - edge.y0, x - edge.x0, y - edge.y0
    length2 = dx * dx + dy * dy
    t = 0.0 if length2 == 0 else min(max((rx * dx + ry * dy) / length2, 0.0), 1.0)
    ox, oy = rx - t * dx, ry - t * dy
    return ox * ox + oy * oy <= TOUCH_DEG * TOUCH_DEG


@njit(cache=True)
def strictly_inside(tree, fence, x, y):
    """Whether a place is inside a fence and not on its boundary."""
    x = off_the_seam(x)
    leaf = locate(tree, x, y)
    node = tree.nodes[leaf]
    for h in range(node.local0, node.local1):
        if tree.locals[h].fence == fence:
            inside = tree.locals[h].inside == 1
            for k in range(node.edge0, node.edge1):
                edge = tree.edges[tree.entries[k]]
                if edge.fence == fence:
                    if is_on(edge, x, y):
                        return False
                    inside ^= odd_on_the_way(edge, node.x, node.y, x, y)
            return inside
    at = leaf
    while at >= 0:
        for k in range(tree.nodes[at].cover0, tree.nodes[at].cover1):
            if tree.covers[k] == fence:
                return True
        at = tree.nodes[at].up
    return False


@njit(cache=True)
def fences_at(tree, leaf, x, y, marks, step, found):  # noqa: C901  a call more costs more
    """The fences at a place of a leaf: first those that hold it strictly, then those it is on.

    ``marks``: MARK of all fences (``on`` is set to ``step`` where the place is on the boundary),
    ``found`` is room for all fences. Returns both counts.
    """
    x = off_the_seam(x)
    node, inside = tree.nodes[leaf], 0
    at = leaf
    while at >= 0:
        for k in range(tree.nodes[at].cover0, tree.nodes[at].cover1):
            found[inside] = tree.covers[k]
            inside += 1
        at = tree.nodes[at].up
    for h in range(node.local0, node.local1):
        marks[tree.locals[h].fence].odd = tree.locals[h].inside
    for k in range(node.edge0, node.edge1):
        edge = tree.edges[tree.entries[k]]
        if edge.kind != LINE:
            if is_on(edge, x, y):
                marks[edge.fence].on = step
            if odd_on_the_way(edge, node.x, node.y, x, y):
                marks[edge.fence].odd ^= 1
    beside = 0
    for h in range(node.local0, node.local1):
        f = tree.locals[h].fence
        if marks[f].on == step:
            beside += 1
        elif marks[f].odd:
            found[inside] = f
            inside += 1
    k = inside
    for h in range(node.local0, node.local1):
        if marks[tree.locals[h].fence].on == step:
            found[k] = tree.locals[h].fence
            k += 1
    return inside, beside


@njit(cache=True)
def _edges_of(tree, leaf, x0, y0, x1, y1, stamps, stamp, out, count):
    """Append the edges of a leaf that the segment 0→1 may meet, each once by ``stamps``."""
    reach = _REACH_DEG + _SLACK * (abs(x1 - x0) + abs(y1 - y0))
    west, east = min(x0, x1) - reach, max(x0, x1) + reach
    south, north = min(y0, y1) - reach, max(y0, y1) + reach
    for k in range(tree.nodes[leaf].edge0, tree.nodes[leaf].edge1):
        e = tree.entries[k]
        edge = tree.edges[e]
        slack = _SLACK * (abs(edge.x1 - edge.x0) + abs(edge.y1 - edge.y0))
        if (
            max(edge.x0, edge.x1) + slack >= west
            and min(edge.x0, edge.x1) - slack <= east
            and max(edge.y0, edge.y1) + slack >= south
            and min(edge.y0, edge.y1) - slack <= north
            and stamps[e] != stamp
        ):
            stamps[e] = stamp
            out[count] = e
            count += 1
    return count


@njit(cache=True)
def edges_along(tree, leaf, x0, y0, x1, y1, stamps, stamp, out, count, todo):
    """Append the edges that the segment 0→1, from within a leaf, may meet.

    Each once: ``stamps`` holds ``stamp`` where an edge was met already; ``todo`` is room for
    ``MOST_TODO`` squares. Returns the new count.
    """
    if holds(tree, leaf, x1, y1):
        return _edges_of(tree, leaf, x0, y0, x1, y1, stamps, stamp, out, count)
    top = tree.nodes[leaf].parent
    while tree.nodes[top].parent >= 0 and not holds(tree, top, x1, y1):
        top = tree.nodes[top].parent
    todo[0], left = top, 1
    while left:
        left -= 1
        at = todo[left]
        child = tree.nodes[at].child
        if child < 0:
            count = _edges_of(tree, at, x0, y0, x1, y1, stamps, stamp, out, count)
            continue
        for q in range(child, child + 4):
            node = tree.nodes[q]
            if meets_square(x0, y0, x1, y1, node.x, node.y, node.size):
                todo[left] = q
                left += 1
    return count
