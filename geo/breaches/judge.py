"""Breaches of fences, from all fixes of some units at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from geo.breaches.engine import Records, walked
from geo.breaches.fences import Fences
from geo.breaches.records import CROSSING, MISSING
from geo.tracks.columns import Ints, as_times
from geo.tracks.path import Track


def judge(
    fixes: pd.DataFrame,
    units: pd.DataFrame,
    fences: Fences | gpd.GeoDataFrame,
    *,
    timezone: str | ZoneInfo,
    known_inside: Collection[tuple[str, str]] = (),
) -> pd.DataFrame:
    """The breaches that ``fixes`` show: a function of the set of fixes and of fence versions.

    ``fixes``: unit, time, lon, lat [, accuracy_m]; settled and freed of lone outliers here
    (``geo.tracks``). ``units``: index unit; max_gap_s, top_speed_ms, accuracy_m [, kind, team].
    ``fences``: versions, prepared by ``Fences.of`` or as it takes them. ``timezone``: the
    region's, for active hours.

    One row a breach, by unit, entry, fence and version: unit, fence (id), fence_version, rule,
    severity, direction (of a crossing), visit, evidence, entered_at, entered_earliest,
    entered_latest, exited_at, exited_earliest, exited_latest (NaT while open), unknown_s, state
    (open, closed), lon, lat (place of entry), entered_fix, exited_fix (times of the fixes that
    decided). Where things happen at one moment, exits come before enters. What is meant:

    - A stay begins with a fix strictly inside, at the first crossing of the leg that led there,
      and ends with the first fix outside by more than margin_m, at the last crossing of the leg
      that led out (at that leg's start where it only left the margin). The boundary itself is
      neither. A leg with neither end in a stay that runs inside is a passage, each stretch one.
    - Across a gap the time is the deciding fix's, its earliest the fix before. A first fix has
      none before: its earliest is its own time.
    - keep_out is broken by stays and passages of at least dwell_s; keep_in by absences of at
      least dwell_s, which only a fix inside ends; an open one counts up to the unit's last fix.
    - A version is in force from valid_from until before valid_to, and while it is active. Each
      part of a stay in force is a breach of its own, entered at the first moment in force, with
      its own dwell, evidence and unknown_s; ``visit`` links them. A part that lies wholly in a
      gap is none. An end in mid-stay is known with the first fix after it.
    - A version is walked from the last fix before its time. A unit that is then on its boundary
      or in its margin does what it did at the version before. A stay that began before its
      version is named by the version's time, unless it goes on from a stay at the one before.
    - ``known_inside``: (unit, fence) of stays that span a unit's first fix here. Only needed when
      ``fixes`` begin in the middle.

    Raises what ``Track.of`` and ``Fences.of`` raise.
    """
    zone = ZoneInfo(timezone) if isinstance(timezone, str) else timezone
    ready = fences if isinstance(fences, Fences) else Fences.of(fences)
    track = Track.of(fixes, units)
    rows = walked(track, units, ready, zone=zone, known_inside=known_inside).rows
    return table(broken(rows, ready), track.units, ready)


def stays(
    fixes: pd.DataFrame,
    units: pd.DataFrame,
    fences: Fences | gpd.GeoDataFrame,
    *,
    known_inside: Collection[tuple[str, str]] = (),
) -> pd.DataFrame:
    """Every visit to an area fence, allowed or not: stays and passages, whatever the rule.

    Arguments, columns and errors as ``judge``; active hours and dwell_s do not matter here.
    """
    ready = fences if isinstance(fences, Fences) else Fences.of(fences)
    track = Track.of(fixes, units)
    inside = walked(track, units, ready, zone=None, every=True, known_inside=known_inside)
    return table(inside.rows, track.units, ready)


def broken(rows: Records, fences: Fences) -> Records:
    """The rows that lasted as long as their fences take."""
    lasted_us = rows["until_us"] - rows["at_us"]
    enough = lasted_us >= fences.dwell_us[rows["fence"]]
    return rows[enough | (rows["kind"] == CROSSING)]


def in_order(rows: Records, fences: Fences) -> Records:
    """By unit, entry, fence and version."""
    by_name = _ranks(fences)[rows["fence"]]
    return rows[np.lexsort((rows["nth"], rows["fence"], by_name, rows["at_us"], rows["unit"]))]


def table(rows: Records, units: list[str], fences: Fences) -> pd.DataFrame:
    """Rows of a walk as the frame that ``judge`` describes."""
    names = np.asarray(fences.ids, dtype=object)
    rows = rows[
        np.lexsort(
            (rows["nth"], rows["fence"], _ranks(fences)[rows["fence"]], rows["at_us"], rows["unit"])
        )
    ]
    unit, fence = rows["unit"], rows["fence"]
    told = np.asarray(units, dtype=object)[unit]
    way = np.where(rows["to_right"], "left_to_right", "right_to_left").astype(object)
    way[rows["kind"] != CROSSING] = None
    opened = rows["exit_us"] == MISSING
    return pd.DataFrame(
        {
            "unit": _text(told),
            "fence": _text(names[fence]),
            "fence_version": np.asarray(fences.versions, dtype=np.int64)[fence],
            "rule": _text(np.asarray(fences.rules, dtype=object)[fence]),
            "severity": _text(np.asarray(fences.severities, dtype=object)[fence]),
            "direction": _text(way),
            "visit": _text(keys_of(rows, told.tolist(), names[fence].tolist())),
            "evidence": _text(np.where(rows["confirmed"], "confirmed", "probable")),
            "entered_at": as_times(rows["at_us"].copy()),
            "entered_earliest": as_times(rows["earliest_us"].copy()),
            "entered_latest": as_times(rows["latest_us"].copy()),
            "exited_at": as_times(rows["exit_us"].copy()),
            "exited_earliest": as_times(rows["exit_earliest_us"].copy()),
            "exited_latest": as_times(rows["exit_latest_us"].copy()),
            "unknown_s": rows["unknown_us"] / 1e6,
            "state": _text(np.where(opened, "open", "closed")),
            "lon": rows["lon"].copy(),
            "lat": rows["lat"].copy(),
            "entered_fix": as_times(rows["fix_us"].copy()),
            "exited_fix": as_times(rows["exit_fix_us"].copy()),
        }
    )


def _ranks(fences: Fences) -> Ints:
    """The place of each fence's identifier among all in order."""
    return np.unique(np.asarray(fences.ids, dtype=object), return_inverse=True)[1].reshape(-1)


def keys_of(rows: Records, units: Sequence[str], fences: Sequence[str]) -> list[str]:
    """Which visit each row is of: unit|fence|deciding fix, and which of several on one leg."""
    moments = np.datetime_as_string(rows["key_us"].astype("datetime64[us]")).tolist()
    return [
        f"{unit}|{fence}|{moment.removesuffix('.000000')}Z" + (f"#{nth}" if nth > 1 else "")
        for unit, fence, moment, nth in zip(
            units, fences, moments, rows["key_nth"].tolist(), strict=True
        )
    ]


def _text(words: NDArray[np.object_] | NDArray[np.str_] | list[str]) -> ExtensionArray:
    return pd.array(words, dtype="str")
