"""Who was inside a polygon, or which of many, between two times, read from the stored fixes.

The answer is that of a walk of every unit past the polygon, of all its fixes in the window and the
CONTEXT few before and after it. Boxes say where nothing can happen: where no fix of a quarter of
an hour, and no leg between two of them, may meet the polygon. What is left are stretches, and each
is walked with the few fixes beside it.

**Why the stretches say what the whole walk says.** Whether a fix is set aside depends on the one
before it and the one after it, so that of a stretch this is known of all its fixes but its first
and its last. Where one of the others that come before it is not set aside, the unit is outside at
it, and the walk from there on is the whole walk; so is its end. Where all of them are set aside,
as of a unit that seems to be at two places in turn, its whole window is walked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo import breaches
from geo.tracks.path import Track
from layers.errors import TooMuchError
from layers.fixes import stretches
from layers.fixes.boxes import SPAN_US
from layers.fixes.journeys import parameters
from layers.fixes.nearby import Near, Window, near
from layers.fixes.plain import micros
from layers.fixes.read import CONTEXT
from layers.fixes.stretches import Rows

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
#: So many fixes are walked for one answer, so many of them at once, and so many stays are told.
MOST_FIXES, MOST_AT_ONCE, MOST_FOUND = 20_000_000, 2_000_000, 50_000
#: Of many places so many are told.
MOST_STAYS = 1_000_000
#: Quarters of an hour that are read at once, unless one unit alone has more.
_MANY = 2_048


def search(
    connection: Connection, polygon: shapely.Geometry, *, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Stays and passages of units inside ``polygon`` (degrees) that meet the window, cut there.

    Each with unit, entered_at, exited_at, evidence, unknown_s, and lon, lat of the entry, by unit
    and entry. Raises TooMuchError.
    """
    parts = [
        found.drop(columns="place")
        for found in _stays(connection, [polygon], start=start, end=end, most=MOST_FOUND)
    ]
    return _told(parts)


def stays(
    connection: Connection, places: Sequence[shapely.Geometry], *, start: datetime, end: datetime
) -> pd.DataFrame:
    """When units were heard in each of many small polygons (degrees), as in ``search`` but without
    what is unknown of stays: unit, entered_at, exited_at, evidence, and place, the polygon's
    position. Raises TooMuchError.
    """
    parts = list(_stays(connection, places, start=start, end=end, most=MOST_STAYS, heard=True))
    if not parts:
        return pd.DataFrame({
            "unit": pd.array([], dtype="str"), "place": np.empty(0, np.int64),
            "entered_at": pd.DatetimeIndex([], tz="UTC"),
            "exited_at": pd.DatetimeIndex([], tz="UTC"), "evidence": pd.array([], dtype="str"),
        })  # fmt: skip
    return pd.concat(parts, ignore_index=True).drop(columns="of")


def _stays(
    connection: Connection, places: Sequence[shapely.Geometry], *, start: datetime, end: datetime,
    most: int, heard: bool = False,
) -> Iterator[pd.DataFrame]:  # fmt: skip
    """Stays and passages, some units at a time; ``of`` is the unit's position by name."""
    # The order of names is the order of answers.
    units = parameters(connection).sort_index()
    each = breaches.searched(*places)
    asked = _Search(
        connection=connection,
        places=each,
        area=each if len(places) == 1 else breaches.searched(shapely.union_all(list(places))),
        units=units,
        heard=heard,
        window=Window(start_us=micros(start), end_us=micros(end)),
    )
    found = 0
    for batch in _batches(near(connection, asked.area, units, asked.window)):
        for part in asked.walked(batch):
            found += len(part)
            yield part
        if found > most:
            raise TooMuchError(
                f"there are more than {most:,} stays and passages: ask for less time, or of"
                " a smaller polygon"
            )


def _told(parts: list[pd.DataFrame]) -> list[dict[str, Any]]:
    if not parts:
        return []
    together = pd.concat(parts, ignore_index=True).sort_values("of", kind="stable")
    return [
        {
            **row,
            "entered_at": row["entered_at"].to_pydatetime(),
            "exited_at": None if pd.isna(row["exited_at"]) else row["exited_at"].to_pydatetime(),
        }
        for row in together.drop(columns="of").to_dict("records")
    ]


def _batches(every: Near) -> Iterator[Near]:
    """Stretches of some units at a time, each unit's together, of about _MANY quarters."""
    if not len(every.of):
        return
    done = np.cumsum((every.to_us - every.from_us) // SPAN_US + 1)
    heads = np.flatnonzero(np.r_[True, every.of[1:] != every.of[:-1]])
    past = np.r_[heads[1:], len(done)]  # where each unit's end
    first = 0
    while first < len(done):
        limit = (done[first - 1] if first else 0) + _MANY
        full = past[(past > first) & (done[past - 1] <= limit)]
        after = int(full[-1] if len(full) else past[past > first][0])
        yield every.take(slice(first, after))
        first = after


@dataclass(kw_only=True)
class _Search:
    """A question, and how many fixes were read for it so far."""

    connection: Connection
    places: breaches.Fences
    area: breaches.Fences  #: all of them as one
    heard: bool  #: without what is unknown of stays
    units: pd.DataFrame
    window: Window
    fixes: int = 0

    def walked(self, given: Near) -> Iterator[pd.DataFrame]:
        """What units did in stretches of their windows: as ``breaches.presence``, and ``of``.

        Units in more than one part are none.
        """
        try:
            rows = self._read(given)
        except TooMuchError:
            names = np.unique(given.of)
            if len(names) == 1 or self.fixes >= MOST_FIXES:
                raise TooMuchError(
                    f"more than {MOST_FIXES:,} fixes, or {MOST_AT_ONCE:,} of one unit, would have"
                    " to be walked: ask for less time, or of a smaller polygon"
                ) from None
            early = given.of < names[len(names) // 2]
            yield from self.walked(given.take(np.flatnonzero(early)))
            yield from self.walked(given.take(np.flatnonzero(~early)))
            return
        if not len(rows.nth):
            return
        found, unsure = self._inside(given, rows)
        yield found[~found["of"].isin(unsure)]
        window = self.window
        for one in unsure:
            whole = Near(
                of=np.array([one]), from_us=np.array([window.start_us]),
                to_us=np.array([window.end_us]),
            )  # fmt: skip
            yield from self.walked(whole)

    def _read(self, given: Near) -> Rows:
        unit_no = self.units["unit_no"].to_numpy(np.int64)[given.of]
        most = min(MOST_AT_ONCE, MOST_FIXES - self.fixes)
        rows = stretches.read(self.connection, unit_no, given.from_us, given.to_us, most=most)
        self.fixes += len(rows.nth)
        return rows

    def _inside(self, given: Near, rows: Rows) -> tuple[pd.DataFrame, Ints]:
        """What the rows say, and of which units that may not be what the whole walk says."""
        # Who has a stretch has a fix, but not in every one.
        there, first = np.unique(rows.nth, return_index=True)
        last = np.r_[first[1:], len(rows.nth)] - 1
        given = given.take(there)
        # Those that share fixes are walked as one.
        apart = rows.time_us[first[1:]] > rows.time_us[last[:-1]]
        begins = np.r_[True, (given.of[1:] != given.of[:-1]) | apart]
        group = np.repeat(np.cumsum(begins) - 1, last - first + 1)
        order = np.lexsort((rows.time_us, group))
        new = np.r_[True, (np.diff(group[order]) != 0) | (np.diff(rows.time_us[order]) != 0)]
        track, units = self._track(rows, group, order[new], given.of[begins])
        found = breaches.presence_of(track, units, self.places, *self.window.times)
        if self.heard:
            found = breaches.without_gaps(found, track)
        of = given.of[begins][found["unit"].astype(np.int64).to_numpy()]
        found = found.assign(of=of, unit=self.units.index[of].astype("str"))
        stays = np.ones(int(new.sum()), dtype=bool)
        stays[track.outlier_rows] = False
        of_row = np.empty(len(order), dtype=np.int64)
        of_row[order] = np.cumsum(new) - 1
        sure = _are_sure(given, self.window, rows.time_us, first, last, stays[of_row])
        return found, np.unique(given.of[~sure])

    def _track(self, rows: Rows, group: Ints, at: Ints, of: Ints) -> tuple[Track, pd.DataFrame]:
        """The track of some of the rows, each group as a unit named by its number; and those."""
        names = pd.array([f"{n:09}" for n in range(len(of))], dtype="str")
        units = self.units.iloc[of].set_axis(pd.Index(names))
        fixes = pd.DataFrame(
            {
                "unit": names.take(group[at]),
                "time": pd.DatetimeIndex(rows.time_us[at].view("datetime64[us]"), tz="UTC"),
                "lon": rows.lon[at],
                "lat": rows.lat[at],
                "accuracy_m": rows.accuracy_m[at],
            }
        )
        return Track.of(fixes, units), units


def _are_sure(
    given: Near, window: Window, time_us: Ints, first: Ints, last: Ints, stays: Bools
) -> Bools:
    """Of which stretches (rows ``first`` to ``last``) one fix beside them counts, on either side.

    ``stays``: of each row, that it is not set aside. The outermost row does not count, but where
    nothing lies beyond it.
    """
    count = last - first + 1
    before = np.add.reduceat((time_us < np.repeat(given.from_us, count)).astype(np.int64), first)
    after = np.add.reduceat((time_us >= np.repeat(given.to_us, count)).astype(np.int64), first)
    sure = (given.from_us == window.start_us) | (before < CONTEXT)
    ends = (given.to_us == window.end_us) | (after < CONTEXT)
    for n in range(1, CONTEXT):
        sure |= (before > n) & stays[np.minimum(first + n, last)]
        ends |= (after > n) & stays[np.maximum(last - n, first)]
    return np.asarray(sure & ends)
