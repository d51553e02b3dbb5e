"""Legs and gaps cut at the ends of a window of time."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from geo.earth import interpolate
from geo.tracks.columns import Floats, Ints, as_times, instant, micros


def cut(
    legs: pd.DataFrame, start: datetime | None = None, end: datetime | None = None
) -> pd.DataFrame:
    """The part of ``legs`` (as ``geo.tracks.legs`` gives them) from ``start`` to ``end``.

    A leg that crosses an end of the window is cut there: its new end lies on its geodesic, and
    length and duration shrink in proportion. A gap is cut in time; its places stay those of its
    fixes, for nobody knows where it was in between. What only touches the window is left out;
    None is no end. A cut end is no fix any more: its accuracy becomes NaN.
    Raises NaiveTimeError.
    """
    from_us, to_us = micros(legs["start"], "legs"), micros(legs["end"], "legs")
    low = from_us if start is None else np.maximum(from_us, instant(start, "start"))
    high = to_us if end is None else np.minimum(to_us, instant(end, "end"))
    keep = low < high
    whole = (low == from_us) & (high == to_us)
    if (keep & ~whole).any():
        rows = np.flatnonzero(keep)
        return _shorten(legs.iloc[rows].copy(), low[rows], high[rows], from_us[rows], to_us[rows])
    return legs.iloc[np.flatnonzero(keep)].copy()


def _shorten(legs: pd.DataFrame, low: Ints, high: Ints, from_us: Ints, to_us: Ints) -> pd.DataFrame:
    span = (to_us - from_us).astype(float)
    head, tail = (low - from_us) / span, (high - from_us) / span
    is_leg = legs["is_leg"].to_numpy(dtype=bool)
    names = ("lon0", "lat0", "lon1", "lat1")
    ends = [legs[name].to_numpy(dtype=float, copy=True) for name in names]
    lon0, lat0 = _moved(ends, head, is_leg & (head > 0), ends[0], ends[1])
    lon1, lat1 = _moved(ends, tail, is_leg & (tail < 1), ends[2], ends[3])
    legs["lon0"], legs["lat0"], legs["lon1"], legs["lat1"] = lon0, lat0, lon1, lat1
    legs["start"], legs["end"] = as_times(low), as_times(high)
    legs["duration_s"] = (high - low) / 1e6
    legs["length_m"] = legs["length_m"].to_numpy(dtype=float) * np.where(is_leg, tail - head, 1)
    for name, moved in (("accuracy0_m", head > 0), ("accuracy1_m", tail < 1)):
        if name in legs.columns:
            legs[name] = np.where(moved, np.nan, legs[name].to_numpy(dtype=float))
    return legs


def _moved(
    ends: list[Floats], fraction: Floats, which: np.ndarray, lon: Floats, lat: Floats
) -> tuple[Floats, Floats]:
    """``lon`` and ``lat`` with those of ``which`` replaced by the point at ``fraction``."""
    lon, lat = lon.copy(), lat.copy()
    lon0, lat0, lon1, lat1 = (end[which] for end in ends)
    lon[which], lat[which] = interpolate(lon0, lat0, lon1, lat1, fraction[which])
    return lon, lat
