"""Reach: from one place or from many sources, and which settlements that covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from sqlalchemy import Connection

from geo.response import Field, bands, field
from layers import frames
from layers.region import Region
from layers.response.network import network, speeds_of
from layers.units import enrolment

Source = Literal["checkpoints", "posts", "units"]
#: The layers that an answer is read from, by where it starts.
READS: dict[str, tuple[str, ...]] = {
    "place": ("roads",),
    "checkpoints": ("checkpoints", "roads"),
    "posts": ("posts", "roads"),
    "units": ("fixes", "roads", "units"),
}


#: Travel times to settlements are told up to this, whatever bands are asked for.
SEARCHED_MINUTES = 120.0


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where help starts from."""

    ids: list[str]
    lon: np.ndarray
    lat: np.ndarray
    left_out: int = 0  #: units whose fix is stale, or that answer no calls by this mode


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Nested areas, and what they start from."""

    bands: gpd.GeoDataFrame  #: minutes, seconds, area_m2, geometry; smallest first
    sources: int
    left_out: int
    road_m: float  #: from the origin to the nearest road; inf without roads
    cell_m: float
    note: str | None


@dataclass(frozen=True, kw_only=True)
class SettlementTimes:
    """Seconds to each settlement, and how many households are within each of the minutes."""

    settlements: gpd.GeoDataFrame  #: index id; name, households, seconds, source, within_minutes
    households: dict[str, object]


def sources(
    connection: Connection, region: Region, source: Source, *, mode: str, now: datetime,
    stale: bool = False,
) -> Sources:  # fmt: skip
    """All checkpoints, posts, or live units of a mode; a stale unit only if ``stale`` says so."""
    if source != "units":
        found = frames.places(connection, source)
        return Sources(
            ids=list(found.index), lon=found.geometry.x.to_numpy(), lat=found.geometry.y.to_numpy()
        )
    ids, lon, lat, left = [], [], [], 0
    for row in enrolment.latest(connection, limit=1_000_000):
        kind = region.kinds[str(row["kind"])]
        fix_time = row["fix_time"]
        if not isinstance(fix_time, datetime) or kind.mode != mode:
            continue
        if kind.freshness((now - fix_time).total_seconds()) in {"stale", "silent"} and not stale:
            left += 1
            continue
        ids.append(str(row["unit"]))
        lon.append(row["lon"])
        lat.append(row["lat"])
    return Sources(
        ids=ids, lon=np.asarray(lon, dtype=float), lat=np.asarray(lat, dtype=float), left_out=left
    )


def field_of(
    connection: Connection, region: Region, origin: Sources, *, minutes: Sequence[float], mode: str
) -> Field:
    """Travel time from the sources, as far as the largest of ``minutes``."""
    return field(
        network(connection),
        lon=origin.lon,
        lat=origin.lat,
        speeds=speeds_of(region, mode),
        limit_s=max(minutes) * 60,
        finest_s=min(minutes) * 60,
    )


def areas(
    connection: Connection, region: Region, origin: Sources, *, minutes: Sequence[float], mode: str
) -> Reach:
    """Nested response areas from the sources."""
    reached = field_of(connection, region, origin, minutes=minutes, mode=mode)
    return Reach(
        bands=bands(reached, minutes),
        sources=len(origin.ids),
        left_out=origin.left_out,
        road_m=reached.road_m,
        cell_m=reached.cell_m,
        note=reached.note,
    )


def _to(places: gpd.GeoDataFrame, reached: Field) -> tuple[np.ndarray, np.ndarray]:
    return reached.seconds_at(places.geometry.x, places.geometry.y)


def settlement_times(
    connection: Connection, region: Region, origin: Sources, *, minutes: Sequence[float], mode: str
) -> SettlementTimes:
    """Seconds from the nearest source to each settlement, as far as SEARCHED_MINUTES; households
    within each of ``minutes``, and outside."""
    places = frames.places(connection, "settlements")
    steps = sorted(minutes)
    seconds, owner = _to(places, field_of(connection, region, origin, minutes=steps, mode=mode))
    if not np.isfinite(seconds).all() and steps[-1] < SEARCHED_MINUTES:
        # Coarser cells do for those far away: they may not come within the last band by it.
        wide = field_of(connection, region, origin, minutes=[SEARCHED_MINUTES], mode=mode)
        far = ~np.isfinite(seconds)
        found, whose = _to(places[far], wide)
        seconds[far] = np.maximum(found, np.nextafter(steps[-1] * 60, np.inf))
        owner[far] = whose
    within = [next((m for m in steps if s <= m * 60), None) for s in seconds]
    told = places[["name", "name_zh", "name_mn", "name_en", "households", "geometry"]].assign(
        seconds=np.where(np.isfinite(seconds), seconds, np.nan),
        source=[origin.ids[o] if o >= 0 else None for o in owner],
        within_minutes=pd.Series(within, index=places.index, dtype="float64"),
    )
    households = told["households"].fillna(0).astype(float)
    reachable = {f"{m:g}": int(households[told["seconds"] <= m * 60].sum()) for m in steps}
    return SettlementTimes(
        settlements=told,
        households={
            "all": int(households.sum()),
            "within": reachable,
            "outside": int(households.sum()) - reachable[f"{steps[-1]:g}"],
            "settlements_outside": int(told["within_minutes"].isna().sum()),
            "settlements_without_households": int(told["households"].isna().sum()),
        },
    )
