"""Routes read back from a field: where the quickest wave came along."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from geo.earth import length_m
from geo.response.field import Field, Patch
from geo.response.lookup import look_up
from geo.response.snell import join, leave


@dataclass(frozen=True, kw_only=True)
class Route:
    """The quickest way between a place and its nearest source, in the direction of travel."""

    seconds: float
    distance_m: float  #: geodesic length of the line
    line: shapely.LineString  #: EPSG:4326; a line of two equal points when they are one place
    source: int  #: row of the nearest source


def route(field: Field, lon: float, lat: float) -> Route | None:
    """The way from the source to the place, or from the place to it in a reverse field.

    Straight over open ground, vertex by vertex along roads; None where the field does not reach.
    """
    seconds, owner = field.seconds_at(lon, lat)
    if owner[0] < 0:
        return None
    patch = next(p for p in field.patches if owner[0] in p.numbers)
    px, py = patch.window.place(np.array([float(lon)]), np.array([float(lat)]))
    origin = look_up(patch.lanes, patch.ground, patch.nodes, patch.sources, px, py)[1][0]
    xy = np.array(_trace(patch, float(px[0]), float(py[0]), int(origin)))
    if not field.reverse:
        xy = xy[::-1]
    line = shapely.LineString(np.column_stack(patch.window.degrees(xy[:, 0], xy[:, 1])))
    return Route(
        seconds=float(seconds[0]), distance_m=float(length_m(line)[0]), line=line,
        source=int(owner[0]),
    )  # fmt: skip


def _trace(patch: Patch, px: float, py: float, origin: int) -> list[tuple[float, float]]:
    """Points from a place back to its source, by origins (numbered as ``march`` says)."""
    lanes, sources = patch.lanes, patch.sources
    nodes, arcs, count = len(lanes.x), len(lanes.head), len(sources.x)
    points = [(px, py)]
    while True:
        x, y = points[-1]
        if origin < nodes:  # along the road from a node
            node = origin
            points.append((float(lanes.x[node]), float(lanes.y[node])))
        elif origin < nodes + arcs:  # over the ground from an arc
            arc = origin - nodes
            on_s = leave(lanes, arc, x, y, patch.ground.slow)[1]
            points.append(_on_arc(patch, arc, on_s))
            node = int(lanes.tail[arc])
            points.append((float(lanes.x[node]), float(lanes.y[node])))
        elif origin < nodes + arcs + count:  # straight from a source
            source = origin - nodes - arcs
            points.append((float(sources.x[source]), float(sources.y[source])))
            return points
        else:  # along an arc that was joined from the source
            arc = origin - nodes - arcs - count
            source = int(patch.nodes.source[lanes.head[arc]])
            x, y = float(sources.x[source]), float(sources.y[source])
            on_s = join(lanes, arc, x, y, patch.ground.slow)[1]
            points += [_on_arc(patch, arc, float(lanes.pace_s[arc]) - on_s), (x, y)]
            return points
        origin = int(patch.nodes.origin[node])


def _on_arc(patch: Patch, arc: int, seconds: float) -> tuple[float, float]:
    """The point of an arc that is reached ``seconds`` after its tail."""
    lanes = patch.lanes
    a, b, whole_s = lanes.tail[arc], lanes.head[arc], float(lanes.pace_s[arc])
    share = min(max(seconds / whole_s, 0.0), 1.0) if whole_s > 0 else 0.0
    x = lanes.x[a] + share * (lanes.x[b] - lanes.x[a])
    y = lanes.y[a] + share * (lanes.y[b] - lanes.y[a])
    return float(x), float(y)
