"""Dispatch: the enrolled units that are soonest at a place."""

from __future__ import annotations

from datetime import datetime

import geopandas as gpd
import pandas as pd
from sqlalchemy import Connection

from geo.response import dispatch
from layers.region import Region
from layers.response.network import network, speeds_by_kind
from layers.units import enrolment


def nearest(
    connection: Connection, region: Region, lon: float, lat: float, *, limit: int, limit_s: float,
    now: datetime, stale: bool = False,
) -> gpd.GeoDataFrame:  # fmt: skip
    """Units by travel time to a place, soonest first, with their route and the age of their fix.

    Columns: unit, call_sign, kind, team, eta_s, distance_m, fix_time, fix_age_s, freshness,
    geometry. Units with a stale fix only if ``stale`` says so.
    """
    rows = []
    for row in enrolment.latest(connection, limit=1_000_000):
        fix_time = row["fix_time"]
        if not isinstance(fix_time, datetime):
            continue
        age_s = (now - fix_time).total_seconds()
        freshness = region.kinds[str(row["kind"])].freshness(age_s)
        if stale or freshness not in {"stale", "silent"}:
            rows.append({**row, "fix_age_s": round(age_s), "freshness": freshness})
    columns = [
        "unit",
        "call_sign",
        "kind",
        "team",
        "lon",
        "lat",
        "fix_time",
        "fix_age_s",
        "freshness",
    ]
    units = pd.DataFrame(rows, columns=columns)
    units["lon"], units["lat"] = units["lon"].astype(float), units["lat"].astype(float)
    found = dispatch(
        network(connection), units, lon, lat, speeds=speeds_by_kind(region), limit=limit,
        limit_s=limit_s,
    )  # fmt: skip
    told = units.drop(columns=["lon", "lat", "kind"])
    return gpd.GeoDataFrame(found.merge(told, on="unit", how="left"), crs=found.crs)
