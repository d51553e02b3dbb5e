"""Walking units on, telling what that changes of their breaches, and keeping where they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches import broken, in_order
from geo.breaches.records import MISSING
from layers.breaches import freezing, marks, matching, told
from layers.breaches.announcing import Written, announce
from layers.breaches.lawbook import Lawbook
from layers.breaches.matching import Plan
from layers.breaches.mending import Mended
from layers.breaches.replay import (
    NEVER_US,
    Came,
    Replay,
    Starts,
    mark_at,
    numbered,
    records_by_unit,
    replay,
)
from layers.breaches.telling import Changed, amend, tell
from layers.fixes import retention
from layers.region import Region
from layers.standings import Standings
from layers.standings.block import NO_TIME, Ints

#: Instead of a breach's id: nothing is told of it.
_NEVER = -1


def walk_on(
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
    """Walk units from ``starts``, tell what changed, there and where it was ``mended``, and keep
    where they stand."""
    walk = replay(connection, stand, starts, law, region.timezone, came)
    names, rows = walk.track.units, broken(walk.found.rows, law.fences)
    units = _Units.of(starts, mended)
    if mended is not None:
        names = names + stand.told("ids")[mended.place].tolist()
        more = mended.rows.copy()
        more["unit"] += len(starts.place)
        rows = np.concatenate([rows, more])
    rows = rows[(units.back[rows["unit"]] | _news(rows)) & (rows["breach"] >= 0)]
    written = Written(counts={}, by_unit={})
    if units.back.any() or len(rows):
        rows = in_order(rows, law.fences)
        breach, wrote, changes = _tell(connection, units, names, rows, law, now, only)
        written = announce(connection, changes, now)
        _remember(walk, rows, breach, wrote)
    _keep(connection, stand, walk, units, law, mended)
    return written


@dataclass(frozen=True, kw_only=True, eq=False)
class _Units:
    """The units that are told of: those of a walk, then those that were mended."""

    place: Ints
    back: NDArray[np.bool_]  #: went back behind what was told
    since_us: Ints  #: the fix that each began at; NO_TIME: its first
    until_us: Ints  #: behind this fix nothing of it changed; NEVER_US: all may have

    @classmethod
    def of(cls, starts: Starts, mended: Mended | None) -> _Units:
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


def _tell(
    connection: Connection,
    units: _Units,
    names: list[str],
    rows: NDArray[np.void],
    law: Lawbook,
    now: datetime,
    only: Callable[[Plan], Plan],
) -> tuple[Ints, NDArray[np.bool_], Changed]:
    """Write what changed; the breach of each row, which rows are told now, and the changes.

    Of units that went back it is compared with what was told since, and so is what retention
    froze; other rows say themselves which breach they are of.
    """
    edge, again = retention.edge(connection), units.back[rows["unit"]]
    alone = ~(again | freezing.entered_before(rows, edge))
    breach, wrote, changes = np.full(len(rows), _NEVER), alone.copy(), Changed()
    if alone.any():
        breach[alone], changes = tell(connection, rows[alone], names, law.fences, now)
    if units.back.any() or not alone.all():
        at, back = np.flatnonzero(~alone), np.flatnonzero(units.back)
        was = told.read(
            connection, back, units.since_us[back], units.until_us[back], names, rows[at], law
        )
        plan = matching.planned(was, rows[at], again[at], law.fences)
        done = only(freezing.spared(plan, edge))
        opened, more = amend(connection, done, names, now)
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


def _keep(
    connection: Connection,
    stand: Standings,
    walk: Replay,
    units: _Units,
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
