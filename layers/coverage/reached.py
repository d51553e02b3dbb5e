"""How far a survey of a window has come, for those who wait for it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import numpy as np

from geo.coverage.spells import Fixes, Spell

#: Hears how many seconds of a window are gone through, and how many it has. What it raises ends
#: the work.
Done = Callable[[int, int], None]


def unheard(_done: int, _of: int) -> None:
    """Nobody waits."""


class Reached:
    """How far in a window that is gone through in the order of time; it never goes back."""

    def __init__(self, done: Done, start_us: int, end_us: int, units: int) -> None:
        self._done, self._start_us, self._end_us = done, start_us, end_us
        self._units = max(units, 1)
        self._begins_us = self._last_us = self._told_us = start_us
        self._met: set[int] = set()

    def until(self, time_us: int) -> None:
        """All before a moment is gone through."""
        self._begins_us = self._last_us = max(self._last_us, time_us)
        self._met = set()
        self._tell(time_us)

    def over(self, spells: Generator[Spell, None, None]) -> Iterator[Spell]:
        """The same spells, told of one by one: days after days, and of these unit after unit."""
        with closing(spells):
            for one in spells:
                if len(one.edges.unit):
                    self._batch(one.edges)
                yield one

    def _batch(self, edges: Fixes) -> None:
        some = set(np.unique(edges.unit).tolist())
        if some & self._met or int(edges.time_us.min()) > self._last_us:
            self.until(self._last_us)  # other days have begun
        self._met |= some
        self._last_us = max(self._last_us, int(edges.time_us.max()))
        share = len(self._met) / self._units
        self._tell(self._begins_us + int((self._last_us - self._begins_us) * share))

    def _tell(self, time_us: int) -> None:
        self._told_us = min(max(self._told_us, time_us), self._end_us)
        of_s = max(1, (self._end_us - self._start_us) // 1_000_000)
        self._done((self._told_us - self._start_us) // 1_000_000, of_s)
