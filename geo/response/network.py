"""The road network: ways that meet where they share a vertex, as plain arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from geo.earth import LONLAT, geodesic_m
from geo.errors import MissingColumnError, NoCrsError, OutOfRangeError, WrongGeometryError
from geo.response.compiled import compiled
from geo.response.speeds import KMH_PER_MS, Speeds

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

FORWARD, BACKWARD = 1, 2
_ONEWAY = {"no": FORWARD | BACKWARD, "forward": FORWARD, "backward": BACKWARD}
#: Vertices are the same place when they agree to 1e-7 degrees (1 cm), OpenStreetMap's own step.
_STEP_PER_DEG = 1e7
#: Longer edges get nodes in between (which join nothing), to be straight on every plane (0.1 m).
_MAX_EDGE_DEG = 0.02


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """Roads as nodes and edges; an edge is the straight piece between two vertices of a way.

    Plain numpy arrays: it pickles, so a caller may keep it. ``of`` makes it.
    """

    lon: Floats  #: of each node, degrees
    lat: Floats
    start: Ints  #: node at which each edge begins, in the way's own direction
    end: Ints
    length_m: Floats  #: geodesic, of each edge
    way: Ints  #: row of the roads frame that each edge is part of
    ways_open: Bytes  #: of each edge: FORWARD, BACKWARD or both
    leaves: NDArray[np.bool_]  #: of each edge; False on a bridge or in a tunnel
    road: pd.DataFrame  #: class, surface, speed_kmh of each way; the index of the roads frame
    _paces: dict[tuple[object, ...], Floats] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, roads: gpd.GeoDataFrame) -> Network:
        """The network of a roads frame (LineStrings; ``class`` is needed, ``surface``, ``oneway``,
        ``speed_kmh``, ``bridge`` and ``tunnel`` may be missing).

        Ways meet where they share a vertex, wherever it lies on them; two that only cross on the
        map do not. Raises NoCrsError, WrongGeometryError, MissingColumnError, OutOfRangeError.
        """
        road = _columns(roads)
        xy, way = shapely.get_coordinates(_lines(roads), return_index=True)
        steps = np.rint(xy * _STEP_PER_DEG).astype(np.int64)
        key = steps[:, 0] * 4_000_000_000 + steps[:, 1]
        _, first, node = np.unique(key, return_index=True, return_inverse=True)
        nodes: Ints = node.astype(np.int32)
        real = np.flatnonzero((way[1:] == way[:-1]) & (nodes[1:] != nodes[:-1]))
        lon, lat, start, end, way = _split(
            xy[first, 0], xy[first, 1], nodes[real], nodes[real + 1], way[real].astype(np.int32)
        )
        return cls(
            lon=lon, lat=lat, start=start, end=end, way=way, road=road,
            length_m=geodesic_m(lon[start], lat[start], lon[end], lat[end]),
            ways_open=_oneway(roads)[way], leaves=~_shut(roads)[way],
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.start)

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north in degrees; None of an empty network."""
        if not len(self):
            return None
        lon, lat = self.lon, self.lat
        return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())

    def speed_ms(self, speeds: Speeds) -> Floats:
        """Speed on each edge in m/s; 0 where the way is closed to the mode."""
        if speeds.key not in self._paces:
            kmh = self.road["class"].map(dict(speeds.road_kmh)).astype(float)
            kmh = kmh.fillna(speeds.other_road_kmh)
            rough = self.road["surface"].map(dict(speeds.surface_factor)).astype(float).fillna(1.0)
            own = self.road["speed_kmh"] if speeds.keeps_rules else pd.Series(np.nan, kmh.index)
            kmh = (kmh * rough).where(own.isna() | (kmh == 0), own).clip(upper=speeds.top_kmh)
            self._paces[speeds.key] = kmh.to_numpy(dtype=float)[self.way] / KMH_PER_MS
        return self._paces[speeds.key]

    def open_ways(self, speeds: Speeds) -> Bytes:
        """The directions in which the mode may use each edge."""
        return self.ways_open if speeds.keeps_rules else np.full_like(self.ways_open, 3)


def _lines(roads: gpd.GeoDataFrame) -> NDArray[np.object_]:
    if roads.crs is None:
        raise NoCrsError("roads: the frame declares no CRS; set it (EPSG:4326) first")
    given = roads.geometry if roads.crs == LONLAT else roads.geometry.to_crs(LONLAT)
    lines = np.asarray(given.array, dtype=object)
    bad = np.flatnonzero(shapely.get_type_id(lines) != 1)
    if len(bad):
        what = "nothing" if lines[bad[0]] is None else lines[bad[0]].geom_type
        raise WrongGeometryError(
            f"roads: {roads.index[bad[0]]!r} is {what}; split it into LineStrings first"
        )
    xy, way = shapely.get_coordinates(lines, return_index=True)
    wild = ~(np.isfinite(xy).all(axis=1) & (np.abs(xy[:, 1]) <= 90) & (np.abs(xy[:, 0]) <= 360))
    if wild.any():
        row = roads.index[way[np.flatnonzero(wild)[0]]]
        raise OutOfRangeError(f"roads: {row!r} has a vertex that is no longitude and latitude")
    return lines


def _split(
    lon: Floats, lat: Floats, start: Ints, end: Ints, way: Ints
) -> tuple[Floats, Floats, Ints, Ints, Ints]:
    """Edges no longer than ``_MAX_EDGE_DEG``, with new nodes evenly along those that were."""
    side = np.maximum(np.abs(lon[end] - lon[start]), np.abs(lat[end] - lat[start]))
    parts = np.maximum(np.ceil(side / _MAX_EDGE_DEG), 1).astype(np.int64)
    edge = np.repeat(np.arange(len(start)), parts)
    part = np.arange(len(edge)) - np.repeat(np.cumsum(parts) - parts, parts)
    inner = part > 0
    share = part[inner] / parts[edge[inner]]
    a, b = start[edge[inner]], end[edge[inner]]
    new = np.empty(len(edge), dtype=np.int32)
    new[inner] = len(lon) + np.arange(inner.sum())
    begin = np.where(inner, new, start[edge]).astype(np.int32)
    last = part == parts[edge] - 1
    finish = np.where(last, end[edge], np.append(begin[1:], 0)).astype(np.int32)
    more_lon = np.concatenate([lon, lon[a] + share * (lon[b] - lon[a])])
    more_lat = np.concatenate([lat, lat[a] + share * (lat[b] - lat[a])])
    return more_lon, more_lat, begin, finish, way[edge]


def _columns(roads: gpd.GeoDataFrame) -> pd.DataFrame:
    if "class" not in roads:
        raise MissingColumnError("roads: no column 'class'; map the one that holds it")
    missing = pd.Series(np.nan, roads.index)
    speed = pd.to_numeric(roads.get("speed_kmh", missing)).astype(float)
    if (speed < 0).any():
        raise OutOfRangeError(f"roads: {speed.idxmin()!r} has speed_kmh {speed.min()}; give >= 0")
    return pd.DataFrame({
        "class": roads["class"].astype(object),
        "surface": roads.get("surface", missing).astype(object),
        "speed_kmh": speed,
    })  # fmt: skip


def _oneway(roads: gpd.GeoDataFrame) -> Bytes:
    if "oneway" not in roads:
        return np.full(len(roads), FORWARD | BACKWARD, dtype=np.uint8)
    said = roads["oneway"].astype(object).where(roads["oneway"].notna(), "no")
    code = said.map(_ONEWAY)
    if code.isna().any():
        row = code.index[code.isna()][0]
        raise OutOfRangeError(
            f"roads: {row!r} has oneway {said[row]!r}; it is one of {', '.join(_ONEWAY)}"
        )
    return np.asarray(code, dtype=np.uint8)


def _shut(roads: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    shut = np.zeros(len(roads), dtype=bool)
    for column in ("bridge", "tunnel"):
        if column in roads:
            shut |= roads[column].astype("boolean").fillna(False).to_numpy(dtype=bool)
    return shut


@compiled
def _nearest_on_edges(
    x: Floats, y: Floats, start: Ints, end: Ints, wide: float, px: float, py: float
) -> tuple[float, float]:
    """The point (degrees) of all edges that is nearest to p; ``wide`` = cosine of its latitude."""
    best, bx, by = np.inf, px, py
    for e in range(start.size):
        ax, ay = (x[start[e]] - px) * wide, y[start[e]] - py
        dx, dy = (x[end[e]] - px) * wide - ax, y[end[e]] - py - ay
        part = -(ax * dx + ay * dy) / (dx * dx + dy * dy)
        part = min(max(part, 0.0), 1.0)
        fx, fy = ax + part * dx, ay + part * dy
        if fx * fx + fy * fy < best:
            best = fx * fx + fy * fy
            bx, by = px + fx / wide, py + fy
    return bx, by


def road_distance_m(network: Network, lon: ArrayLike, lat: ArrayLike) -> Floats:
    """Geodesic metres from each point (degrees) to the nearest road; inf where there is no road.

    Looks at every edge (0.1 ms a point on 100,000): for one origin or a few hundred places.
    """
    x, y = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (lon, lat))
    if not len(network):
        return np.full(len(x), np.inf)
    foot = np.array([
        _nearest_on_edges(
            network.lon, network.lat, network.start, network.end,
            max(math.cos(math.radians(q)), 1e-6), p, q,
        )
        for p, q in zip(x, y, strict=True)
    ]).reshape(-1, 2)  # fmt: skip
    return geodesic_m(x, y, foot[:, 0], foot[:, 1])
