"""A batch of fixes as columns: what every door makes of what it was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: The time of a fix that has none: the smallest integer, which is what numpy calls NaT.
NO_TIME = np.iinfo(np.int64).min
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

    def only(self, unit: str) -> Batch:
        """The batch of one who may write that unit's alone: the rest is of nobody, so refused."""
        theirs = self.unit.names.index(unit) if unit in self.unit.names else None
        codes = np.where(self.unit.codes == theirs, 0, NOBODY) if theirs is not None else None
        return Batch(**{
            **vars(self),
            "unit": Names.none(len(self)) if codes is None else Names(codes=codes, names=[unit]),
        })  # fmt: skip
