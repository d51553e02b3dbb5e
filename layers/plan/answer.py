"""How the plan is kept: every place that a duty speaks of, with its state, and where to go next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches.hours import Hours
from geo.coverage.rows import Flags, Ints
from geo.plan import NEVER, STATES, Judged, judge
from geo.tracks.columns import as_times
from layers import frames
from layers.coverage.grounds import Grounds
from layers.fixes import boxes
from layers.fixes.plain import micros, moment
from layers.plan.duties import Duty, listed
from layers.plan.periods import edges
from layers.plan.visits import Reader, Visits
from layers.region import Region

#: The layers that it is read from.
READS = ("checkpoints", "fixes", "grids", "plan", "posts", "units")
_SHOWN = ("name", "name_zh", "name_mn", "name_en", "level", "parent", "kind")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """How duties are kept as of the end of a window."""

    duties: Sequence[Duty]
    #: duty and target by row, by id: layer, names, level, parent, kind, state (of STATES),
    #: evidence (confirmed, probable; grids have none), visited, rounds and required,
    #: period_from, period_to, last_visit, due_at, overdue, late_s, periods, periods_kept, geometry
    targets: gpd.GeoDataFrame
    looked_from: datetime  #: before it no visit was looked for, or there were no fixes

    @property
    def next(self) -> gpd.GeoDataFrame:
        """Where to go next, the worst first: what is late, missed or due, by how much longer it
        has been left alone than it may be; before all others where nobody was at all."""
        open_ = self.targets[self.targets["state"] != "kept"]
        return open_.sort_values("overdue", ascending=False, kind="stable")

    def counts(self, duty: str | None = None) -> dict[str, int]:
        """How many targets (of a duty) are in each state."""
        rows = self.targets if duty is None else self.targets[self.targets["duty"] == duty]
        found = rows["state"].value_counts()
        return {state: int(found.get(state, 0)) for state in STATES}


def answer(
    connection: Connection, region: Region, *, start: datetime, end: datetime,
    duty: str | None = None,
) -> Kept:  # fmt: skip
    """How the plan, or one duty of it, is kept as known at ``end``.

    The period that is judged is the last that had begun by then; periods that begin at ``start`` or
    later and are over at ``end`` are counted, but none that was over before there were fixes.
    Raises NoSuchDutyError, TooMuchError.
    """
    duties = listed(connection, duty)
    oldest = boxes.first(connection)
    periods = {one.per: edges(start, end, one.per, region.timezone) for one in duties}
    since = min([start, *(moment(int(edge[0])) for edge in periods.values())])
    # Nothing is to be read of the time before there were fixes, which may be years.
    begun = min(max(since, oldest or end), end - timedelta(hours=1))
    reader = Reader(connection=connection, region=region, start=begun, end=end)
    parts = []
    for one, targets, visits in _visited(reader, duties):
        asked = _Asked(
            duty=one, periods_us=periods[one.per], at_us=micros(end),
            active_us=_active(one, periods[one.per], region),
            first=_first(periods[one.per], start, oldest or end),
        )  # fmt: skip
        parts.append(_told(asked, targets, visits))
    return Kept(duties=duties, targets=_together(parts), looked_from=max(since, oldest or since))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked:
    """A duty, and when."""

    duty: Duty
    periods_us: Ints
    active_us: Ints
    first: int  #: the first period that is counted
    at_us: int

    def judged(self, visits: Visits, targets: int) -> Judged:
        """How targets stand by visits."""
        return judge(
            visits.stays, targets, required=self.duty.rounds, periods_us=self.periods_us,
            active_us=self.active_us, apart_us=round(self.duty.apart_s * 1e6), at_us=self.at_us,
            first=self.first,
        )  # fmt: skip


def _first(periods_us: Ints, start: datetime, oldest: datetime) -> int:
    """The first period that is counted: that begins at ``start`` or later, and was not over when
    there were fixes."""
    begins = int(np.searchsorted(periods_us, micros(start)))
    return max(begins, int(np.searchsorted(periods_us, micros(oldest), side="right")) - 1)


def _active(duty: Duty, periods_us: Ints, region: Region) -> Ints:
    """The spans in which visits count, within the periods."""
    begin, end = int(periods_us[0]), int(periods_us[-1])
    hours = Hours.of(duty.active, f"duty {duty.id}")
    if hours is None:
        return np.array([[begin, end]])
    spans = [
        (max(low, begin), min(high, end))
        for low, high in hours.spans(begin, end, region.timezone)
        if low < end and high > begin
    ]
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


def targets_of(reader: Reader, duty: Duty) -> gpd.GeoDataFrame:
    """All places that a duty speaks of, by id."""
    if duty.layer == "grids":
        found = Grounds.read(reader.connection).grids
        level = duty.level or (reader.region.lowest_level if duty.ids is None else None)
        if level is not None:
            found = found[found["level"] == level]
    else:
        found = frames.places(reader.connection, duty.layer)
    if duty.kind is not None:
        found = found[found["kind"] == duty.kind]
    if duty.ids is not None:
        found = found[found.index.isin(duty.ids)]
    return found


def _visited(
    reader: Reader, duties: Sequence[Duty]
) -> Iterator[tuple[Duty, gpd.GeoDataFrame, Visits]]:
    """Duties, their targets, and the visits of them that count for each."""
    targets = [targets_of(reader, one) for one in duties]
    near = iter(reader.near(points(duties, targets)))
    for duty, own in zip(duties, targets, strict=True):
        if duty.layer == "grids":
            levels = [reader.in_grids(str(level), own.index) for level in own["level"].unique()]
            visits = Visits.together(levels)
        else:
            visits = next(near)
        lasted_us = visits.stays.end_us - visits.stays.begin_us
        counts = lasted_us >= duty.stay_s * 1e6
        if duty.applies_to:
            counts &= reader.of(visits, duty.applies_to)
        yield duty, own, visits.some(counts)


def points(
    duties: Sequence[Duty], targets: Sequence[gpd.GeoDataFrame]
) -> list[tuple[gpd.GeoDataFrame, float]]:
    """The targets of the duties that speak of points, and how near one must come to each."""
    return [
        (own, duty.within_m)
        for duty, own in zip(duties, targets, strict=True) if duty.layer != "grids"
    ]  # fmt: skip


def _told(asked: _Asked, targets: gpd.GeoDataFrame, visits: Visits) -> gpd.GeoDataFrame | None:
    """The rows of a duty; None where it speaks of nothing, or was not active yet."""
    duty, count = asked.duty, len(targets)
    judged = asked.judged(visits, count)
    if judged.period < 0 or not count:
        return None
    states = np.array(STATES, dtype=object)
    columns: dict[str, object] = {
        "duty": duty.id, "layer": duty.layer, "target": targets.index,
        **{name: targets[name].array if name in targets else None for name in _SHOWN},
        "state": states[judged.state],
        **_evidence(asked, visits, judged, count),
        "rounds": judged.rounds, "required": duty.rounds,
        "period_from": moment(int(asked.periods_us[judged.period])),
        "period_to": moment(int(asked.periods_us[judged.period + 1])),
        "last_visit": as_times(judged.last_us.copy()), "due_at": as_times(judged.due_us.copy()),
        "overdue": judged.overdue, "late_s": _late_s(judged, asked.at_us),
        "periods": len(judged.closed), "periods_kept": judged.kept,
    }  # fmt: skip
    ids = pd.Index([f"{duty.id}/{one}" for one in targets.index], name="id", dtype="str")
    return gpd.GeoDataFrame(
        pd.DataFrame(columns, index=ids), geometry=targets.geometry.array, crs=targets.crs
    )


def _evidence(asked: _Asked, visits: Visits, judged: Judged, count: int) -> Mapping[str, object]:
    """How sure the state is, and whether there was a visit in the period at all."""
    sure: NDArray[np.object_] = np.full(count, None, dtype=object)
    visited = np.where(judged.rounds > 0, "visited", "not_visited").astype(object)
    if visits.confirmed is None:
        return {"evidence": sure, "visited": visited}
    confirmed = asked.judged(visits.some(visits.confirmed), count)
    counts = judged.rounds > 0
    sure[counts] = np.where(
        confirmed.state[counts] == judged.state[counts], "confirmed", "probable"
    )
    visited[counts & (confirmed.rounds == 0)] = "probably_visited"
    return {"evidence": sure, "visited": visited}


def _late_s(judged: Judged, at_us: int) -> NDArray[np.float64]:
    """For how long the next round has been due, by the clock; NaN where it is not, or where there
    never was one."""
    known: Flags = judged.due_us != NEVER
    late = np.where(known, (at_us - judged.due_us) / 1e6, np.nan)
    return np.where(known & (late > 0) & (judged.state != STATES.index("kept")), late, np.nan)


def _together(parts: Sequence[gpd.GeoDataFrame | None]) -> gpd.GeoDataFrame:
    some = [part for part in parts if part is not None]
    if not some:
        return gpd.GeoDataFrame(
            {name: [] for name in ("duty", "state", "overdue")}, geometry=[], crs="EPSG:4326"
        )
    return gpd.GeoDataFrame(pd.concat(some), crs="EPSG:4326")
