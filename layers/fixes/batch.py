"""A batch of fixes as columns: what every door makes of what it was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: The time of a fix that has none: the smallest integer, which is what numpy calls NaT.
NO_TIME = np.iinfo(np.int64).min
NUMBERS = ("lon", "lat", "accuracy_m", "speed_ms", "heading_deg", "altitude_m", "battery")
#: The number of a name that is missing.
NOBODY = -1


@dataclass(frozen=True, kw_only=True)
class Names:
    """A column of names, each of which is there once."""

    codes: NDArray[np.int64]  #: of each row, the place in ``names``; NOBODY where it is missing
    names: list[str]

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> Names:
        """The column that has these texts."""
        places = {
            text: n for n, text in enumerate(dict.fromkeys(t for t in texts if t is not None))
        }
        codes = [NOBODY if text is None else places[text] for text in texts]
        return cls(codes=np.array(codes, dtype=np.int64), names=list(places))

    @classmethod
    def none(cls, rows: int) -> Names:
        """A column in which every name is missing."""
        return cls(codes=np.full(rows, NOBODY, dtype=np.int64), names=[])

    @classmethod
    def joined(cls, columns: Sequence[Names]) -> Names:
        """Columns after one another; a name that is in several is there once."""
        places: dict[str, int] = {}
        codes = []
        for column in columns:
            own = [places.setdefault(name, len(places)) for name in column.names]
            codes.append(np.array([*own, NOBODY], dtype=np.int64)[column.codes])
        return cls(codes=np.concatenate(codes), names=list(places))

    def take(self, rows: NDArray[np.int64]) -> Names:
        """The names of some rows."""
        return Names(codes=self.codes[rows], names=self.names)

    def series(self) -> pd.Series:
        """The names, row by row."""
        # The last one is what NOBODY, as an index, leads to.
        known = np.array([*self.names, None], dtype=object)
        return pd.Series(known[self.codes], dtype="str")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Fixes as they were sent, nothing judged: a value that cannot be read is missing.

    All columns have one length and one order. Numbers that are missing are NaN.
    """

    unit: Names
    time_us: NDArray[np.int64]  #: microseconds since 1970 in UTC; NO_TIME
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    speed_ms: NDArray[np.float64]
    heading_deg: NDArray[np.float64]
    altitude_m: NDArray[np.float64]
    battery: NDArray[np.float64]  #: percent
    patrol_id: Names
    fault: Names  #: why nothing of a row but its unit could be read, a reason of quarantine

    def __len__(self) -> int:
        return len(self.time_us)

    def frame(self) -> pd.DataFrame:
        """The batch as ``store_batch`` takes it; a column ``fault`` only where there is one."""
        columns = {
            "unit": self.unit.series(),
            "time": pd.DatetimeIndex(self.time_us.view("datetime64[us]")).tz_localize("UTC"),
            "lon": self.lon,
            "lat": self.lat,
            "accuracy_m": self.accuracy_m,
            "speed_ms": self.speed_ms,
            "heading_deg": self.heading_deg,
            "altitude_m": self.altitude_m,
            "battery": self.battery,
            "patrol_id": self.patrol_id.series(),
        }
        if self.fault.names:
            columns["fault"] = self.fault.series()
        return pd.DataFrame(columns)

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Batch:
        """The batch whose ``frame`` this is; a column that is not there is missing."""
        count = len(frame)

        def named(column: str) -> Names:
            if column not in frame:
                return Names.none(count)
            given = frame[column]
            codes, names = pd.factorize(given)
            return Names(codes=np.asarray(codes, dtype=np.int64), names=[str(n) for n in names])

        def numbers(column: str) -> NDArray[np.float64]:
            if column not in frame:
                return np.full(count, np.nan)
            return np.asarray(frame[column].to_numpy(dtype=np.float64, na_value=np.nan))

        return cls(
            unit=named("unit"),
            time_us=np.asarray(frame["time"].dt.as_unit("us").array.asi8, dtype=np.int64),
            **{name: numbers(name) for name in NUMBERS},
            patrol_id=named("patrol_id"),
            fault=named("fault"),
        )

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """Batches after one another."""
        if len(batches) == 1:
            return batches[0]

        def names(column: str) -> Names:
            return Names.joined([getattr(batch, column) for batch in batches])

        def numbers(column: str) -> NDArray[np.float64]:
            return np.concatenate([getattr(batch, column) for batch in batches])

        return cls(
            unit=names("unit"),
            time_us=np.concatenate([batch.time_us for batch in batches]),
            **{name: numbers(name) for name in NUMBERS},
            patrol_id=names("patrol_id"),
            fault=names("fault"),
        )

    def take(self, rows: NDArray[np.int64]) -> Batch:
        """Some of the rows."""
        return Batch(
            unit=self.unit.take(rows),
            time_us=self.time_us[rows],
            **{name: getattr(self, name)[rows] for name in NUMBERS},
            patrol_id=self.patrol_id.take(rows),
            fault=self.fault.take(rows),
        )

    def only(self, unit: str) -> Batch:
        """The batch of one who may write that unit's alone: the rest is of nobody, so refused."""
        theirs = self.unit.names.index(unit) if unit in self.unit.names else None
        codes = np.where(self.unit.codes == theirs, 0, NOBODY) if theirs is not None else None
        return Batch(**{
            **vars(self),
            "unit": Names.none(len(self)) if codes is None else Names(codes=codes, names=[unit]),
        })  # fmt: skip
