"""The stretches of one leg that run inside an area fence."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from geo.breaches.edges import LINE
from geo.breaches.tree import strictly_inside


@njit(cache=True)
def _cuts_by(edge, px, py, dx, dy, places, count):
    """Append the places (0-1) at which p + d meets an edge, or where the ends of one along it are.

    What is cut once too often is joined again: only the middles decide.
    """
    ax, ay, bx, by = edge.x0 - px, edge.y0 - py, edge.x1 - px, edge.y1 - py
    ex, ey = bx - ax, by - ay
    across = dx * ey - dy * ex
    size = math.hypot(dx, dy) * math.hypot(ex, ey)
    if abs(across) > 1e-12 * size:
        u = (ax * dy - ay * dx) / across
        if -1e-6 < u < 1 + 1e-6:
            places[count] = (ax * ey - ay * ex) / across
            count += 1
    length2 = dx * dx + dy * dy
    if abs(across) <= 1e-6 * size and length2 > 0:
        places[count] = (ax * dx + ay * dy) / length2
        places[count + 1] = (bx * dx + by * dy) / length2
        count += 2
    return count


@njit(cache=True)
def stretches_inside(tree, edges, first, last, pieces, heads, tails, p0, p1, out, count):  # noqa: PLR0913
    """Append the stretches of a leg inside one fence, as fractions of the leg, in its order.

    ``edges[first:last]`` are the fence's edges near the leg, ``pieces[p0:p1]`` (x0, y0, x1, y1)
    its pieces, from fraction ``heads`` to ``tails``. A leg that touches a corner or runs along an
    edge has no stretch there. Returns the new count.
    """
    begun = count
    fence = tree.edges[edges[first]].fence
    places = np.empty(3 * (last - first) + 2)
    for p in range(p0, p1):
        px, py = pieces[p, 0], pieces[p, 1]
        dx, dy = pieces[p, 2] - px, pieces[p, 3] - py
        span = tails[p] - heads[p]
        places[0], places[1], n = 0.0, 1.0, 2
        for k in range(first, last):
            n = _cuts_by(tree.edges[edges[k]], px, py, dx, dy, places, n)
        cuts = np.sort(places[:n])
        low = 0.0
        for k in range(n):
            if not 0 < cuts[k] <= 1 or cuts[k] - low <= 1e-12:
                continue
            middle = (low + cuts[k]) / 2
            if strictly_inside(tree, fence, px + middle * dx, py + middle * dy):
                start, end = heads[p] + low * span, heads[p] + cuts[k] * span
                if count > begun and start - out[count - 1, 1] <= 1e-9:
                    out[count - 1, 1] = end
                else:
                    out[count, 0], out[count, 1] = start, end
                    count += 1
            low = cuts[k]
    return count


@njit(cache=True)
def runs_of_fences(tree, edges, count, bounds):
    """Sort edges and write where the edges of each area fence begin and end; how many fences."""
    edges[:count] = np.sort(edges[:count])
    fences = 0
    for k in range(count):
        edge = tree.edges[edges[k]]
        if edge.kind == LINE:
            continue
        if fences and tree.edges[edges[bounds[fences - 1, 1] - 1]].fence == edge.fence:
            bounds[fences - 1, 1] = k + 1
        else:
            bounds[fences, 0], bounds[fences, 1] = k, k + 1
            fences += 1
    return fences
