"""Where and until when nothing can happen to a unit, so that its fixes need no look. Compiled."""

from __future__ import annotations

import numpy as np

from geo.breaches.records import MISSING, STAY
from geo.breaches.ways import inlined

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
        if record.kind == STAY and room.here[record.fence] != stamp:
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
        x0, x1 = min(edge.x0, edge.x1) - _OFF_DEG, max(edge.x0, edge.x1) + _OFF_DEG
        y0, y1 = min(edge.y0, edge.y1) - _OFF_DEG, max(edge.y0, edge.y1) + _OFF_DEG
        if x0 > east or x1 < west or y0 > north or y1 < south:
            continue
        if not law.asked[kind, edge.fence] or law.fences[edge.fence].to_us <= now_us:
            continue
        off_x, off_y = max(x0 - x, x - x1), max(y0 - y, y - y1)
        dx, dy = edge.x1 - edge.x0, edge.y1 - edge.y0
        around = abs(dx) + abs(dy)
        off = 0.0
        if around > 0:
            off = abs(dx * (y - edge.y0) - dy * (x - edge.x0)) / around - _OFF_DEG
        if off > off_x and off > off_y:
            if off <= 0:
                return 1.0, 0.0, 1.0, 0.0
            west, east = max(west, x - off), min(east, x + off)
            south, north = max(south, y - off), min(north, y + off)
        elif off_x > off_y:
            if off_x <= 0:
                return 1.0, 0.0, 1.0, 0.0
            if x0 > x:
                east = min(east, x0)
            else:
                west = max(west, x1)
        else:
            if off_y <= 0:
                return 1.0, 0.0, 1.0, 0.0
            if y0 > y:
                north = min(north, y0)
            else:
                south = max(south, y1)
    return west, east, south, north
