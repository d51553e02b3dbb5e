"""The parts of visits that fall in a fence version's time and active hours."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np

from geo.breaches.fences import Fences
from geo.breaches.hours import Spans, intersect
from geo.breaches.insides import Near, deeper_than, farther_than
from geo.breaches.visits import ABSENCE, CROSSING, STAY, Moment, Visit
from geo.tracks.columns import Bools, Ints, stamp
from geo.tracks.path import Track


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a visit while its fence version was in force (and active, when asked)."""

    visit: Visit
    key: str  #: the same for all parts of one stay
    enter: Moment
    exit: Moment | None
    from_us: int
    until_us: int  #: the last fix seen while it is open
    fixes: tuple[int, int]  #: the fixes in it: from, until before

    @property
    def length_us(self) -> int:
        """How long it lasted, as far as is known."""
        return self.until_us - self.from_us


def parts(found: list[Visit], track: Track, fences: Fences, zone: ZoneInfo | None) -> list[Part]:
    """Cut visits to what was in force; with ``zone`` also to active hours.

    Visits at successive versions of a fence that meet at the edit get one key. A part that lies
    wholly in a gap is left out: nobody knows of it.
    """
    out: list[Part] = []
    for visit, key in _keyed(found, track, fences):
        spans = [(int(fences.from_us[visit.fence]), int(fences.to_us[visit.fence]))]
        hours = fences.hours[visit.fence]
        if zone is not None and hours is not None:
            seen = _until(visit, track)
            spans = intersect(spans, hours.spans(visit.enter.at_us, seen, zone))
        out += [part for part in _clipped(visit, key, spans, track) if _known(part, track)]
    return out


def _until(visit: Visit, track: Track) -> int:
    """The end of a visit, or the last fix seen while it is open."""
    if visit.exit is not None:
        return visit.exit.at_us
    return int(track.time_us[track.starts[visit.unit + 1] - 1])


def _keyed(found: list[Visit], track: Track, fences: Fences) -> list[tuple[Visit, str]]:
    """Visits with the keys of their stays, versions of one fence linked, in order of time."""
    order = sorted(
        found, key=lambda v: (v.unit, fences.ids[v.fence], v.enter.at_us, v.fence, v.ordinal)
    )
    keys = [_key(visit, track, fences) for visit in order]
    shared = {name for name, versions in Counter(fences.ids).items() if versions > 1}
    if not shared:
        return list(zip(order, keys, strict=True))
    ends: dict[tuple[int, str, str, int], str] = {}
    by_version = sorted(range(len(order)), key=lambda i: (fences.from_us[order[i].fence], i))
    for i in by_version:
        visit = order[i]
        name, until = fences.ids[visit.fence], _until(visit, track)
        low, high = int(fences.from_us[visit.fence]), int(fences.to_us[visit.fence])
        if name not in shared or visit.kind == CROSSING or until < low:
            continue
        group = visit.unit, name, _side(visit)
        if visit.enter.at_us <= low:
            keys[i] = ends.get((*group, low), keys[i])
        if visit.enter.at_us < high <= until:
            ends[(*group, high)] = keys[i]
    return list(zip(order, keys, strict=True))


def _side(visit: Visit) -> str:
    return ABSENCE if visit.kind == ABSENCE else STAY


def _key(visit: Visit, track: Track, fences: Fences) -> str:
    """unit|fence|deciding fix, and which of several on one leg."""
    time = stamp(int(track.time_us[visit.enter.fix]))
    again = f"#{visit.ordinal}" if visit.ordinal > 1 else ""
    return f"{track.units[visit.unit]}|{fences.ids[visit.fence]}|{time}{again}"


def _clipped(visit: Visit, key: str, spans: Spans, track: Track) -> list[Part]:
    start, seen = visit.enter.at_us, _until(visit, track)
    out = []
    for low, high in spans:
        begin, end = max(start, low), min(seen, high)
        opened = visit.exit is None and high > seen
        instant = start == seen and low <= start < high
        if begin < end or instant or (opened and begin == seen):
            out.append(_part(visit, key, begin, end, low > start, not opened, track))
    return out


def _part(
    visit: Visit, key: str, begin: int, end: int, clipped: bool, ended: bool, track: Track
) -> Part:
    low, high = int(track.starts[visit.unit]), int(track.starts[visit.unit + 1])
    times = track.time_us[low:high]
    first = low + int(np.searchsorted(times, begin))
    until = low + int(np.searchsorted(times, end)) if ended else high
    enter = _at(begin, first, track) if clipped else visit.enter
    leave: Moment | None = None
    if ended:
        natural = visit.exit is not None and end == visit.exit.at_us
        leave = visit.exit if natural else _at(end, min(until, high - 1), track)
    return Part(
        visit=visit,
        key=key,
        enter=enter,
        exit=leave,
        from_us=begin,
        until_us=end,
        fixes=(max(first, visit.first), min(until, visit.last + 1)),
    )


def _at(moment_us: int, fix: int, track: Track) -> Moment:
    """A moment that no fix decided: an edit, or an active hour; known from ``fix`` on."""
    now = int(track.time_us[fix])
    exact = Moment(
        at_us=moment_us, earliest_us=moment_us, latest_us=moment_us, fix=fix, part=None, place=fix
    )
    if now == moment_us or not track.follows[fix]:
        return exact
    before = int(track.time_us[fix - 1])
    if not track.is_leg[fix]:
        return replace(exact, place=fix - 1)
    return replace(exact, part=(moment_us - before) / (now - before))


def _known(part: Part, track: Track) -> bool:
    """Whether a fix lies in the part, or a leg runs through it."""
    low, high = part.fixes
    if low < high or part.visit.kind not in (STAY, ABSENCE):
        return True
    return bool(track.is_leg[min(low, len(track.is_leg) - 1)])


def unknown_s(part: Part, track: Track) -> float:
    """Seconds of gaps with both ends in the stay that fall in the part."""
    steps = np.arange(part.visit.first + 1, part.visit.last + 1)
    gaps = steps[~track.is_leg[steps]]
    start = np.maximum(track.time_us[gaps - 1], part.from_us)
    end = np.minimum(track.time_us[gaps], part.until_us)
    return float(np.maximum(end - start, 0).sum() / 1e6)


def confirmed(
    found: list[Part], track: Track, fences: Fences, near: Near, accuracy_m: np.ndarray
) -> Bools:
    """Which parts have a fix inside (an absence: outside) by more than the fix's accuracy.

    The middle fix of each part is tried first: where it is deep, the others need no look.
    """
    out = np.zeros(len(found), dtype=bool)
    rows = np.asarray([i for i, p in enumerate(found) if p.fixes[0] < p.fixes[1]], dtype=np.int64)
    middles = np.asarray([(found[i].fixes[0] + found[i].fixes[1]) // 2 for i in rows], np.int64)
    for part, fix in ((rows, middles), _all_fixes(found, rows)):
        left = ~out[part]
        hit = _beyond(found, part[left], fix[left], track, fences, near, accuracy_m)
        out[part[left][hit]] = True
    return out


def _all_fixes(found: list[Part], rows: Ints) -> tuple[Ints, Ints]:
    spans = [np.arange(*found[i].fixes) for i in rows]
    part = np.repeat(rows, [len(span) for span in spans])
    return part, np.concatenate(spans) if spans else part


def _beyond(
    found: list[Part],
    part: Ints,
    fix: Ints,
    track: Track,
    fences: Fences,
    near: Near,
    accuracy_m: np.ndarray,
) -> Bools:
    fence = np.asarray([found[i].visit.fence for i in part], dtype=np.int64)
    away = np.asarray([found[i].visit.kind == ABSENCE for i in part], dtype=bool)
    width = len(track.lon) + 1
    inside = np.isin(fence * width + fix, (near.fence * width + near.fix)[near.inside])
    out = np.zeros(len(part), dtype=bool)
    for f in np.unique(fence).tolist():
        for test, which in ((farther_than, away), (deeper_than, ~away & inside)):
            at = np.flatnonzero((fence == f) & which)
            if len(at):
                i = fix[at]
                out[at] = test(fences, f, track.lon[i], track.lat[i], accuracy_m[i])
    return out
