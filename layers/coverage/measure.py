"""Coverage of the stored grids by the stored fixes, over a window."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.coverage import paths
from geo.coverage.figures import figures, totals
from geo.coverage.ground import Floats, Ints
from geo.coverage.paths import Path
from geo.coverage.swept import Swept
from geo.coverage.tally import Tally, named
from geo.coverage.walk import PIECE, Pieces
from geo.tracks.columns import as_times
from layers.coverage.grounds import Grounds
from layers.coverage.question import Question
from layers.coverage.reading import Stretch, Units, hours, midnights, stretches
from layers.fixes.plain import micros, moment
from layers.places import hierarchy
from layers.region import Region

_SHOWN = ("name", "name_zh", "name_mn", "name_en", "level", "parent", "kind", "area_m2", "geometry")
#: Stretches that are worked on at once.
_JOBS = os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Every grid of a level with its figures, visited or not, and the totals."""

    grids: gpd.GeoDataFrame  #: index id; name, level, parent, geometry and the figures
    rest: pd.DataFrame  #: of those that others lie in: what is in none of these
    totals: dict[str, float]
    parts: Mapping[str, pd.DataFrame] = field(default_factory=dict)  #: the figures, part by part


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """What is known of some stretches: pieces, and swept ground by part and lattice."""

    pieces: Pieces
    swept: dict[str, list[Swept]]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Work:
    """What is to be done with each stretch."""

    question: Question
    region: Region
    grounds: Grounds
    units: Units

    @property
    def finest_m(self) -> float:
        """The narrowest swath, which says how fine the lattices are."""
        return min(self.question.swaths_m(self.region).values())

    def done(self, stretch: Stretch) -> _Found:
        """One stretch."""
        slots = hours(stretch.start_us, stretch.end_us, self.region.timezone)
        path = stretch.path()
        return _Found(
            pieces=self.grounds.terrain.pieces(path, slots),
            swept={part: self._swept(*of) for part, of in self._parts(path, slots)},
        )

    def _swept(self, by_swath: Mapping[float, Path], cuts: Ints, taken: Ints | None) -> list[Swept]:
        found = []
        for plots, _ in self.grounds.plots(self.question.level, self.finest_m):
            swept = [
                plots.sweep(path, swath_m, cuts, None if taken is None else taken.astype(bool))
                for swath_m, path in by_swath.items()
            ]
            found.append(Swept.union(plots.lattice, swept))
        return found

    def _parts(
        self, path: Path, slots: Ints
    ) -> Iterator[tuple[str, tuple[Mapping[float, Path], Ints, Ints | None]]]:
        """The paths of each part, by their swath, and when they are cut."""
        zone = self.region.timezone
        days = midnights(moment(int(slots[0])), moment(int(slots[-1])), zone)
        if self.question.by == "hour":
            of_slot = hour_of(slots[:-1], zone)
            for hour in np.unique(of_slot).tolist():
                at = np.flatnonzero(of_slot == hour)
                own = paths.during(path, np.column_stack((slots[at], slots[at + 1])))
                yield f"{hour:02d}", (self._by_swath(own), slots, np.r_[of_slot == hour, False])
            return
        for word, own in self._by_unit(path, self.part_of()):
            yield word, (self._by_swath(own), days, None)

    def _by_unit(self, path: Path, of_unit: NDArray[Any]) -> Iterator[tuple[Any, Path]]:
        """The path of the units of each word (or number), by what each unit has."""
        words, code = np.unique(of_unit, return_inverse=True)
        own = code[np.searchsorted(self.units.number, path.unit)]
        there = np.flatnonzero(np.bincount(own, minlength=len(words)))
        for n in there.tolist():
            yield words[n], path if len(there) == 1 else paths.some(path, own == n)

    def part_of(self) -> NDArray[np.object_]:
        """The part that each unit belongs to."""
        if self.question.by == "team":
            return self.units.team
        if self.question.by == "mode":
            modes = {word: kind.mode or word for word, kind in self.region.kinds.items()}
            return np.array([modes.get(kind, kind) for kind in self.units.kind], dtype=object)
        return np.full(len(self.units.number), "", dtype=object)

    def _by_swath(self, path: Path) -> dict[float, Path]:
        swaths_m = self.question.swaths_m(self.region)
        of_unit = np.array([swaths_m[kind] for kind in self.units.kind])
        return {float(swath_m): own for swath_m, own in self._by_unit(path, of_unit)}


def measure(connection: Connection, region: Region, question: Question) -> Measured:
    """Coverage of the grids of a level; RegionError for no level."""
    hierarchy.check_level(connection, question.level, region.level_names)
    grounds, units = Grounds.read(connection), Units.read(connection)
    work = _Work(question=question, region=region, grounds=grounds, units=units)
    days = midnights(question.start, question.end, region.timezone)
    found = list(_each(work, stretches(connection, units, days)))
    pieces = _joined([one.pieces for one in found])
    group = grounds.labels(question.level)
    window = micros(question.start), micros(question.end)
    grids = grounds.of_level(question.level)
    whole = _figures(work, pieces, group, _united(work, found), window)
    return Measured(
        grids=grids[list(_SHOWN)].join(whole), rest=_rest(grounds, question.level, pieces),
        totals=totals(pieces, group[pieces["place"]]), parts=_parts(work, found, pieces, window),
    )  # fmt: skip


def _each(work: _Work, given: Iterator[Stretch]) -> Iterator[_Found]:
    """What is known of each stretch; some are worked on while the next is read."""
    with ThreadPoolExecutor(_JOBS) as pool:
        busy: set[Future[_Found]] = set()
        for stretch in given:
            busy.add(pool.submit(work.done, stretch))
            while len(busy) > _JOBS:
                done, busy = wait(busy, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        yield from (one.result() for one in wait(busy).done)


def _joined(parts: list[Pieces]) -> Pieces:
    """Pieces by unit and time, each leg of a patrol."""
    pieces = np.concatenate(parts) if parts else np.empty(0, PIECE)
    return named(pieces[np.lexsort((pieces["start_us"], pieces["unit"]))])


def _united(work: _Work, found: list[_Found], part: str | None = None) -> list[Swept]:
    """The swept ground of a part (None: of all) on each lattice."""
    lattices = [
        plots.lattice for plots, _ in work.grounds.plots(work.question.level, work.finest_m)
    ]
    several = [swept for one in found for word, swept in one.swept.items() if part in {None, word}]
    return [Swept.union(of, [one[n] for one in several]) for n, of in enumerate(lattices)]


def _figures(
    work: _Work, pieces: Pieces, group: Ints, swept: list[Swept], window: tuple[int, int]
) -> pd.DataFrame:
    grids = work.grounds.of_level(work.question.level)
    tally = Tally(pieces, group[pieces["place"]], len(grids))
    frame = figures(tally, *window).set_axis(grids.index)
    share: Floats = np.zeros(len(grids))
    all_plots = work.grounds.plots(work.question.level, work.finest_m)
    for (plots, own), ground in zip(all_plots, swept, strict=True):
        share[own] = np.nan_to_num(plots.shares(ground))
    frame.insert(0, "visited_share", share)
    return frame


def _parts(
    work: _Work, found: list[_Found], pieces: Pieces, window: tuple[int, int]
) -> dict[str, pd.DataFrame]:
    if work.question.by is None:
        return {}
    group = work.grounds.labels(work.question.level)
    if work.question.by == "hour":
        hour = hour_of(pieces["start_us"], work.region.timezone)
        part = np.array([f"{n:02d}" for n in range(24)], dtype=object)[hour]
    else:
        part = work.part_of()[np.searchsorted(work.units.number, pieces["unit"])]
    return {
        word: _figures(work, pieces[part == word], group, _united(work, found, word), window)
        for word in np.unique(part).tolist()
    }


def _rest(grounds: Grounds, level: str, pieces: Pieces) -> pd.DataFrame:
    """What is of a grid of a level and of none that lies in it."""
    terrain, grids = grounds.terrain, grounds.of_level(level)
    holders = grids.index.intersection(terrain.holders, sort=False)
    position = np.r_[holders.get_indexer(terrain.ids), -1]
    tally = Tally(pieces, position[pieces["place"]], len(holders))
    sums = {name: values / 1e6 for name, values in tally.sums().items()}
    return pd.DataFrame({
        "patrol_s": sums["patrol_us"], "patrol_m": sums["patrol_um"],
        "unknown_s": sums["unknown_us"],
    }, index=holders)  # fmt: skip


def hour_of(time_us: Ints, zone: object) -> Ints:
    """The local hours (0-23) of moments."""
    return np.asarray(as_times(time_us.copy()).tz_convert(zone).hour, dtype=np.int64)
