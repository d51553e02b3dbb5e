"""Off a straight road and onto it: the quickest line bends where the road meets the ground."""

from __future__ import annotations

import math

from geo.response.compiled import compiled
from geo.response.lanes import Lanes


@compiled
def leave(lanes: Lanes, e: int, px: float, py: float, slow: float) -> tuple[float, float]:
    """Least seconds from the tail of arc e to p, and the seconds of it that are spent on the arc.

    Leaving at the angle asin(ground speed / road speed) is quickest (Snell), so the point of
    leaving lies y * tan(angle) before the foot of p.
    """
    ax, ay = lanes.x[lanes.tail[e]], lanes.y[lanes.tail[e]]
    dx, dy = lanes.x[lanes.head[e]] - ax, lanes.y[lanes.head[e]] - ay
    length = math.sqrt(dx * dx + dy * dy)
    if length < 1e-9:
        return math.sqrt((px - ax) ** 2 + (py - ay) ** 2) * slow, 0.0
    pace = lanes.pace_s[e] / length
    along = ((px - ax) * dx + (py - ay) * dy) / length
    aside = abs((px - ax) * dy - (py - ay) * dx) / length
    s = 0.0
    if pace < slow:
        s = min(max(along - aside * pace / math.sqrt(slow * slow - pace * pace), 0.0), length)
    return s * pace + math.sqrt((along - s) ** 2 + aside * aside) * slow, s * pace


@compiled
def join(lanes: Lanes, e: int, px: float, py: float, slow: float) -> tuple[float, float]:
    """Least seconds from p to the head of arc e, and the seconds of it on the arc: as ``leave``."""
    ax, ay = lanes.x[lanes.tail[e]], lanes.y[lanes.tail[e]]
    dx, dy = lanes.x[lanes.head[e]] - ax, lanes.y[lanes.head[e]] - ay
    length = math.sqrt(dx * dx + dy * dy)
    if length < 1e-9:
        return math.sqrt((px - ax) ** 2 + (py - ay) ** 2) * slow, 0.0
    pace = lanes.pace_s[e] / length
    along = ((px - ax) * dx + (py - ay) * dy) / length
    aside = abs((px - ax) * dy - (py - ay) * dx) / length
    s = length
    if pace < slow:
        s = min(max(along + aside * pace / math.sqrt(slow * slow - pace * pace), 0.0), length)
    on_s = (length - s) * pace
    return on_s + math.sqrt((along - s) ** 2 + aside * aside) * slow, on_s
