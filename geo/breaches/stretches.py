"""The stretches of one leg that run inside an area fence."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.breaches.places import strictly_inside

_NEAR = 1e-6


@njit(cache=True)
def sort_few(values, count):
    """Sort the first values in place; there are few of them."""
    for k in range(1, count):
        value, at = values[k], k
        while at > 0 and values[at - 1] > value:
            values[at] = values[at - 1]
            at -= 1
        values[at] = value


@njit(cache=True)
def _cuts_by(edge, px, py, dx, dy, places, count):
    """Append the places (0-1) at which p + d meets an edge, or where the ends of one along it are.

    What is cut once too often is joined again: only the middles decide.
    """
    ax, ay, bx, by = edge.x0 - px, edge.y0 - py, edge.x1 - px, edge.y1 - py
    ex, ey = bx - ax, by - ay
    across = dx * ey - dy * ex
    size2 = (dx * dx + dy * dy) * (ex * ex + ey * ey)
    across2 = across * across
    if across2 > 1e-24 * size2:
        u = (ax * dy - ay * dx) / across
        t = (ax * ey - ay * ex) / across
        if -_NEAR < u < 1 + _NEAR and -_NEAR < t < 1 + _NEAR:
            places[count] = min(max(t, 0.0), 1.0)
            count += 1
    if across2 <= 1e-12 * size2:
        length2 = dx * dx + dy * dy
        for x, y in ((ax, ay), (bx, by)):
            t = (x * dx + y * dy) / length2 if length2 > 0 else 0.0
            if -_NEAR < t < 1 + _NEAR:
                places[count] = min(max(t, 0.0), 1.0)
                count += 1
    return count


@njit(cache=True)
def stretches_inside(
    tree, edges, first, last, pieces, heads, tails, p0, p1, ends_inside, places, out, count
):
    """Append the stretches of a leg inside one fence, as fractions of the leg, in its order.

    ``edges[first:last]`` are the fence's edges near the leg, ``pieces[p0:p1]`` (x0, y0, x1, y1)
    its pieces, from fraction ``heads`` to ``tails``; ``ends_inside``: its end is inside. A leg
    that touches a corner or runs along an edge has no stretch there. Returns the new count.
    """
    begun = count
    fence = tree.edges[edges[first]].fence
    for p in range(p0, p1):
        px, py = pieces[p, 0], pieces[p, 1]
        dx, dy = pieces[p, 2] - px, pieces[p, 3] - py
        span, n = tails[p] - heads[p], 0
        for k in range(first, last):
            n = _cuts_by(tree.edges[edges[k]], px, py, dx, dy, places, n)
        if n == 0 and p1 - p0 == 1 and not ends_inside:
            return count
        sort_few(places, n)
        places[n] = 1.0
        low = 0.0
        for k in range(n + 1):
            if places[k] - low <= 1e-12:
                continue
            middle = (low + places[k]) / 2
            if strictly_inside(tree, fence, px + middle * dx, py + middle * dy):
                start, end = heads[p] + low * span, heads[p] + places[k] * span
                if count > begun and start - out[count - 1, 1] <= 1e-9:
                    out[count - 1, 1] = end
                else:
                    out[count, 0], out[count, 1] = start, end
                    count += 1
            low = places[k]
    return count


@njit(cache=True)
def runs_of_fences(tree, edges, count, bounds):
    """Sort edges of areas and write where those of each fence begin and end; how many fences."""
    if count <= 64:
        sort_few(edges, count)
    else:
        edges[:count] = np.sort(edges[:count])
    fences, before = 0, -1
    for k in range(count):
        fence = tree.edges[edges[k]].fence
        if fence != before:
            bounds[fences, 0] = k
            fences, before = fences + 1, fence
        bounds[fences - 1, 1] = k + 1
    return fences
