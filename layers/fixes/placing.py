"""Sound fixes into the store: one a unit and time, whichever came first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo import tracks
from layers.breaches.replay import Came
from layers.fixes import boxes, plain, store
from layers.fixes.batch import NOBODY
from layers.fixes.columns import VALUES, kept
from layers.fixes.plain import Rows
from layers.fixes.sorting import SortedOut

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """What became of sound fixes at the store; rows as in the batch."""

    accepted: Ints
    duplicates: Ints
    retold: int  #: duplicates that say more of the same place, and stand now in its stead
    conflicts: pd.Series  #: by row, why one that a better fix outdid is set aside
    since: dict[int, datetime]  #: by unit_no, the earliest time that changed
    new: Rows | None = None  #: of units of which nothing was compared, what is new

    @property
    def came(self) -> Came | None:
        """The new ones, to be judged without reading them back."""
        if self.new is None:
            return None
        return Came(
            unit_no=self.new.unit_no, time_us=self.new.time_us, lon=self.new.lon, lat=self.new.lat,
            accuracy_m=self.new.told["accuracy_m"],
        )  # fmt: skip


def place(connection: Connection, given: SortedOut, moment: datetime) -> Placed:
    """Store the sound fixes. The units must be locked."""
    rows, order, crowd = _rows(connection, given)
    numbers, first = np.unique(rows.unit_no, return_index=True)
    newest_us = np.repeat(
        plain.latest_us(connection, numbers), np.diff(np.r_[first, len(rows.unit_no)])
    )
    new = (rows.time_us > newest_us) & ~crowd
    late = ~new & ~crowd
    plain.put_new(connection, rows.take(new), moment)
    stored = plain.put_late(connection, rows.take(late), moment)
    plain.note_latest(connection, rows.take(new), moment)
    fresh = new.copy()
    fresh[late] = stored
    compared = _compared(connection, given, np.sort(given.sound[order[~fresh]]), moment)
    boxes.grow(connection, rows.unit_no, rows.time_us, rows.lon, rows.lat)
    alone = ~np.isin(rows.unit_no, rows.unit_no[~fresh])
    since = _earliest(rows.unit_no[fresh], rows.time_us[fresh])
    for number, time in compared.since.items():
        since[number] = min(time, since.get(number, time))
    return Placed(
        accepted=np.sort(np.r_[given.sound[order[fresh]], compared.accepted]),
        duplicates=compared.duplicates,
        retold=compared.retold,
        conflicts=compared.conflicts,
        since=since,
        new=rows.take(new & alone),
    )


def _rows(connection: Connection, given: SortedOut) -> tuple[Rows, Ints, NDArray[np.bool_]]:
    """The sound fixes by unit and time, their order, and which share unit and time."""
    whole, at = given.whole, given.sound
    order = np.lexsort((whole.time_us[at], given.unit_no))
    at, unit_no = at[order], given.unit_no[order]
    named = np.unique(whole.patrol_id.codes[at])
    wanted = [whole.patrol_id.names[code] for code in named if code != NOBODY]
    numbers = store.patrol_numbers(connection, sorted(wanted))
    patrol_no = np.array([*(numbers.get(n, 0) for n in whole.patrol_id.names), 0], dtype=np.int64)
    rows = Rows(
        unit_no=unit_no,
        time_us=whole.time_us[at],
        lon=whole.lon[at],
        lat=whole.lat[at],
        told={name: kept(name, getattr(whole, name)[at]) for name in VALUES},
        patrol_no=patrol_no[whole.patrol_id.codes[at]],
    )
    pair = (unit_no[1:] == unit_no[:-1]) & (rows.time_us[1:] == rows.time_us[:-1])
    crowd = np.zeros(len(at), dtype=bool)
    crowd[1:] |= pair
    crowd[:-1] |= pair
    return rows, order, crowd


def _compared(connection: Connection, given: SortedOut, rows: Ints, moment: datetime) -> Placed:
    """Fixes that meet others at one time: each pair is compared, the better stays."""
    none = pd.Series(dtype="str", index=pd.Index([], dtype=np.int64))
    if not len(rows):
        empty = np.empty(0, dtype=np.int64)
        return Placed(accepted=empty, duplicates=empty, retold=0, conflicts=none, since={})
    sound = store.as_kept(given.whole.take(rows).frame().set_axis(rows))
    settled = tracks.settle(sound)
    placed = store.place(connection, settled.kept, given.units, moment)
    store.quarantine(connection, sound, settled.conflicts["reason"], moment)
    store.quarantine_rows(connection, placed.quarantined, moment)
    repeats = settled.duplicates.index[settled.duplicates.to_numpy()]
    return Placed(
        accepted=placed.accepted.to_numpy(dtype=np.int64),
        duplicates=np.r_[repeats.to_numpy(np.int64), placed.duplicates.to_numpy(np.int64)],
        retold=placed.retold,
        conflicts=pd.concat([none, settled.conflicts["reason"], placed.conflicts["reason"]]),
        since=placed.since,
    )


def _earliest(unit_no: Ints, time_us: Ints) -> dict[int, datetime]:
    """The earliest time of each unit; both sorted by unit and time."""
    numbers, first = np.unique(unit_no, return_index=True)
    times = time_us[first].tolist()
    return {n: plain.moment(t) for n, t in zip(numbers.tolist(), times, strict=True)}
