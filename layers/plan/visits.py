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

from geo.coverage.rows import Flags
from geo.earth import circle
from geo.plan import Stays, merged
from layers.coverage.grounds import Grounds
from layers.coverage.memberships import Memberships
from layers.fixes.plain import micros
from layers.plan import days, inside, near
from layers.plan.stayed import Stayed
from layers.region import Region


@dataclass(frozen=True, kw_only=True, eq=False)
class Visits:
    """Stays at targets, by whom, and how sure; each column one array."""

    stays: Stays
    unit: NDArray[np.int32]  #: by number
    confirmed: Flags | None  #: that a fix lies inside by more than its accuracy; None: not asked

    @classmethod
    def together(cls, several: Sequence[Visits]) -> Visits:
        """All of several in grids."""
        if len(several) == 1:
            return several[0]
        none = np.empty(0, np.int64)
        stays = [Stays(target=none, begin_us=none, end_us=none), *(one.stays for one in several)]
        return cls(
            stays=Stays(
                target=np.concatenate([one.target for one in stays]),
                begin_us=np.concatenate([one.begin_us for one in stays]),
                end_us=np.concatenate([one.end_us for one in stays]),
            ),
            unit=np.concatenate([np.empty(0, np.int32), *(one.unit for one in several)]),
            confirmed=None,
        )  # fmt: skip

    def some(self, at: Flags) -> Visits:
        """Some of them."""
        if at.all():
            return self
        confirmed = None if self.confirmed is None else self.confirmed[at]
        return Visits(stays=self.stays.take(at), unit=self.unit[at], confirmed=confirmed)


@dataclass(kw_only=True, eq=False)
class Reader:
    """Reads what units did over a window, once for all duties that ask."""

    connection: Connection
    region: Region
    start: datetime
    end: datetime
    _levels: dict[str, tuple[Stays, NDArray[np.int32]]] = field(default_factory=dict)

    def in_grids(self, level: str, ids: Iterable[str]) -> Visits:
        """Stays in grids of a level, each of the target at the id's position, in legs alone: what a
        unit did in a gap is not known, and no visit."""
        grids = Grounds.read(self.connection).of_level(level)
        stays, unit = self._of_level(level, len(grids))
        at = pd.Index(list(ids)).get_indexer(grids.index).astype(np.int64)
        target = at[stays.target]
        meant = target >= 0
        of = Stays(target=target, begin_us=stays.begin_us, end_us=stays.end_us)
        return Visits(stays=of, unit=unit, confirmed=None).some(meant)

    def near(self, asked: Sequence[tuple[gpd.GeoDataFrame, float]]) -> list[Visits]:
        """When units were heard within distances of points; of several sets of these."""
        sets = circles(asked)
        found = self._answered(near.heard(self.connection, sets)) if sets else []
        every = [near.together(parts) for parts in found]
        return [
            Visits(
                stays=Stays(
                    target=one.place.astype(np.int64), begin_us=one.begin_us, end_us=one.end_us
                ),
                unit=one.unit, confirmed=one.confirmed,
            )
            for one in every
        ]  # fmt: skip

    def of(self, visits: Visits, applies_to: Mapping[str, Any]) -> Flags:
        """Whether a rule speaks of the unit of each visit: as those of fences do, by the team that
        it was of as the visit began."""
        rows = self.connection.execute(text("SELECT unit_no, id, kind FROM units")).all()
        told = np.array([tuple(row) for row in rows], dtype=object).reshape(-1, 3)
        meant = np.ones(len(told), dtype=bool)
        for column, key in enumerate(("units", "kinds"), start=1):
            if applies_to.get(key):
                meant &= np.isin(told[:, column], list(applies_to[key]))
        found = np.isin(visits.unit, told[meant, 0].astype(np.int64))
        if applies_to.get("teams"):
            number, begin_us = visits.unit[found].astype(np.int64), visits.stays.begin_us[found]
            teams = Memberships.read(self.connection).at(number, begin_us)
            found[found] = np.isin(teams, list(applies_to["teams"]))
        return found

    def _of_level(self, level: str, count: int) -> tuple[Stays, NDArray[np.int32]]:
        if level not in self._levels:
            asked = inside.stayed(self.connection, self.region, [level])
            every = Stayed.concatenated(self._answered(asked)[0])
            self._levels[level] = merged(
                every.place, every.unit, every.begin_us, every.end_us, count
            )
        return self._levels[level]

    def _answered(self, asked: days.Asked) -> list[list[Stayed]]:
        window = micros(self.start), micros(self.end)
        return days.answered(self.connection, asked, *window, self.region.timezone)


def circles(asked: Sequence[tuple[gpd.GeoDataFrame, float]]) -> list[near.Circles]:
    """Around points, as far as is asked; of several sets of these."""
    return [[circle(p.x, p.y, within_m) for p in places.geometry] for places, within_m in asked]
