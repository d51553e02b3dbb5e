"""Legs read from the store: the tracks of units, whole or cut to a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection, text

from geo import tracks
from layers.errors import NoSuchUnitError
from layers.fixes.read import fixes


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of legs without a gap, of one patrol."""

    id: str
    coordinates: list[list[float]]
    properties: dict[str, object]


def parameters(connection: Connection, units: Sequence[str] | None = None) -> pd.DataFrame:
    """What ``geo`` needs to know of units, by id; those that have left, too."""
    rows = connection.execute(
        text(
            "SELECT id AS unit, unit_no, call_sign, kind, team, max_gap_s, top_speed_ms, accuracy_m"
            " FROM units WHERE CAST(:units AS text[]) IS NULL OR id = ANY(:units)"
        ),
        {"units": None if units is None else list(units)},
    )
    return pd.DataFrame(rows.mappings().all(), columns=list(rows.keys())).set_index("unit")


def legs(
    connection: Connection,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    units: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Legs and gaps (frame of ``geo.tracks.legs``) of the units, cut to the window."""
    found = fixes(connection, start=start, end=end, units=units)
    return legs_of(connection, found, start=start, end=end, units=units)


def legs_of(
    connection: Connection,
    read: pd.DataFrame,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    units: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The same, of fixes that were ``read`` for that window already."""
    found = tracks.legs(read, parameters(connection, units))
    if start is None and end is None:
        return found
    return tracks.cut(
        found,
        pd.Timestamp(start) if start is not None else None,
        pd.Timestamp(end) if end is not None else None,
    )


def runs(
    connection: Connection, unit: str, *, start: datetime | None, end: datetime | None
) -> list[Run]:
    """The unit's runs of legs in the window, oldest first; raises NoSuchUnitError."""
    if parameters(connection, [unit]).empty:
        raise NoSuchUnitError(f"{unit}: no such unit")
    every = legs(connection, start=start, end=end, units=[unit]).reset_index(drop=True)
    if every.empty:
        return []
    broken = ~every["is_leg"] | (every["patrol"] != every["patrol"].shift())
    broken |= ~every["is_leg"].shift(fill_value=True)
    made = []
    for _, run in every.groupby(broken.cumsum()):
        run = run[run["is_leg"]]  # noqa: PLW2901
        if run.empty:
            continue
        lon = np.r_[run["lon0"].to_numpy()[:1], run["lon1"].to_numpy()]
        lat = np.r_[run["lat0"].to_numpy()[:1], run["lat1"].to_numpy()]
        begun = run["start"].iloc[0]
        made.append(
            Run(
                id=f"{unit}@{begun.isoformat().replace('+00:00', 'Z')}",
                coordinates=np.column_stack([lon, lat]).tolist(),
                properties={
                    "unit": unit,
                    "patrol": run["patrol"].iloc[0],
                    "start": begun.to_pydatetime(),
                    "end": run["end"].iloc[-1].to_pydatetime(),
                    "patrol_s": float(run["duration_s"].sum()),
                    "patrol_m": float(run["length_m"].sum()),
                },
            )
        )
    return made
