"""Test geometry from words: a small lattice whose answers can be worked out by hand.

Places are (east, north) in steps of 1/1024 degree from ORIGIN, exact in floating point: about
80.6 m to the east and 108.5 m to the north. A leg of a few steps bends by millimetres, so it is
taken as straight, and halfway in lon/lat is halfway in time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from geo.breaches import judge

ORIGIN = (104.0, 42.0)
STEP_DEG = 1 / 1024
START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # a Monday; noon in Shanghai's time zone

Place = tuple[float, float]

#: The gate stands west of the square, four steps wide.
GATE: Place = (-2, 2)
SQUARE = [(0, 0), (4, 0), (4, 4), (0, 4)]
INSIDE: Place = (2, 2)
BEYOND: Place = (6, 2)
GAP = [None] * 9  #: ten minutes without a fix


def at(minute: float) -> pd.Timestamp:
    """The moment so many minutes after START."""
    return pd.Timestamp(START + timedelta(minutes=minute))


def lonlat(place: Place) -> Place:
    """A place of the lattice in degrees."""
    return ORIGIN[0] + place[0] * STEP_DEG, ORIGIN[1] + place[1] * STEP_DEG


def walk(*places: Place | None, unit: str = "u", every_s: float = 60, **more: Any) -> pd.DataFrame:
    """One fix every minute through the places; None is a minute without a fix."""
    rows = [
        {"unit": unit, "time": at(n * every_s / 60), "lon": x, "lat": y, **more}
        for n, place in enumerate(places)
        if place is not None
        for x, y in [lonlat(place)]
    ]
    return pd.DataFrame(rows, columns=["unit", "time", "lon", "lat", *more])


def units(*names: str, **more: Any) -> pd.DataFrame:
    """Vehicles with a gap of 5 minutes and 50 m/s, good to 10 m, unless told otherwise."""
    row = {
        "kind": "vehicle",
        "team": "t1",
        "max_gap_s": 300.0,
        "top_speed_ms": 50.0,
        "accuracy_m": 10.0,
    }
    index = pd.Index(names or ("u",), name="unit", dtype="str")
    return pd.DataFrame([{**row, **more}] * len(index), index=index)


def polygon(*rings: list[Place]) -> shapely.Polygon:
    """A polygon on the lattice; further rings are holes."""
    shell, *holes = [[lonlat(p) for p in ring] for ring in rings]
    return shapely.Polygon(shell, holes)


def line(*places: Place) -> shapely.LineString:
    """A line on the lattice, drawn in this order."""
    return shapely.LineString([lonlat(p) for p in places])


def fence(shape: shapely.Geometry, rule: str = "keep_out", **more: Any) -> gpd.GeoDataFrame:
    """One fence version."""
    row = {"fence": "f", "version": 1, "rule": rule, "severity": "high", **more}
    return gpd.GeoDataFrame([row], geometry=[shape], crs="EPSG:4326")


AREA = polygon(SQUARE)


def breaches(fixes, fences=None, fleet=None, **more) -> pd.DataFrame:
    """What is judged of fixes: by default of the unit u, at the square as a keep_out fence."""
    fences = fence(AREA) if fences is None else fences
    return judge(
        fixes, units() if fleet is None else fleet, fences, timezone="Asia/Shanghai", **more
    )


def times(found: pd.DataFrame, column: str) -> list[float | None]:
    """Minutes since START."""
    minutes = (found[column] - at(0)).dt.total_seconds() / 60
    return [None if pd.isna(m) else round(m, 4) for m in minutes]
