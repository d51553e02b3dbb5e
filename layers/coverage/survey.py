"""The survey: what paths come to, piece by piece and by who swept the ground."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geo.coverage import paths
from geo.coverage.lattice import Lattice
from geo.coverage.paths import Path
from geo.coverage.rows import Flags, Ints
from geo.coverage.spells import Pace, Seen
from geo.coverage.swept import Plots, Swept
from geo.tracks.columns import as_times
from layers.coverage.grounds import Grounds
from layers.coverage.memberships import Memberships
from layers.coverage.moments import hours, midnights
from layers.coverage.question import Part
from layers.coverage.units import Units

_HOURS: NDArray[np.object_] = np.array([f"{hour:02d}" for hour in range(24)], dtype=object)


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """How paths of a window are looked at."""

    grounds: Grounds
    units: Units
    zone: ZoneInfo
    start_us: int
    end_us: int
    level: str | None  #: whose grids are measured; None: those of all levels
    swaths_m: Mapping[str, float]  #: full width by kind of unit
    by: Part | None = None  #: by what swept ground is told apart; "mode": by kind
    label: str = ""  #: before the words of who swept
    memberships: Memberships | None = None  #: of which team units were, where it is by team

    @property
    def pace(self) -> Pace:
        """What tells legs from gaps."""
        return Pace(
            number=self.units.number, max_gap_s=self.units.max_gap_s,
            top_speed_ms=self.units.top_speed_ms,
        )  # fmt: skip

    @property
    def plots(self) -> list[tuple[Plots, Ints]]:
        """The grids on their lattices, as fine as the narrowest swath asks for."""
        return self.grounds.plots(self.level, min(self.swaths_m.values()))

    def see(self, path: Path) -> Seen:
        """What paths come to within the window."""
        slots = self._slots
        return Seen(pieces=self.grounds.terrain.pieces(path, slots), swept=self.swept(path, slots))

    def swept(self, path: Path, slots: Ints) -> dict[tuple[str, Lattice], Swept]:
        """The ground that paths sweep, by who does."""
        swept: dict[tuple[str, Lattice], list[Swept]] = {}
        for word, own, cuts, taken in self._parts(path, slots):
            for swath_m, some in self._by_swath(own):
                for plots, _ in self.plots:
                    found = plots.sweep(some, swath_m, cuts, taken)
                    swept.setdefault((self.label + word, plots.lattice), []).append(found)
        return {key: Swept.union(key[1], several) for key, several in swept.items()}

    def words(self, number: Ints, time_us: Ints) -> NDArray[np.object_]:
        """Who swept: of units at moments."""
        if self.by is None:
            return np.full(len(number), "", dtype=object)
        if self.by == "hour":
            return _HOURS[hour_of(time_us, self.zone)]
        if self.memberships is not None:
            return self.memberships.at(number, time_us)
        return self.units.kind[np.searchsorted(self.units.number, number)]

    def _parts(self, path: Path, slots: Ints) -> Iterator[tuple[str, Path, Ints, Flags | None]]:
        """Who swept, their paths, when these are cut, and what is taken of them."""
        if self.by == "hour":
            of_slot = hour_of(slots[:-1], self.zone)
            for hour in np.unique(of_slot).tolist():
                at = np.flatnonzero(of_slot == hour)
                own = paths.during(path, np.column_stack((slots[at], slots[at + 1])))
                yield f"{hour:02d}", own, slots, np.r_[of_slot == hour, False]
            return
        days, changes = self._days, self._changes
        # Who was of one team all the time goes with the others of it.
        stays = ~np.isin(path.unit, list(changes))
        begin_us = np.full(len(self.units.number), self.start_us)
        for word, own in self._by_unit(
            path if stays.all() else paths.some(path, stays),
            self.words(self.units.number, begin_us),
        ):
            yield word, own, days, None
        for number in np.unique(path.unit[~stays]).tolist():
            own = paths.some(path, path.unit == number)
            for a, b in pairwise([self.start_us, *changes[number], self.end_us]):
                (word,) = self.words(np.array([number]), np.array([a]))
                cuts = np.r_[a, days[(days > a) & (days < b)], b]
                yield word, paths.during(own, np.array([[a, b]])), cuts, None

    # Every batch of fixes is looked at with these: they are told once.
    @cached_property
    def _slots(self) -> Ints:
        """Where time is cut: at each full hour, and where a unit changes its team."""
        changes = [at_us for several in self._changes.values() for at_us in several]
        slots = hours(self.start_us, self.end_us, self.zone)
        return np.unique(np.r_[slots, changes]) if changes else slots

    @cached_property
    def _days(self) -> Ints:
        return midnights(self.start_us, self.end_us, self.zone)

    @cached_property
    def _changes(self) -> dict[int, list[int]]:
        """When units change their teams, where it is by team."""
        if self.memberships is None:
            return {}
        return self.memberships.changes(self.start_us, self.end_us)

    def _by_swath(self, path: Path) -> Iterator[tuple[float, Path]]:
        yield from self._by_unit(path, np.array([self.swaths_m[kind] for kind in self.units.kind]))

    def _by_unit(self, path: Path, of_unit: NDArray[Any]) -> Iterator[tuple[Any, Path]]:
        """The path of the units of each word or number, by what each unit has."""
        words, code = np.unique(of_unit, return_inverse=True)
        own = code[np.searchsorted(self.units.number, path.unit)]
        there = np.flatnonzero(np.bincount(own, minlength=len(words)))
        for n in there.tolist():
            yield words[n], path if len(there) == 1 else paths.some(path, own == n)


def hour_of(time_us: Ints, zone: ZoneInfo) -> Ints:
    """The local hours (0-23) of moments."""
    return np.asarray(as_times(time_us.copy()).tz_convert(zone).hour, dtype=np.int64)
