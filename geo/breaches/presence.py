"""Who was inside a polygon between two times, with no fence at all."""

from __future__ import annotations

from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.breaches.engine import walked
from geo.breaches.fences import Fences
from geo.breaches.judge import table
from geo.tracks.columns import Bools, Floats, as_times, instant, micros
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
    return presence_of(Track.of(fixes, units), units, searched(polygon), start, end)


def searched(polygon: shapely.Geometry) -> Fences:
    """A polygon made ready to be searched. Raises as ``Fences.of``."""
    frame = {"fence": ["polygon"], "rule": ["presence"]}
    return Fences.of(gpd.GeoDataFrame(frame, geometry=[polygon], crs="EPSG:4326"))


def presence_of(
    track: Track,
    units: pd.DataFrame,
    polygon: Fences,
    start: datetime | None = None,
    end: datetime | None = None,
) -> pd.DataFrame:
    """``presence`` of a track in a polygon that is ``searched``."""
    inside = walked(track, units, polygon, zone=None, every=True)
    found = table(inside.rows, track.units, polygon)
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
    out = found[columns].assign(entered_at=as_times(entered), exited_at=as_times(exited))
    order = ["unit", "entered_at", "exited_at", *columns[1:]]
    return out.loc[meets, order].reset_index(drop=True)


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
    boxes = shapely.box(west[at] - widest, low, east[at] + widest, high)
    meets[at] = shapely.intersects(shape, boxes)
    return meets


def _bulged(lat: Floats, wide: Floats) -> Floats:
    """The latitude up to which legs bulge northwards of two points at ``lat``, ``wide`` apart.

    On a sphere the vertex of their great circle; southwards of the equator there is none.
    """
    northern = np.radians(np.clip(lat, 0, 90))
    vertex = np.arctan2(np.sin(northern), np.cos(northern) * np.cos(np.radians(wide) / 2))
    return np.asarray(lat + np.degrees(vertex - northern) * _BULGE + _SLACK_DEG)
