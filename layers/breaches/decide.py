"""Deciding: breaches as a function of the stored fixes, and what that changes of those told.

Each unit is walked on from where it stands, or, when something came in before that, from a
mark a little before what changed; what was told since is compared with what is found now. The
result depends on which fixes there are, never on the order in which they came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches import broken, in_order
from geo.breaches.fences import LONG_AGO_US
from geo.breaches.records import MISSING
from layers.breaches import freezing, marks, matching, told
from layers.breaches.announcing import Written, announce
from layers.breaches.lawbook import Lawbook, lawbook
from layers.breaches.marks import Mark
from layers.breaches.matching import Plan
from layers.breaches.replay import (
    NEVER_US,
    Came,
    Replay,
    Starts,
    mark_at,
    numbered,
    records_by_unit,
    replay,
)  # fmt: skip
from layers.breaches.telling import Changed, amend, tell
from layers.errors import NoSuchUnitError
from layers.fixes import retention
from layers.fixes.journeys import parameters
from layers.region import Region
from layers.standings import Standings, lock
from layers.standings.block import NO_TIME, Ints

#: Instead of a breach's id: nothing is told of it.
_NEVER = -1
#: A version that came into force so long before a unit's last fix was there when it came.
_EDITS_ARE_KNOWN_US = 2 * 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a decision changed, by kind of revision."""

    opened: int = 0
    amended: int = 0
    closed: int = 0
    withdrawn: int = 0

    @property
    def total(self) -> int:
        """How many breaches changed."""
        return self.opened + self.amended + self.closed + self.withdrawn


def decide(
    connection: Connection,
    stand: Standings,
    since_us: Ints,
    region: Region,
    *,
    now: datetime,
    came: Came | None = None,
) -> dict[int, int]:
    """Judge what fixes changed; how many breaches moved, by the place of their unit.

    ``since_us``: by place, the earliest moment that changed; NEVER_US where nothing did. ``came``:
    those of the fixes that are later than all of their units. The caller saves ``stand``.
    """
    place = np.flatnonzero(since_us != NEVER_US)
    if not len(place):
        return {}
    law = lawbook(connection)
    heads = stand.heads[place]
    first_us = np.minimum(since_us[place], _first_edits(heads, law))
    walked = heads["walked"].astype(bool)
    unsure = walked & ~heads["sure"].astype(bool)
    ahead = walked & ~unsure & (first_us > heads["time"])
    back: dict[int, Mark | None] = {}
    if not ahead.all():
        first_us = np.where(unsure, np.minimum(first_us, heads["time"]), first_us)
        numbers = stand.unit_no(place)
        gone = np.flatnonzero(~ahead).tolist()
        found = marks.before(connection, {int(numbers[k]): int(first_us[k]) for k in gone})
        back = {int(place[k]): found.get(int(numbers[k])) for k in gone}
    written = _walk_on(
        connection, stand, Starts.of(stand, place, back), law, region, now, came=came
    )
    if not written.by_unit:
        return {}
    place_of = dict(zip(stand.told("ids")[place].tolist(), place.tolist(), strict=True))
    return {place_of[unit]: count for unit, count in written.by_unit.items()}


def recompute(
    connection: Connection,
    region: Region,
    *,
    now: datetime,
    units: Sequence[str] | None = None,
    only: Callable[[Plan], Plan] = lambda plan: plan,
) -> Changes:
    """Judge the whole history of units again (all of them without ``units``).

    For fences that were made after their fixes, and to prove that what is told is what the fixes
    say. ``only`` says which of the changes are made. Locks the units that it judges. Raises
    NoSuchUnitError.
    """
    every = parameters(connection, units)
    strangers = sorted(set(units or ()) - set(every.index))
    if strangers:
        raise NoSuchUnitError(f"{strangers[0]}: no such unit is enrolled")
    if every.empty:
        return Changes()
    numbers = np.sort(every["unit_no"].to_numpy(dtype=np.int64))
    stand = lock(connection, numbers)
    place = stand.places(numbers)
    starts = Starts.of(stand, place, dict.fromkeys(place.tolist()))
    written = _walk_on(connection, stand, starts, lawbook(connection), region, now, only)
    stand.save(connection)
    return Changes(**written.counts)


def _first_edits(heads: NDArray[np.void], law: Lawbook) -> Ints:
    """When the first version began or ended that each unit was walked past without.

    Usually an edit lies ahead of all fixes: then the walk meets it. What holds for all the past
    is left to ``recompute``.
    """
    found = np.full(len(heads), NEVER_US)
    strange = heads["fences_at"] != law.version
    if strange.any():
        edits = np.sort(np.concatenate([law.fences.from_us, law.fences.to_us, [NEVER_US]]))
        until_us = heads["time"][strange]
        since_us = np.maximum(until_us, NO_TIME + _EDITS_ARE_KNOWN_US) - _EDITS_ARE_KNOWN_US
        since_us = np.maximum(since_us, LONG_AGO_US)
        first = edits[np.searchsorted(edits, since_us, side="right")]
        found[strange] = np.where(first <= until_us, first, NEVER_US)
    return found


def _walk_on(
    connection: Connection,
    stand: Standings,
    starts: Starts,
    law: Lawbook,
    region: Region,
    now: datetime,
    only: Callable[[Plan], Plan] = lambda plan: plan,
    came: Came | None = None,
) -> Written:
    """Walk units from ``starts``, tell what changed, and keep where they stand."""
    walk = replay(connection, stand, starts, law, region.timezone, came)
    rows = broken(walk.found.rows, law.fences)
    rows = rows[(starts.back[rows["unit"]] | _news(rows)) & (rows["breach"] >= 0)]
    back = {int(k): int(starts.time_us[k]) for k in np.flatnonzero(starts.back)}
    written = Written(counts={}, by_unit={})
    if back or len(rows):
        rows = in_order(rows, law.fences)
        breach, wrote, changes = _tell(connection, walk, rows, back, law, now, only)
        written = announce(connection, changes, now)
        _remember(walk, rows, breach, wrote)
    if back:
        numbers = stand.unit_no(starts.place)
        marks.forget(connection, {int(numbers[k]): us for k, us in back.items()})
    _keep(connection, stand, walk, law)
    return written


def _tell(
    connection: Connection,
    walk: Replay,
    rows: NDArray[np.void],
    back: Mapping[int, int],
    law: Lawbook,
    now: datetime,
    only: Callable[[Plan], Plan],
) -> tuple[Ints, NDArray[np.bool_], Changed]:
    """Write what changed; the breach of each row, which rows are told now, and the changes.

    ``back``: from when on units went back. Theirs is compared with what was told since, and so is
    what retention froze; other rows say themselves which breach they are of.
    """
    edge, units = retention.edge(connection), walk.track.units
    again = walk.starts.back[rows["unit"]]
    alone = ~(again | freezing.entered_before(rows, edge))
    breach, wrote, changes = np.full(len(rows), _NEVER), alone.copy(), Changed()
    if alone.any():
        breach[alone], changes = tell(connection, rows[alone], units, law.fences, now)
    if back or not alone.all():
        at = np.flatnonzero(~alone)
        was = told.read(connection, back, units, rows[at], law)
        plan = matching.planned(was, rows[at], again[at], law.fences)
        done = only(freezing.spared(plan, edge))
        opened, more = amend(connection, done, units, now)
        changes = more + changes
        breach[at[plan.same[:, 1]]] = was.rows["id"][plan.same[:, 0]]
        breach[at[done.new]] = opened
        wrote[at[done.same[:, 1]]] = wrote[at[done.new]] = True
    return breach, wrote, changes


def _news(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which rows say something that was not told of their breach."""
    return np.asarray(
        (rows["breach"] == 0)
        | (rows["exit_us"] != MISSING)
        | (rows["confirmed"] != rows["told_confirmed"])
        | (rows["unknown_us"] != rows["told_unknown_us"])
    )


def _remember(walk: Replay, rows: NDArray[np.void], breach: Ints, wrote: NDArray[np.bool_]) -> None:
    """Note in what lasts what was told of it, so that the next walk knows.

    What was left as it is told is amended by the next walk; what was not to be opened never is.
    """
    lasting = walk.found.lasting
    at = np.flatnonzero(rows["exit_us"] == MISSING)
    if not len(at) or not len(lasting):
        return
    key, sought = _pairs(lasting), _pairs(rows[at])
    order = np.argsort(key)
    place = order[np.minimum(np.searchsorted(key[order], sought), len(order) - 1)]
    lasts = key[place] == sought
    place, at = place[lasts], at[lasts]
    lasting["breach"][place] = breach[at]
    lasting["told_confirmed"][place] = rows["confirmed"][at]
    lasting["told_unknown_us"][place] = np.where(wrote[at], rows["unknown_us"][at], -1)


def _pairs(records: NDArray[np.void]) -> Ints:
    """Unit and fence of records as one number each."""
    return (records["unit"].astype(np.int64) << 32) + records["fence"]


def _keep(connection: Connection, stand: Standings, walk: Replay, law: Lawbook) -> None:
    """Note where each unit stands, and store marks on the way."""
    track, starts = walk.track, walk.starts
    counts = np.diff(track.starts)
    seen = np.flatnonzero(counts)  # a unit may have no fix at all
    place, back = starts.place[seen], starts.back[seen]
    started = starts.time_us[seen] != NO_TIME
    lasting = numbered(walk.found.lasting, law)
    fresh = counts[seen] - started
    since = np.where(back | ~started, 0, stand.heads["since_mark"][place]) + fresh
    far = np.zeros(len(starts.place), dtype=bool)
    far[[row for row, _ in walk.marks]] = True
    sure = walk.sure[seen]
    marked = sure & ((since >= marks.EVERY) | far[seen])
    made = list(walk.marks)
    if marked.any():
        own = records_by_unit(lasting, len(starts.place))
        made += [
            (row, mark_at(track, int(track.starts[row + 1]) - 1, own[row]))
            for row in seen[marked].tolist()
        ]
    numbers = stand.unit_no(starts.place)
    marks.put(connection, [(int(numbers[row]), mark) for row, mark in made])
    heads = stand.heads
    heads["walked"][place], heads["sure"][place] = 1, sure
    heads["since_mark"][place] = np.where(marked, 0, since)
    heads["fences_at"][place] = law.version
    lasting["unit"] = starts.place[lasting["unit"]]
    stand.replace_records(place, lasting)
