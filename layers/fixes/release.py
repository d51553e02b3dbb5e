"""Release: a fix that was not believed is stored as if it had come now and been believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from geo.tracks.settling import CONFLICT
from layers import versions
from layers.db.engine import Principal, acting
from layers.errors import CannotReleaseError, NoSuchQuarantinedError
from layers.fixes import intake, quarantine, retention, sorting
from layers.region import Region

#: Why what can never be believed is not released, by what is wrong with it now.
WHY_NOT: Mapping[str, str] = MappingProxyType(
    {
        "no_time": "it says no time: it cannot be stored",
        "not_a_number": "it says no position: it cannot be stored",
        "latitude_out_of_range": "its latitude is not on earth: it cannot be stored",
        "longitude_out_of_range": "its longitude is not on earth: it cannot be stored",
        "in_the_future": "its time lies ahead: release it when that has come",
        "too_old": "it is older than fixes are kept",
        CONFLICT: "another fix of that unit at that time is the better one by rule, and stays",
        "disenrolled": "its unit is not enrolled: enrol it with POST /api/units first",
    }
)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A fix that was not released."""

    id: int
    reason: str  #: one of WHY_NOT
    detail: str


@dataclass(frozen=True, kw_only=True)
class Released:
    """What became of quarantined fixes that were to be released."""

    released: list[int] = field(default_factory=list)  #: ids; stored now
    already: list[int] = field(default_factory=list)  #: ids; released or stored before
    refused: list[Refusal] = field(default_factory=list)
    breaches: int = 0  #: breaches opened, amended, closed or withdrawn by them


def release(
    engine: Engine,
    principal: Principal,
    ids: Sequence[int],
    region: Region,
    *,
    now: datetime | None = None,
    clock_skew_s: float = 60,
    retention_days: float | None = None,
) -> Released:
    """Store the quarantined fixes ``ids`` as if they had come now; again changes nothing.

    Fixes and breaches are of one transaction; who released them is noted in the next, so that a
    process that dies in between leaves fixes that are stored and may be released again. Raises
    NoSuchQuarantinedError when there is none of ``ids``.
    """
    moment = now or datetime.now(UTC)
    with acting(engine, principal, "patrolgrid_write") as connection:
        rows = quarantine.by_ids(connection, ids)
        missing = sorted(set(ids) - {int(str(row["id"])) for row in rows})
        if missing:
            raise NoSuchQuarantinedError(f"{missing[0]}: no such fix is in quarantine")
        already = [int(str(row["id"])) for row in rows if row["released_at"] is not None]
        batch = _frame([row for row in rows if row["released_at"] is None])
        units = sorting.enrolled(connection, [str(u) for u in batch["unit"].dropna().unique()])
        oldest = retention.oldest(connection, moment, retention_days) or sorting.FIRST_DAY
        oldest = max(oldest, sorting.FIRST_DAY)
    faults = _faults(batch, units, region, moment, clock_skew_s, oldest)
    sound = batch[faults.isna().to_numpy()]
    receipt = intake.store_batch(
        engine, principal, sound[list(intake.COLUMNS)], region, now=moment,
        clock_skew_s=clock_skew_s, retention_days=retention_days, believed=True,
    )  # fmt: skip
    if receipt.refused:
        raise CannotReleaseError("a unit was disenrolled meanwhile: release the others again")
    outdone = {int(sound["id"].iloc[q.index]): q.reason for q in receipt.quarantined}
    let_through = [int(i) for i in sound["id"] if i not in outdone]
    if let_through:
        with acting(engine, principal, "patrolgrid_write") as connection:
            quarantine.note_released(connection, let_through, principal.name, moment)
            versions.bump_fixes(connection, [])
    faulty = dict(zip(batch["id"], faults, strict=True)) | outdone
    refused = _refusals({int(i): why for i, why in faulty.items() if isinstance(why, str)})
    return Released(
        released=let_through, already=already, refused=refused, breaches=receipt.breaches
    )


def _refusals(reasons: Mapping[int, str]) -> list[Refusal]:
    return [
        Refusal(id=number, reason=why, detail=WHY_NOT[why])
        for number, why in sorted(reasons.items())
    ]


def _frame(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Quarantined fixes as a batch, with their id and the reason that was given."""
    made = intake.frame([{k: v for k, v in row.items() if k in intake.COLUMNS} for row in rows])
    return made.assign(
        id=np.array([row["id"] for row in rows], dtype=np.int64),
        was=pd.Series([row["reason"] for row in rows], dtype="str"),
    )


def _faults(
    batch: pd.DataFrame,
    units: pd.DataFrame,
    region: Region,
    moment: datetime,
    clock_skew_s: float,
    oldest: datetime,
) -> pd.Series:
    """Why each fix cannot be released, by what holds now; missing where it can."""
    known = batch["unit"].isin(units.index)
    faults = pd.Series("disenrolled", index=batch.index, dtype="str")
    vouched = sorting.trusted(batch[known])
    faults[known] = sorting.doubted(vouched, units, region, moment, clock_skew_s, oldest)
    return faults.mask(faults.isna() & (batch["was"] == CONFLICT), CONFLICT)
