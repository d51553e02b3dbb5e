"""When units were heard near points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.coverage.rows import Ints
from geo.tracks.columns import micros
from layers.fixes import journeys, presence
from layers.fixes.plain import moment
from layers.plan.days import Asked, about, digest
from layers.plan.stayed import Stayed

Circles = Sequence[shapely.Geometry]


def heard(connection: Connection, sets: Sequence[Circles]) -> Asked:
    """Asks when units were heard in each of some polygons (degrees), as ``presence.stays``, of
    several sets of them."""
    ways, beside_us = about(connection)
    told = [digest(ways.encode(), *shapely.to_wkb(np.array(one, dtype=object))) for one in sets]

    def read(begin_us: int, until_us: int, which: Sequence[int]) -> list[Stayed]:
        found = _read(connection, [one for n in which for one in sets[n]], begin_us, until_us)
        edges = np.cumsum([0, *(len(sets[n]) for n in which)])
        of = np.searchsorted(edges, found.place, side="right") - 1
        return [
            _moved(found.take(of == n), int(edges[n])) for n in range(len(which))
        ]  # fmt: skip

    return Asked(told=told, beside_us=beside_us, read=read)


def together(several: Sequence[Stayed]) -> Stayed:
    """All of several that follow each other; what goes on from one into the next is one."""
    every = Stayed.concatenated(several)
    every = every.take(np.lexsort((every.end_us, every.begin_us, every.unit, every.place)))
    new = np.ones(len(every.place), dtype=bool)
    new[1:] = (every.place[1:] != every.place[:-1]) | (every.unit[1:] != every.unit[:-1])
    new[1:] |= every.begin_us[1:] > every.end_us[:-1]
    first = np.flatnonzero(new)
    if not len(first):
        return every
    return Stayed(
        place=every.place[first], unit=every.unit[first], begin_us=every.begin_us[first],
        end_us=np.maximum.reduceat(every.end_us, first),
        confirmed=np.logical_or.reduceat(every.confirmed, first),
    )  # fmt: skip


def _read(connection: Connection, places: Circles, begin_us: int, until_us: int) -> Stayed:
    if not len(places):
        return Stayed.concatenated([])
    found = presence.stays(connection, places, start=moment(begin_us), end=moment(until_us))
    numbers = journeys.parameters(connection)["unit_no"]
    unit: Ints = numbers.reindex(found["unit"]).to_numpy(np.int64)
    return Stayed(
        place=found["place"].to_numpy(np.int32), unit=unit.astype(np.int32),
        begin_us=micros(found["entered_at"], "stays"), end_us=micros(found["exited_at"], "stays"),
        confirmed=(found["evidence"] == "confirmed").to_numpy(bool),
    )  # fmt: skip


def _moved(found: Stayed, by: int) -> Stayed:
    place: NDArray[np.int32] = found.place - np.int32(by)
    return Stayed(**{**vars(found), "place": place})
