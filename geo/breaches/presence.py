"""Who was inside a polygon between two times, with no fence at all."""

from __future__ import annotations

from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numba import njit

from geo.breaches.engine import walked
from geo.breaches.fences import Fences
from geo.breaches.judge import table
from geo.tracks.columns import Bools, Floats, Ints, as_times, instant, micros
from geo.tracks.path import Track

#: Further than a boundary counts as touched, and than pieces of legs lie from their geodesics.
_SLACK_DEG = 1e-5
#: The ellipsoid's geodesics bulge a little otherwise than the sphere's, by which they are bounded.
_BULGE = 1.05


def presence(
    fixes: pd.DataFrame,
    units: pd.DataFrame,
    polygon: shapely.Geometry,
    start: datetime | None = None,
    end: datetime | None = None,
) -> pd.DataFrame:
    """The stays and passages inside ``polygon`` (degrees) that meet start..end, cut there.

    ``fixes`` should reach beyond the window by a leg on either side. Columns: unit, entered_at,
    exited_at (of who was still inside at the last fix: the window's end, NaT without one),
    evidence, unknown_s (of the whole stay), lon, lat (of the entry, uncut). None is no end of the
    window. Raises as ``stays``.
    """
    found = presence_of(Track.of(fixes, units), units, searched(polygon), start, end)
    return found.drop(columns="place")


def searched(*polygons: shapely.Geometry) -> Fences:
    """Polygons made ready to be searched, by their number. Raises as ``Fences.of``."""
    names = [str(n) for n in range(len(polygons))]
    frame = {"fence": names, "rule": "presence"}
    return Fences.of(gpd.GeoDataFrame(frame, geometry=list(polygons), crs="EPSG:4326"))


def presence_of(
    track: Track,
    units: pd.DataFrame,
    places: Fences,
    start: datetime | None = None,
    end: datetime | None = None,
) -> pd.DataFrame:
    """``presence`` of a track in polygons that are ``searched``; ``place``: the number of each."""
    inside = walked(track, units, places, zone=None, every=True)
    found = table(inside.rows, track.units, places)
    entered, exited = micros(found["entered_at"], "stays"), micros(found["exited_at"], "stays")
    still = found["exited_at"].isna().to_numpy()
    meets = np.ones(len(found), dtype=bool)
    if start is not None:
        start_us = instant(start, "start")
        meets &= still | (exited > start_us)
        entered = np.maximum(entered, start_us)
    if end is not None:
        end_us = instant(end, "end")
        meets &= entered < end_us
        exited = np.where(still, end_us, np.minimum(exited, end_us))
    columns = ["unit", "evidence", "unknown_s", "lon", "lat"]
    out = found[columns].assign(
        entered_at=as_times(entered), exited_at=as_times(exited),
        place=found["fence"].astype(np.int64),
    )  # fmt: skip
    order = ["unit", "entered_at", "exited_at", *columns[1:], "place"]
    return out.loc[meets, order].reset_index(drop=True)


def without_gaps(found: pd.DataFrame, track: Track) -> pd.DataFrame:
    """The stays and passages that ``presence_of`` found in a track, without what is unknown of
    them: each by its parts in which the unit was heard, a fix between two gaps as a moment."""
    # A unit is heard from a fix that no leg leads to until the last that legs lead to from there.
    begins = np.flatnonzero(~track.is_leg)
    of, from_us = track.unit[begins], track.time_us[begins]
    to_us = track.time_us[np.r_[begins[1:], len(track.unit)] - 1] if len(begins) else from_us
    number = {name: n for n, name in enumerate(track.units)}
    unit = np.array([number[str(name)] for name in found["unit"]], dtype=np.int64)
    entered, exited = micros(found["entered_at"], "stays"), micros(found["exited_at"], "stays")
    first = _count_before(of, to_us, unit, entered)
    # A fix that ends a stay across a gap is outside.
    past = _count_before(of, from_us, unit, np.maximum(exited, entered + 1))
    count = np.maximum(past - first, 0)
    stay = np.repeat(np.arange(len(found)), count)
    part = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - first, count)
    return found.iloc[stay].assign(
        entered_at=as_times(np.maximum(entered[stay], from_us[part])),
        exited_at=as_times(np.minimum(exited[stay], to_us[part])), unknown_s=0.0,
    ).reset_index(drop=True)  # fmt: skip


def _count_before(of: Ints, time_us: Ints, unit: Ints, at_us: Ints) -> Ints:
    """How many rows (by unit and time) come before each moment of a unit."""
    asked = np.r_[np.ones(len(of)), np.zeros(len(unit))]
    order = np.lexsort((asked, np.r_[time_us, at_us], np.r_[of, unit]))
    out = np.empty(len(order), dtype=np.int64)
    out[order] = np.cumsum(order < len(of))
    return out[len(of) :]


def may_be_in(polygon: Fences, west: Floats, south: Floats, east: Floats, north: Floats) -> Bools:
    """Whether fixes within each box (degrees), or legs between them, may meet the polygon.

    False is sure. Along a geodesic the longitude goes one way, so that a leg leaves its box only
    towards the nearer pole, and furthest where both of its ends are at the corners.
    """
    shape = polygon.geometry[0]
    wide = east - west
    # Too wide to say which way the legs in it go; on the seam both sides are meant.
    meets = (wide > 90) | (west <= -180) | (east >= 180)
    left, bottom, right, top = shape.bounds
    widest = _SLACK_DEG / np.maximum(np.cos(np.radians(np.maximum(-south, north))), 1e-5)
    at = np.flatnonzero(~meets & (west - widest <= right) & (east + widest >= left))
    widest, wide = widest[at], wide[at]
    low, high = -_bulged(-south[at], wide), _bulged(north[at], wide)
    near = (low <= top) & (high >= bottom)
    at, low, high, widest = at[near], low[near], high[near], widest[near]
    left, right = west[at] - widest, east[at] + widest
    # Of many small parts most boxes meet none, and a geometry of each box takes long to make.
    parts = shapely.bounds(shapely.get_parts(shape))
    near = _meet(left, low, right, high, parts[np.argsort(parts[:, 0])])
    boxes = shapely.box(left[near], low[near], right[near], high[near])
    meets[at[near]] = shapely.intersects(shape, boxes)
    return meets


@njit(cache=True, nogil=True)
def _meet(west: Floats, south: Floats, east: Floats, north: Floats, parts: Floats) -> Bools:
    """Whether boxes meet any of others: ``parts``, of west, south, east, north, by their west."""
    found = np.zeros(len(west), np.bool_)
    for k in range(len(west)):
        for n in range(len(parts)):
            if parts[n, 0] > east[k]:
                break
            if parts[n, 2] >= west[k] and parts[n, 1] <= north[k] and parts[n, 3] >= south[k]:
                found[k] = True
                break
    return found


def _bulged(lat: Floats, wide: Floats) -> Floats:
    """The latitude up to which legs bulge northwards of two points at ``lat``, ``wide`` apart.

    On a sphere the vertex of their great circle; southwards of the equator there is none.
    """
    northern = np.radians(np.clip(lat, 0, 90))
    vertex = np.arctan2(np.sin(northern), np.cos(northern) * np.cos(np.radians(wide) / 2))
    return np.asarray(lat + np.degrees(vertex - northern) * _BULGE + _SLACK_DEG)
