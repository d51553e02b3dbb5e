"""Which told breach is which found one: held against the rules as they are said, one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.breaches.records import CROSSING, MISSING, RECORD, STAY
from layers.breaches.matching import match
from layers.breaches.told import TOLD

END = 1 << 62


class Seen(NamedTuple):
    """A breach, told or found, in whole microseconds; None where there is no such time."""

    unit: int
    fence: int
    way: int
    fix: int
    at: int
    earliest: int | None
    exit_fix: int | None = None
    exit: int | None = None
    exit_latest: int | None = None

    @property
    def key(self) -> tuple[int, int, int]:
        return self.unit, self.fence, self.way

    @property
    def span(self) -> tuple[int, int]:
        return self.at, END if self.exit is None else self.exit

    @property
    def bounds(self) -> tuple[int, int]:
        low = self.at if self.earliest is None else self.earliest
        return low, self.span[1] if self.exit_latest is None else self.exit_latest


def decided_alike(a: Seen, b: Seen) -> bool:
    return (a.fix, a.exit_fix, a.at) == (b.fix, b.exit_fix, b.at)


def overlapping(a: Seen, b: Seen) -> bool:
    return a.span[0] <= b.span[1] and b.span[0] <= a.span[1]


def bounds_overlapping(a: Seen, b: Seen) -> bool:
    return a.bounds[0] <= b.bounds[1] and b.bounds[0] <= a.bounds[1]


Rule = Callable[[Seen, Seen], bool]
#: Pairs of a told and a found one, found ones that are new, told ones and what they went into.
Pairing = tuple[list[tuple[int, int]], list[int], list[tuple[int, int | None]]]
RULES: tuple[Rule, ...] = (decided_alike, overlapping, bounds_overlapping)


def slowly(told: Sequence[Seen], found: Sequence[Seen]) -> Pairing:
    """What ``match`` says, by looking at every pair; ``told`` by id."""
    groups: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for position in sorted(range(len(found)), key=lambda p: found[p].at):
        groups[found[position].key].append(position)
    same: dict[int, int] = {}
    taken: dict[int, int] = {}
    for rule in RULES:
        for place, one in enumerate(told):
            free = [p for p in groups[one.key] if p not in taken and rule(one, found[p])]
            if place not in same and free:
                same[place], taken[free[0]] = free[0], place
    gone = []
    for place, one in enumerate(told):
        if place not in same:
            heirs = [taken[p] for p in groups[one.key] if p in taken and overlapping(one, found[p])]
            gone.append((place, heirs[0] if heirs else None))
    return sorted(same.items()), [p for p in range(len(found)) if p not in taken], gone


def quickly(told: Sequence[Seen], found: Sequence[Seen]) -> Pairing:
    ids = 7 + 3 * np.arange(len(told))
    rows = np.zeros(len(told), dtype=TOLD)
    records = np.zeros(len(found), dtype=RECORD)
    for array, seen in ((rows, told), (records, found)):
        for name in ("unit", "fence", "fix", "at", "earliest", "exit_fix", "exit", "exit_latest"):
            column = name if name in {"unit", "fence"} else f"{name}_us"
            values = [getattr(one, name) for one in seen]
            array[column] = [MISSING if value is None else value for value in values]
    rows["id"], rows["way"] = ids, [one.way for one in told]
    records["kind"] = [CROSSING if one.way else STAY for one in found]
    records["to_right"] = [one.way == 2 for one in found]
    same, new, gone = match(rows, records)
    place_of = {int(number): place for place, number in enumerate(ids)}
    return (
        [(place, position) for place, position in same.tolist()],
        new.tolist(),
        [(place, place_of[heir] if heir else None) for place, heir in gone.tolist()],
    )


@st.composite
def seen(draw: st.DrawFn, fences: Sequence[int]) -> Seen:
    """Something on a short stretch of time, so that many overlap and some are alike."""
    at = draw(st.integers(0, 12))
    fix = at + draw(st.integers(0, 1))
    begun = Seen(
        unit=draw(st.integers(0, 1)),
        fence=draw(st.sampled_from(fences)),
        way=draw(st.sampled_from([0, 0, 0, 1, 2])),
        fix=fix,
        at=at,
        earliest=draw(st.sampled_from([None, at, at - 1, at - 3])),
    )
    if draw(st.booleans()):
        return begun
    out = at + draw(st.integers(0, 4))
    latest = draw(st.sampled_from([None, out + 2]))
    return begun._replace(exit=out, exit_fix=max(fix, out), exit_latest=latest)


@st.composite
def sets(draw: st.DrawFn) -> tuple[list[Seen], list[Seen]]:
    """What was told, also of versions that are there no longer; much of it is found again."""
    told = draw(st.lists(seen(fences=(-1, 0, 1)), max_size=10))
    again = [one for one in told if one.fence >= 0 and draw(st.booleans())]
    return told, draw(st.permutations(again + draw(st.lists(seen(fences=(0, 1)), max_size=6))))


@settings(max_examples=600, deadline=None)
@given(sets())
def test_pairs_are_those_that_the_rules_find_one_by_one(
    both: tuple[list[Seen], list[Seen]],
) -> None:
    assert quickly(*both) == slowly(*both)


def stay(begin: int, end: int | None, **more: int) -> Seen:
    """A stay whose fixes are where it begins and ends."""
    return Seen(
        unit=0, fence=0, way=0, fix=begin, at=begin, earliest=begin, exit_fix=end, exit=end,
        exit_latest=end,
    )._replace(**more)  # fmt: skip


@pytest.mark.parametrize(
    ("told", "found", "same", "new", "gone"),
    [
        ([stay(1, 3)], [stay(1, 3)], [(0, 0)], [], []),
        ([stay(1, 3)], [stay(2, 5)], [(0, 0)], [], []),
        ([stay(1, 3), stay(5, 9)], [stay(1, 9)], [(0, 0)], [], [(1, 0)]),  # merged: the older lives
        ([stay(1, 9)], [stay(5, 9), stay(1, 3)], [(0, 1)], [0], []),  # split: the earlier keeps it
        ([stay(1, 3)], [stay(5, 9)], [], [0], [(0, None)]),
        ([stay(1, 3)], [stay(5, 9, earliest=2)], [(0, 0)], [], []),  # it may have been the same
        ([stay(1, 3), stay(1, 3)], [stay(1, 3)], [(0, 0)], [], [(1, 0)]),
        ([stay(1, 3, fence=-1)], [stay(1, 3)], [], [0], [(0, None)]),  # of a version that is gone
        ([stay(1, 3, unit=-1)], [], [], [], [(0, None)]),
        ([stay(1, None)], [stay(1, 3, way=1)], [], [0], [(0, None)]),
        ([], [], [], [], []),
    ],
)
def test_ids_stay_with_what_happened(
    told: list[Seen],
    found: list[Seen],
    same: list[tuple[int, int]],
    new: list[int],
    gone: list[tuple[int, int | None]],
) -> None:
    assert quickly(told, found) == slowly(told, found) == (same, new, gone)
