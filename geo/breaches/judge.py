"""Breaches of fences, from all fixes of some units at once."""

from __future__ import annotations

from collections.abc import Collection
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from geo.breaches.fences import Fences
from geo.breaches.insides import Near
from geo.breaches.parts import Part, confirmed, parts, unknown_s
from geo.breaches.visits import ABSENCE, CROSSING, PASSAGE, STAY, Moment, visits
from geo.earth import interpolate
from geo.tracks.columns import Floats, Ints, as_times, need
from geo.tracks.path import Track

_MISSING_US = np.iinfo(np.int64).min  # NaT
_BROKEN_BY = {"keep_out": (STAY, PASSAGE), "keep_in": (ABSENCE,), "line": (CROSSING,)}


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
    - ``known_inside``: (unit, fence) of stays that span a unit's first fix here. Only needed when
      ``fixes`` begin in the middle, see ``geo.breaches``.

    Raises what ``Track.of`` and ``Fences.of`` raise.
    """
    zone = ZoneInfo(timezone) if isinstance(timezone, str) else timezone
    ready = fences if isinstance(fences, Fences) else Fences.of(fences)
    track = Track.of(fixes, units)
    found, near = visits(track, units, ready, known_inside=known_inside)
    broken = [
        v
        for v in found
        if v.kind in _BROKEN_BY.get(ready.rules[v.fence], ())
        and (v.kind != CROSSING or _forbidden(ready.directions[v.fence], v.to_right))
    ]
    judged = [
        part
        for part in parts(broken, track, ready, zone)
        if part.visit.kind == CROSSING or part.length_us >= ready.dwell_us[part.visit.fence]
    ]
    return table(judged, track, units, ready, near)


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
    found, near = visits(track, units, ready, known_inside=known_inside)
    inside = [visit for visit in found if visit.kind in (STAY, PASSAGE)]
    return table(parts(inside, track, ready, None), track, units, ready, near)


def table(
    found: list[Part], track: Track, units: pd.DataFrame, fences: Fences, near: Near
) -> pd.DataFrame:
    """Parts of visits as the frame that ``judge`` describes."""
    need(units, ("accuracy_m",), "units")
    found = sorted(
        found,
        key=lambda p: (p.visit.unit, p.from_us, fences.ids[p.visit.fence], p.visit.fence),
    )
    typical_m = units["accuracy_m"].reindex(track.units).to_numpy(dtype=float)
    stated_m = track.accuracy_m
    accuracy_m = np.where(np.isnan(stated_m), np.nan_to_num(typical_m)[track.unit], stated_m)
    sure = confirmed(found, track, fences, near, accuracy_m)
    fence = [part.visit.fence for part in found]
    lon, lat = _places([part.enter for part in found], track)
    ways = ["left_to_right" if p.visit.to_right else "right_to_left" for p in found]
    crossing = [part.visit.kind == CROSSING for part in found]
    return pd.DataFrame(
        {
            "unit": _text([track.units[part.visit.unit] for part in found]),
            "fence": _text([fences.ids[f] for f in fence]),
            "fence_version": np.asarray([fences.versions[f] for f in fence], dtype=np.int64),
            "rule": _text([fences.rules[f] for f in fence]),
            "severity": _text([fences.severities[f] for f in fence]),
            "direction": _text([w if c else None for w, c in zip(ways, crossing, strict=True)]),
            "visit": _text([part.key for part in found]),
            "evidence": _text(["confirmed" if s else "probable" for s in sure]),
            **_moments("entered", [part.enter for part in found]),
            **_moments("exited", [part.exit for part in found]),
            "unknown_s": np.asarray([unknown_s(part, track) for part in found], dtype=float),
            "state": _text(["open" if part.exit is None else "closed" for part in found]),
            "lon": lon,
            "lat": lat,
            "entered_fix": _deciding([part.enter for part in found], track),
            "exited_fix": _deciding([part.exit for part in found], track),
        }
    )


def _forbidden(direction: str, to_right: bool) -> bool:
    return direction == "any" or (direction == "left_to_right") == to_right


def _text(words: list[str] | list[str | None]) -> ExtensionArray:
    return pd.array(words, dtype="str")


def _times(micros: list[int]) -> pd.DatetimeIndex:
    return as_times(np.asarray(micros, dtype=np.int64))


def _moments(name: str, moments: list[Moment] | list[Moment | None]) -> dict[str, pd.DatetimeIndex]:
    return {
        f"{name}_at": _times([_MISSING_US if m is None else m.at_us for m in moments]),
        f"{name}_earliest": _times([_MISSING_US if m is None else m.earliest_us for m in moments]),
        f"{name}_latest": _times([_MISSING_US if m is None else m.latest_us for m in moments]),
    }


def _deciding(moments: list[Moment] | list[Moment | None], track: Track) -> pd.DatetimeIndex:
    return _times([_MISSING_US if m is None else int(track.time_us[m.fix]) for m in moments])


def _places(moments: list[Moment], track: Track) -> tuple[Floats, Floats]:
    """Where each moment was: on its leg's geodesic, or at its fix."""
    place: Ints = np.asarray([m.place for m in moments], dtype=np.int64)
    lon, lat = track.lon[place].copy(), track.lat[place].copy()
    on_leg = np.flatnonzero([m.part is not None for m in moments])
    if len(on_leg):
        fix = np.asarray([moments[i].fix for i in on_leg], dtype=np.int64)
        part = np.asarray([moments[i].part for i in on_leg], dtype=float)
        ends = track.lon[fix - 1], track.lat[fix - 1], track.lon[fix], track.lat[fix]
        lon[on_leg], lat[on_leg] = interpolate(*ends, part)
    return lon, lat
