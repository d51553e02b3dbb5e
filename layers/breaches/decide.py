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

from geo.breaches.fences import LONG_AGO_US
from layers import versions
from layers.breaches import marks
from layers.breaches.adopting import adopt
from layers.breaches.lawbook import Lawbook, lawbook
from layers.breaches.marks import Mark
from layers.breaches.matching import Plan
from layers.breaches.mending import mend
from layers.breaches.replay import NEVER_US, Came, Starts
from layers.breaches.walking import walk_on
from layers.errors import NoSuchUnitError
from layers.fixes.journeys import parameters
from layers.region import Region
from layers.standings import Standings, lock
from layers.standings.block import NO_TIME, Ints

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
    first_us = np.minimum(first_us, _first_ends(stand, law)[place])
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
        if came is not None:
            came = came.without(np.array(list(back), dtype=np.int64))
    starts = Starts.of(stand, place, back)
    written = walk_on(connection, stand, starts, law, region, now, came=came, mended=mended)
    if not written.by_unit:
        return {}
    place = np.flatnonzero(since_us != NEVER_US)
    place_of = dict(zip(stand.told("ids")[place].tolist(), place.tolist(), strict=True))
    # A unit may have been renamed by psql meanwhile.
    told = {place_of.get(unit, -1): count for unit, count in written.by_unit.items()}
    return {at: count for at, count in told.items() if at >= 0}


def recompute(
    connection: Connection,
    region: Region,
    *,
    now: datetime,
    units: Sequence[str] | None = None,
    only: Callable[[Plan], Plan] = lambda plan: plan,
) -> Changes:
    """Judge the whole history of units again (all of them without ``units``).

    For fences that were made after their fixes, for fixes that were stored by hand, and to prove
    that what is told is what the fixes say. ``only`` says which of the changes are made. Locks the
    units that it judges. Raises NoSuchUnitError.
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
    came = adopt(connection, stand, place)
    starts = Starts.of(stand, place, dict.fromkeys(place.tolist()))
    written = walk_on(connection, stand, starts, lawbook(connection), region, now, only, came)
    stand.save(connection)
    # Of fixes that were copied in nobody knows which they are.
    versions.bump(connection, "fixes")
    return Changes(**written.counts)


def _first_ends(stand: Standings, law: Lawbook) -> Ints:
    """By place, when the first version ended in which each unit was after that.

    However long ago an edit says that it was: a stay cannot last in what was no more.
    """
    found = np.full(len(stand.heads), NEVER_US)
    if not len(stand.records):
        return found
    at, unit = law.positions(stand.records["fence"]), stand.records["unit"]
    ended_us = np.where(at >= 0, law.fences.to_us[at], NEVER_US)
    over = ended_us <= stand.heads["time"][unit]
    np.minimum.at(found, unit[over], ended_us[over])
    return found


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
