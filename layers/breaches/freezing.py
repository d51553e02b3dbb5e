"""What retention froze is left as it was decided: its fixes are gone, and nothing can prove it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pandas as pd

from layers.breaches.matching import Plan
from layers.fixes.retention import ENTRY, FREE, WHOLE, frozen

#: What a breach's entry says, and what it is known by.
_ENTRY = (
    "entered_fix", "entered_at", "entered_earliest", "entered_latest", "lon", "lat", "visit",
)  # fmt: skip


def spared(plan: Plan, edge: datetime | None) -> Plan:
    """``plan`` without what would change frozen moments (``layers.fixes.retention``).

    Nothing frozen is withdrawn; a breach whose entry alone is frozen keeps it, with what was known
    by then (evidence, unknown_s), and gets its exit from the fixes that are there; nothing is
    opened before the edge.
    """
    if edge is None:
        return plan
    told, found = frozen(plan.told, edge), frozen(plan.found, edge)
    kept = plan.found.copy()
    for number, position in plan.same:
        if told[number] == ENTRY:
            _keep_entry(kept, position, plan.told.loc[number])
    return replace(
        plan,
        found=kept,
        same=[(number, position) for number, position in plan.same if told[number] != WHOLE],
        new=[position for position in plan.new if found.iloc[position] == FREE],
        gone=[(number, heir) for number, heir in plan.gone if told[number] == FREE],
    )


def _keep_entry(found: pd.DataFrame, position: int, told: pd.Series) -> None:
    row = found.index[position]
    for name in _ENTRY:
        found.loc[row, name] = told[name]
    if told["evidence"] == "confirmed":
        found.loc[row, "evidence"] = "confirmed"
    found.loc[row, "unknown_s"] = max(found.loc[row, "unknown_s"], told["unknown_s"])
