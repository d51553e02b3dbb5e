"""Walking on: the stored fixes of units since their states, past the fences."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches import Fences, Walked, walked
from geo.tracks import Track
from layers.breaches import states
from layers.breaches.states import State
from layers.fixes.read import fixes_since

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Came:
    """Fixes that were stored just now and are later than all of their units."""

    unit_no: NDArray[np.int64]  #: sorted, then by time
    time_us: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float32]

    @property
    def units(self) -> set[int]:
        """The units that they are of."""
        return set(np.unique(self.unit_no).tolist())

    def only(self, numbers: Collection[int]) -> Came:
        """Those of some units."""
        at = np.isin(self.unit_no, list(numbers))
        return Came(**{name: column[at] for name, column in vars(self).items()})

    def frame(self, names: Mapping[int, str]) -> pd.DataFrame:
        """The fixes as ``geo`` takes them."""
        found, place = np.unique(self.unit_no, return_inverse=True)
        return pd.DataFrame(
            {
                "unit": pd.array([names[n] for n in found.tolist()], dtype="str").take(place),
                "time": pd.DatetimeIndex(self.time_us.view("datetime64[us]"), tz="UTC"),
                "lon": self.lon,
                "lat": self.lat,
                "accuracy_m": self.accuracy_m.astype(np.float64),
            }
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Replay:
    """A walk of units from their states over all that is stored since."""

    track: Track
    found: Walked
    number: NDArray[np.int64]  #: unit_no of each unit of the track
    sure: NDArray[np.bool_]  #: of each unit: its last fix is judged for good
    marks: list[tuple[int, State]]


def replay(
    connection: Connection,
    starts: Mapping[int, State | None],
    units: pd.DataFrame,
    fences: Fences,
    zone: ZoneInfo,
    came: Came | None,
    back: Collection[int] = (),
) -> Replay:
    """Walk units (by unit_no) from ``starts``, or from their first fix where there is none.

    ``units``: index id; unit_no, max_gap_s, top_speed_ms, accuracy_m [, kind, team]. ``came``:
    all that is stored of some units since their starts, which then need not be read. ``back``:
    those that go back behind what was told of them.
    """
    names = {int(number): str(unit) for unit, number in units["unit_no"].items()}
    track = Track.of(_fixes(connection, starts, names, came), units)
    number = units["unit_no"].reindex(track.units).to_numpy(dtype=np.int64)
    lasting, going = states.taken_up([starts[int(n)] for n in number], fences)
    lasting["breach"][np.isin(number, list(back))[lasting["unit"]]] = 0  # it is looked for anew
    found = walked(track, units, fences, zone=zone, lasting=lasting, going=going)
    sure = ~found.on_line & ~track.hasty
    marks = _marks(track, units, fences, zone, lasting, going, number)
    return Replay(track=track, found=found, number=number, sure=sure, marks=marks)


def _fixes(
    connection: Connection,
    starts: Mapping[int, State | None],
    names: Mapping[int, str],
    came: Came | None,
) -> pd.DataFrame:
    """The fix at which each unit stopped, and those since."""
    stopped = {number: state for number, state in starts.items() if state is not None}
    known = set() if came is None else came.units
    since = {n: None if s is None else s.time + _US for n, s in starts.items() if n not in known}
    parts = []
    if came is not None and known:
        parts.append(came.frame(names))
    if since:
        parts.append(fixes_since(connection, since).drop(columns="patrol_id"))
    rows = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
    if not stopped:
        return rows
    accuracy_m = [np.nan if s.accuracy_m is None else s.accuracy_m for s in stopped.values()]
    times = [(s.time - _EPOCH) // _US for s in stopped.values()]
    before = pd.DataFrame(
        {
            "unit": pd.array([names[n] for n in stopped], dtype="str"),
            "time": pd.DatetimeIndex(np.array(times, dtype="datetime64[us]"), tz="UTC"),
            "lon": np.array([s.lon for s in stopped.values()], dtype=float),
            "lat": np.array([s.lat for s in stopped.values()], dtype=float),
            "accuracy_m": np.array(accuracy_m, dtype=float),
        }
    )
    return pd.concat([before, rows], ignore_index=True)


def _marks(
    track: Track,
    units: pd.DataFrame,
    fences: Fences,
    zone: ZoneInfo,
    lasting: NDArray[np.void],
    going: NDArray[np.bool_],
    number: NDArray[np.int64],
) -> list[tuple[int, State]]:
    """States at every so many fixes of units that were walked far, but for the last such."""
    made: list[tuple[int, State]] = []
    until = track.starts[1:]
    stopped = track.starts[:-1] - 1 + going  # the fix at which each unit stands
    active = np.ones(len(number), dtype=bool)
    while True:
        stop = stopped + states.EVERY
        active = active & (stop + states.EVERY < until)
        if not active.any():
            return made
        begin = np.where(going, stopped, stopped + 1)
        part = track.between(begin, np.where(active, stop + 1, begin))
        found = walked(
            part, units, fences, zone=zone,
            lasting=lasting[active[lasting["unit"]]], going=going & active,
        )  # fmt: skip
        good = active & ~found.on_line  # fixes behind it have settled whether it counts
        own = records_by_unit(found.lasting, len(number))
        made += [
            (int(number[u]), state_at(track, int(stop[u]), own[u], fences))
            for u in np.flatnonzero(good)
        ]
        lasting, going, stopped = found.lasting, going | active, np.where(active, stop, stopped)


def records_by_unit(records: NDArray[np.void], count: int) -> list[NDArray[np.void]]:
    """The records of each unit; they come sorted by it."""
    bounds = np.searchsorted(records["unit"], np.arange(count + 1))
    return [records[bounds[u] : bounds[u + 1]] for u in range(count)]


def state_at(
    track: Track, fix: int, records: NDArray[np.void], fences: Fences, **more: object
) -> State:
    """The state of a unit at a fix of the track."""
    accuracy_m = float(track.accuracy_m[fix])
    return State(
        time=_EPOCH + int(track.time_us[fix]) * _US,
        lon=float(track.lon[fix]),
        lat=float(track.lat[fix]),
        accuracy_m=None if np.isnan(accuracy_m) else accuracy_m,
        fences=[states.fence_name(fences.ids[f], fences.versions[f]) for f in records["fence"]],
        records=records.tobytes(),
        **more,  # type: ignore[arg-type]
    )
