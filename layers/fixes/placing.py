"""Sound fixes into the store: one a unit and time, whichever came first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo import tracks
from layers.breaches import NEVER_US, Came
from layers.fixes import boxes, plain, store
from layers.fixes.batch import NO_TIME, NOBODY
from layers.fixes.columns import VALUES, kept
from layers.fixes.plain import Rows, micros
from layers.fixes.sorting import NO_REASONS, SortedOut
from layers.standings import Standings

Ints = NDArray[np.int64]
_NOTHING = pd.DataFrame()


@dataclass(frozen=True, kw_only=True)
class Placed:
    """What became of sound fixes at the store; rows as in the batch."""

    accepted: Ints
    duplicates: Ints
    retold: int  #: duplicates that say more of the same place, and stand now in its stead
    conflicts: pd.Series  #: by row, why one that a better fix outdid is set aside
    since_us: Ints  #: by the place of a unit, the earliest time that changed; NEVER_US for nothing
    until_us: Ints  #: and the latest; NO_TIME for nothing
    new: Rows  #: those that are later than all before of their unit
    compared: NDArray[np.bool_]  #: by place, whether some of the unit's met others at one time
    noted: pd.DataFrame  #: of these, what is stored now

    @property
    def changed(self) -> bool:
        """Whether anything did."""
        return bool((self.since_us != NEVER_US).any())

    @property
    def came(self) -> Came:
        """The new ones of units of which nothing else is new, to be judged without reading."""
        rows = self.new.take(~self.compared[self.new.place]) if self.compared.any() else self.new
        return Came(
            place=rows.place, time_us=rows.time_us, lon=rows.lon, lat=rows.lat,
            accuracy_m=rows.told["accuracy_m"],
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A batch on its way into the store."""

    given: SortedOut
    rows: Rows  #: the sound fixes by unit and time
    order: Ints  #: of each, its place in ``given.sound``
    crowd: NDArray[np.bool_]  #: which share unit and time with others of the batch
    copied: NDArray[np.bool_]  #: which are in the store already

    @property
    def new(self) -> NDArray[np.bool_]:
        """Which are later than all of their unit that its standing tells of, one a time."""
        heads = self.given.standings.heads["time"]
        return (self.rows.time_us > heads[self.rows.place]) & ~self.crowd


def copy_new(connection: Connection, arrived: Arrived, moment: datetime) -> Arrived:
    """Store those that are new and not stored yet."""
    new = arrived.new & ~arrived.copied
    plain.put_new(connection, arrived.rows.take(new), moment)
    return replace(arrived, copied=arrived.copied | new)


def place(connection: Connection, arrived: Arrived, moment: datetime) -> Placed:
    """Store the sound fixes of units that are locked."""
    given, rows, new = arrived.given, arrived.rows, arrived.new
    fresh = copy_new(connection, arrived, moment).copied
    late = ~fresh & ~arrived.crowd
    if late.any():
        fresh[late] = plain.put_late(connection, rows.take(late), moment)
    boxes.grow(connection, rows.unit_no, rows.time_us, rows.lon, rows.lat)
    since_us = np.full(len(given.standings.heads), NEVER_US)
    until_us = np.full(len(given.standings.heads), NO_TIME)
    np.minimum.at(since_us, rows.place[fresh], rows.time_us[fresh])
    np.maximum.at(until_us, rows.place[fresh], rows.time_us[fresh])
    placed = Placed(
        accepted=given.sound[arrived.order[fresh]],
        duplicates=np.empty(0, dtype=np.int64),
        retold=0,
        conflicts=NO_REASONS,
        since_us=since_us,
        until_us=until_us,
        new=rows.take(new),
        compared=np.zeros(len(given.standings.heads), dtype=bool),
        noted=_NOTHING,
    )
    if fresh.all():
        return placed
    placed.compared[rows.place[~fresh]] = True
    return _compared(connection, given, np.sort(given.sound[arrived.order[~fresh]]), moment, placed)


def note_newest(stand: Standings, rows: Rows, noted: pd.DataFrame, moment: datetime) -> None:
    """Where units stand now: ``rows`` by unit and time, and ``noted``, are stored."""
    heads = stand.heads
    if len(rows.place):
        last = np.r_[rows.place[1:] != rows.place[:-1], True]
        newest = rows.take(last)
        at = newest.place
        heads["time"][at], heads["lon"][at] = newest.time_us, newest.lon
        heads["lat"][at], heads["received_at"][at] = newest.lat, micros(moment)
        for name in VALUES:
            heads[name][at] = newest.told[name]
    if noted.empty:
        return
    times_us = noted["time"].dt.as_unit("us").array.asi8.tolist()
    places = stand.places(noted["unit_no"].to_numpy(dtype=np.int64)).tolist()
    for k, (at, time_us) in enumerate(zip(places, times_us, strict=True)):
        if time_us >= heads["time"][at]:
            row = noted.iloc[k]
            told = [row[name] for name in ("lon", "lat", *VALUES)]
            heads["time"][at], heads["received_at"][at] = time_us, micros(moment)
            for name, value in zip(("lon", "lat", *VALUES), told, strict=True):
                heads[name][at] = value


def arrive(given: SortedOut, patrols: Mapping[str, int]) -> Arrived:
    """The sound fixes of a batch by unit and time; ``patrols`` by name, those it tells of."""
    whole, at = given.whole, given.sound
    order = np.lexsort((whole.time_us[at], given.place))
    at, place = at[order], given.place[order]
    rows = Rows(
        place=place,
        unit_no=given.standings.unit_no(place),
        time_us=whole.time_us[at],
        lon=whole.lon[at],
        lat=whole.lat[at],
        told={name: kept(name, getattr(whole, name)[at]) for name in VALUES},
        patrol_no=_patrols(given, patrols, at),
    )
    pair = (place[1:] == place[:-1]) & (rows.time_us[1:] == rows.time_us[:-1])
    crowd = np.zeros(len(at), dtype=bool)
    crowd[1:] |= pair
    crowd[:-1] |= pair
    return Arrived(
        given=given, rows=rows, order=order, crowd=crowd, copied=np.zeros(len(at), dtype=bool)
    )


def patrols_of(given: SortedOut) -> list[str]:
    """The names of the patrols that the sound fixes tell of, sorted."""
    patrol = given.whole.patrol_id
    if not patrol.names:
        return []
    named = np.unique(patrol.codes[given.sound])
    return sorted(patrol.names[code] for code in named if code != NOBODY)


def _patrols(given: SortedOut, numbers: Mapping[str, int], at: Ints) -> Ints:
    """The number of each row's patrol; 0 where there is none."""
    patrol = given.whole.patrol_id
    if not patrol.names:
        return np.zeros(len(at), dtype=np.int64)
    return np.array([*(numbers.get(n, 0) for n in patrol.names), 0], dtype=np.int64)[
        patrol.codes[at]
    ]


def _compared(
    connection: Connection, given: SortedOut, rows: Ints, moment: datetime, placed: Placed
) -> Placed:
    """Fixes that meet others at one time: each pair is compared, the better stays."""
    stand = given.standings
    sound = store.as_kept(given.whole.take(rows).frame().set_axis(rows))
    settled = tracks.settle(sound)
    units = stand.frame(np.unique(given.place[np.isin(given.sound, rows)]))
    found = store.place(connection, settled.kept, units, moment)
    store.quarantine(connection, sound, settled.conflicts["reason"], moment)
    store.quarantine_rows(connection, found.quarantined, moment)
    repeats = settled.duplicates.index[settled.duplicates.to_numpy()]
    since_us, until_us = placed.since_us.copy(), placed.until_us.copy()
    at = stand.places(found.changed["unit_no"].to_numpy(dtype=np.int64))
    times_us = found.changed["time"].dt.as_unit("us").array.asi8
    np.minimum.at(since_us, at, times_us)
    np.maximum.at(until_us, at, times_us)
    return replace(
        placed,
        accepted=np.r_[placed.accepted, found.accepted.to_numpy(dtype=np.int64)],
        duplicates=np.r_[repeats.to_numpy(np.int64), found.duplicates.to_numpy(np.int64)],
        retold=found.retold,
        conflicts=pd.concat(
            [placed.conflicts, settled.conflicts["reason"], found.conflicts["reason"]]
        ),
        since_us=since_us,
        until_us=until_us,
        noted=found.noted,
    )
