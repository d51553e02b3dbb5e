"""Gaps in which a unit may have broken a fence: at top speed it could reach what is forbidden."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.breaches.engine import walked
from geo.breaches.fences import Fences
from geo.breaches.hours import Spans, intersect
from geo.breaches.reach import TOUCH_M, ground_of, lingers, ways_over
from geo.breaches.records import MISSING, STAY
from geo.earth import Geometries, interpolate
from geo.tracks.columns import Floats, Ints, as_times, need, stamp
from geo.tracks.path import Track

#: In longer gaps nothing is possible: the reach would be the whole region.
LONGEST_US = 24 * 3600 * 1_000_000
#: In the order of ``judge``.
COLUMNS = (
    "unit", "fence", "fence_version", "rule", "severity", "direction", "visit", "evidence",
    "entered_at", "entered_earliest", "entered_latest", "exited_at", "exited_earliest",
    "exited_latest", "unknown_s", "state", "lon", "lat", "entered_fix", "exited_fix",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaps:
    """Gaps that a unit can have crossed at its top speed, by the fix that ends each."""

    fix: Ints
    top_ms: Floats
    reach_m: Floats  #: the longest way that there was time for


@dataclass(frozen=True, kw_only=True)
class Chance:
    """A gap and a version in force in it: the spans of the gap that no told breach speaks for."""

    gap: int  #: position in ``Gaps``
    fence: int
    spans: Spans
    unknown_us: int  #: how much of the gap the version was in force


@dataclass(frozen=True, kw_only=True)
class Found:
    """A chance that the reach bears out: the possible stay, cut to what was in force."""

    chance: Chance
    fix: int  #: that ends the gap
    unit: int
    entered_us: tuple[int, int]  #: earliest, latest
    exited_us: tuple[int, int]
    lon: float
    lat: float


def possible(
    fixes: pd.DataFrame,
    units: pd.DataFrame,
    fences: Fences | gpd.GeoDataFrame,
    *,
    timezone: str | ZoneInfo,
    known_inside: Collection[tuple[str, str]] = (),
) -> pd.DataFrame:
    """The breaches that nobody saw but that gaps leave room for; arguments as ``judge``.

    A gap of at most 24 h makes one row for each fence version in force in it whose forbidden
    ground the unit could touch on a way from fix to fix at its top speed:

    - keep_out: the area; line: the line, whatever its direction, as a unit may cross it back and
      forth; keep_in: what is outside by margin_m or more. A step that is too far for its time has
      no reach, nor has a unit whose top speed is 0.
    - What ``judge`` tells as a stay is left out: a gap with both ends in one stay in a keep_out
      fence (its unknown_s), and for keep_in one with an end outside of the stay inside. Of a gap
      with one end in a stay the rest is told here, which that stay's bounds take in. Active hours
      that lie wholly within such a gap, of which ``judge`` knows nothing, are told here, too.
    - With dwell_s there must be time to be on forbidden ground for so long, at one place or going
      straight over it; longer stays round a bend of the fence are not looked for.

    Columns as ``judge``: evidence is 'possible', state 'closed', direction missing, visit
    ``unit|fence|time of the fix that ends the gap|possible`` (the same for all versions).
    entered_at and entered_earliest: when it can first be there, exited_at and exited_latest: when
    it must have left at last, both cut to the version's time and hours; entered_latest and
    exited_earliest: so that dwell_s is left. lon, lat: where the quickest way first touches the
    forbidden ground. unknown_s: seconds of the gap in the version's time and hours. entered_fix,
    exited_fix: the gap's ends. By unit, entry, fence and version.
    """
    zone = ZoneInfo(timezone) if isinstance(timezone, str) else timezone
    ready = fences if isinstance(fences, Fences) else Fences.of(fences)
    track = Track.of(fixes, units)
    gaps = _gaps(track, units)
    found: list[Found] = []
    if len(gaps.fix) and len(ready):
        gap, fence = _near(track, units, ready, gaps)
        held = _in_stays(track, units, ready, gaps, known_inside) if len(gap) else {}
        by_fence: dict[int, list[Chance]] = defaultdict(list)
        for chance in _chances(track, ready, gaps, gap, fence, held, zone):
            by_fence[chance.fence].append(chance)
        for own in by_fence.values():
            found += _of_fence(own, track, ready, gaps)
    return _table(found, track, ready)


def _gaps(track: Track, units: pd.DataFrame) -> Gaps:
    """Steps that are no leg, of at most 24 h, with time enough to have been gone at all."""
    need(units, ("top_speed_ms",), "units")
    top_ms = units["top_speed_ms"].reindex(track.units).to_numpy(dtype=float)[track.unit]
    fix = np.flatnonzero(track.follows & ~track.is_leg)
    step_us = track.time_us[fix] - track.time_us[fix - 1]
    reach_m = top_ms[fix] * (step_us / 1e6)
    real = (step_us <= LONGEST_US) & (top_ms[fix] > 0) & (track.step_m[fix] <= reach_m)
    return Gaps(fix=fix[real], top_ms=top_ms[fix[real]], reach_m=reach_m[real])


# Which gaps, which fences -------------------------------------------------------------------------


def _near(track: Track, units: pd.DataFrame, fences: Fences, gaps: Gaps) -> tuple[Ints, Ints]:
    """Pairs (gap, fence): the fence speaks of the unit, and its box meets that of the reach."""
    gap, fence = shapely.STRtree(_bounding(fences.geometry)).query(_reaches(track, gaps))
    # Outside of an area is everywhere.
    around = np.flatnonzero([rule == "keep_in" for rule in fences.rules])
    every = np.arange(len(gaps.fix))
    inward = np.isin(fence, around)
    gap = np.r_[gap[~inward], np.repeat(every, len(around))].astype(np.int64)
    fence = np.r_[fence[~inward], np.tile(around, len(every))].astype(np.int64)
    spoken = fences.applies(track.units, units)
    spoken &= np.asarray([rule != "presence" for rule in fences.rules], dtype=bool)
    fix = gaps.fix[gap]
    meets = (fences.from_us[fence] < track.time_us[fix]) & (
        fences.to_us[fence] > track.time_us[fix - 1]
    )
    wanted = spoken[track.unit[fix], fence] & meets
    return gap[wanted], fence[wanted]


def _bounding(shapes: Geometries) -> Geometries:
    return np.asarray(shapely.box(*shapely.bounds(shapes).reshape(-1, 4).T), dtype=object)


def _reaches(track: Track, gaps: Gaps) -> Geometries:
    """Boxes in degrees that hold the reaches.

    No place of one is further than half the longest way from the middle between its fixes.
    """
    a, b = gaps.fix - 1, gaps.fix
    lon, lat = interpolate(track.lon[a], track.lat[a], track.lon[b], track.lat[b], 0.5)
    up = gaps.reach_m / 2 / 110_000
    top = np.minimum(np.abs(lat) + up, 89.9)
    side = up / np.cos(np.radians(top))
    around = (lon - side < -180) | (lon + side > 180)
    west, east = np.where(around, -180, lon - side), np.where(around, 180, lon + side)
    return np.asarray(shapely.box(west, lat - up, east, lat + up), dtype=object)


def _in_stays(
    track: Track,
    units: pd.DataFrame,
    fences: Fences,
    gaps: Gaps,
    known_inside: Collection[tuple[str, str]],
) -> dict[int, set[int]]:
    """By fence, the gaps (position) with both ends in one stay inside."""
    held: dict[int, set[int]] = defaultdict(set)
    whole = fences.without_end()
    found = walked(track, units, whole, zone=None, every=True, known_inside=known_inside).rows
    for stay in found[found["kind"] == STAY]:
        own = slice(*track.starts[stay["unit"] : stay["unit"] + 2])
        times = track.time_us[own]
        first = own.start + int(np.searchsorted(times, stay["fix_us"]))
        last = (
            own.stop
            if stay["exit_us"] == MISSING
            else own.start + int(np.searchsorted(times, stay["exit_fix_us"]))
        )
        low, high = np.searchsorted(gaps.fix, (first, last - 1), side="right")
        held[int(stay["fence"])].update(range(int(low), int(high)))
    return held


def _chances(
    track: Track,
    fences: Fences,
    gaps: Gaps,
    gap: Ints,
    fence: Ints,
    held: dict[int, set[int]],
    zone: ZoneInfo,
) -> Iterator[Chance]:
    """The pairs with time in force of which ``judge`` tells nothing."""
    for g, f in zip(gap.tolist(), fence.tolist(), strict=True):
        begin, end = (int(track.time_us[gaps.fix[g] - k]) for k in (1, 0))
        spans = [(int(fences.from_us[f]), int(fences.to_us[f]))]
        hours = fences.hours[f]
        if hours is not None:
            spans = intersect(spans, hours.spans(begin, end, zone))
        in_force = intersect(spans, [(begin, end)])
        inside, rule = g in held.get(f, ()), fences.rules[f]
        if (rule == "keep_out" and inside) or (rule == "keep_in" and not inside):
            # A fix in such a span makes it part of a stay that is told.
            seen = [(s, t) for s, t in spans if s <= begin < t or s <= end < t]
            spans = [span for span in spans if span not in seen]
        spans = intersect(spans, [(begin, end)])
        if spans:
            unknown_us = sum(t - s for s, t in in_force)
            yield Chance(gap=g, fence=f, spans=spans, unknown_us=unknown_us)


# What the reach touches ---------------------------------------------------------------------------


def _of_fence(own: list[Chance], track: Track, fences: Fences, gaps: Gaps) -> list[Found]:
    """Which chances at one fence version the reach bears out."""
    fence = own[0].fence
    ground = ground_of(fences, fence)
    gap = np.asarray([chance.gap for chance in own], dtype=np.int64)
    fix, reach_m = gaps.fix[gap], gaps.reach_m[gap]
    a, b = (np.column_stack((track.lon[i], track.lat[i])) for i in (fix - 1, fix))
    ways = ways_over(ground, a, b, track.step_m[fix], reach_m)
    us_m = 1e6 / gaps.top_ms[gap]
    early = track.time_us[fix - 1] + np.rint(ways.in_m * us_m).astype(np.int64)
    late = track.time_us[fix] - np.rint(ways.out_m * us_m).astype(np.int64)
    late = np.maximum(early, late)  # a way that is just quick enough, rounded apart
    dwell_us = 0 if fences.is_line[fence] else int(fences.dwell_us[fence])
    out = []
    for i in np.flatnonzero(ways.way_m <= reach_m + TOUCH_M).tolist():
        spans = _stay(own[i].spans, int(early[i]), int(late[i]), dwell_us)
        stay_m = dwell_us / us_m[i]
        if spans and (
            ways.way_m[i] + stay_m <= reach_m[i] + TOUCH_M
            or lingers(ground, a[i], b[i], float(reach_m[i]), stay_m, ways, i)
        ):
            first, last = spans[0][0], spans[-1][1]
            out.append(
                Found(
                    chance=own[i],
                    fix=int(fix[i]),
                    unit=int(track.unit[fix[i]]),
                    entered_us=(first, last - dwell_us),
                    exited_us=(first + dwell_us, last),
                    lon=float(ways.place[i, 0]),
                    lat=float(ways.place[i, 1]),
                )
            )
    return out


def _stay(spans: Spans, early: int, late: int, dwell_us: int) -> Spans:
    """What of a possible stay lies in spans, where that is long enough; both may be an instant."""
    cut = [(max(s, early), min(t, late)) for s, t in spans if s <= late and early < t]
    return [(s, t) for s, t in cut if t - s >= dwell_us and (s < t or early == late)]


# What is told of it -------------------------------------------------------------------------------


def _table(found: list[Found], track: Track, fences: Fences) -> pd.DataFrame:
    """The frame that ``possible`` describes."""
    found = sorted(
        found,
        key=lambda p: (p.unit, p.entered_us[0], fences.ids[p.chance.fence], p.chance.fence, p.fix),
    )
    ends = np.asarray([one.fix for one in found], dtype=np.int64)
    unit = [track.units[one.unit] for one in found]
    fence = [one.chance.fence for one in found]
    keys = [
        f"{u}|{fences.ids[f]}|{stamp(int(time))}|possible"
        for u, f, time in zip(unit, fence, track.time_us[ends], strict=True)
    ]
    entered, exited = (
        np.asarray(moments, dtype=np.int64).reshape(-1, 2)
        for moments in ([one.entered_us for one in found], [one.exited_us for one in found])
    )
    words: dict[str, list[str] | list[None]] = {
        "unit": unit,
        "fence": [fences.ids[f] for f in fence],
        "rule": [fences.rules[f] for f in fence],
        "severity": [fences.severities[f] for f in fence],
        "direction": [None] * len(found),
        "visit": keys,
        "evidence": ["possible"] * len(found),
        "state": ["closed"] * len(found),
    }
    values = {name: pd.array(told, dtype="str") for name, told in words.items()} | {
        "fence_version": np.asarray([fences.versions[f] for f in fence], dtype=np.int64),
        "entered_at": as_times(entered[:, 0].copy()),
        "entered_earliest": as_times(entered[:, 0].copy()),
        "entered_latest": as_times(entered[:, 1].copy()),
        "exited_at": as_times(exited[:, 1].copy()),
        "exited_earliest": as_times(exited[:, 0].copy()),
        "exited_latest": as_times(exited[:, 1].copy()),
        "unknown_s": np.asarray([one.chance.unknown_us / 1e6 for one in found], dtype=float),
        "lon": np.asarray([one.lon for one in found], dtype=float),
        "lat": np.asarray([one.lat for one in found], dtype=float),
        "entered_fix": as_times(track.time_us[ends - 1]),
        "exited_fix": as_times(track.time_us[ends]),
    }
    return pd.DataFrame({name: values[name] for name in COLUMNS})
