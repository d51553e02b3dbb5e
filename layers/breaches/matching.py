"""Which breach that was told is which that is found now: ids stay with what happened.

First those decided by the same fixes, then those that overlap in time, then those whose bounds
do. Of several that a late fix merged the oldest lives; of several that one split into the
earliest keeps the id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

_END = np.iinfo(np.int64).max
_NAT = np.iinfo(np.int64).min


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What becomes of breaches: found ones by position, told ones by id."""

    found: pd.DataFrame
    told: pd.DataFrame  #: index id
    same: list[tuple[int, int]]  #: (id, position)
    new: list[int]
    gone: list[tuple[int, int | None]]  #: (id, id that it was merged into)


class _Span(NamedTuple):
    """When a breach was, in microseconds; what has no end ends at the end of time."""

    entered_fix: int
    exited_fix: int
    entered: int
    exited: int
    earliest: int
    latest: int


def match(told: pd.DataFrame, found: pd.DataFrame) -> Plan:
    """Pair ``told`` (index id; columns of breaches) with ``found`` (frame of ``judge``)."""
    found = found.reset_index(drop=True)
    ids = [int(number) for number in told.index]
    spans = dict(zip(ids, _spans(told), strict=True))
    keys = dict(zip(ids, _keys(told), strict=True))
    others = _spans(found)
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for position, key in enumerate(_keys(found)):
        groups[key].append(position)
    for group in groups.values():
        group.sort(key=lambda position: others[position].entered)
    same: dict[int, int] = {}
    taken: dict[int, int] = {}
    for rule in (_decided_alike, _overlapping, _bounds_overlapping):
        for number in sorted(ids):
            if number in same:
                continue
            place = _first(rule, spans[number], groups.get(keys[number], ()), others, taken)
            if place is not None:
                same[number], taken[place] = place, number
    gone: list[tuple[int, int | None]] = []
    for number in sorted(set(ids) - set(same)):
        heirs = [
            taken[position]
            for position in groups.get(keys[number], ())
            if position in taken and _overlapping(spans[number], others[position])
        ]
        gone.append((number, heirs[0] if heirs else None))
    return Plan(
        found=found,
        told=told,
        same=sorted(same.items()),
        new=[position for position in range(len(found)) if position not in taken],
        gone=gone,
    )


def _first(
    rule: Callable[[_Span, _Span], bool],
    span: _Span,
    group: list[int] | tuple[()],
    others: list[_Span],
    taken: dict[int, int],
) -> int | None:
    """The first of a group that nobody took yet and that a rule finds to be the same."""
    for position in group:
        if position not in taken and rule(span, others[position]):
            return position
    return None


def _keys(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    """What two breaches must have in common to be one."""
    way = frame["direction"].astype(object).where(frame["direction"].notna(), None)
    named = (frame["unit"], frame["fence"], frame["fence_version"], way)
    return list(zip(*(column.tolist() for column in named), strict=True))


def _spans(frame: pd.DataFrame) -> list[_Span]:
    at = {
        name: np.asarray(
            pd.to_datetime(frame[name], utc=True).dt.as_unit("us").array.asi8, dtype=np.int64
        )
        for name in (
            "entered_fix", "exited_fix", "entered_at", "exited_at", "entered_earliest",
            "exited_latest",
        )
    }  # fmt: skip
    earliest, latest = at["entered_earliest"], at["exited_latest"]
    exited = np.where(at["exited_at"] == _NAT, _END, at["exited_at"])
    columns = (
        at["entered_fix"], at["exited_fix"], at["entered_at"], exited,
        np.where(earliest == _NAT, at["entered_at"], earliest),
        np.where(latest == _NAT, exited, latest),
    )  # fmt: skip
    return [_Span(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _decided_alike(a: _Span, b: _Span) -> bool:
    return (a.entered_fix, a.exited_fix, a.entered) == (b.entered_fix, b.exited_fix, b.entered)


def _overlapping(a: _Span, b: _Span) -> bool:
    return a.entered <= b.exited and b.entered <= a.exited


def _bounds_overlapping(a: _Span, b: _Span) -> bool:
    return a.earliest <= b.latest and b.earliest <= a.latest
