"""The columns of a frame of fixes as arrays, refused at the door when they cannot be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import MissingColumnError, NaiveTimeError, OutOfRangeError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def need(frame: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    """Raise MissingColumnError if ``frame`` lacks one of ``columns``."""
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise MissingColumnError(f"{what}: no column {', '.join(map(repr, missing))}")


def micros(times: pd.Series, what: str) -> Ints:
    """Times with a zone as microseconds since 1970 in UTC (NaT: the smallest integer)."""
    dtype = times.dtype
    if not isinstance(dtype, pd.DatetimeTZDtype):
        raise NaiveTimeError(f"{what}: 'time' has no time zone; give it one (UTC)")
    return np.asarray(times.array.asi8 if dtype.unit == "us" else _as_us(times), dtype=np.int64)


def _as_us(times: pd.Series) -> Ints:
    return np.asarray(times.dt.as_unit("us").array.asi8, dtype=np.int64)


def as_times(micros_utc: Ints) -> pd.DatetimeIndex:
    """Microseconds since 1970 as UTC times (the smallest integer is NaT)."""
    return pd.DatetimeIndex(micros_utc.view("datetime64[us]")).tz_localize("UTC")


def instant(time: datetime | pd.Timestamp, what: str) -> int:
    """One time with a zone as microseconds since 1970 in UTC."""
    if time.tzinfo is None:
        raise NaiveTimeError(f"{what}: {time} has no time zone; give it one (UTC)")
    moment = time.to_pydatetime(warn=False) if isinstance(time, pd.Timestamp) else time
    return (moment - _EPOCH) // timedelta(microseconds=1)


def stamp(micros_utc: int) -> str:
    """RFC 3339 in UTC, a fraction of a second only where there is one."""
    return (_EPOCH + timedelta(microseconds=int(micros_utc))).isoformat().replace("+00:00", "Z")


def numbers(frame: pd.DataFrame, column: str) -> Floats:
    """A column as floats, NaN where it is missing; all NaN when the frame has no such column."""
    if column not in frame.columns:
        return np.full(len(frame), np.nan)
    return np.asarray(frame[column].to_numpy(dtype=float, na_value=np.nan), dtype=float)


def check_places(lon: Floats, lat: Floats, what: str) -> None:
    """Raise OutOfRangeError unless every place is on the earth."""
    bad = ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise OutOfRangeError(
            f"{what}: row {at} is at lon {lon[at]}, lat {lat[at]}; {int(bad.sum())} such rows:"
            " leave out what geo.tracks.doubt names"
        )
