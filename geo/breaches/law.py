"""Fence versions as the walk takes them: what each wants, of whom, and when.

A service asks again and again of the same fences, units and days: what depends on these is kept,
for as long as the fences are.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geo.breaches.fences import FAR_AHEAD_US, LONG_AGO_US, Fences
from geo.breaches.hours import intersect
from geo.breaches.ways import ABSENCES, CROSSINGS, INSIDES, RULE, Law, still
from geo.tracks.columns import Bools, Ints

_WANTS = {"keep_out": INSIDES, "keep_in": ABSENCES, "line": CROSSINGS, "presence": 0}
_DAY_US = 86_400_000_000
_MOST_KEPT = 4
#: Of more units than this what is kept is forgotten.
_MOST_UNITS = 100_000
_LOCK = threading.Lock()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rules:
    """What fence versions say from day to day."""

    every: bool
    zone: str | None  #: None: active hours do not count, so it is for all days
    first_day: int
    last_day: int
    rules: NDArray[np.void]  #: RULE
    starts: Ints
    ends: Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class _Speaking:
    """To whom those speak that want something."""

    every: bool
    kinds: Bools  #: as it was given
    heard: Bools  #: by fence: it speaks of all of them
    guards: NDArray[np.int32]
    guard_starts: Ints
    edits: NDArray[np.int32]
    edits_us: Ints


@dataclass(kw_only=True, eq=False)
class _Kept:
    """What is known of a set of fences; the last used of each list is its last."""

    number: dict[tuple[str, str, str], int] = field(default_factory=dict)  #: by unit, kind, team
    rows: dict[bytes, int] = field(default_factory=dict)  #: whom a kind hears, a bit a fence
    kinds: Bools | None = None  #: the same unpacked
    wants: dict[bool, NDArray[np.uint8]] = field(default_factory=dict)
    timed: list[int] | None = None  #: the fences that have active hours
    rules: list[_Rules] = field(default_factory=list)
    speaking: list[_Speaking] = field(default_factory=list)


_KEPT: weakref.WeakKeyDictionary[Fences, _Kept] = weakref.WeakKeyDictionary()


def law_of(
    fences: Fences,
    kinds: Bools,
    start_us: int,
    end_us: int,
    *,
    zone: ZoneInfo | None,
    every: bool,
) -> Law:
    """What fence versions say from ``start_us`` to ``end_us``.

    ``kinds``: (kinds of units, fences) which speaks of which; what follows from it is kept if it
    cannot be written to. ``every``: areas want stays inside whatever their rule; without ``zone``
    active hours do not count.
    """
    with _LOCK:
        kept = _KEPT.setdefault(fences, _Kept())
        said = _rules(fences, kept, start_us, end_us, zone, every)
        to = _speaking(fences, kept, kinds, every)
    late = int(np.searchsorted(to.edits_us, start_us, side="right"))
    return Law(
        fences=said.rules,
        starts=said.starts,
        ends=said.ends,
        edits_us=to.edits_us[late:],
        edits=to.edits[late:],
        asked=still(kinds, np.bool_),
        heard=to.heard,
        guards=to.guards,
        guard_starts=to.guard_starts,
    )


def kinds_of(
    fences: Fences, names: list[str], kind_words: list[str], team_words: list[str]
) -> tuple[Bools, Ints]:
    """The fences that speak of each kind of unit (kinds, fences), and each unit's kind.

    By unit its name and the words for its kind and its team, "" where it has none. A kind keeps
    its row in later answers, as long as the fences are the same.
    """
    with _LOCK:
        kept = _KEPT.setdefault(fences, _Kept())
        if not any(fences.applies_to):
            if kept.kinds is None:
                kept.kinds = _fixed(np.ones((1, len(fences)), dtype=bool))
            return kept.kinds, np.zeros(len(names), dtype=np.int64)
        if len(kept.number) > _MOST_UNITS:
            kept.number = {}
        what = list(zip(names, kind_words, team_words, strict=True))
        before = len(kept.rows)
        strange = [one for one in dict.fromkeys(what) if one not in kept.number]
        if strange:
            said = fences.speak_of(*(list(words) for words in zip(*strange, strict=True)))
            for one, row in zip(strange, np.packbits(said, axis=1), strict=True):
                kept.number[one] = kept.rows.setdefault(row.tobytes(), len(kept.rows))
        if kept.kinds is None or len(kept.rows) != before or len(kept.kinds) != before:
            packed = np.frombuffer(b"".join(kept.rows), np.uint8).reshape(len(kept.rows), -1)
            kept.kinds = _fixed(np.unpackbits(packed, axis=1, count=len(fences)).view(bool))
        return kept.kinds, np.asarray([kept.number[one] for one in what], dtype=np.int64)


def _fixed(given: Bools) -> Bools:
    given.setflags(write=False)
    return given


def _speaking(fences: Fences, kept: _Kept, kinds: Bools, every: bool) -> _Speaking:
    for one in kept.speaking:
        if one.kinds is kinds and one.every == every:
            return one
    wants = _wants(fences, kept, every)
    asked = kinds.any(axis=0) & (wants > 0)
    guards = np.flatnonzero(asked & (wants == ABSENCES))
    kind, which = np.nonzero(kinds[:, guards])
    edits = np.flatnonzero(asked & (fences.from_us > LONG_AGO_US))
    edits = edits[np.argsort(fences.from_us[edits], kind="stable")]
    made = _Speaking(
        every=every,
        kinds=kinds,
        heard=np.asarray(kinds.all(axis=0)),
        guards=guards[which].astype(np.int32),
        guard_starts=np.searchsorted(kind, np.arange(len(kinds) + 1)),
        edits=edits.astype(np.int32),
        edits_us=fences.from_us[edits],
    )
    if not kinds.flags.writeable:
        kept.speaking[:] = [*kept.speaking, made][-_MOST_KEPT:]
    return made


def _wants(fences: Fences, kept: _Kept, every: bool) -> NDArray[np.uint8]:
    if every not in kept.wants:
        wants = np.asarray([_WANTS[rule] for rule in fences.rules], dtype=np.uint8)
        if every:
            wants = np.where(fences.is_line, 0, INSIDES).astype(np.uint8)
        kept.wants[every] = wants
    return kept.wants[every]


def _rules(
    fences: Fences, kept: _Kept, start_us: int, end_us: int, zone: ZoneInfo | None, every: bool
) -> _Rules:
    """The rules with the spans in which they are in force and active.

    Of active hours at least those from the day before to the day after.
    """
    if kept.timed is None:
        kept.timed = [f for f, hours in enumerate(fences.hours) if hours is not None]
    key = zone.key if zone is not None and kept.timed else None
    first, last = start_us // _DAY_US, end_us // _DAY_US
    for one in kept.rules:
        meant = one.every == every and one.zone == key
        if meant and (key is None or one.first_day <= first <= last <= one.last_day):
            return one
    if zone is None or key is None:
        bounds = np.arange(len(fences) + 1, dtype=np.int32)
        starts, ends = fences.from_us, fences.to_us
    else:
        own = first * _DAY_US, (last + 1) * _DAY_US
        starts, ends, bounds = _active(fences, kept.timed, *own, zone)
    rules = np.zeros(len(fences), dtype=RULE)
    rules["wants"] = wants = _wants(fences, kept, every)
    rules["margin_m"] = fences.margin_m
    # What wants nothing is never in force.
    rules["from_us"] = np.where(wants > 0, fences.from_us, FAR_AHEAD_US)
    rules["to_us"] = np.where(wants > 0, fences.to_us, LONG_AGO_US)
    rules["heir_of"] = fences.heir_of
    rules["has_heir"][fences.heir_of[fences.heir_of >= 0]] = 1
    rules["edge0"], rules["edge1"] = fences.edges.first[:-1], fences.edges.first[1:]
    rules["span0"], rules["span1"] = bounds[:-1], bounds[1:]
    made = _Rules(
        every=every, zone=key, first_day=first, last_day=last,
        rules=rules, starts=starts, ends=ends,
    )  # fmt: skip
    kept.rules[:] = [*kept.rules, made][-_MOST_KEPT:]
    return made


def _active(
    fences: Fences, timed: list[int], start_us: int, end_us: int, zone: ZoneInfo
) -> tuple[Ints, Ints, NDArray[np.int32]]:
    by_fence = [[(int(a), int(b))] for a, b in zip(fences.from_us, fences.to_us, strict=True)]
    alike: dict[object, list[tuple[int, int]]] = {}
    for f in timed:
        hours = fences.hours[f]
        assert hours is not None
        if hours not in alike:
            alike[hours] = hours.spans(start_us, end_us, zone)
        by_fence[f] = intersect(by_fence[f], alike[hours])
    bounds = np.cumsum([0, *(len(own) for own in by_fence)]).astype(np.int32)
    flat = np.asarray([span for own in by_fence for span in own], dtype=np.int64).reshape(-1, 2)
    return np.ascontiguousarray(flat[:, 0]), np.ascontiguousarray(flat[:, 1]), bounds
