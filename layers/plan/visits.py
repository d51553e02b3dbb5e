"""Visits: stays of units in grids, and near checkpoints and posts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from geo.coverage.paths import LEG
from geo.coverage.rows import Flags, Ints
from geo.coverage.swept import Plots
from geo.coverage.walk import Pieces
from geo.earth import circle
from geo.plan import Stays
from layers.coverage import keeping
from layers.coverage.gathering import gathered
from layers.coverage.grounds import Grounds
from layers.coverage.survey import Survey
from layers.coverage.units import Units
from layers.fixes.plain import micros
from layers.plan.near import heard
from layers.region import Region


@dataclass(frozen=True, kw_only=True, eq=False)
class Visits:
    """Stays at targets, by whom, and how sure; each column one array."""

    stays: Stays
    unit: NDArray[np.object_]  #: the identifier given at enrolment
    confirmed: Flags | None  #: that a fix lies inside by more than its accuracy; None: not asked

    @classmethod
    def together(cls, several: Sequence[Visits]) -> Visits:
        """All of several in grids."""
        none = np.empty(0, np.int64)
        stays = [Stays(target=none, begin_us=none, end_us=none), *(one.stays for one in several)]
        return cls(
            stays=Stays(
                target=np.concatenate([one.target for one in stays]),
                begin_us=np.concatenate([one.begin_us for one in stays]),
                end_us=np.concatenate([one.end_us for one in stays]),
            ),
            unit=np.concatenate([np.empty(0, object), *(one.unit for one in several)]),
            confirmed=None,
        )  # fmt: skip

    def some(self, at: Flags) -> Visits:
        """Some of them."""
        confirmed = None if self.confirmed is None else self.confirmed[at]
        return Visits(stays=self.stays.take(at), unit=self.unit[at], confirmed=confirmed)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Walks(Survey):
    """A survey of who was where, and of no swept ground."""

    @property
    def plots(self) -> list[tuple[Plots, Ints]]:
        """None."""
        return []


@dataclass(kw_only=True, eq=False)
class Reader:
    """Reads what units did over a window, once for all duties that ask."""

    connection: Connection
    region: Region
    start: datetime
    end: datetime
    _walked: tuple[Grounds, Pieces] | None = None
    _names: dict[int, str] = field(default_factory=dict)

    def in_grids(self, level: str, ids: Iterable[str]) -> Visits:
        """Stays in grids of a level, each of the target at the id's position, in legs alone: what a
        unit did in a gap is not known, and no visit."""
        grounds, pieces = self._legs()
        at = pd.Index(list(ids)).get_indexer(grounds.of_level(level).index).astype(np.int64)
        target = np.r_[at, -1][grounds.labels(level)[pieces["place"]]]
        new = np.ones(len(pieces), dtype=bool)
        new[1:] = (target[1:] != target[:-1]) | (pieces["unit"][1:] != pieces["unit"][:-1])
        new[1:] |= pieces["start_us"][1:] != pieces["end_us"][:-1]
        held = np.flatnonzero(target >= 0)
        stay = np.cumsum(new)[held]
        first = held[np.flatnonzero(np.diff(stay, prepend=-1))]
        last = held[np.flatnonzero(np.diff(stay, append=-1))]
        return Visits(
            stays=Stays(
                target=target[first], begin_us=pieces["start_us"][first],
                end_us=pieces["end_us"][last],
            ),
            unit=self._named(pieces["unit"][first]), confirmed=None,
        )  # fmt: skip

    def near(self, places: gpd.GeoDataFrame, within_m: float) -> Visits:
        """When units were heard within a distance of points."""
        circles = [circle(point.x, point.y, within_m) for point in places.geometry]
        found = heard(
            self.connection, circles, micros(self.start), micros(self.end),
            self.region.timezone,
        )  # fmt: skip
        return Visits(
            stays=Stays(target=found.place, begin_us=found.begin_us, end_us=found.end_us),
            unit=found.unit, confirmed=found.confirmed,
        )  # fmt: skip

    def _legs(self) -> tuple[Grounds, Pieces]:
        if self._walked is None:
            grounds, units = Grounds.read(self.connection), Units.read(self.connection)
            label, swaths_m = next(iter(keeping.swaths_m(self.region).items()))
            walks = _Walks(
                grounds=grounds, units=units, zone=self.region.timezone,
                start_us=micros(self.start), end_us=micros(self.end), level=None,
                swaths_m=swaths_m, label=label,
            )  # fmt: skip
            seen = gathered(self.connection, walks, keeping.basis(self.region, grounds))
            self._walked = grounds, seen.pieces[seen.pieces["kind"] == LEG]
        return self._walked

    def of(self, units: NDArray[np.object_], applies_to: Mapping[str, Any]) -> Flags:
        """Whether a rule speaks of each of some units: as those of fences do."""
        rows = self.connection.execute(text("SELECT id, kind, coalesce(team, '') FROM units")).all()
        told = np.array([tuple(row) for row in rows], dtype=object).reshape(-1, 3)
        meant = np.ones(len(told), dtype=bool)
        for column, key in enumerate(("units", "kinds", "teams")):
            if applies_to.get(key):
                meant &= np.isin(told[:, column], list(applies_to[key]))
        return np.isin(units, told[meant, 0])

    def _named(self, numbers: NDArray[Any]) -> NDArray[np.object_]:
        if not self._names:
            rows = self.connection.execute(text("SELECT unit_no, id FROM units"))
            self._names = dict(tuple(row) for row in rows)
        which, code = np.unique(numbers, return_inverse=True)
        return np.array([self._names[n] for n in which.tolist()] or [""], dtype=object)[code]
