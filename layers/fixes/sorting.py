"""Fixes sorted out at the door, each judged alone: a stranger's, a doubtful one, a sound one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo import tracks
from layers.db import arrays
from layers.db.engine import raw
from layers.fixes import quarantine, retention
from layers.fixes.batch import NOBODY, Batch
from layers.fixes.plain import micros
from layers.region import Region
from layers.standings import Standings

#: No tracker is older; without an edge a broken clock would make partitions of years long past.
FIRST_DAY = datetime(1900, 1, 1, tzinfo=UTC)
#: Doubts that somebody who knows better may overrule: the fix says where and when.
RELEASABLE = ("zero_zero", "negative_accuracy", "too_inaccurate")
_UNIT = ("id", "unit_no", "kind", "team", "max_gap_s", "top_speed_ms", "accuracy_m")
_HOUR_US = 3_600_000_000
_DAY_US = 86_400_000_000
Ints = NDArray[np.int64]
#: By row, why a fix is set aside: none is. To make it anew takes longer than to judge a fix.
NO_REASONS = pd.Series(dtype="str", index=pd.Index([], dtype=np.int64))


@dataclass(frozen=True, kw_only=True)
class SortedOut:
    """A batch sorted out; rows are positions in ``whole``."""

    whole: Batch
    standings: Standings  #: of the units that are named and enrolled
    strangers: Ints  #: rows of units that are not enrolled
    doubts: pd.Series  #: by row, why it is not believed
    sound: Ints  #: rows of the others
    place: Ints  #: of the sound rows, where their units stand

    @property
    def days(self) -> list[int]:
        """The days (since 1970, UTC) of the sound fixes."""
        found: list[int] = np.unique(self.whole.time_us[self.sound] // _DAY_US).tolist()
        return found

    @property
    def hours(self) -> list[int]:
        """The hours (since 1970, UTC) of the sound fixes."""
        found: list[int] = np.unique(self.whole.time_us[self.sound] // _HOUR_US).tolist()
        return found


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a fix is held against beside its unit."""

    region: Region
    moment: datetime
    clock_skew_s: float
    retention_days: float | None
    believed: bool  #: RELEASABLE doubts do not count


def sort_out(
    connection: Connection, whole: Batch, stand: Standings, places: Ints, rules: Rules
) -> SortedOut:
    """Judge each fix of a batch alone; ``places``: where those stand whom it names, or NOBODY."""
    region, moment, clock_skew_s = rules.region, rules.moment, rules.clock_skew_s
    place = np.r_[places, NOBODY][whole.unit.codes]
    known = np.flatnonzero(place != NOBODY)
    oldest = max(FIRST_DAY, retention.oldest(connection, moment, rules.retention_days) or FIRST_DAY)
    found = tracks.faults(
        whole.time_us[known], whole.lon[known], whole.lat[known], whole.accuracy_m[known],
        limit_m=_worst_m(stand, region)[place[known]], oldest_us=micros(oldest),
        newest_us=micros(moment) + round(clock_skew_s * 1e6),
    )  # fmt: skip
    wrong = found >= 0
    if whole.fault.names:
        wrong |= whole.fault.codes[known] != NOBODY
    doubtful = known[wrong]
    doubts = NO_REASONS
    if len(doubtful):
        frame = whole.take(doubtful).frame().set_axis(doubtful)
        units = stand.frame(np.unique(place[doubtful]))
        doubts = _doubts(
            connection, frame, units, region, moment, clock_skew_s, oldest, rules.believed
        )
    sound = known if not len(doubts) else known[~np.isin(known, doubts.index.to_numpy())]
    return SortedOut(
        whole=whole,
        standings=stand,
        strangers=np.flatnonzero(place == NOBODY),
        doubts=doubts,
        sound=sound,
        place=place[sound],
    )


def _worst_m(stand: Standings, region: Region) -> NDArray[np.float64]:
    """The worst accuracy that is believed of each unit, by place."""
    parts = []
    for block in stand.blocks:
        noted = block.roster.noted.get("worst_m")
        if noted is None or noted[0] is not region:
            kinds = [region.kinds.get(kind) for kind in block.roster.kind.tolist()]
            limits_m = np.array([np.inf if k is None else k.worst_accuracy_m for k in kinds])
            noted = block.roster.noted["worst_m"] = region, limits_m
        parts.append(noted[1])
    return np.concatenate([np.empty(0), *parts])


def _doubts(
    connection: Connection,
    fixes: pd.DataFrame,
    units: pd.DataFrame,
    region: Region,
    moment: datetime,
    clock_skew_s: float,
    oldest: datetime,
    believed: bool,
) -> pd.Series:
    """Why fixes are not believed; those that somebody vouches for, or did, are left out."""
    doubts = doubted(fixes, units, region, moment, clock_skew_s, oldest)
    vouched = fixes[doubts.isin(RELEASABLE).to_numpy()]
    if not believed:
        vouched = vouched.loc[quarantine.released_before(connection, vouched)]
    doubts[vouched.index] = doubted(trusted(vouched), units, region, moment, clock_skew_s, oldest)
    return doubts.dropna()


def enrolled(connection: Connection, named: Sequence[str]) -> pd.DataFrame:
    """What is needed of those of the ``named`` units that are enrolled, by id."""
    rows: Any = raw(connection).execute(
        f"SELECT {', '.join(_UNIT)} FROM units WHERE disenrolled_at IS NULL AND id = ANY(%s)",
        [arrays.texts(named)],
        binary=True,
    )
    return pd.DataFrame(rows.fetchall(), columns=list(_UNIT)).set_index("id")


def doubted(
    fixes: pd.DataFrame,
    units: pd.DataFrame,
    region: Region,
    moment: datetime,
    clock_skew_s: float,
    oldest: datetime,
) -> pd.Series:
    """Why each of the fixes of enrolled ``units`` is not believed; missing for a good one."""
    worst = units["kind"].map({name: kind.worst_accuracy_m for name, kind in region.kinds.items()})
    return tracks.doubt(
        fixes,
        units,
        now=pd.Timestamp(moment),
        skew_s=clock_skew_s,
        worst_accuracy_m=worst,
        oldest=pd.Timestamp(oldest),
    )


def trusted(fixes: pd.DataFrame) -> pd.DataFrame:
    """``fixes`` as they are judged when somebody vouches for their places: RELEASABLE apart."""
    nowhere = (fixes["lon"] == 0) & (fixes["lat"] == 0)
    return fixes.assign(lon=fixes["lon"].mask(nowhere, 1.0), accuracy_m=np.nan)
