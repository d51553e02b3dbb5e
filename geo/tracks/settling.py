"""One fix a unit and moment: repeats are counted, contradictions decided, whatever came first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from geo.tracks.columns import Bools, Floats, Ints, micros, need, numbers

CONFLICT = "conflicting_fix"  #: the reason with which the loser of two fixes is quarantined


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What ``settle`` made of a frame of fixes: every row of it is in exactly one of the three."""

    kept: pd.DataFrame  #: one row a unit and time, sorted by unit and time, the frame's own index
    duplicates: pd.Series  #: bool, on the given frame's index: an exact repeat of another row
    conflicts: pd.DataFrame  #: the rows that lost, with ``reason``

    @property
    def duplicate_count(self) -> int:
        """How many rows only repeated another."""
        return int(self.duplicates.sum())


def settle(fixes: pd.DataFrame) -> Settled:
    """Choose one fix for each unit and time, independently of the order of the rows.

    Of two different fixes of one unit at one time the smaller ``accuracy_m`` is kept (missing
    last), then the smaller ``lon``, then ``lat``; the other is a conflict. A row of the same
    place and accuracy is a duplicate even where other columns differ: the smallest
    ``patrol_id``, then the smallest of the other columns by name, is the one that stays.

    ``fixes``: columns unit, time (with a zone; microseconds count), lon, lat
    [, accuracy_m, patrol_id, …]. The rule is a minimum over a total order, so settling what was
    kept with what came later gives the same as settling all at once.
    Raises MissingColumnError, NaiveTimeError.
    """
    need(fixes, ("unit", "time", "lon", "lat"), "fixes")
    unit = np.asarray(pd.factorize(fixes["unit"], sort=True)[0], dtype=np.int64)
    time_us = micros(fixes["time"], "fixes")
    lon, lat, accuracy_m = (numbers(fixes, name) for name in ("lon", "lat", "accuracy_m"))
    order = np.lexsort((lat, lon, accuracy_m, time_us, unit))
    crowd = _repeated(unit[order], time_us[order])
    if crowd.any():
        order[crowd] = _by_all_columns(fixes, order[crowd], unit, time_us)
    same_moment = _as_before(unit, time_us, order)
    repeat = same_moment & _as_before(lon, lat, order) & _same_accuracy(accuracy_m, order)
    duplicates = np.zeros(len(fixes), dtype=bool)
    duplicates[order[repeat]] = True
    lost = fixes.iloc[order[same_moment & ~repeat]]
    return Settled(
        kept=fixes.iloc[order[~same_moment]],
        duplicates=pd.Series(duplicates, index=fixes.index, name="duplicate"),
        conflicts=lost.assign(reason=pd.Series(CONFLICT, index=lost.index, dtype="str")),
    )


def first_of_each(unit: Ints, time_us: Ints, lon: Floats, lat: Floats, accuracy_m: Floats) -> Ints:
    """Positions of the rows that ``settle`` keeps (other columns apart), by unit and time."""
    order = np.lexsort((lat, lon, accuracy_m, time_us, unit))
    return order[~_as_before(unit, time_us, order)]


def _repeated(unit: Ints, time_us: Ints) -> Bools:
    """Of sorted rows, those that share unit and time with another."""
    same = np.zeros(len(unit), dtype=bool)
    if len(unit):
        pair = (unit[1:] == unit[:-1]) & (time_us[1:] == time_us[:-1])
        same[1:] |= pair
        same[:-1] |= pair
    return same


def _by_all_columns(fixes: pd.DataFrame, rows: Ints, unit: Ints, time_us: Ints) -> Ints:
    """The rows in the full order; only for crowded moments, for it is slow."""
    names = sorted(set(fixes.columns) - {"unit", "time", "lon", "lat", "accuracy_m", "patrol_id"})
    keys = pd.DataFrame({"row": rows, "unit": unit[rows], "time": time_us[rows]})
    for name in ("accuracy_m", "lon", "lat"):
        keys[name] = numbers(fixes, name)[rows]
    for name in ["patrol_id"] * ("patrol_id" in fixes.columns) + names:
        column = fixes[name].iloc[rows].reset_index(drop=True)
        keys[f"_{name}"] = column.astype("str") if column.dtype == object else column
    by = [name for name in keys.columns if name != "row"]
    return np.asarray(keys.sort_values(by, kind="stable")["row"], dtype=np.int64)


def _as_before(a: Ints | Floats, b: Ints | Floats, order: Ints) -> Bools:
    """Whether each row in ``order`` equals the one before it in both columns."""
    same = np.zeros(len(order), dtype=bool)
    same[1:] = (a[order[1:]] == a[order[:-1]]) & (b[order[1:]] == b[order[:-1]])
    return same


def _same_accuracy(accuracy_m: Floats, order: Ints) -> Bools:
    sorted_m = accuracy_m[order]
    same = np.zeros(len(order), dtype=bool)
    same[1:] = (sorted_m[1:] == sorted_m[:-1]) | (np.isnan(sorted_m[1:]) & np.isnan(sorted_m[:-1]))
    return same
