"""When units were heard near points, day by day: days that are over are remembered."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from geo.coverage.rows import Flags, Ints
from geo.tracks.columns import micros
from layers import versions
from layers.coverage.moments import DAY_US, HOUR_US, midnights
from layers.fixes import journeys, presence
from layers.fixes.plain import moment

#: Days of a set of places, of each database.
_MOST = 2_000
_KEPT: weakref.WeakKeyDictionary[Engine, OrderedDict[bytes, Heard]] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


@dataclass(frozen=True, kw_only=True, eq=False)
class Heard:
    """Times in which units were heard at places, each column one array."""

    place: Ints  #: by position
    unit: NDArray[np.object_]  #: the identifier given at enrolment
    begin_us: Ints  #: microseconds since 1970, UTC
    end_us: Ints
    confirmed: Flags  #: that a fix of the stay lies inside by more than its accuracy

    @classmethod
    def together(cls, several: Sequence[Heard]) -> Heard:
        """All of several that follow each other; what goes on from one into the next is one."""
        place, unit, begin_us, end_us, confirmed = (
            np.concatenate([np.empty(0, kind), *(getattr(one, name) for one in several)])
            for name, kind in (
                ("place", np.int64), ("unit", object), ("begin_us", np.int64),
                ("end_us", np.int64), ("confirmed", bool),
            )
        )  # fmt: skip
        order = np.lexsort((end_us, begin_us, pd.factorize(unit)[0], place))
        place, unit, confirmed = place[order], unit[order], confirmed[order]
        begin_us, end_us = begin_us[order], end_us[order]
        new = np.ones(len(place), dtype=bool)
        new[1:] = (place[1:] != place[:-1]) | (unit[1:] != unit[:-1]) | (begin_us[1:] > end_us[:-1])
        first = np.flatnonzero(new)
        if not len(first):
            return cls(
                place=place, unit=unit, begin_us=begin_us, end_us=end_us, confirmed=confirmed
            )
        return cls(
            place=place[first], unit=unit[first], begin_us=begin_us[first],
            end_us=np.maximum.reduceat(end_us, first),
            confirmed=np.logical_or.reduceat(confirmed, first),
        )  # fmt: skip


def heard(
    connection: Connection, places: Sequence[shapely.Geometry], start_us: int, end_us: int,
    zone: ZoneInfo,
) -> Heard:  # fmt: skip
    """When units were heard in each of some polygons (degrees), as ``presence.stays``.

    A day's answer is kept in memory for as long as no fix of it, or of the days beside it, changes.
    """
    if not places:
        return Heard.together([])
    beside_us, told = _asked(connection, places)
    parts = []
    for begin_us, until_us in pairwise(midnights(start_us, end_us, zone).tolist()):
        hours = (begin_us - beside_us) // HOUR_US, -(-(until_us + beside_us) // HOUR_US)
        version = versions.of_hours(connection, *hours)
        key = hashlib.blake2b(f"{told}/{begin_us}/{until_us}/{version}".encode()).digest()
        found = _remembered(connection.engine, key)
        if found is None:
            found = _read(connection, places, begin_us, until_us)
            # Of the last days there will be more fixes before long.
            if until_us + beside_us <= end_us:
                _remember(connection.engine, key, found)
        parts.append(found)
    return Heard.together(parts)


def _asked(connection: Connection, places: Sequence[shapely.Geometry]) -> tuple[int, str]:
    """How far beside a day fixes count for it, and a digest of all else that an answer is of."""
    units = journeys.parameters(connection).sort_index()
    seen = connection.execute(text(
        "SELECT current_setting('patrolgrid.area', true) || '/'"
        " || current_setting('patrolgrid.team', true)"
    )).scalar_one()  # fmt: skip
    told = hashlib.blake2b(f"{seen}\n{units.to_csv()}".encode())
    for wkb in shapely.to_wkb(np.array(places)):
        told.update(wkb)
    longest_us = int(units["max_gap_s"].max() * 1e6) if len(units) else 0
    return max(DAY_US, longest_us), told.hexdigest()


def _read(
    connection: Connection, places: Sequence[shapely.Geometry], begin_us: int, until_us: int
) -> Heard:
    found = presence.stays(connection, places, start=moment(begin_us), end=moment(until_us))
    return Heard(
        place=found["place"].to_numpy(np.int64), unit=found["unit"].to_numpy(object),
        begin_us=micros(found["entered_at"], "stays"), end_us=micros(found["exited_at"], "stays"),
        confirmed=(found["evidence"] == "confirmed").to_numpy(bool),
    )  # fmt: skip


def _remembered(engine: Engine, key: bytes) -> Heard | None:
    with _LOCK:
        kept = _KEPT.setdefault(engine, OrderedDict())
        if key in kept:
            kept.move_to_end(key)
        return kept.get(key)


def _remember(engine: Engine, key: bytes, found: Heard) -> None:
    with _LOCK:
        kept = _KEPT.setdefault(engine, OrderedDict())
        kept[key] = found
        while len(kept) > _MOST:
            kept.popitem(last=False)
