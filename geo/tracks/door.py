"""The door's judgement of each fix alone, before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from geo.errors import UnknownUnitError
from geo.tracks.columns import Floats, Ints, instant, micros, need, numbers

#: Every reason that ``doubt`` gives, in the order in which they are looked for.
REASONS = (
    "no_time",
    "not_a_number",
    "latitude_out_of_range",
    "longitude_out_of_range",
    "zero_zero",
    "in_the_future",
    "too_old",
    "negative_accuracy",
    "too_inaccurate",
)


def doubt(
    fixes: pd.DataFrame,
    units: pd.DataFrame,
    *,
    now: datetime,
    worst_accuracy_m: Mapping[str, float] | pd.Series,
    oldest: datetime | None = None,
    skew_s: float = 60.0,
) -> pd.Series:
    """Why each fix is not believed: one of ``REASONS``, missing for a good one; index of ``fixes``.

    ``worst_accuracy_m``: by unit, the largest accuracy_m that is still believed (its kind's; a
    unit without one has no limit). A fix is in the future when it is more than ``skew_s`` after
    ``now``, and too old before ``oldest`` where that is given. A missing accuracy is no fault;
    an infinite one is. What a column ``fault`` says, where there is one, counts before all else:
    why a row could not be read. Raises UnknownUnitError for a stranger (refuse those first, and
    keep nothing of them), MissingColumnError, NaiveTimeError.
    """
    need(fixes, ("unit", "time", "lon", "lat"), "fixes")
    strangers = ~fixes["unit"].isin(units.index)
    if strangers.any():
        count = int(strangers.sum())
        raise UnknownUnitError(f"fixes: {count} fixes of units that are not enrolled")
    time_us = micros(fixes["time"], "fixes")
    lon, lat, accuracy_m = (numbers(fixes, name) for name in ("lon", "lat", "accuracy_m"))
    limit_m = _limits(fixes["unit"], worst_accuracy_m)
    found = faults(
        time_us, lon, lat, accuracy_m, limit_m=limit_m, oldest_us=_moment(oldest, "oldest"),
        newest_us=instant(now, "now") + round(skew_s * 1e6),
    )  # fmt: skip
    reason = np.asarray([*REASONS, None], dtype=object)[found]
    if "fault" in fixes:
        unread = fixes["fault"].notna().to_numpy()
        reason[unread] = fixes["fault"][unread]
    return pd.Series(reason, index=fixes.index, name="reason", dtype="str")


def faults(
    time_us: Ints,
    lon: Floats,
    lat: Floats,
    accuracy_m: Floats,
    *,
    limit_m: Floats,
    oldest_us: int,
    newest_us: int,
) -> Ints:
    """The first of ``REASONS`` that speaks against each fix, by its place there; -1 for none.

    ``time_us``: microseconds since 1970 in UTC, the smallest integer where there is none;
    ``limit_m``: the worst accuracy that is believed.
    """
    tests = (
        time_us == np.iinfo(np.int64).min,
        ~(np.isfinite(lon) & np.isfinite(lat)),
        np.abs(lat) > 90,
        np.abs(lon) > 180,
        (lon == 0) & (lat == 0),
        time_us > newest_us,
        time_us < oldest_us,
        accuracy_m < 0,
        np.isinf(accuracy_m) | (accuracy_m > limit_m),
    )
    found = np.full(len(time_us), -1, dtype=np.int64)
    for place, fails in reversed(list(enumerate(tests))):
        if fails.any():
            found[fails] = place
    return found


def _moment(time: datetime | None, what: str) -> int:
    return -(1 << 62) if time is None else instant(time, what)


def _limits(unit: pd.Series, worst_accuracy_m: Mapping[str, float] | pd.Series) -> Floats:
    limits = unit.map(dict(worst_accuracy_m)).to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(limits), np.inf, limits)
