"""Stays, absences, passages and crossings of units, each fence version as if always in force."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from geo.breaches.fences import Fences
from geo.breaches.insides import Near, Stretches, near_fixes, stretches
from geo.breaches.lines import LineCrossings, line_crossings
from geo.breaches.pieces import pieces
from geo.tracks.columns import Bools, Ints
from geo.tracks.path import Track

STAY, PASSAGE, ABSENCE, CROSSING = "stay", "passage", "absence", "crossing"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A beginning or an end, as the fixes show it."""

    at_us: int  #: interpolated on the leg; across a gap that of the deciding fix
    earliest_us: int
    latest_us: int
    fix: int  #: the deciding fix
    part: float | None  #: where on the leg that ends at ``fix`` (0-1); None: at ``place``
    place: int  #: a fix, where ``part`` is None


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What a unit did at one fence version; ``first``..``last`` are the fixes during it."""

    kind: str  #: STAY, PASSAGE, ABSENCE or CROSSING
    unit: int
    fence: int
    enter: Moment
    exit: Moment | None  #: None while it lasts
    first: int
    last: int  #: before ``first`` when no fix lies in it
    ordinal: int = 1  #: of several on one leg
    to_right: bool = False  #: of a crossing


@dataclass(frozen=True, kw_only=True, eq=False)
class Runs:
    """Stays as runs of fixes, by fence and fix; ``exit`` is the fix that ended each, -1 if none."""

    fence: Ints
    first: Ints
    last: Ints
    exit: Ints


def visits(
    track: Track,
    units: pd.DataFrame,
    fences: Fences,
    *,
    known_inside: Collection[tuple[str, str]] = (),
) -> tuple[list[Visit], Near]:
    """All visits of a track, and the fixes near area fences (which of them are inside)."""
    if not len(track.lon) or not len(fences):
        none = np.empty(0, dtype=np.int64)
        return [], Near(fence=none, fix=none, inside=none.astype(bool))
    in_use = fences.in_use(int(track.time_us.min()), int(track.time_us.max()))
    wanted = fences.applies(track.units, units) & in_use
    near = near_fixes(track.lon, track.lat, wanted, track.unit, fences)
    runs = _runs(track, near, _known(track, fences, near, known_inside))
    inside, crossings = _on_legs(track, fences, wanted, runs)
    stays = _stays(track, runs, inside)
    found = stays + _passages(track, runs, inside) + _crossings(track, crossings)
    for fence in np.flatnonzero([rule == "keep_in" for rule in fences.rules]):
        own = [stay for stay in stays if stay.fence == fence]
        asked = np.flatnonzero(wanted[:, fence])
        found += _absences(track, int(fence), own, asked, near.fix[near.fence == fence])
    return found, near


def _known(
    track: Track, fences: Fences, near: Near, known_inside: Collection[tuple[str, str]]
) -> Bools:
    """Near fixes with which a track begins inside because the caller knows so."""
    known = np.zeros(len(near.fix), dtype=bool)
    if known_inside:
        for i in np.flatnonzero(~track.follows[near.fix]):
            name = track.units[track.unit[near.fix[i]]], fences.ids[near.fence[i]]
            known[i] = name in known_inside
    return known


def _runs(track: Track, near: Near, known: Bools) -> Runs:
    """A stay is a run of fixes near the fence, from its first fix inside."""
    n = len(near.fix)
    if not n:
        none = np.empty(0, dtype=np.int64)
        return Runs(fence=none, first=none, last=none, exit=none)
    new = np.ones(n, dtype=bool)
    new[1:] = (near.fence[1:] != near.fence[:-1]) | (near.fix[1:] != near.fix[:-1] + 1)
    new |= ~track.follows[near.fix]
    heads = np.flatnonzero(new)
    tails = np.r_[heads[1:], n] - 1
    begins = np.minimum.reduceat(np.where(near.inside | known, np.arange(n), n), heads)
    real = begins <= tails
    begins, tails = begins[real], tails[real]
    last = near.fix[tails]
    after = np.minimum(last + 1, len(track.unit) - 1)
    goes_on = (after == last + 1) & track.follows[after]
    return Runs(
        fence=near.fence[begins],
        first=near.fix[begins],
        last=last,
        exit=np.where(goes_on, last + 1, -1),
    )


def _on_legs(
    track: Track, fences: Fences, wanted: Bools, runs: Runs
) -> tuple[Stretches, LineCrossings]:
    """Stretches of legs inside areas, where a stay does not hold the whole leg, and crossings."""
    legs = pieces(np.flatnonzero(track.is_leg), track.lon, track.lat)
    piece, edge = fences.edges.near(legs.start, legs.end)
    asked = wanted[track.unit[legs.leg[piece]], fences.edges.fence[edge]]
    piece, edge = piece[asked], edge[asked]
    line = fences.edges.is_line[edge]
    joins = np.zeros(len(legs.leg), dtype=bool)
    joins[1:] = (legs.leg[1:] == legs.leg[:-1]) | (legs.leg[1:] == legs.leg[:-1] + 1)
    joins[1:] &= track.unit[legs.leg[1:]] == track.unit[legs.leg[:-1]]
    crossings = line_crossings(legs, piece[line], edge[line], fences, joins)
    piece, edge = piece[~line], edge[~line]
    fence, leg = fences.edges.fence[edge], legs.leg[piece]
    held = _in_stay(runs, fence, leg - 1) & _in_stay(runs, fence, leg)
    return stretches(legs, piece[~held], edge[~held], fences), crossings


def _in_stay(runs: Runs, fence: Ints, fix: Ints) -> Bools:
    """Whether each fix lies in a stay at a fence."""
    if not len(runs.fence):
        return np.zeros(len(fix), dtype=bool)
    width = int(max(runs.last.max(), fix.max(initial=0))) + 2
    at = np.searchsorted(runs.fence * width + runs.first, fence * width + fix, side="right") - 1
    found = np.maximum(at, 0)
    held: Bools = (at >= 0) & (runs.fence[found] == fence) & (fix <= runs.last[found])
    return held


def _stays(track: Track, runs: Runs, inside: Stretches) -> list[Visit]:
    """Stays: entered at the first crossing of the leg that brought it in, left at the last one."""
    width = len(track.lon) + 1
    key = inside.fence * width + inside.leg
    heads = np.searchsorted(key, runs.fence * width + runs.first)
    tails = np.searchsorted(key, runs.fence * width + runs.exit, side="right") - 1
    out = []
    for fence, first, last, end, head, tail in zip(
        *(v.tolist() for v in (runs.fence, runs.first, runs.last, runs.exit, heads, tails)),
        strict=True,
    ):
        entered = exited = None
        if track.is_leg[first]:
            found = head < len(key) and key[head] == fence * width + first
            entered = float(inside.start[head]) if found else 1.0
        if end >= 0 and track.is_leg[end]:
            found = tail >= 0 and key[tail] == fence * width + end
            exited = float(inside.end[tail]) if found else 0.0
        out.append(
            Visit(
                kind=STAY,
                unit=int(track.unit[first]),
                fence=fence,
                enter=_moment(track, first, entered),
                exit=None if end < 0 else _moment(track, end, exited),
                first=first,
                last=last,
            )
        )
    return out


def _moment(track: Track, fix: int, part: float | None) -> Moment:
    """What happened by the time of ``fix``: on the leg that ends there (None: only known then)."""
    now = int(track.time_us[fix])
    before = int(track.time_us[fix - 1]) if track.follows[fix] else now
    at = now if part is None else before + round(part * (now - before))
    return Moment(at_us=at, earliest_us=before, latest_us=now, fix=fix, part=part, place=fix)


def _passages(track: Track, runs: Runs, inside: Stretches) -> list[Visit]:
    """Stretches of legs with neither end in a stay: each is a visit of its own."""
    fence, leg = inside.fence, inside.leg
    alone = ~_in_stay(runs, fence, leg - 1) & ~_in_stay(runs, fence, leg)
    out: list[Visit] = []
    for i in np.flatnonzero(alone).tolist():
        f, k = int(fence[i]), int(leg[i])
        again = bool(out) and out[-1].fence == f and out[-1].enter.fix == k
        out.append(
            Visit(
                kind=PASSAGE,
                unit=int(track.unit[k]),
                fence=f,
                enter=_moment(track, k, float(inside.start[i])),
                exit=_moment(track, k, float(inside.end[i])),
                first=k,
                last=k - 1,
                ordinal=out[-1].ordinal + 1 if again else 1,
            )
        )
    return out


def _crossings(track: Track, found: LineCrossings) -> list[Visit]:
    out: list[Visit] = []
    for i in np.lexsort((found.to_right, found.part, found.leg, found.fence)).tolist():
        f, k, moment = int(found.fence[i]), int(found.leg[i]), float(found.part[i])
        enter = _moment(track, k, moment)
        again = bool(out) and out[-1].fence == f and out[-1].enter.fix == k
        to_right = bool(found.to_right[i])
        if again and out[-1].to_right == to_right and out[-1].enter.at_us == enter.at_us:
            continue  # two strands of one fence meet there
        out.append(
            Visit(
                kind=CROSSING,
                unit=int(track.unit[k]),
                fence=f,
                enter=enter,
                exit=enter,
                first=k,
                last=k - 1,
                ordinal=out[-1].ordinal + 1 if again else 1,
                to_right=to_right,
            )
        )
    return out


def _absences(track: Track, fence: int, stays: list[Visit], units: Ints, near: Ints) -> list[Visit]:
    """Stays outside a fence: from what ended each stay inside (else from the first fix outside)."""
    inside: dict[int, list[Visit]] = {}
    for stay in stays:
        inside.setdefault(stay.unit, []).append(stay)
    out = []
    for unit in units.tolist():
        low, high = int(track.starts[unit]), int(track.starts[unit + 1])
        own = inside.get(unit, [])
        begins = _first_outside(low, own[0].first if own else high, near)
        start = None if begins is None else _moment(track, begins, None)
        for stay in own:
            if start is not None:
                out.append(_absence(unit, fence, start, stay.enter, stay.first))
            start = stay.exit
        if start is not None:
            out.append(_absence(unit, fence, start, None, high))
    return out


def _first_outside(low: int, high: int, near: Ints) -> int | None:
    """The first fix of low..high-1 that is not near the fence."""
    at = int(np.searchsorted(near, low))
    fix = low
    while fix < high and at < len(near) and near[at] == fix:
        fix, at = fix + 1, at + 1
    return fix if fix < high else None


def _absence(unit: int, fence: int, enter: Moment, end: Moment | None, before: int) -> Visit:
    return Visit(
        kind=ABSENCE,
        unit=unit,
        fence=fence,
        enter=enter,
        exit=end,
        first=enter.fix,
        last=before - 1,
    )
