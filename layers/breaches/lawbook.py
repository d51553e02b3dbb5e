"""The fence versions of a database, read once a version and made ready to judge by."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine

from geo.breaches import Fences
from geo.breaches.law import kinds_of
from geo.tracks.columns import Bools, Ints
from layers import frames
from layers.db.engine import raw
from layers.standings import Standings
from layers.standings.block import Roster


@dataclass(kw_only=True, eq=False)
class Lawbook:
    """Fence versions by position."""

    fences: Fences
    version: int  #: of the layer of fences
    numbers: Ints  #: of each version, the number that records know it by
    _asked: Bools = field(init=False)
    _order: Ints = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._order = np.argsort(self.numbers)
        self._asked = np.empty((0, len(self.numbers)), dtype=bool)

    def positions(self, numbers: NDArray[Any]) -> Ints:
        """Where versions stand; -1 of what is there no longer."""
        if not len(self.numbers):
            return np.full(len(numbers), -1)
        known = self.numbers[self._order]
        at = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
        return np.where(known[at] == numbers, self._order[at], -1)

    def kinds(self, stand: Standings) -> tuple[Bools, Ints]:
        """Which version speaks of which kind of unit (kinds, fences), and each unit's kind, by
        place."""
        rosters = [block.roster for block in stand.blocks]
        with self._lock:
            strange = [roster for roster in rosters if _noted(roster)[0]() is not self]
            if strange:
                names, kinds, teams = (
                    [word for roster in strange for word in getattr(roster, column).tolist()]
                    for column in ("ids", "kind", "team")
                )
                self._asked, codes = kinds_of(self.fences, names, kinds, teams)
                for roster, own in zip(strange, np.split(codes, len(strange)), strict=True):
                    # Weakly: a block that is quiet must not hold fences that are no more.
                    roster.noted["kinds"] = weakref.ref(self), own
            parts = [_noted(roster)[1] for roster in rosters]
            return self._asked, np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _noted(roster: Roster) -> tuple[Callable[[], Lawbook | None], Ints]:
    found: tuple[Callable[[], Lawbook | None], Ints] = roster.noted.get("kinds", _NONE)
    return found


_NONE = (lambda: None), np.empty(0, dtype=np.int64)
_READY: weakref.WeakKeyDictionary[Engine, Lawbook] = weakref.WeakKeyDictionary()


def lawbook(connection: Connection) -> Lawbook:
    """The fence versions of this database as they are now."""
    rows: Any = raw(connection).execute(
        "SELECT coalesce(sum(version), 0)::bigint FROM layer_versions WHERE layer = 'fences'"
    )
    version = int(rows.fetchone()[0])
    held = _READY.get(connection.engine)
    if held is not None and held.version == version:
        return held
    frame = frames.fence_versions(connection)
    made = Lawbook(
        fences=Fences.of(frame),
        version=version,
        numbers=frame["number"].to_numpy(dtype=np.int64),
    )
    _READY[connection.engine] = made
    return made
