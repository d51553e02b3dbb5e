"""When units were in grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from geo.coverage.paths import LEG
from geo.coverage.rows import Ints
from geo.coverage.swept import Plots
from geo.coverage.walk import Pieces
from layers.coverage import keeping
from layers.coverage.gathering import gathered
from layers.coverage.grounds import Grounds
from layers.coverage.survey import Survey
from layers.coverage.units import Units
from layers.plan.days import Asked, about, digest
from layers.plan.stayed import Stayed
from layers.region import Region


@dataclass(frozen=True, kw_only=True, eq=False)
class _Walks(Survey):
    """A survey of who was where, and of no swept ground."""

    @property
    def plots(self) -> list[tuple[Plots, Ints]]:
        """None."""
        return []


def stayed(connection: Connection, region: Region, levels: Sequence[str]) -> Asked:
    """Asks when units were in the grids of levels, by position among these, in legs alone; by
    beginning."""
    ways, beside_us = about(connection)
    grounds, units = Grounds.read(connection), Units.read(connection)
    basis = keeping.basis(region, grounds)
    label, swaths_m = next(iter(keeping.swaths_m(region).items()))
    told = [digest(ways.encode(), grounds.digest.encode(), level.encode()) for level in levels]

    def read(begin_us: int, until_us: int, which: Sequence[int]) -> list[Stayed]:
        walks = _Walks(
            grounds=grounds, units=units, zone=region.timezone, start_us=begin_us,
            end_us=until_us, level=None, swaths_m=swaths_m, label=label,
        )  # fmt: skip
        pieces = gathered(connection, walks, basis).pieces
        legs = pieces[pieces["kind"] == LEG]
        return [_stays(legs, grounds.labels(levels[n])) for n in which]

    return Asked(told=told, beside_us=beside_us, read=read)


def _stays(legs: Pieces, labels: Ints) -> Stayed:
    place, unit = labels[legs["place"]], legs["unit"]
    new = np.ones(len(legs), dtype=bool)
    new[1:] = (place[1:] != place[:-1]) | (unit[1:] != unit[:-1])
    new[1:] |= legs["start_us"][1:] != legs["end_us"][:-1]
    held = np.flatnonzero(place >= 0)
    stay = np.cumsum(new)[held]
    first = held[np.flatnonzero(np.diff(stay, prepend=-1))]
    last = held[np.flatnonzero(np.diff(stay, append=-1))]
    found = Stayed(
        place=place[first].astype(np.int32), unit=unit[first].astype(np.int32),
        begin_us=legs["start_us"][first], end_us=legs["end_us"][last],
        confirmed=np.ones(len(first), dtype=bool),
    )  # fmt: skip
    return found.take(np.argsort(found.begin_us, kind="stable"))
