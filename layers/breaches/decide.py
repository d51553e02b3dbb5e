"""Deciding: breaches as a function of the stored fixes, and what that changes of those told.

The tail of each unit's history that a change can reach is judged again and compared with what is
stored. The result depends on which fixes there are, never on the order in which they came.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Engine, text

from geo.breaches import Fences, judge, stays
from geo.earth import Geometries
from layers import frames, versions
from layers.breaches import freezing, matching, record, windows
from layers.errors import NoSuchUnitError
from layers.fixes import retention
from layers.fixes.journeys import parameters
from layers.fixes.read import fixes_since
from layers.region import Region


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The fence versions of a database, ready to judge by."""

    fences: Fences
    lines: Geometries  #: those whose rule is ``line``, in degrees


#: Prepared fences by database and by the version of the layer that they were read at.
_PREPARED: weakref.WeakKeyDictionary[Engine, tuple[str, Prepared]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a decision changed, by kind of revision."""

    opened: int = 0
    amended: int = 0
    closed: int = 0
    withdrawn: int = 0

    @property
    def total(self) -> int:
        """How many breaches changed."""
        return self.opened + self.amended + self.closed + self.withdrawn


def decide(
    connection: Connection,
    changed: Mapping[int, datetime],
    units: pd.DataFrame,
    region: Region,
    *,
    now: datetime,
) -> int:
    """Judge again what fixes changed at or after ``changed`` (by unit_no); how many breaches moved.

    ``units`` holds (index id) at least those units. The caller has locked them.
    """
    ready = prepared(connection)
    if not changed or not len(ready.fences):
        return 0
    units = units[units["unit_no"].isin(list(changed))]
    keep_in = _keep_in(ready.fences, units)
    begun = windows.starts(connection, changed, units, keep_in, ready.lines)
    return _replay(connection, begun, units, ready.fences, region, now).total


def recompute(
    connection: Connection,
    region: Region,
    *,
    now: datetime,
    units: list[str] | None = None,
    only: Callable[[matching.Plan], matching.Plan] | None = None,
) -> Changes:
    """Judge the whole history of units again (all of them without ``units``).

    For fences that were made after their fixes, and to prove that what is told is what the fixes
    say. ``only`` picks what is to change of what would. Locks the units that it judges. Raises
    NoSuchUnitError.
    """
    every = parameters(connection, units)
    strangers = sorted(set(units or ()) - set(every.index))
    if strangers:
        raise NoSuchUnitError(f"{strangers[0]}: no such unit is enrolled")
    if every.empty:
        return Changes()
    connection.execute(
        text(
            "SELECT 1 FROM units WHERE unit_no = ANY(:numbers) ORDER BY unit_no FOR NO KEY UPDATE"
        ),
        {"numbers": [int(n) for n in every["unit_no"]]},
    )
    begun = {int(number): windows.Start(since=None) for number in every["unit_no"]}
    changes = _replay(connection, begun, every, prepared(connection).fences, region, now, only)
    if changes.total:
        versions.bump(connection, "breaches")
    return changes


def prepared(connection: Connection) -> Prepared:
    """The fence versions of this database, prepared once a version."""
    at = versions.read(connection, ["fences"]).data_version
    held = _PREPARED.get(connection.engine)
    if held is not None and held[0] == at:
        return held[1]
    frame = frames.fence_versions(connection)
    made = Prepared(
        fences=Fences.of(frame),
        lines=frame.geometry[frame["rule"] == "line"].to_numpy(dtype=object),
    )
    _PREPARED[connection.engine] = (at, made)
    return made


def _keep_in(fences: Fences, units: pd.DataFrame) -> dict[int, frozenset[str]]:
    """By unit_no, the keep_in fences that speak of a unit."""
    wanted = fences.applies(list(units.index), units)
    guarding = np.array([rule == "keep_in" for rule in fences.rules], dtype=bool)
    return {
        int(number): frozenset(fences.ids[f] for f in np.flatnonzero(wanted[row] & guarding))
        for row, number in enumerate(units["unit_no"])
    }


def _replay(
    connection: Connection,
    begun: Mapping[int, windows.Start],
    units: pd.DataFrame,
    fences: Fences,
    region: Region,
    now: datetime,
    only: Callable[[matching.Plan], matching.Plan] | None = None,
) -> Changes:
    fixes = fixes_since(connection, {number: start.since for number, start in begun.items()})
    names = {int(number): str(unit) for unit, number in units["unit_no"].items()}
    inside = {(names[number], fence) for number, start in begun.items() for fence in start.inside}
    found = judge(fixes, units, fences, timezone=region.timezone, known_inside=inside)
    within = stays(fixes, units, fences, known_inside=inside)
    record.put_stays(connection, begun, within, {name: n for n, name in names.items()})
    since = {names[number]: start.since for number, start in begun.items()}
    told = record.told(connection, since)
    plan = freezing.spared(matching.match(told, found), retention.edge(connection))
    if only is not None:
        plan = only(plan)
    revisions = record.apply(connection, plan, now)
    counts = pd.Series([r.change for r in revisions], dtype="str").value_counts()
    return Changes(**{str(change): int(n) for change, n in counts.items()})
