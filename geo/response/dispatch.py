"""Dispatch: the nearest units to a place by travel time, with their routes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from rtree import index as rtree

from geo.earth import LONLAT, geodesic_m
from geo.errors import MissingColumnError, OutOfRangeError
from geo.response.field import Field, automatic_cell_m, field
from geo.response.network import Network
from geo.response.route import route
from geo.response.speeds import STANDARD, Speeds

Floats = NDArray[np.float64]

#: The first guess of the time to the nearest units, as a speed over the ground.
_GUESS_MS = 12.0
_FIRST_S = 60.0
#: Metres in a degree of latitude are never fewer.
_M_PER_DEG = 110_500.0


def dispatch(
    network: Network, units: pd.DataFrame, lon: float, lat: float, *,
    speeds: Mapping[str, Speeds] = STANDARD, limit: int = 5, limit_s: float = 3600.0,
) -> gpd.GeoDataFrame:  # fmt: skip
    """The ``limit`` units that are soonest at a place (degrees), soonest first.

    ``units`` has columns unit, kind, lon, lat; a kind without ``speeds`` cannot be sent. Answers
    with unit, kind, eta_s, distance_m (along the route) and the route from the unit to the place
    as a LineString (EPSG:4326), index 0, 1, …; units later than ``limit_s`` are not in it.

    One field a mode, solved from the place outward against the roads' directions and grown until
    no other unit could be sooner: one that it does not reach needs longer than its limit, and the
    tree of positions gives the units near enough at their mode's top speed to be looked up at all.
    Raises MissingColumnError, OutOfRangeError.
    """
    missing = [c for c in ("unit", "kind", "lon", "lat") if c not in units]
    if missing:
        raise MissingColumnError(f"units: no column {', '.join(missing)}")
    if not (-180 <= lon <= 180 and -90 <= lat <= 90 and limit >= 1 and limit_s > 0):
        raise OutOfRangeError(
            f"dispatch: lon {lon}, lat {lat}, limit {limit}, limit_s {limit_s}: lon is -180 to "
            "180, lat -90 to 90, limit at least 1, limit_s above 0"
        )
    x, y = (units[c].to_numpy(dtype=float) for c in ("lon", "lat"))
    kind = units["kind"].to_numpy(dtype=object)
    placed = np.isfinite(x) & np.isfinite(y)
    of_kind = {name: np.flatnonzero(placed & (kind == name)) for name in speeds}
    rows = [
        _soonest(network, speeds[name], at, x, y, lon, lat, limit, limit_s)
        for name, at in of_kind.items()
        if len(at)
    ]
    found = sorted((row for mode in rows for row in mode), key=lambda r: (r[0], r[1]))[:limit]
    return _answer(units, found)


def _answer(
    units: pd.DataFrame, found: list[tuple[float, int, float, shapely.LineString]]
) -> gpd.GeoDataFrame:
    at = [row for _, row, _, _ in found]
    return gpd.GeoDataFrame(
        {
            "unit": units["unit"].to_numpy(dtype=object)[at],
            "kind": units["kind"].to_numpy(dtype=object)[at],
            "eta_s": np.array([eta_s for eta_s, _, _, _ in found], dtype=float),
            "distance_m": np.array([metres for _, _, metres, _ in found], dtype=float),
        },
        geometry=[line for _, _, _, line in found],
        crs=LONLAT,
    )


def _soonest(
    network: Network, speeds: Speeds, rows: NDArray[np.intp], x: Floats, y: Floats,
    lon: float, lat: float, limit: int, limit_s: float,
) -> list[tuple[float, int, float, shapely.LineString]]:  # fmt: skip
    """(eta_s, row, distance_m, line) of the soonest units of one mode, at most ``limit``."""
    if speeds.flies:
        straight_m = geodesic_m(x[rows], y[rows], lon, lat)
        eta_s = straight_m / speeds.off_road_ms
        best = [k for k in np.argsort(eta_s, kind="stable")[:limit] if eta_s[k] <= limit_s]
        return [
            (float(eta_s[k]), int(rows[k]), float(straight_m[k]),
             shapely.LineString([(x[rows[k]], y[rows[k]]), (lon, lat)]))
            for k in best
        ]  # fmt: skip
    tree = _tree(x[rows], y[rows])
    wanted = min(limit, len(rows))
    reach_s = min(limit_s, _first_s(tree, x[rows], y[rows], lon, lat, wanted))
    while True:
        reverse = _field_to(network, speeds, lon, lat, reach_s)
        near = rows[_within(tree, lon, lat, reach_s * _top_ms(network, speeds))]
        eta_s, _ = reverse.seconds_at(x[near], y[near])
        if np.isfinite(eta_s).sum() >= wanted or reach_s >= limit_s:
            break
        reach_s = min(limit_s, 2 * reach_s)
    best = [k for k in np.argsort(eta_s, kind="stable")[:limit] if math.isfinite(eta_s[k])]
    return [_way(reverse, int(near[k]), float(x[near[k]]), float(y[near[k]])) for k in best]


def _way(
    reverse: Field, row: int, lon: float, lat: float
) -> tuple[float, int, float, shapely.LineString]:
    way = route(reverse, lon, lat)
    assert way is not None  # the field reached this unit
    return way.seconds, row, way.distance_m, way.line


def _field_to(network: Network, speeds: Speeds, lon: float, lat: float, reach_s: float) -> Field:
    """A reverse field; its cells grow with the time, as what is read from it may."""
    cell_m = automatic_cell_m(speeds, 60.0) * max(1.0, reach_s / 600)
    return field(
        network, lon=lon, lat=lat, speeds=speeds, limit_s=reach_s, cell_m=cell_m, reverse=True
    )


def _top_ms(network: Network, speeds: Speeds) -> float:
    top_ms = float(network.speed_ms(speeds).max()) if len(network) else 0.0
    return max(speeds.off_road_ms, top_ms)


def _tree(x: Floats, y: Floats) -> rtree.Index:
    """Positions as an R-tree, loaded in one go."""
    places = np.ascontiguousarray(np.column_stack([x, y]))
    return rtree.Index((np.arange(len(x)), places, places))


def _first_s(tree: rtree.Index, x: Floats, y: Floats, lon: float, lat: float, wanted: int) -> float:
    """A first guess of the time within which ``wanted`` units are."""
    near = np.array(list(tree.nearest((lon, lat, lon, lat), wanted)), dtype=np.int64)
    far_m = float(geodesic_m(x[near], y[near], lon, lat).max())
    return max(_FIRST_S, far_m / _GUESS_MS)


def _within(tree: rtree.Index, lon: float, lat: float, reach_m: float) -> NDArray[np.intp]:
    """Positions in a box that holds all within ``reach_m``."""
    up = reach_m / _M_PER_DEG * 1.01
    edge = min(abs(lat) + up, 89.9)
    wide = min(up / math.cos(math.radians(edge)), 360.0)
    box = lon - wide, lat - up, lon + wide, lat + up
    return np.array(sorted(tree.intersection(box)), dtype=np.intp)
