"""The path of each unit as arrays: what legs, coverage and breaches are all computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from geo.earth import geodesic_m
from geo.errors import OutOfRangeError, UnknownUnitError
from geo.tracks.columns import Bools, Floats, Ints, check_places, micros, need, numbers
from geo.tracks.settling import first_of_each


@dataclass(frozen=True, kw_only=True)
class Track:
    """Settled fixes without outliers, by unit and time; each column one array over the fixes.

    ``step_…`` and ``is_…`` speak of the step from the fix before to this one; the first fix of a
    unit has none (``follows`` is False).
    """

    units: list[str]  #: identifiers, sorted
    starts: Ints  #: the fixes of unit u are starts[u]:starts[u + 1]
    unit: Ints  #: position in ``units``
    row: Ints  #: position in the frame given
    time_us: Ints  #: microseconds since 1970, UTC
    lon: Floats
    lat: Floats
    accuracy_m: Floats  #: as stated; NaN where it was not
    follows: Bools  #: the fix before is of the same unit
    step_m: Floats  #: geodesic
    is_leg: Bools  #: the step is a path; False with ``follows``: a gap
    is_late: Bools  #: the step takes longer than the unit's max_gap_s
    outlier_rows: Ints  #: positions in the frame given that were set aside
    hasty: Bools  #: of each unit: it came too fast to its last fix from the one stored before it,
    # so that with the next fix the last may prove an outlier

    @classmethod
    def of(cls, fixes: pd.DataFrame, units: pd.DataFrame) -> Track:
        """Settle ``fixes``, set lone outliers aside and tell legs from gaps.

        A step is a leg when it takes at most the unit's ``max_gap_s`` and its geodesic needs at
        most ``top_speed_ms``, without slack. A fix i between stored neighbours p and n is a lone
        outlier, and set aside, when p→i and i→n both need more than the unit's top speed and
        p→n does not. The rule reads the settled fixes all at once, never one by one, so it is
        a function of the set of fixes; the first and the last fix of a unit always stay.

        Raises MissingColumnError, NaiveTimeError, OutOfRangeError (a place off the earth, a
        missing time), UnknownUnitError.
        """
        need(fixes, ("unit", "time", "lon", "lat"), "fixes")
        need(units, ("max_gap_s", "top_speed_ms"), "units")
        time_us = micros(fixes["time"], "fixes")
        if len(time_us) and time_us.min() == np.iinfo(np.int64).min:
            raise OutOfRangeError("fixes: a fix has no time; leave it out")
        lon, lat, accuracy_m = (numbers(fixes, name) for name in ("lon", "lat", "accuracy_m"))
        check_places(lon, lat, "fixes")
        codes, names = pd.factorize(fixes["unit"], sort=True)
        at = _places_of(names, codes, units)
        unit = np.asarray(codes, dtype=np.int64)
        row = first_of_each(unit, time_us, lon, lat, accuracy_m)
        top_ms = units["top_speed_ms"].to_numpy(dtype=float)[at]
        gap_us = units["max_gap_s"].to_numpy(dtype=float)[at] * 1e6
        unit, time_us, lon, lat = unit[row], time_us[row], lon[row], lat[row]
        steps = _steps(unit, time_us, lon, lat)
        aside = _outliers(unit, time_us, lon, lat, top_ms, steps)
        ends = np.searchsorted(unit, np.arange(len(names)), side="right") - 1
        hasty = _too_fast(unit, top_ms, steps)[ends] if len(unit) else np.zeros(len(names), bool)
        kept = row
        if aside.any():
            kept, unit, time_us = row[~aside], unit[~aside], time_us[~aside]
            lon, lat = lon[~aside], lat[~aside]
            steps = _steps(unit, time_us, lon, lat)
        follows, step_us, step_m = steps
        late = follows & (step_us > gap_us[unit])
        return cls(
            units=[str(name) for name in names],
            starts=np.searchsorted(unit, np.arange(len(names) + 1)),
            unit=unit,
            row=kept,
            time_us=time_us,
            lon=lon,
            lat=lat,
            accuracy_m=accuracy_m[kept],
            follows=follows,
            step_m=step_m,
            is_leg=follows & ~late & (step_m <= top_ms[unit] * (step_us / 1e6)),
            is_late=late,
            outlier_rows=row[aside],
            hasty=hasty,
        )

    def between(self, first: Ints, last: Ints) -> Track:
        """Of each unit the fixes ``first[u]:last[u]`` (positions); the first follows none."""
        count = np.maximum(last - first, 0)
        starts = np.r_[0, np.cumsum(count)]
        at = np.arange(starts[-1]) + np.repeat(first - starts[:-1], count)
        follows, is_leg, is_late = self.follows[at], self.is_leg[at], self.is_late[at]
        heads = starts[:-1][count > 0]
        follows[heads] = is_leg[heads] = is_late[heads] = False
        return Track(
            units=self.units,
            starts=starts,
            unit=self.unit[at],
            row=self.row[at],
            time_us=self.time_us[at],
            lon=self.lon[at],
            lat=self.lat[at],
            accuracy_m=self.accuracy_m[at],
            follows=follows,
            step_m=self.step_m[at],
            is_leg=is_leg,
            is_late=is_late,
            outlier_rows=self.outlier_rows[:0],
            hasty=np.zeros(len(self.units), dtype=bool),
        )


def _places_of(names: pd.Index, codes: np.ndarray, units: pd.DataFrame) -> Ints:
    """Where each named unit stands in ``units``."""
    if len(codes) and codes.min() < 0:
        raise OutOfRangeError("fixes: a fix has no unit; leave it out")
    at = units.index.get_indexer(names)
    if (at < 0).any():
        strangers = [str(name) for name in names[at < 0]]
        raise UnknownUnitError(f"fixes: {len(strangers)} units not enrolled, as {strangers[0]!r}")
    return np.asarray(at, dtype=np.int64)


def _steps(unit: Ints, time_us: Ints, lon: Floats, lat: Floats) -> tuple[Bools, Ints, Floats]:
    """For each fix: whether it follows one of its unit, after how long and how far."""
    follows = np.zeros(len(unit), dtype=bool)
    follows[1:] = unit[1:] == unit[:-1]
    step_us, step_m = np.zeros(len(unit), dtype=np.int64), np.zeros(len(unit))
    step_us[1:] = np.diff(time_us)
    moved = follows.copy()
    moved[1:] &= (np.diff(lon) != 0) | (np.diff(lat) != 0)
    at = np.flatnonzero(moved)
    step_m[at] = geodesic_m(lon[at - 1], lat[at - 1], lon[at], lat[at])
    return follows, np.where(follows, step_us, 0), step_m


def _too_fast(unit: Ints, top_ms: Floats, steps: tuple[Bools, Ints, Floats]) -> Bools:
    """The fixes to which a unit came faster than it can."""
    follows, step_us, step_m = steps
    return follows & (step_m > top_ms[unit] * (step_us / 1e6))


def _outliers(
    unit: Ints,
    time_us: Ints,
    lon: Floats,
    lat: Floats,
    top_ms: Floats,
    steps: tuple[Bools, Ints, Floats],
) -> Bools:
    """The lone outliers among settled fixes, by the rule in ``Track.of``."""
    fast = _too_fast(unit, top_ms, steps)
    aside = np.zeros(len(unit), dtype=bool)
    i = np.flatnonzero(fast[:-1] & fast[1:]) if len(unit) else np.empty(0, dtype=np.int64)
    if len(i):
        direct_m = geodesic_m(lon[i - 1], lat[i - 1], lon[i + 1], lat[i + 1])
        direct_s = (time_us[i + 1] - time_us[i - 1]) / 1e6
        aside[i] = direct_m <= top_ms[unit[i]] * direct_s
    return aside
