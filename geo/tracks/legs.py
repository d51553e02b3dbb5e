"""Legs and gaps as a frame, and the fixes that were set aside."""

from __future__ import annotations

import numpy as np
import pandas as pd

from geo.tracks.columns import Ints, as_times, stamp
from geo.tracks.path import Track
from geo.tracks.settling import settle


def outliers(fixes: pd.DataFrame, units: pd.DataFrame) -> pd.Series:
    """Which fixes are lone outliers (bool, on the index of ``fixes``).

    The rule is in ``Track.of``: p→i and i→n both need more than top speed and p→n does not,
    over the settled fixes. A row that settling did not keep is not an outlier.
    """
    track = Track.of(fixes, units)
    aside = np.zeros(len(fixes), dtype=bool)
    aside[track.outlier_rows] = True
    return pd.Series(aside, index=fixes.index, name="outlier")


def legs(fixes: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Every step between consecutive fixes of a unit, as a leg or as a gap.

    ``fixes`` (unit, time, lon, lat [, accuracy_m, patrol_id]) are settled and freed of outliers
    first; ``units`` (index unit; max_gap_s, top_speed_ms). Columns of the answer: unit, patrol,
    start, end (UTC), lon0, lat0, lon1, lat1, duration_s, length_m (geodesic), is_leg, reason
    ('time' or 'speed' for gaps, else missing), accuracy0_m, accuracy1_m (as stated); sorted by
    unit and start.

    ``patrol`` of a leg is the ``patrol_id`` of its first fix, else ``unit@start`` of the run of
    legs without a gap that it belongs to, so give whole runs and cut afterwards. A gap belongs
    to a patrol only when both of its fixes state the same one.
    Raises MissingColumnError, NaiveTimeError, OutOfRangeError, UnknownUnitError.
    """
    kept = settle(fixes).kept
    track = Track.of(kept, units)
    b = np.flatnonzero(track.follows)
    a = b - 1
    is_leg = track.is_leg[b]
    reason = np.where(track.is_late[b], "time", "speed").astype(object)
    reason[is_leg] = None
    return pd.DataFrame(
        {
            "unit": pd.Series(np.asarray(track.units, dtype=object)[track.unit[b]], dtype="str"),
            "patrol": _patrols(kept, track, a, b),
            "start": as_times(track.time_us[a]),
            "end": as_times(track.time_us[b]),
            "lon0": track.lon[a],
            "lat0": track.lat[a],
            "lon1": track.lon[b],
            "lat1": track.lat[b],
            "duration_s": (track.time_us[b] - track.time_us[a]) / 1e6,
            "length_m": track.step_m[b],
            "is_leg": is_leg,
            "reason": pd.Series(reason, dtype="str"),
            "accuracy0_m": track.accuracy_m[a],
            "accuracy1_m": track.accuracy_m[b],
        }
    )


def _patrols(kept: pd.DataFrame, track: Track, a: Ints, b: Ints) -> pd.Series:
    is_leg = track.is_leg[b]
    names = _run_names(track)[b]
    names[~is_leg] = None
    if "patrol_id" in kept.columns:
        column = kept["patrol_id"]
        stated = column.astype("str").to_numpy(dtype=object)
        is_stated = column.notna().to_numpy()
        first, second = track.row[a], track.row[b]
        agreed = is_stated[first] & is_stated[second] & (stated[first] == stated[second])
        use = np.where(is_leg, is_stated[first], agreed)
        names[use] = stated[first][use]
    return pd.Series(names, dtype="str")


def _run_names(track: Track) -> np.ndarray:
    """For each fix that ends a leg: the name of its run; anything elsewhere."""
    begins = np.flatnonzero(~track.is_leg)  # the fix before the first leg of a run
    names = np.asarray(
        [f"{track.units[track.unit[i]]}@{stamp(track.time_us[i])}" for i in begins], dtype=object
    )
    return names[np.cumsum(~track.is_leg) - 1] if len(names) else np.empty(0, dtype=object)
