"""Which breach that was told is which that is found now: ids stay with what happened.

First those decided by the same fixes, then those that overlap in time, then those whose bounds
do. Of several that a late fix merged the oldest lives; of several that one split into the
earliest keeps the id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What becomes of breaches: found ones by position, told ones by id."""

    found: pd.DataFrame
    told: pd.DataFrame  #: index id
    same: list[tuple[int, int]]  #: (id, position)
    new: list[int]
    gone: list[tuple[int, int | None]]  #: (id, id that it was merged into)


def match(told: pd.DataFrame, found: pd.DataFrame) -> Plan:
    """Pair ``told`` (index id; columns of breaches) with ``found`` (frame of ``judge``)."""
    same: dict[int, int] = {}
    taken: dict[int, int] = {}
    groups = {
        key: group.sort_values("entered_at", kind="stable")
        for key, group in found.reset_index(drop=True).groupby(_group(found).to_numpy(), sort=False)
    }
    left = told.sort_index()
    for rule in (_decided_alike, _overlapping, _bounds_overlapping):
        for breach, row in left[~left.index.isin(same)].iterrows():
            for position, other in groups.get(_key(row), found.iloc[:0]).iterrows():
                if position not in taken and rule(row, other):
                    same[int(breach)] = int(position)
                    taken[int(position)] = int(breach)
                    break
    gone = []
    for breach, row in left[~left.index.isin(same)].iterrows():
        heirs = [
            taken[int(position)]
            for position, other in groups.get(_key(row), found.iloc[:0]).iterrows()
            if position in taken and _overlapping(row, other)
        ]
        gone.append((int(breach), heirs[0] if heirs else None))
    return Plan(
        found=found.reset_index(drop=True),
        told=told,
        same=sorted(same.items()),
        new=[p for p in range(len(found)) if p not in taken],
        gone=gone,
    )


def _group(frame: pd.DataFrame) -> pd.Series:
    return pd.Series([_key(row) for _, row in frame.iterrows()], index=frame.index, dtype=object)


def _key(row: pd.Series) -> str:
    direction = row["direction"] if isinstance(row["direction"], str) else ""
    return f"{row['unit']}\x00{row['fence']}\x00{row['fence_version']}\x00{direction}"


def _decided_alike(a: pd.Series, b: pd.Series) -> bool:
    return bool(
        a["entered_fix"] == b["entered_fix"]
        and a["entered_at"] == b["entered_at"]
        and (
            a["exited_fix"] == b["exited_fix"]
            or (pd.isna(a["exited_fix"]) and pd.isna(b["exited_fix"]))
        )
    )


def _overlapping(a: pd.Series, b: pd.Series) -> bool:
    return _spans_meet(
        a["entered_at"], _until(a["exited_at"]), b["entered_at"], _until(b["exited_at"])
    )


def _bounds_overlapping(a: pd.Series, b: pd.Series) -> bool:
    return _spans_meet(*_bounds(a), *_bounds(b))


def _bounds(row: pd.Series) -> tuple[datetime, datetime]:
    earliest = row["entered_at"] if pd.isna(row["entered_earliest"]) else row["entered_earliest"]
    latest = row["exited_at"] if pd.isna(row["exited_latest"]) else row["exited_latest"]
    return earliest, _until(latest)


def _until(moment: datetime) -> datetime:
    return _END if pd.isna(moment) else moment


def _spans_meet(a0: datetime, a1: datetime, b0: datetime, b1: datetime) -> bool:
    return a0 <= b1 and b0 <= a1
