"""The path of each unit as arrays: what legs, coverage and breaches are all computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from geo.errors import OutOfRangeError, UnknownUnitError
from geo.tracks.columns import Bools, Floats, Ints, check_places, micros, need, numbers
from geo.tracks.lengths import steps_m
from geo.tracks.settling import first_of_each
from geo.tracks.steps import Ends, within


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
        track = cls.of_arrays(
            [str(name) for name in names], unit[row], time_us[row], lon[row], lat[row],
            accuracy_m[row],
            max_gap_s=units["max_gap_s"].to_numpy(dtype=float)[at],
            top_speed_ms=units["top_speed_ms"].to_numpy(dtype=float)[at],
        )  # fmt: skip
        return replace(track, row=row[track.row], outlier_rows=row[track.outlier_rows])

    @classmethod
    def of_arrays(
        cls,
        names: list[str],
        unit: Ints,
        time_us: Ints,
        lon: Floats,
        lat: Floats,
        accuracy_m: Floats,
        *,
        max_gap_s: Floats,
        top_speed_ms: Floats,
    ) -> Track:
        """What ``of`` makes, from fixes that are settled already, sorted by unit and time.

        ``unit``: the place of each fix's unit in ``names``, which may name some that have none;
        ``max_gap_s`` and ``top_speed_ms`` by unit. Rows are positions in the arrays, which the
        track keeps. Raises OutOfRangeError: a place off the earth, or fixes out of order.
        """
        check_places(lon, lat, "fixes")
        starts = np.searchsorted(unit, np.arange(len(names) + 1))
        follows = np.zeros(len(unit), dtype=bool)
        follows[1:] = unit[1:] == unit[:-1]
        if (unit[1:] < unit[:-1]).any() or (time_us[1:] <= time_us[:-1])[follows[1:]].any():
            raise OutOfRangeError("fixes: not sorted by unit and time, one at a time; settle them")
        top_ms = top_speed_ms[unit]
        fast = _too_fast(follows, time_us, lon, lat, top_ms)
        hasty = np.zeros(len(names), dtype=bool)
        some = starts[1:] > starts[:-1]
        hasty[some] = fast[starts[1:][some] - 1]
        row, aside = np.arange(len(unit)), _outliers(fast, time_us, lon, lat, top_ms)
        if len(aside):
            row = np.delete(row, aside)
            unit, time_us, lon, lat = unit[row], time_us[row], lon[row], lat[row]
            accuracy_m, top_ms = accuracy_m[row], top_ms[row]
            starts = np.searchsorted(unit, np.arange(len(names) + 1))
            follows = follows[row]  # the first fix of a unit stays
            fast = _too_fast(follows, time_us, lon, lat, top_ms)
        late = np.zeros(len(unit), dtype=bool)
        late[1:] = np.diff(time_us) > (max_gap_s * 1e6)[unit[1:]]
        late &= follows
        return cls(
            units=names,
            starts=starts,
            unit=unit,
            row=row,
            time_us=time_us,
            lon=lon,
            lat=lat,
            accuracy_m=accuracy_m,
            follows=follows,
            is_leg=follows & ~late & ~fast & (top_ms >= 0),
            is_late=late,
            outlier_rows=aside,
            hasty=hasty,
        )

    @cached_property
    def step_m(self) -> Floats:
        """The length of each step's geodesic, 0 where there is none; measured when asked for."""
        return steps_m(self.lon, self.lat, self.follows)

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


def _ends(lon: Floats, lat: Floats, a: Ints, b: Ints) -> Ends:
    return lon[a], lat[a], lon[b], lat[b]


def _too_fast(follows: Bools, time_us: Ints, lon: Floats, lat: Floats, top_ms: Floats) -> Bools:
    """The fixes to which a unit came faster than it can."""
    fast = np.zeros(len(lon), dtype=bool)
    limit_m = top_ms[1:] * (np.diff(time_us) / 1e6)
    limit_m[~follows[1:] | ((lon[1:] == lon[:-1]) & (lat[1:] == lat[:-1]))] = np.inf
    fast[1:] = ~within((lon[:-1], lat[:-1], lon[1:], lat[1:]), limit_m)
    return fast & ~np.isnan(top_ms)


def _outliers(fast: Bools, time_us: Ints, lon: Floats, lat: Floats, top_ms: Floats) -> Ints:
    """The lone outliers among settled fixes, by the rule in ``Track.of``."""
    i = np.flatnonzero(fast[:-1] & fast[1:])
    if not len(i):
        return i
    direct_s = (time_us[i + 1] - time_us[i - 1]) / 1e6
    return i[within(_ends(lon, lat, i - 1, i + 1), top_ms[i] * direct_s)]
