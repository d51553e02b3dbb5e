"""Where and until when nothing can happen to a unit, so that its fixes need no look. Compiled."""

from __future__ import annotations

import numpy as np

from geo.breaches.records import MISSING, STAY
from geo.breaches.ways import heard, inlined

_FAR_US = np.int64(1 << 62)
#: How far a calm place stays off edges: well beyond what counts as on one.
_OFF_DEG = 1e-8


@inlined
def calm_until(law, room, m, stamp, now_us):
    """Until when nothing can happen to a unit that meets no edge."""
    until = _FAR_US
    for k in range(m):
        record = room.now[k]
        rule = law.fences[record.fence]
        if record.kind == STAY and room.marks[record.fence].here != stamp:
            return MISSING  # held by its margin
        if record.open:
            if not (record.seen and (record.confirmed or record.silent)):
                return MISSING
            until = min(until, law.ends[record.span])
        elif record.span < rule.span1:
            until = min(until, law.starts[record.span])
        if rule.has_heir and rule.to_us > now_us:
            until = min(until, rule.to_us)
    return until


@inlined
def calm_box(tree, law, kind, leaf, x, y, now_us):
    """West, east, south and north of a box round a place of a leaf in which there is no edge.

    Only edges of fences that speak of the unit count. Each that is in the way takes off the side
    on which it lies, or all that is further off than a square beside it. Empty where there is no
    such box.
    """
    node = tree.nodes[leaf]
    west, east, south, north = node.x, node.x + node.size, node.y, node.y + node.size
    for k in range(node.edge0, node.edge1):
        edge = tree.edges[tree.entries[k]]
        if heard(law, kind, edge.fence) and law.fences[edge.fence].to_us > now_us:
            west, east, south, north = _cut(edge, x, y, west, east, south, north)
    return west, east, south, north


@inlined
def _cut(edge, x, y, west, east, south, north):
    """What is left of a box round a place without an edge."""
    x0, x1 = min(edge.x0, edge.x1) - _OFF_DEG, max(edge.x0, edge.x1) + _OFF_DEG
    y0, y1 = min(edge.y0, edge.y1) - _OFF_DEG, max(edge.y0, edge.y1) + _OFF_DEG
    if x0 > east or x1 < west or y0 > north or y1 < south:
        return west, east, south, north
    off_x, off_y = max(x0 - x, x - x1), max(y0 - y, y - y1)
    dx, dy = edge.x1 - edge.x0, edge.y1 - edge.y0
    across = abs(dx * (y - edge.y0) - dy * (x - edge.x0))
    off = across / (abs(dx) + abs(dy)) - _OFF_DEG  # half of a square beside it
    if max(off, off_x, off_y) <= 0:
        return 1.0, 0.0, 1.0, 0.0
    if off > off_x and off > off_y:
        return max(west, x - off), min(east, x + off), max(south, y - off), min(north, y + off)
    if off_x > off_y:
        return (
            (west, min(east, x0), south, north) if x0 > x else (max(west, x1), east, south, north)
        )
    return (west, east, south, min(north, y0)) if y0 > y else (west, east, max(south, y1), north)
