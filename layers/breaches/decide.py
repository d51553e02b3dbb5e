"""Deciding: breaches as a function of the stored fixes, and what that changes of those told.

Each unit is walked on from where its walk stopped, or, when something came in before that, from a
mark a little before what changed; what was told since is compared with what is found now. The
result depends on which fixes there are, never on the order in which they came.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from geo.breaches import Fences, broken, in_order, table
from geo.breaches.fences import LONG_AGO_US
from geo.breaches.records import MISSING
from layers import frames, versions
from layers.breaches import freezing, matching, record, states
from layers.breaches.matching import Plan
from layers.breaches.record import Written
from layers.breaches.replay import Came, Replay, records_by_unit, replay, state_at
from layers.breaches.states import State
from layers.errors import NoSuchUnitError
from layers.fixes import retention
from layers.fixes.journeys import parameters
from layers.region import Region

#: Instead of a breach's id: nothing is told of it.
_NEVER = -1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: A version that came into force so long before a unit's last fix was there when it came.
_EDITS_ARE_KNOWN = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The fence versions of a database, ready to judge by."""

    fences: Fences
    data_version: str


#: Prepared fences by database.
_PREPARED: weakref.WeakKeyDictionary[Engine, Prepared] = weakref.WeakKeyDictionary()


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
    changed: Mapping[int, datetime],
    units: pd.DataFrame,
    region: Region,
    *,
    now: datetime,
    came: Came | None = None,
) -> dict[int, int]:
    """Judge what fixes changed at or after ``changed``; how many breaches moved (both by unit_no).

    ``came``: those of the fixes that are later than all of their units.

    ``units`` holds (index id) at least those units. The caller has locked them.
    """
    if not changed:
        return {}
    ready = prepared(connection)
    units = units[units["unit_no"].isin(list(changed))]
    terms = states.terms_of(units)
    newest = states.newest(connection, terms)
    starts: dict[int, State | None] = {}
    back: dict[int, datetime] = {}
    for number, moment in changed.items():
        state = newest.get(number)
        since = min(moment, _first_edit(state, ready)) if state is not None else moment
        if state is not None and state.sure and since > state.time:
            starts[number] = state
        else:
            back[number] = since if state is None or state.sure else min(since, state.time)
    if back:
        marks = states.before(connection, back, terms)
        starts |= {number: marks.get(number) for number in back}
    # Of who goes back, what came is not all that there is since.
    ahead = None if came is None else came.only(set(starts) - set(back))
    written = _walk_on(connection, starts, set(back), units, ready, region, now, came=ahead)
    number_of = dict(zip(units.index, units["unit_no"].tolist(), strict=True))
    return {number_of[unit]: count for unit, count in written.by_unit.items()}


def recompute(
    connection: Connection,
    region: Region,
    *,
    now: datetime,
    units: list[str] | None = None,
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
    connection.execute(
        text(
            "SELECT 1 FROM units WHERE unit_no = ANY(:numbers) ORDER BY unit_no FOR NO KEY UPDATE"
        ),
        {"numbers": [int(n) for n in every["unit_no"]]},
    )
    starts: dict[int, State | None] = dict.fromkeys(int(n) for n in every["unit_no"])
    ready = prepared(connection)
    return Changes(
        **_walk_on(connection, starts, set(starts), every, ready, region, now, only).counts
    )


def prepared(connection: Connection) -> Prepared:
    """The fence versions of this database, prepared once a version."""
    at = versions.read(connection, ["fences"]).data_version
    held = _PREPARED.get(connection.engine)
    if held is not None and held.data_version == at:
        return held
    made = Prepared(fences=Fences.of(frames.fence_versions(connection)), data_version=at)
    _PREPARED[connection.engine] = made
    return made


def _first_edit(state: State, ready: Prepared) -> datetime:
    """When the first version began or ended that a unit was walked past without.

    Usually an edit lies ahead of all fixes: then the walk meets it. What holds for all the past
    is left to ``recompute``.
    """
    never = datetime.max.replace(tzinfo=UTC)
    if state.fences_at == ready.data_version:
        return never
    since = (state.time - _EDITS_ARE_KNOWN - _EPOCH) // timedelta(microseconds=1)
    until = (state.time - _EPOCH) // timedelta(microseconds=1)
    edits = np.concatenate([ready.fences.from_us, ready.fences.to_us])
    recent = edits[(edits > max(since, LONG_AGO_US)) & (edits <= until)]
    return _EPOCH + timedelta(microseconds=int(recent.min())) if len(recent) else never


def _walk_on(
    connection: Connection,
    starts: Mapping[int, State | None],
    back: set[int],
    units: pd.DataFrame,
    ready: Prepared,
    region: Region,
    now: datetime,
    only: Callable[[Plan], Plan] = lambda plan: plan,
    came: Came | None = None,
) -> Written:
    """Walk units from ``starts``, tell what changed, and keep where they stopped.

    ``back``: those (unit_no) that go back behind what was told already.
    """
    since = {number: state.time if state else None for number, state in starts.items()}
    walk = replay(connection, starts, units, ready.fences, region.timezone, came, back)
    rows = broken(walk.found.rows, ready.fences)
    again = np.isin(walk.number, list(back))[rows["unit"]]
    rows = in_order(rows[(again | _news(rows)) & (rows["breach"] >= 0)], ready.fences)
    written = Written(breach_of={}, counts={}, by_unit={})
    if back or len(rows):
        names = dict(zip(units["unit_no"].tolist(), units.index, strict=True))
        told = record.told(connection, {names[n]: since[n] for n in back}, rows["breach"])
        again = np.isin(walk.number, list(back))[rows["unit"]]
        found = table(rows, walk.track.units, ready.fences)
        plan = _plan(told, found, rows["breach"], again)
        done = only(freezing.spared(plan, retention.edge(connection)))
        written = record.apply(connection, done, now)
        _remember(walk, rows, plan, written.breach_of)
    if back:
        states.forget_marks(connection, {n: since[n] for n in back})
    _keep(connection, walk, starts, ready, states.terms_of(units))
    return written


def _news(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which rows say something that was not told of their breach."""
    return np.asarray(
        (rows["breach"] == 0)
        | (rows["exit_us"] != MISSING)
        | (rows["confirmed"] != rows["told_confirmed"])
        | (rows["unknown_us"] != rows["told_unknown_us"])
    )


def _plan(
    told: pd.DataFrame,
    found: pd.DataFrame,
    breach: NDArray[np.int64],
    again: NDArray[np.bool_],
) -> Plan:
    """What becomes of which breach: of units that went back by what it is like, else by its id.

    An id that is told no more, as it was withdrawn, is that of a new breach.
    """
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


def _remember(walk: Replay, rows: NDArray[np.void], plan: Plan, written: Mapping[int, int]) -> None:
    """Note in what lasts what was told of it, so that the next walk knows.

    What was left as it is told is amended by the next walk; what was not to be opened never is.
    """
    breach_of = dict.fromkeys(plan.new, _NEVER)
    breach_of |= {position: number for number, position in plan.same} | dict(written)
    lasting = walk.found.lasting
    place = {
        (int(u), int(f)): k
        for k, (u, f) in enumerate(zip(lasting["unit"], lasting["fence"], strict=True))
    }
    for position, number in breach_of.items():
        row = rows[position]
        if row["exit_us"] == MISSING:
            k = place.get((int(row["unit"]), int(row["fence"])))
            if k is not None:
                lasting["breach"][k] = number
                lasting["told_confirmed"][k] = row["confirmed"]
                lasting["told_unknown_us"][k] = row["unknown_us"] if position in written else -1


def _keep(
    connection: Connection,
    walk: Replay,
    starts: Mapping[int, State | None],
    ready: Prepared,
    terms: Mapping[int, str],
) -> None:
    """Store where each unit stopped, and marks on the way."""
    track, newest, marks = walk.track, {}, list(walk.marks)
    far = {number for number, _ in marks}
    own = records_by_unit(walk.found.lasting, len(walk.number))
    for u, number in enumerate(walk.number.tolist()):
        start = starts[number]
        fresh = int(track.starts[u + 1] - track.starts[u]) - (start is not None)
        since = (start.since_mark if start is not None else 0) + fresh
        sure = bool(walk.sure[u])
        marked = sure and (since >= states.EVERY or number in far)
        newest[number] = state_at(
            track, int(track.starts[u + 1]) - 1, own[u], ready.fences, sure=sure,
            since_mark=0 if marked else since, fences_at=ready.data_version,
        )  # fmt: skip
        if marked:
            marks.append((number, newest[number]))
    states.put(connection, newest, marks, terms)
