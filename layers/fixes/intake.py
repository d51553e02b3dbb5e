"""The door: one transaction that judges, stores and decides, or leaves nothing.

Each fix is judged alone (stranger, duplicate, doubtful); then what is new is stored, and the
breaches of the units that it belongs to are decided again from the set of their fixes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Engine, text

from geo import tracks
from layers import breaches, versions
from layers.db.engine import Principal, acting
from layers.fixes import quarantine, retention, store
from layers.region import Region

#: What a fix may carry; anything else is dropped at the door.
COLUMNS = (
    "unit", "time", "lon", "lat", "accuracy_m", "speed_ms", "heading_deg", "altitude_m", "battery",
    "patrol_id",
)  # fmt: skip
NUMBERS = ("lon", "lat", "accuracy_m", "speed_ms", "heading_deg", "altitude_m", "battery")
#: No tracker is older; without an edge a broken clock would make partitions of years long past.
FIRST_DAY = datetime(1900, 1, 1, tzinfo=UTC)
#: Doubts that somebody who knows better may overrule: the fix says where and when.
RELEASABLE = ("zero_zero", "negative_accuracy", "too_inaccurate")


@dataclass(frozen=True, kw_only=True)
class Quarantined:
    """A fix of an enrolled unit that was not believed."""

    index: int  #: its place in the batch
    reason: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of a batch."""

    accepted: int
    duplicate: int
    refused: int  #: of units that are not enrolled; of these nothing is kept but the number
    quarantined: list[Quarantined]
    breaches: int  #: breaches opened, amended, closed or withdrawn by this batch


def store_batch(
    engine: Engine,
    principal: Principal,
    batch: pd.DataFrame,
    region: Region,
    *,
    now: datetime | None = None,
    clock_skew_s: float = 60,
    retention_days: float | None = None,
    believed: bool = False,
) -> Receipt:
    """Judge and store ``batch`` (columns of COLUMNS, any order of rows); durable when it returns.

    ``believed``: somebody vouches for it, so that RELEASABLE doubts do not count.
    Concurrent batches of one unit wait for each other; units are locked in one order.
    """
    moment = now or datetime.now(UTC)
    batch = batch.reset_index(drop=True)
    with acting(engine, principal, "patrolgrid_write") as connection:
        units = enrolled(connection, batch["unit"])
        known = batch["unit"].isin(units.index).to_numpy()
        oldest = max(FIRST_DAY, retention.oldest(connection, moment, retention_days) or FIRST_DAY)
        doubts = doubted(batch[known], units, region, moment, clock_skew_s, oldest)
        vouched = batch[known][doubts.isin(RELEASABLE).to_numpy()]
        if not believed:
            vouched = vouched.loc[quarantine.released_before(connection, vouched)]
        beneath = doubted(trusted(vouched), units, region, moment, clock_skew_s, oldest)
        doubts[vouched.index] = beneath
    strangers = int((~known).sum())
    sound = batch[known][doubts.isna().to_numpy()]
    with acting(engine, principal, "patrolgrid_write") as connection:
        store.ensure_partitions(connection, sound["time"])
    with acting(engine, principal, "patrolgrid_write") as connection:
        connection.execute(text("SET LOCAL synchronous_commit = on"))
        return _stored(connection, batch, sound, doubts.dropna(), strangers, units, region, moment)


def _stored(
    connection: Connection,
    batch: pd.DataFrame,
    sound: pd.DataFrame,
    doubts: pd.Series,
    strangers: int,
    units: pd.DataFrame,
    region: Region,
    moment: datetime,
) -> Receipt:
    locked = store.lock_units(connection, sorted(set(units["unit_no"])))
    left = ~sound["unit"].map(units["unit_no"]).isin(locked).to_numpy()
    strangers += int(left.sum())  # disenrolled since we looked
    sound = sound[~left]
    if strangers:
        store.count_strangers(connection, strangers, moment)
    sound = store.as_kept(sound)
    settled = tracks.settle(sound)
    placed = store.place(connection, settled.kept, units, moment)
    quarantined = pd.concat([doubts, settled.conflicts["reason"], placed.conflicts["reason"]])
    store.quarantine(connection, batch, doubts, moment)
    store.quarantine(connection, sound, settled.conflicts["reason"], moment)
    store.quarantine_rows(connection, placed.quarantined, moment)
    changed = 0
    if placed.accepted:
        changed = breaches.decide(connection, placed.since, units, region, now=moment)
    if placed.accepted or placed.retold:
        versions.bump(connection, "fixes")
    return Receipt(
        accepted=placed.accepted,
        duplicate=settled.duplicate_count + placed.duplicates,
        refused=strangers,
        quarantined=[
            Quarantined(index=int(i), reason=str(r)) for i, r in sorted(quarantined.items())
        ],
        breaches=changed,
    )


def enrolled(connection: Connection, named: pd.Series) -> pd.DataFrame:
    """What is needed of those of the ``named`` units that are enrolled, by id."""
    rows = connection.execute(
        text(
            "SELECT id, unit_no, kind, team, max_gap_s, top_speed_ms, accuracy_m FROM units"
            " WHERE disenrolled_at IS NULL AND id = ANY(:named)"
        ),
        {"named": [str(unit) for unit in named.dropna().unique()]},
    )
    return pd.DataFrame(rows.mappings().all(), columns=list(rows.keys())).set_index("id")


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


def frame(rows: list[Mapping[str, object]]) -> pd.DataFrame:
    """A batch from mappings whose values have the right types already."""
    made = pd.DataFrame(rows, columns=list(COLUMNS))
    made["time"] = pd.to_datetime(made["time"], utc=True)
    for name in NUMBERS:
        made[name] = made[name].astype(np.float64)
    return made
