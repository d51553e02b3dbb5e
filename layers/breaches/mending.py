"""A late fix deep in the past of a unit: only the stretch around it is walked again.

From a mark before what changed to one behind it. Where a unit at the latter is doing what it did
there before, all that came after is as it was told; else it is walked on to its newest fix.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches import broken
from geo.breaches.records import CROSSING, MISSING, RECORD
from layers.breaches import marks
from layers.breaches.lawbook import Lawbook
from layers.breaches.marks import Mark, Window
from layers.breaches.replay import Starts, marks_of, numbered, records_by_unit, track_of, walk_of
from layers.standings import Standings
from layers.standings.block import NO_TIME, Ints

#: What two states may differ in: where a record is kept, what was told of it, and which of the
#: spans that were asked for it is in.
_APART = frozenset({"unit", "breach", "told_unknown_us", "told_confirmed", "span"})
_COMPARED = [name for name in RECORD.names or () if name not in _APART]


@dataclass(frozen=True, kw_only=True, eq=False)
class Mended:
    """Stretches that were walked again; a unit is a position in ``place``."""

    place: Ints  #: of units of which nothing changed behind their stretch
    since_us: Ints  #: the fix before each stretch
    until_us: Ints  #: and its last
    rows: NDArray[np.void]  #: RECORD, what ended within the stretches
    marks: list[tuple[int, Mark]]  #: (position, what it was doing on the way)


def mend(
    connection: Connection,
    stand: Standings,
    place: Ints,
    since_us: Ints,
    until_us: Ints,
    law: Lawbook,
    zone: ZoneInfo,
) -> Mended:
    """Walk the stretches of units around what changed from ``since_us`` to ``until_us``."""
    numbers = stand.unit_no(place)
    windows = marks.around(connection, numbers, since_us, until_us)
    held = np.array([int(number) in windows for number in numbers], dtype=bool)
    place = place[held]
    found = [windows[int(number)] for number in numbers[held]]
    if not found:
        return _none()
    starts = Starts.of(
        stand, place, {int(at): w.before for at, w in zip(place, found, strict=True)}
    )
    read_until = np.array([window.read_until_us for window in found], dtype=np.int64)
    track = track_of(connection, stand, starts, None, read_until)
    stop, stands = _stops(track.time_us, track.starts, found)
    begin = track.starts[:-1]
    part = track.between(begin, np.where(stands, stop + 1, begin))
    walk = walk_of(stand, place, law, zone)
    lasting = starts.on(law)
    going = starts.time_us != NO_TIME
    walked = walk(part, lasting[stands[lasting["unit"]]], going & stands)
    own = records_by_unit(numbered(walked.lasting, law), len(place))
    same = stands & ~walked.on_line
    for k in np.flatnonzero(same).tolist():
        same[k] = alike(own[k], found[k].after.records)
    at = np.flatnonzero(same)
    if not len(at):
        return _none()
    rows = broken(walked.rows, law.fences)
    ended = (rows["exit_us"] != MISSING) | (rows["kind"] == CROSSING)
    rows = rows[ended & same[rows["unit"]]]
    new_place = np.full(len(place), -1)
    new_place[at] = np.arange(len(at))
    rows["unit"] = new_place[rows["unit"]]
    rows["breach"] = 0
    on_way = marks_of(part, walk, lasting, going, law)
    return Mended(
        place=place[at],
        since_us=starts.time_us[at],
        until_us=np.array([found[k].after.time_us for k in at.tolist()], dtype=np.int64),
        rows=rows,
        marks=[(int(new_place[k]), mark) for k, mark in on_way if same[k]],
    )


def alike(one: NDArray[np.void], other: NDArray[np.void]) -> bool:
    """Whether a unit with these records does what it does with those, from here on."""
    if len(one) != len(other):
        return False
    one, other = one[np.argsort(one["fence"])], other[np.argsort(other["fence"])]
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in _COMPARED)


def _stops(time_us: Ints, starts: Ints, windows: list[Window]) -> tuple[Ints, NDArray[np.bool_]]:
    """The fix of each unit's mark behind what changed, and whether it is there and counts."""
    stop = np.zeros(len(windows), dtype=np.int64)
    stands = np.zeros(len(windows), dtype=bool)
    for k, window in enumerate(windows):
        first, last = int(starts[k]), int(starts[k + 1])
        at = first + int(np.searchsorted(time_us[first:last], window.after.time_us))
        stop[k], stands[k] = at, at < last and time_us[at] == window.after.time_us
    return stop, stands


def _none() -> Mended:
    none = np.empty(0, dtype=np.int64)
    return Mended(
        place=none, since_us=none, until_us=none, rows=np.empty(0, dtype=RECORD), marks=[]
    )
