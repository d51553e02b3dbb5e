"""Who was inside a polygon between two times, read from the stored fixes.

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

from collections.abc import Iterator
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
from layers.db.engine import raw
from layers.errors import TooMuchError
from layers.fixes import stretches
from layers.fixes.journeys import parameters
from layers.fixes.nearby import Near, Window, near
from layers.fixes.plain import micros
from layers.fixes.read import CONTEXT

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
#: So many fixes are walked for one answer, so many of them at once, and so many stays are told.
MOST_FIXES, MOST_AT_ONCE, MOST_FOUND = 20_000_000, 4_000_000, 50_000
#: Quarters of an hour that are read at once.
_MANY = 2_048


@dataclass(frozen=True, kw_only=True)
class _Walked:
    """What stretches say."""

    found: pd.DataFrame  #: as ``breaches.presence``, and ``of``: the unit's position
    unsure: Ints  #: positions of units of which the stretches may not say what the whole walk does
    fixes: int  #: that were read


def search(
    connection: Connection, polygon: shapely.Geometry, *, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Stays and passages of units inside ``polygon`` (degrees) that meet the window, cut there.

    Each with unit, entered_at, exited_at, evidence, unknown_s, and lon, lat of the entry. Raises
    TooMuchError.
    """
    # The order of names is the order of answers.
    units = parameters(connection).sort_index()
    window = Window(start_us=micros(start), end_us=micros(end))
    area = breaches.searched(polygon)
    parts: list[pd.DataFrame] = []
    fixes = found = 0
    for batch in _batches(near(connection, area, units, window)):
        walked = _walk(connection, area, units, window, batch, MOST_FIXES - fixes)
        fixes += walked.fixes
        sure = walked.found[~walked.found["of"].isin(walked.unsure)]
        parts.append(sure)
        for one in walked.unsure:
            whole = Near(
                of=np.array([one]), from_us=np.array([window.start_us]),
                to_us=np.array([window.end_us]),
            )  # fmt: skip
            again = _walk(connection, area, units, window, whole, MOST_FIXES - fixes)
            fixes += again.fixes
            parts.append(again.found)
        found += sum(len(part) for part in parts[-1 - len(walked.unsure) :])
        if found > MOST_FOUND:
            raise TooMuchError(
                f"there are more than {MOST_FOUND:,} stays and passages: ask for less time, or of"
                " a smaller polygon"
            )
    return _told(parts)


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
    spans = (every.to_us - every.from_us) // Near.SPAN_US + 1
    done = np.cumsum(spans)
    heads = np.flatnonzero(np.r_[True, every.of[1:] != every.of[:-1]]) if len(done) else done
    first = 0
    while first < len(done):
        full = np.searchsorted(done, (done[first - 1] if first else 0) + _MANY, side="right")
        after = heads[np.searchsorted(heads, full, side="right") - 1] if full < len(done) else full
        if after <= first:  # one unit alone is more
            later = heads[heads > first]
            after = later[0] if len(later) else len(done)
        yield every.take(slice(first, int(after)))
        first = int(after)


def _walk(
    connection: Connection,
    area: breaches.Fences,
    units: pd.DataFrame,
    window: Window,
    given: Near,
    most: int,
) -> _Walked:
    """Read stretches, by unit and time, and walk them; those that share fixes are walked as one."""
    unit_no = units["unit_no"].to_numpy(np.int64)
    try:
        rows = stretches.read(
            connection, unit_no[given.of], given.from_us, given.to_us,
            most=max(min(most, MOST_AT_ONCE), 0),
        )  # fmt: skip
    except TooMuchError:
        raise TooMuchError(
            f"more than {MOST_FIXES:,} fixes, or {MOST_AT_ONCE:,} of one unit, would have to be"
            " read: ask for less time, or of a smaller polygon"
        ) from None
    # A stretch without a fix is of a unit that has none at all.
    there, first = np.unique(rows.nth, return_index=True)
    last = np.r_[first[1:], len(rows.nth)] - 1
    given = given.take(there)
    if not len(there):
        empty = np.empty(0, dtype=np.int64)
        return _Walked(found=pd.DataFrame({"of": empty}), unsure=empty, fixes=0)
    of_row = np.repeat(np.arange(len(there)), last - first + 1)
    unit = given.of[of_row]
    begins = np.r_[True, (given.of[1:] != given.of[:-1]) | (
        rows.time_us[first[1:]] > rows.time_us[last[:-1]]
    )]  # fmt: skip
    group_of = np.cumsum(begins) - 1
    order = np.lexsort((rows.time_us, unit))
    new = np.r_[True, (np.diff(unit[order]) != 0) | (np.diff(rows.time_us[order]) != 0)]
    kept = order[new]
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(new) - 1
    names = np.array([f"{n:09}" for n in range(int(group_of[-1]) + 1)])
    track_units = units.iloc[given.of[begins]].set_axis(pd.Index(names, dtype="str"))
    fixes = pd.DataFrame(
        {
            "unit": pd.array(names, dtype="str").take(group_of[of_row[kept]]),
            "time": pd.DatetimeIndex(rows.time_us[kept].view("datetime64[us]"), tz="UTC"),
            "lon": rows.lon[kept],
            "lat": rows.lat[kept],
            "accuracy_m": rows.accuracy_m[kept],
        }
    )
    track = Track.of(fixes, track_units)
    found = breaches.presence_of(track, track_units, area, *window.times)
    aside = np.zeros(len(kept), dtype=bool)
    aside[track.outlier_rows] = True
    sure = _are_sure(given, window, rows.time_us, first, last, ~aside[place])
    group = found["unit"].astype(np.int64).to_numpy()
    of = given.of[begins][group]
    found = found.assign(of=of, unit=units.index[of].astype("str"))
    return _Walked(found=found, unsure=np.unique(given.of[~sure]), fixes=len(rows.nth))


def _are_sure(
    given: Near, window: Window, time_us: Ints, first: Ints, last: Ints, stays: Bools
) -> Bools:
    """Of which stretches (rows ``first`` to ``last``) one fix beside them counts, on either side.

    ``stays``: of each row, that it is not set aside. The outermost row does not count, but where
    nothing lies beyond it.
    """
    before = np.add.reduceat(time_us < np.repeat(given.from_us, last - first + 1), first)
    after = np.add.reduceat(time_us >= np.repeat(given.to_us, last - first + 1), first)
    sure = (given.from_us == window.start_us) | (before < CONTEXT)
    ends = (given.to_us == window.end_us) | (after < CONTEXT)
    for n in range(1, CONTEXT):
        sure |= (before > n) & stays[np.minimum(first + n, last)]
        ends |= (after > n) & stays[np.maximum(last - n, first)]
    return np.asarray(sure & ends)
