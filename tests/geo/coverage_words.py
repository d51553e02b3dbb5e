"""Cells and paths from words, on a lattice whose answers can be worked out by hand.

Places are (east, north) in steps of 1/1024 degree from ORIGIN, exact in floating point: about
80.7 m to the east and 108.5 m to the north. A leg takes ten minutes unless told otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.earth import geodesic_m

ORIGIN = (104.0, 42.0)
STEP_DEG = 1 / 1024
START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
LEG_S = 600.0
Place = tuple[float, float]

#: Between two places of a path: the unit was not heard of on the way.
GAP = None


def at(minute: float) -> pd.Timestamp:
    return pd.Timestamp(START + timedelta(minutes=minute))


def lonlat(place: Place, origin: Place = ORIGIN) -> Place:
    return origin[0] + place[0] * STEP_DEG, origin[1] + place[1] * STEP_DEG


def ring(*places: Place, holes: tuple[tuple[Place, ...], ...] = ()) -> shapely.Polygon:
    return shapely.Polygon([lonlat(p) for p in places], [[lonlat(p) for p in h] for h in holes])


def block(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    return ring((west, south), (east, south), (east, north), (west, north))


def cells(**shapes: shapely.Geometry) -> gpd.GeoDataFrame:
    index = pd.Index(list(shapes), name="id", dtype="str")
    return gpd.GeoDataFrame(geometry=list(shapes.values()), index=index, crs="EPSG:4326")


def path(
    *places: Place | None,
    unit: str = "u",
    patrol: str | None = "p",
    minute: float = 0,
    leg_s: float = LEG_S,
    origin: Place = ORIGIN,
) -> pd.DataFrame:
    """Legs through the places, one after the other; after GAP the next one is a gap."""
    rows, before, gap = [], None, False
    time = at(minute)
    for place in places:
        if place is GAP:
            gap = True
            continue
        if before is not None:
            lon0, lat0 = lonlat(before, origin)
            lon1, lat1 = lonlat(place, origin)
            end = time + timedelta(seconds=leg_s)
            rows.append((unit, patrol, time, end, lon0, lat0, lon1, lat1, leg_s, not gap))
            time = end
        before, gap = place, False
    columns = ["unit", "patrol", "start", "end", "lon0", "lat0", "lon1", "lat1", "duration_s"]
    frame = pd.DataFrame(rows, columns=[*columns, "is_leg"])
    frame["start"] = pd.to_datetime(frame["start"], utc=True)
    frame["end"] = pd.to_datetime(frame["end"], utc=True)
    return frame.assign(
        length_m=geodesic_m(frame["lon0"], frame["lat0"], frame["lon1"], frame["lat1"])
    )


def together(*paths: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(paths, ignore_index=True)


def turn(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
