"""Breaches that nobody saw but that gaps leave room for: computed when asked for, never stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

from geo import breaches
from layers.breaches.decide import prepared
from layers.breaches.query import Breach, listed
from layers.fixes.journeys import parameters
from layers.fixes.read import fixes
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
    read = fixes(connection, start=start, end=end, units=units)
    found = breaches.possible(
        read,
        parameters(connection, units),
        prepared(connection).fences,
        timezone=region.timezone,
        known_inside=_inside(connection, read),
    )
    return listed(
        connection, start=start, end=end, fence=fence, unit=unit, states=states, bbox=bbox,
        area=area, after=after, limit=limit, computed=_json(found),
    )  # fmt: skip


def _inside(connection: Connection, read: pd.DataFrame) -> set[tuple[str, str]]:
    """(unit, fence) of the stored stays that span a unit's first fix of those that were read."""
    first = read.groupby("unit", observed=True)["time"].min()
    rows = connection.execute(
        text(
            "SELECT u.id, s.fence"
            " FROM unnest(CAST(:units AS text[]), CAST(:first AS timestamptz[])) AS w (unit, first)"
            " JOIN units u ON u.id = w.unit JOIN stays s ON s.unit_no = u.unit_no"
            " WHERE s.entered_fix <= w.first AND (s.exited_fix IS NULL OR s.exited_fix > w.first)"
        ),
        {"units": list(first.index), "first": [time.to_pydatetime() for time in first]},
    )
    return {(row.id, row.fence) for row in rows}


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
