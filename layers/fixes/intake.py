"""The door: one transaction that judges, stores and decides, or leaves nothing.

Each fix is judged alone (stranger, duplicate, doubtful); then what is new is stored, and the
breaches of the units that it belongs to are decided again from the set of their fixes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from layers import breaches, versions
from layers.db.engine import Principal, acting
from layers.errors import DatabaseUnavailableError, HeldError, LayersError
from layers.fixes import days, placing, store
from layers.fixes.ahead import arrived_ahead
from layers.fixes.batch import Batch
from layers.fixes.placing import Arrived, Placed
from layers.fixes.sorting import NO_REASONS, Rules, SortedOut, sort_out
from layers.region import Region
from layers.standings import NOBODY, MovedError, enlist

#: How often a transaction begins again: a day has no partition, or a name means another unit.
_TRIES = 5
#: How long a batch waits for who changes its units.
PATIENCE_S = 10.0
#: What a fix may carry; anything else is dropped at the door.
COLUMNS = (
    "unit", "time", "lon", "lat", "accuracy_m", "speed_ms", "heading_deg", "altitude_m", "battery",
    "patrol_id",
)  # fmt: skip
NUMBERS = ("lon", "lat", "accuracy_m", "speed_ms", "heading_deg", "altitude_m", "battery")


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
    batch: pd.DataFrame | Batch,
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
    given = batch if isinstance(batch, Batch) else Batch.of(batch)
    return store_together(
        engine, principal, [given], region, now=now, clock_skew_s=clock_skew_s,
        retention_days=retention_days, believed=believed,
    )[0]  # fmt: skip


def store_together(
    engine: Engine,
    principal: Principal,
    batches: Sequence[Batch],
    region: Region,
    *,
    now: datetime | None = None,
    clock_skew_s: float = 60,
    retention_days: float | None = None,
    believed: bool = False,
    patience_s: float = PATIENCE_S,
) -> list[Receipt]:
    """The same of several batches in one transaction, as if they came after one another.

    Raises HeldError where others hold their units for longer than ``patience_s``.
    """
    rules = Rules(
        region=region, moment=now or datetime.now(UTC), clock_skew_s=clock_skew_s,
        retention_days=retention_days, believed=believed,
    )  # fmt: skip
    whole = Batch.joined(batches)
    ahead = True
    for _ in range(_TRIES):
        try:
            with acting(engine, principal, "patrolgrid_write", patience_s=patience_s) as connection:
                arrived = _arrived(connection, whole, rules, ahead=ahead)
                receipts = _stored(connection, batches, arrived, rules)
        except _NoPartitionError as error:
            with acting(engine, principal, "patrolgrid_write") as connection:
                days.make(connection, error.days)
            days.note(engine, error.days)
        except MovedError:
            ahead = False
        except (DBAPIError, psycopg.Error) as error:
            if _is_there(error):
                if not ahead:
                    _judge_anew(engine, principal, whole.unit.names, rules)
            elif not _passes(error, engine):
                raise
            ahead = False
        else:
            arrived.given.standings.keep()
            return receipts
    raise DatabaseUnavailableError("too much is being changed at once: send it again shortly")


class _NoPartitionError(LayersError):
    """Days of fixes have no partition yet."""

    def __init__(self, days: Sequence[int]) -> None:
        super().__init__(f"{len(days)} days have no partition")
        self.days = days


def _arrived(connection: Connection, whole: Batch, rules: Rules, *, ahead: bool) -> Arrived:
    """A batch whose units are locked, and of which some may be stored."""
    arrived = arrived_ahead(connection, whole, rules) if ahead else None
    if arrived is not None:
        return arrived
    given = sort_out(connection, whole, *enlist(connection, whole.unit.names), rules)
    unmade = days.unmade(connection.engine, given.days)
    if unmade:
        raise _NoPartitionError(unmade)
    return placing.arrive(given, store.patrol_numbers(connection, placing.patrols_of(given)))


def _is_there(error: DBAPIError | psycopg.Error) -> bool:
    """Whether a fix was taken for new and is stored: another was quicker, or, where its unit is
    locked, somebody copied it in."""
    beneath = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(beneath, psycopg.errors.UniqueViolation):
        return False
    return (beneath.diag.table_name or "").startswith("fixes_")


def _judge_anew(engine: Engine, principal: Principal, names: Sequence[str], rules: Rules) -> None:
    with acting(engine, principal, "patrolgrid_write") as connection:
        _, places = enlist(connection, names)
        known = [name for name, at in zip(names, places.tolist(), strict=True) if at != NOBODY]
        breaches.recompute(connection, rules.region, now=rules.moment, units=known)


def _passes(error: DBAPIError | psycopg.Error, engine: Engine) -> bool:
    """Whether another try may do; raises HeldError where somebody holds the units for too long."""
    beneath = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(beneath, psycopg.errors.LockNotAvailable):
        raise HeldError(
            "units of these fixes are being changed by somebody else: send them again shortly"
        ) from error
    if isinstance(beneath, psycopg.errors.CheckViolation) and "partition" in str(beneath):
        # Another database than the one that this process knew, such as a backup's.
        days.forget(engine)
        return True
    return isinstance(beneath, psycopg.errors.DeadlockDetected)


def _stored(
    connection: Connection,
    batches: Sequence[Batch],
    arrived: Arrived,
    rules: Rules,
) -> list[Receipt]:
    given, moment = arrived.given, rules.moment
    if len(given.strangers):
        store.count_strangers(connection, len(given.strangers), moment)
    placed = placing.place(connection, arrived, moment)
    told = [reasons for reasons in (given.doubts, placed.conflicts) if len(reasons)]
    quarantined = pd.concat(told) if told else NO_REASONS
    if len(given.doubts):
        rows = given.doubts.index.to_numpy()
        doubtful = given.whole.take(rows).frame().set_axis(rows)
        store.quarantine(connection, doubtful, given.doubts, moment)
    stand, moved = given.standings, {}
    if placed.changed:
        moved = breaches.decide(
            connection,
            stand,
            placed.since_us,
            rules.region,
            now=moment,
            until_us=placed.until_us,
            came=placed.came,
        )
    if placed.changed or placed.retold:
        placing.note_newest(stand, placed.new, placed.noted, moment)
        stand.save(connection)
        versions.bump_fixes(connection, given.hours)
    return _receipts(batches, given, placed, quarantined, moved)


def _receipts(
    batches: Sequence[Batch],
    given: SortedOut,
    placed: Placed,
    quarantined: pd.Series,
    changed: Mapping[int, int],
) -> list[Receipt]:
    """What became of each batch; a breach that moved is of the last that told of its unit."""
    ends = np.cumsum([len(batch) for batch in batches])

    def of(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(ends, rows, side="right")

    counts = [
        np.bincount(of(rows), minlength=len(batches))
        for rows in (placed.accepted, placed.duplicates, given.strangers)
    ]
    moved = np.zeros(len(batches), dtype=np.int64)
    if changed:
        told = np.isin(given.sound, placed.accepted)
        last = dict(zip(given.place[told].tolist(), of(given.sound[told]).tolist(), strict=True))
        for place, breaches_moved in changed.items():
            moved[last[place]] += breaches_moved
    doubts: list[list[Quarantined]] = [[] for _ in batches]
    for row, reason in sorted(quarantined.items()):
        job = int(np.searchsorted(ends, row, side="right"))
        begun = int(ends[job]) - len(batches[job])
        doubts[job].append(Quarantined(index=int(row) - begun, reason=str(reason)))
    return [
        Receipt(
            accepted=int(accepted), duplicate=int(duplicate), refused=int(refused),
            quarantined=own, breaches=int(told),
        )
        for accepted, duplicate, refused, own, told in zip(*counts, doubts, moved, strict=True)
    ]  # fmt: skip


def frame(rows: list[Mapping[str, object]]) -> pd.DataFrame:
    """A batch from mappings whose values have the right types already."""
    made = pd.DataFrame(rows, columns=list(COLUMNS))
    made["time"] = pd.to_datetime(made["time"], utc=True)
    for name in NUMBERS:
        made[name] = made[name].astype(np.float64)
    return made
