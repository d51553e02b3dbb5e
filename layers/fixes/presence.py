"""Who was inside a polygon between two times, read from the stored fixes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import shapely
from sqlalchemy import Connection

from geo import breaches
from layers.fixes.journeys import parameters
from layers.fixes.read import fixes


def search(
    connection: Connection, polygon: shapely.Geometry, *, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Stays and passages of units inside ``polygon`` (degrees) that meet the window, cut there.

    Each with unit, entered_at, exited_at, evidence, unknown_s, and lon, lat of the entry.
    """
    found = breaches.presence(
        fixes(connection, start=start, end=end),
        parameters(connection),
        polygon,
        pd.Timestamp(start),
        pd.Timestamp(end),
    )
    return [
        {
            **row,
            "entered_at": row["entered_at"].to_pydatetime(),
            "exited_at": None if pd.isna(row["exited_at"]) else row["exited_at"].to_pydatetime(),
        }
        for row in found.to_dict("records")
    ]
