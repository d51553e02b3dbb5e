"""Which breach that was told is which that is found now: ids stay with what happened.

First those decided by the same fixes, then those that overlap in time, then those whose bounds
do. Of several that a late fix merged the oldest lives; of several that one split into the
earliest keeps the id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.breaches import Fences
from geo.breaches.records import MISSING
from layers.breaches.told import Told, ways

Rows = NDArray[np.void]
Ints = NDArray[np.int64]
_END = np.iinfo(np.int64).max


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What becomes of breaches: found ones by position, told ones by their place."""

    found: Rows  #: RECORD
    told: Told
    fences: Fences  #: that both speak of
    same: Ints  #: (n, 2): place of the told, position of the found; by place
    new: Ints  #: positions
    gone: Ints  #: (n, 2): place, and the id that it was merged into, or 0
    #: By position, what else than the found row says is the visit that it is of.
    visits: Mapping[int, str] = field(default_factory=dict)


def planned(told: Told, found: Rows, again: NDArray[np.bool_], fences: Fences) -> Plan:
    """What becomes of which breach: of rows ``again`` by what it is like, else by its id.

    An id that is told no more, as it was withdrawn, is that of a new breach.
    """
    ids, breach = told.rows["id"], found["breach"]
    is_told = ~again & np.isin(breach, ids)
    known, fresh = np.flatnonzero(is_told), np.flatnonzero(~again & ~is_told)
    own = np.searchsorted(ids, breach[known])
    left, late = np.setdiff1d(np.arange(len(ids)), own), np.flatnonzero(again)
    same, new, gone = match(told.rows[left], found[late])
    same = np.concatenate(
        [np.column_stack([own, known]), np.column_stack([left[same[:, 0]], late[same[:, 1]]])]
    )
    return Plan(
        found=found, told=told, fences=fences,
        same=same[np.lexsort((same[:, 1], same[:, 0]))],
        new=np.sort(np.concatenate([fresh, late[new]])),
        gone=np.column_stack([left[gone[:, 0]], gone[:, 1]]),
    )  # fmt: skip


def match(told: Rows, found: Rows) -> tuple[Ints, Ints, Ints]:
    """Pair ``told`` (TOLD, by id) with ``found`` (RECORD): ``same``, ``new`` and ``gone``.

    As in a Plan: pairs of place and position, positions, and pairs of place and heir.
    """
    groups = _groups(told, told["way"]), _groups(found, ways(found))
    same: Ints = _decided_alike(told, found, *groups)
    gone = _pairs([])
    if len(same) < len(told):
        more, gone = _by_time(told, found, *groups, same)
        same = np.concatenate([same, more])
    new = np.ones(len(found), dtype=bool)
    new[same[:, 1]] = False
    return same[np.argsort(same[:, 0])], np.flatnonzero(new), gone


def _groups(rows: Rows, way: NDArray[np.uint8]) -> Ints:
    """What two breaches must have in common to be one: unit, fence version and direction."""
    return (
        (rows["unit"].astype(np.int64) << 34)
        + (rows["fence"].astype(np.int64) << 2)
        + way.astype(np.int64)
    )


def _decided_alike(told: Rows, found: Rows, of_told: Ints, of_found: Ints) -> Ints:
    """Pairs that the same fixes decided; of several alike the first of each, and so on."""
    columns = [np.concatenate([of_told, of_found])]
    columns += [np.concatenate([told[n], found[n]]) for n in ("fix_us", "exit_fix_us", "at_us")]
    order = np.lexsort(columns)  # stable: of those alike the told come first, each in their order
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = np.any([np.diff(column[order]) != 0 for column in columns], axis=0)
    start = np.flatnonzero(begins)
    alike = np.cumsum(begins) - 1
    end = np.append(start[1:], len(order))
    count = np.bincount(alike[order < len(told)], minlength=len(start))
    at = np.flatnonzero(order < len(told))
    partner = at + count[alike[at]]  # as far behind the first found as it is behind the first told
    paired = partner < end[alike[at]]
    return np.column_stack([order[at[paired]], order[partner[paired]] - len(told)])


class _Span(NamedTuple):
    """When a breach was, in microseconds; what has no end ends at the end of time."""

    entered: int
    exited: int
    earliest: int
    latest: int


def _by_time(
    told: Rows, found: Rows, of_told: Ints, of_found: Ints, same: Ints
) -> tuple[Ints, Ints]:
    """More pairs of what is in no pair yet, and what of the told is gone."""
    left = np.setdiff1d(np.arange(len(told)), same[:, 0])
    near = np.flatnonzero(np.isin(of_found, of_told[left]))
    near = near[np.argsort(found["at_us"][near], kind="stable")]
    others = dict(zip(near.tolist(), _spans(found[near]), strict=True))
    groups: dict[int, list[int]] = defaultdict(list)
    for position, key in zip(near.tolist(), of_found[near].tolist(), strict=True):
        groups[key].append(position)
    owner = np.full(len(found), -1)
    owner[same[:, 1]] = same[:, 0]
    taken = {position: int(owner[position]) for position in near[owner[near] >= 0].tolist()}
    rows = list(zip(left.tolist(), of_told[left].tolist(), _spans(told[left]), strict=True))
    more: dict[int, int] = {}
    for rule in (_overlapping, _bounds_overlapping):
        for place, key, span in rows:
            if place in more:
                continue
            like = _first(rule, span, groups.get(key, []), others, taken)
            if like is not None:
                more[place], taken[like] = like, place
    gone: list[tuple[int, int]] = []
    for place, key, span in rows:
        if place not in more:
            heirs = (
                int(told["id"][taken[position]])
                for position in groups.get(key, [])
                if position in taken and _overlapping(span, others[position])
            )
            gone.append((place, next(heirs, 0)))
    return _pairs(list(more.items())), _pairs(gone)


def _pairs(pairs: list[tuple[int, int]]) -> Ints:
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _first(
    rule: Callable[[_Span, _Span], bool],
    span: _Span,
    group: list[int],
    others: Mapping[int, _Span],
    taken: Mapping[int, int],
) -> int | None:
    """The first of a group that nobody took yet and that a rule finds to be the same."""
    for position in group:
        if position not in taken and rule(span, others[position]):
            return position
    return None


def _spans(rows: Rows) -> list[_Span]:
    entered, exited = rows["at_us"], rows["exit_us"]
    exited = np.where(exited == MISSING, _END, exited)
    earliest, latest = rows["earliest_us"], rows["exit_latest_us"]
    columns = (
        entered, exited,
        np.where(earliest == MISSING, entered, earliest),
        np.where(latest == MISSING, exited, latest),
    )  # fmt: skip
    return [_Span(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _overlapping(a: _Span, b: _Span) -> bool:
    return a.entered <= b.exited and b.entered <= a.exited


def _bounds_overlapping(a: _Span, b: _Span) -> bool:
    return a.earliest <= b.latest and b.earliest <= a.latest
