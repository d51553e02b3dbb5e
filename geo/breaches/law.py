"""Fence versions as the walk takes them: what each wants, of whom, and when."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.breaches.fences import Fences
from geo.breaches.hours import intersect
from geo.breaches.ways import ABSENCES, CROSSINGS, INSIDES, RULE, Law
from geo.tracks.columns import Bools, Ints

_WANTS = {"keep_out": INSIDES, "keep_in": ABSENCES, "line": CROSSINGS, "presence": 0}
_DAY_US = 86_400_000_000
_MOST_KEPT = 4
Spans = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]
#: Of more units than this what is kept is forgotten.
_MOST_UNITS = 100_000
_LOCK = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class _Kinds:
    number: dict[tuple[str, ...], int]  #: by unit, kind and team
    rows: dict[bytes, int]  #: the fences that speak of a kind, a bit each


_KINDS: weakref.WeakKeyDictionary[Fences, _Kinds] = weakref.WeakKeyDictionary()
_KEPT: weakref.WeakKeyDictionary[Fences, OrderedDict[tuple[object, ...], Spans]] = (
    weakref.WeakKeyDictionary()
)


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

    ``kinds``: (kinds of units, fences) which speaks of which. ``every``: areas want stays inside
    whatever their rule; without ``zone`` active hours do not count.
    """
    rules = np.zeros(len(fences), dtype=RULE)
    wants = np.asarray([_WANTS[rule] for rule in fences.rules], dtype=np.uint8)
    rules["wants"] = np.where(fences.is_line, 0, INSIDES) if every else wants
    rules["margin_m"] = fences.margin_m
    rules["from_us"], rules["to_us"] = fences.from_us, fences.to_us
    rules["heir_of"] = fences.heir_of
    rules["has_heir"][fences.heir_of[fences.heir_of >= 0]] = 1
    rules["edge0"], rules["edge1"] = fences.edges.first[:-1], fences.edges.first[1:]
    starts, ends, bounds = _spans(fences, start_us, end_us, zone)
    rules["span0"], rules["span1"] = bounds[:-1], bounds[1:]
    asked = kinds & fences.in_use(start_us, end_us) & (rules["wants"] > 0)
    guards = np.flatnonzero((rules["wants"] == ABSENCES) & asked.any(axis=0))
    edits = np.flatnonzero((fences.from_us > start_us) & asked.any(axis=0))
    edits = edits[np.argsort(fences.from_us[edits], kind="stable")]
    return Law(
        fences=rules,
        starts=starts,
        ends=ends,
        edits_us=fences.from_us[edits],
        edits=edits.astype(np.int32),
        asked=asked,
        guards=guards.astype(np.int32),
    )


def kinds_of(fences: Fences, names: list[str], units: pd.DataFrame) -> tuple[Bools, Ints]:
    """The fences that speak of each kind of unit, and each unit's kind.

    Kept by what a unit is: a service asks again and again of the same.
    """
    if not any(fences.applies_to):
        return np.ones((1, len(fences)), dtype=bool), np.zeros(len(names), dtype=np.int64)
    with _LOCK:
        return _kinds_of(fences, names, units)


def _kinds_of(fences: Fences, names: list[str], units: pd.DataFrame) -> tuple[Bools, Ints]:
    kept = _KINDS.get(fences)
    if kept is None or len(kept.number) > _MOST_UNITS:
        kept = _KINDS[fences] = _Kinds(number={}, rows={})
    own = units.loc[names]
    told = [own[name].tolist() if name in own else [None] * len(names) for name in ("kind", "team")]
    what = list(zip(names, *map(_plainly, told), strict=True))
    strange = [at for at, one in enumerate(what) if one not in kept.number]
    if strange:
        said = fences.applies([names[at] for at in strange], own.iloc[strange])
        for at, row in zip(strange, np.packbits(said, axis=1), strict=True):
            kept.number[what[at]] = kept.rows.setdefault(row.tobytes(), len(kept.rows))
    packed = np.frombuffer(b"".join(kept.rows), np.uint8).reshape(len(kept.rows), -1)
    kinds = np.unpackbits(packed, axis=1, count=len(fences)).astype(bool)
    return kinds, np.asarray([kept.number[one] for one in what], dtype=np.int64)


def _plainly(values: list[Any]) -> list[str]:
    """Missing ones in one way: a NaN is no other's equal."""
    return [value if isinstance(value, str) else "" for value in values]


def _spans(fences: Fences, start_us: int, end_us: int, zone: ZoneInfo | None) -> Spans:
    """Starts and ends of the spans in force and active, and where those of each fence begin.

    Of active hours those from the day before to the day after; kept, for a service asks again
    and again for the same days.
    """
    timed = [f for f, hours in enumerate(fences.hours) if hours is not None] if zone else []
    if not timed or zone is None:
        return fences.from_us, fences.to_us, np.arange(len(fences) + 1, dtype=np.int32)
    key = zone.key, start_us // _DAY_US, end_us // _DAY_US
    with _LOCK:
        kept = _KEPT.setdefault(fences, OrderedDict())
        if key not in kept:
            kept[key] = _active(fences, timed, key[1] * _DAY_US, (key[2] + 1) * _DAY_US, zone)
            while len(kept) > _MOST_KEPT:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]


def _active(fences: Fences, timed: list[int], start_us: int, end_us: int, zone: ZoneInfo) -> Spans:
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
