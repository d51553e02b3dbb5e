"""Walking on: the stored fixes of units since where they stood, past the fences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches import Walked
from geo.breaches.engine import walked_by
from geo.tracks import Track
from layers.breaches import marks
from layers.breaches.lawbook import Lawbook
from layers.breaches.marks import Mark
from layers.fixes.read import rows_since
from layers.standings import Standings
from layers.standings.block import NO_TIME

Ints = NDArray[np.int64]
Walk = Callable[[Track, NDArray[np.void], NDArray[np.bool_]], Walked]
#: The time of what never was.
NEVER_US = np.iinfo(np.int64).max


@dataclass(frozen=True, kw_only=True, eq=False)
class Came:
    """Stored fixes at hand: all of some units since where these are walked from."""

    place: Ints  #: of the unit; sorted, then by time
    time_us: Ints
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float32]

    def without(self, places: Ints) -> Came:
        """But for those of units at ``places``."""
        kept = ~np.isin(self.place, places)
        return Came(**{name: column[kept] for name, column in vars(self).items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class Starts:
    """From where units are walked; rows as the units of the walk."""

    place: Ints  #: sorted
    back: NDArray[np.bool_]  #: goes back behind what was told already
    time_us: Ints  #: of the fix that each stands at; NO_TIME: it is walked from its first
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    records: NDArray[np.void]  #: RECORD; ``unit`` is the row, ``fence`` the number of its version

    @classmethod
    def of(cls, stand: Standings, place: Ints, back: dict[int, Mark | None]) -> Starts:
        """Units at ``place`` go on from where they stand, but those in ``back`` from marks."""
        heads = stand.heads[place]
        row_of = np.full(len(stand.heads), -1)
        row_of[place] = np.arange(len(place))
        gone = np.array([at in back for at in place.tolist()], dtype=bool) if back else None
        if gone is not None:
            row_of[place[gone]] = -1
        own = stand.records[row_of[stand.records["unit"]] >= 0]
        own["unit"] = row_of[own["unit"]]
        made = cls(
            place=place,
            back=np.zeros(len(place), dtype=bool) if gone is None else gone,
            time_us=heads["time"].copy(), lon=heads["lon"].copy(), lat=heads["lat"].copy(),
            accuracy_m=heads["accuracy_m"].astype(np.float64), records=own,
        )  # fmt: skip
        return made if gone is None else made._from_marks(back)

    def on(self, law: Lawbook) -> NDArray[np.void]:
        """What lasts, with versions by position; one that there is no longer is left out."""
        lasting = self.records.copy()
        lasting["fence"] = law.positions(lasting["fence"])
        return lasting[lasting["fence"] >= 0]

    def _from_marks(self, back: dict[int, Mark | None]) -> Starts:
        parts = [self.records]
        for row in np.flatnonzero(self.back).tolist():
            mark = back[int(self.place[row])]
            if mark is None:
                self.time_us[row] = NO_TIME
                continue
            self.time_us[row], self.accuracy_m[row] = mark.time_us, mark.accuracy_m
            self.lon[row], self.lat[row] = mark.lon, mark.lat
            records = mark.records.copy()
            records["unit"], records["breach"] = row, 0  # what it is called is looked for anew
            parts.append(records)
        joined = np.concatenate(parts)
        joined = joined[np.argsort(joined["unit"], kind="stable")]
        return Starts(**{**vars(self), "records": joined})


@dataclass(frozen=True, kw_only=True, eq=False)
class Replay:
    """A walk of units over all that is stored since their starts; units are rows of ``starts``."""

    starts: Starts
    track: Track
    found: Walked
    sure: NDArray[np.bool_]  #: of each unit: its last fix is judged for good
    marks: list[tuple[int, Mark]]  #: (row of the unit, what it was doing on the way)


def replay(
    connection: Connection,
    stand: Standings,
    starts: Starts,
    law: Lawbook,
    zone: ZoneInfo,
    came: Came | None,
) -> Replay:
    """Walk units on; ``came`` is all that is stored of some of them since their starts."""
    going = starts.time_us != NO_TIME
    track = track_of(connection, stand, starts, came)
    lasting = starts.on(law)
    walk = walk_of(stand, starts.place, law, zone)
    found = walk(track, lasting, going)
    made: list[tuple[int, Mark]] = []
    if np.diff(track.starts).max(initial=0) > 2 * marks.EVERY:
        made = marks_of(track, walk, lasting, going, law)
    return Replay(
        starts=starts, track=track, found=found, sure=~found.on_line & ~track.hasty, marks=made
    )


def walk_of(stand: Standings, place: Ints, law: Lawbook, zone: ZoneInfo) -> Walk:
    """How units at ``place`` are walked."""
    asked, kinds = law.kinds(stand)
    kind, typical_m = kinds[place], stand.told("accuracy_m")[place]

    def walk(track: Track, lasting: NDArray[np.void], going: NDArray[np.bool_]) -> Walked:
        return walked_by(
            track, law.fences, asked=asked, kind=kind, typical_m=typical_m, zone=zone,
            lasting=lasting, going=going,
        )  # fmt: skip

    return walk


def track_of(
    connection: Connection,
    stand: Standings,
    starts: Starts,
    came: Came | None,
    until_us: Ints | None = None,
) -> Track:
    """The fix that each unit stands at, and those since (up to ``until_us``, where it is given)."""
    place = starts.place
    row_of = np.full(len(stand.heads), -1)
    row_of[place] = np.arange(len(place))
    at = np.flatnonzero(starts.time_us != NO_TIME)
    units = [at]
    times, lons, lats = [starts.time_us[at]], [starts.lon[at]], [starts.lat[at]]
    accuracies = [starts.accuracy_m[at]]
    unread = np.ones(len(place), dtype=bool)
    if came is not None and len(came.place):
        row = row_of[came.place]
        ours = row >= 0
        units.append(row[ours])
        times.append(came.time_us[ours])
        lons.append(came.lon[ours])
        lats.append(came.lat[ours])
        accuracies.append(came.accuracy_m[ours].astype(np.float64))
        unread[row[ours]] = False
    if unread.any():
        rows = np.flatnonzero(unread)
        since_us = np.where(starts.time_us[rows] == NO_TIME, NO_TIME, starts.time_us[rows] + 1)
        numbers = stand.unit_no(place[rows])
        read = rows_since(
            connection, numbers, since_us, None if until_us is None else until_us[rows]
        )
        units.append(rows[np.searchsorted(numbers, read.unit_no)])
        times.append(read.time_us)
        lons.append(read.lon)
        lats.append(read.lat)
        accuracies.append(read.accuracy_m)
    unit = np.concatenate(units)
    order = np.argsort(unit, kind="stable")  # of each unit the parts came in the order of time
    return Track.of_arrays(
        stand.told("ids")[place].tolist(),
        unit[order], np.concatenate(times)[order], np.concatenate(lons)[order],
        np.concatenate(lats)[order], np.concatenate(accuracies)[order],
        max_gap_s=stand.told("max_gap_s")[place],
        top_speed_ms=stand.told("top_speed_ms")[place],
    )  # fmt: skip


def marks_of(
    track: Track,
    walk: Walk,
    lasting: NDArray[np.void],
    going: NDArray[np.bool_],
    law: Lawbook,
) -> list[tuple[int, Mark]]:
    """What units that were walked far were doing at every so many fixes, but for the last such."""
    made: list[tuple[int, Mark]] = []
    until = track.starts[1:]
    stopped = track.starts[:-1] - 1 + going  # the fix at which each unit stands
    active = np.ones(len(until), dtype=bool)
    while True:
        stop = stopped + marks.EVERY
        active = active & (stop + marks.EVERY < until)
        if not active.any():
            return made
        begin = np.where(going, stopped, stopped + 1)
        part = track.between(begin, np.where(active, stop + 1, begin))
        found = walk(part, lasting[active[lasting["unit"]]], going & active)
        good = active & ~found.on_line  # fixes behind it have settled whether it counts
        own = records_by_unit(numbered(found.lasting, law), len(until))
        made += [
            (int(u), mark_at(track, int(stop[u]), own[u])) for u in np.flatnonzero(good).tolist()
        ]
        lasting, going, stopped = found.lasting, going | active, np.where(active, stop, stopped)


def numbered(records: NDArray[np.void], law: Lawbook) -> NDArray[np.void]:
    """Records whose versions are named by number, to be kept."""
    made = records.copy()
    made["fence"] = law.numbers[records["fence"]]
    return made


def records_by_unit(records: NDArray[np.void], count: int) -> list[NDArray[np.void]]:
    """The records of each unit; they come sorted by it."""
    bounds = np.searchsorted(records["unit"], np.arange(count + 1))
    return [records[bounds[u] : bounds[u + 1]] for u in range(count)]


def mark_at(track: Track, fix: int, records: NDArray[np.void]) -> Mark:
    """What a unit was doing at a fix of the track."""
    own = records.copy()
    own["unit"] = 0
    return Mark(
        time_us=int(track.time_us[fix]), lon=float(track.lon[fix]), lat=float(track.lat[fix]),
        accuracy_m=float(track.accuracy_m[fix]), records=own,
    )  # fmt: skip
