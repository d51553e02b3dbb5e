"""Deciding: breaches as a function of the stored fixes, and what that changes of those told.

Each unit is walked on from where it stands, or, when something came in before that, from a
mark a little before what changed; what was told since is compared with what is found now. The
result depends on which fixes there are, never on the order in which they came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches import broken, in_order, table
from geo.breaches.fences import LONG_AGO_US
from geo.breaches.records import MISSING
from layers.breaches import freezing, marks, matching, record
from layers.breaches.lawbook import Lawbook, lawbook
from layers.breaches.marks import Mark
from layers.breaches.matching import Plan
from layers.breaches.mending import Mended, mend
from layers.breaches.record import Written
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
from layers.breaches.telling import tell
from layers.errors import NoSuchUnitError
from layers.fixes import retention
from layers.fixes.journeys import parameters
from layers.fixes.plain import micros, moment
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
    until_us: Ints | None = None,
    came: Came | None = None,
) -> dict[int, int]:
    """Judge what fixes changed; how many breaches moved, by the place of their unit.

    ``since_us``: by place, the earliest moment that changed; NEVER_US where nothing did.
    ``until_us``: the latest; without it all since may have. ``came``: those of the fixes that are
    later than all of their units. The caller saves ``stand``.
    """
    place = np.flatnonzero(since_us != NEVER_US)
    if not len(place):
        return {}
    law = lawbook(connection)
    heads = stand.heads[place]
    first_us = np.minimum(since_us[place], _first_edits(heads, law))
    sure = heads["walked"].astype(bool) & heads["sure"].astype(bool)
    ahead = sure & (first_us > heads["time"])
    mended = None
    if until_us is not None and not ahead.all():
        # Where nothing else changed than something well before the newest fix.
        deep = sure & (until_us[place] < heads["time"]) & (heads["fences_at"] == law.version)
        if deep.any():
            at = place[deep]
            mended = mend(connection, stand, at, first_us[deep], until_us[at], law, region.timezone)
            left = ~np.isin(place, mended.place)
            place, heads, first_us, ahead = place[left], heads[left], first_us[left], ahead[left]
    back: dict[int, Mark | None] = {}
    if not ahead.all():
        unsure = heads["walked"].astype(bool) & ~heads["sure"].astype(bool)
        first_us = np.where(unsure, np.minimum(first_us, heads["time"]), first_us)
        numbers = stand.unit_no(place)
        gone = np.flatnonzero(~ahead).tolist()
        found = marks.before(connection, {int(numbers[k]): int(first_us[k]) for k in gone})
        back = {int(place[k]): found.get(int(numbers[k])) for k in gone}
    starts = Starts.of(stand, place, back)
    written = _walk_on(connection, stand, starts, law, region, now, came=came, mended=mended)
    if not written.by_unit:
        return {}
    place = np.flatnonzero(since_us != NEVER_US)
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
    mended: Mended | None = None,
) -> Written:
    """Walk units from ``starts``, tell what changed (there and where it was ``mended``), and keep
    where they stand."""
    walk = replay(connection, stand, starts, law, region.timezone, came)
    fences, names, rows = law.fences, walk.track.units, broken(walk.found.rows, law.fences)
    units = Units.of(starts, mended)
    if mended is not None:
        names = names + stand.told("ids")[mended.place].tolist()
        more = mended.rows.copy()
        more["unit"] += len(starts.place)
        rows = np.concatenate([rows, more])
    again = units.back[rows["unit"]]
    rows = in_order(rows[(again | _news(rows)) & (rows["breach"] >= 0)], fences)
    written = Written(counts={}, by_unit={})
    if units.back.any() or len(rows):
        edge = retention.edge(connection)
        alone = ~units.back[rows["unit"]] & ~_frozen(rows, edge)
        breach, changes = np.full(len(rows), _NEVER), list[tuple[int, record.Change]]()
        if alone.any():
            breach[alone], changes = tell(connection, rows[alone], names, fences, now)
        wrote = alone.copy()
        if units.back.any() or not alone.all():
            at = np.flatnonzero(~alone)
            plan = _plan(connection, units, names, rows[at], law)
            done = only(freezing.spared(plan, edge))
            breach_of, late = record.write(connection, done, now)
            changes = [*late, *changes]
            for position, number in [*((p, i) for i, p in plan.same), *breach_of.items()]:
                breach[at[position]] = number
            wrote[at[list(breach_of)]] = True
        written = record.announce(connection, changes, now)
        _remember(walk, rows, breach, wrote)
    _keep(connection, stand, walk, units, law, mended)
    return written


@dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """The units that are told of: those of a walk, then those that were mended."""

    place: Ints
    back: NDArray[np.bool_]  #: went back behind what was told
    since_us: Ints  #: the fix that each began at; NO_TIME: its first
    until_us: Ints  #: behind this fix nothing of it changed; NEVER_US: all may have

    @classmethod
    def of(cls, starts: Starts, mended: Mended | None) -> Units:
        """The units of a walk, and those that were mended."""
        never = np.full(len(starts.place), NEVER_US)
        if mended is None:
            return cls(
                place=starts.place, back=starts.back, since_us=starts.time_us, until_us=never
            )
        return cls(
            place=np.r_[starts.place, mended.place],
            back=np.r_[starts.back, np.ones(len(mended.place), dtype=bool)],
            since_us=np.r_[starts.time_us, mended.since_us],
            until_us=np.r_[never, mended.until_us],
        )


def _frozen(rows: NDArray[np.void], edge: datetime | None) -> NDArray[np.bool_]:
    """Which rows say something of moments that retention froze."""
    if edge is None:
        return np.zeros(len(rows), dtype=bool)
    first_us = np.minimum(np.minimum(rows["fix_us"], rows["at_us"]), rows["earliest_us"])
    return np.asarray(first_us < micros(edge))


def _news(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which rows say something that was not told of their breach."""
    return np.asarray(
        (rows["breach"] == 0)
        | (rows["exit_us"] != MISSING)
        | (rows["confirmed"] != rows["told_confirmed"])
        | (rows["unknown_us"] != rows["told_unknown_us"])
    )


def _plan(
    connection: Connection,
    units: Units,
    names: Sequence[str],
    rows: NDArray[np.void],
    law: Lawbook,
) -> Plan:
    """What becomes of which breach: of units that went back by what it is like, else by its id.

    An id that is told no more, as it was withdrawn, is that of a new breach.
    """
    since = {
        names[k]: None if units.since_us[k] == NO_TIME else moment(units.since_us[k])
        for k in np.flatnonzero(units.back).tolist()
    }
    until = {
        names[k]: moment(units.until_us[k])
        for k in np.flatnonzero(units.until_us != NEVER_US).tolist()
    }
    told = record.told(connection, since, rows["breach"], until)
    found = table(rows, list(names), law.fences)
    again, breach = units.back[rows["unit"]], rows["breach"]
    is_told = ~again & np.isin(breach, told.index.to_numpy(dtype=np.int64))
    known = np.flatnonzero(is_told).tolist()
    same = [(int(breach[position]), position) for position in known]
    new = np.flatnonzero(~again & ~is_told).tolist()
    gone: list[tuple[int, int | None]] = []
    left = told.drop(index=[number for number, _ in same])
    if again.any() or len(left):
        late, place = matching.match(left, found[again]), np.flatnonzero(again)
        same += [(number, int(place[position])) for number, position in late.same]
        new += [int(place[position]) for position in late.new]
        gone = late.gone
    return Plan(found=found, told=told, same=sorted(same), new=sorted(new), gone=gone)


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


def _keep(
    connection: Connection,
    stand: Standings,
    walk: Replay,
    units: Units,
    law: Lawbook,
    mended: Mended | None,
) -> None:
    """Note where each unit stands, and store marks on the way in place of those that were there."""
    gone = np.flatnonzero(units.back)
    if len(gone):
        numbers = stand.unit_no(units.place[gone])
        marks.forget(connection, numbers, units.since_us[gone], units.until_us[gone])
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
    if mended is not None:
        made += [(row + len(starts.place), mark) for row, mark in mended.marks]
    numbers = stand.unit_no(units.place)
    marks.put(connection, [(int(numbers[row]), mark) for row, mark in made])
    heads = stand.heads
    heads["walked"][place], heads["sure"][place] = 1, sure
    heads["since_mark"][place] = np.where(marked, 0, since)
    heads["fences_at"][place] = law.version
    lasting["unit"] = starts.place[lasting["unit"]]
    stand.replace_records(place, lasting)
