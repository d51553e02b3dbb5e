"""Breaches that nobody saw but that gaps leave room for: computed when asked for, never stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection

from geo import breaches
from geo.breaches.records import STAY
from layers.breaches import marks
from layers.breaches.lawbook import Lawbook, lawbook
from layers.breaches.marks import Mark
from layers.breaches.query import Breach, listed
from layers.fixes.journeys import parameters
from layers.fixes.plain import micros, moment
from layers.fixes.read import fixes, fixes_since
from layers.region import Region

_TIMES = (
    "entered_at", "entered_earliest", "entered_latest",
    "exited_at", "exited_earliest", "exited_latest",
)  # fmt: skip


def possible(
    connection: Connection,
    region: Region,
    *,
    start: datetime,
    end: datetime,
    fence: str | None = None,
    unit: str | None = None,
    states: Sequence[str] = ("open", "closed"),
    bbox: tuple[float, float, float, float] | None = None,
    area: str | None = None,
    after: str = "",
    limit: int = 1000,
) -> list[Breach]:
    """Possible breaches that overlap the window, as ``listed`` tells the stored ones.

    Their ids are the keys of their visits; where a fence was edited in a gap, ``#2`` and so on
    tells its versions apart. They have no revision (0), and their state is closed.
    """
    if "closed" not in states:
        return []
    units = None if unit is None else [unit]
    every, law = parameters(connection, units), lawbook(connection)
    read = fixes(connection, start=start, end=end, units=units)
    read, inside = _from_marks(connection, read, every, law)
    found = breaches.possible(
        read, every, law.fences, timezone=region.timezone, known_inside=inside
    )
    return listed(
        connection, start=start, end=end, fence=fence, unit=unit, states=states, bbox=bbox,
        area=area, after=after, limit=limit, computed=_json(found),
    )  # fmt: skip


def _from_marks(
    connection: Connection, read: pd.DataFrame, units: pd.DataFrame, law: Lawbook
) -> tuple[pd.DataFrame, set[tuple[str, str]]]:
    """``read`` with what leads up to it, from where it is known what each unit was inside of.

    Also (unit, fence) of the stays that span the first fix of each.
    """
    spans = read.groupby("unit", observed=True)["time"].agg(["min", "max"])
    if spans.empty:
        return read, set()
    numbers = units["unit_no"].reindex(spans.index)
    first = {int(n): micros(t) for n, t in zip(numbers, spans["min"], strict=True)}
    found = marks.at_or_before(connection, first)
    known = {n: moment(found[n].time_us) if n in found else None for n in first}
    longer = fixes_since(connection, known)
    longer = longer[longer["time"] <= longer["unit"].map(spans["max"])]
    names = {int(number): str(unit) for unit, number in numbers.items()}
    return longer, {
        (names[number], fence) for number, mark in found.items() for fence in _inside(mark, law)
    }


def _inside(mark: Mark, law: Lawbook) -> set[str]:
    """The ids of the fences that a unit was inside of."""
    stays = mark.records[mark.records["kind"] == STAY]
    return {law.fences.ids[at] for at in law.positions(stays["fence"]).tolist() if at >= 0}


def _json(found: pd.DataFrame) -> str:
    """The frame of ``geo.breaches.possible`` as a JSON array, each row with its id."""
    again = found.groupby("visit").cumcount()
    ids = [
        f"{visit}#{n + 1}" if n else visit for visit, n in zip(found["visit"], again, strict=True)
    ]
    rows = found.drop(columns=["direction", "entered_fix", "exited_fix"]).assign(id=ids)
    for name in _TIMES:
        rows[name] = [time.isoformat() for time in rows[name]]
    return json.dumps(rows.to_dict("records"))
