"""What retention froze is left as it was decided: its fixes are gone, and nothing can prove it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from geo.breaches.records import MISSING
from layers.breaches.matching import Plan
from layers.fixes.plain import micros

Rows = NDArray[np.void]
#: Fields of a breach's entry and of its exit that say on which fixes they rest, and of what else
#: the entry says.
_ENTRY, _EXIT = (
    ("fix_us", "at_us", "earliest_us"), ("exit_fix_us", "exit_us", "exit_earliest_us"),
)  # fmt: skip
_ENTRY_TOO = ("latest_us", "lon", "lat")


def entered_before(rows: Rows, edge: datetime | None) -> NDArray[np.bool_]:
    """Which entries rest on a fix before the edge of retention (``layers.fixes.retention``).

    ``rows``: of RECORD or TOLD, like those of ``ended_before``.
    """
    return _before(rows, _ENTRY, edge)


def ended_before(rows: Rows, edge: datetime | None) -> NDArray[np.bool_]:
    """Which exits do. A breach that is open has none that could be frozen."""
    return _before(rows, _EXIT, edge)


def _before(rows: Rows, fields: Iterable[str], edge: datetime | None) -> NDArray[np.bool_]:
    before = np.zeros(len(rows), dtype=bool)
    if edge is not None:
        edge_us = micros(edge)
        for field in fields:
            before |= (rows[field] != MISSING) & (rows[field] < edge_us)
    return before


def spared(plan: Plan, edge: datetime | None) -> Plan:
    """``plan`` without what would change frozen moments (``layers.fixes.retention``).

    Nothing frozen is withdrawn; a breach whose entry alone is frozen keeps it, with what was known
    by then (evidence, unknown_s), and gets its exit from the fixes that are there; nothing is
    opened before the edge.
    """
    if edge is None:
        return plan
    told = plan.told.rows
    begun, ended = entered_before(told, edge), ended_before(told, edge)
    strange = entered_before(plan.found, edge) | ended_before(plan.found, edge)
    same = plan.same[~ended[plan.same[:, 0]]]
    gone = plan.gone[:, 0]
    return replace(
        _entries_kept(plan, same[begun[same[:, 0]]]),
        same=same,
        new=plan.new[~strange[plan.new]],
        gone=plan.gone[~begun[gone] & ~ended[gone]],
    )


def _entries_kept(plan: Plan, pairs: NDArray[np.int64]) -> Plan:
    """``plan`` with the entries of what is the same as they were told."""
    place, position = pairs.T
    told, found = plan.told.rows[place], plan.found.copy()
    for name in (*_ENTRY, *_ENTRY_TOO):
        found[name][position] = told[name]
    found["confirmed"][position] |= told["confirmed"]
    told_us = np.rint(told["unknown_s"] * 1e6).astype(np.int64)
    found["unknown_us"][position] = np.maximum(found["unknown_us"][position], told_us)
    visits = {at: plan.told.visits[k] for k, at in pairs.tolist()}
    return replace(plan, found=found, visits={**plan.visits, **visits})
