"""Fixes that are in the table and did not come through the door, as after a copy by hand.

Whoever judges a unit's whole history reads them anyway: then the unit stands at the newest of
them, and its boxes hold them, as if they had been sent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Connection

from layers.breaches.replay import Came
from layers.db import arrays
from layers.db.engine import raw
from layers.fixes import boxes
from layers.fixes.read import rows_since
from layers.standings import Standings
from layers.standings.block import HEAD, NO_TIME, TIMES, Ints

_COLUMNS = ("time", "lon", "lat", "accuracy_m", "speed_ms", "heading_deg", "altitude_m", "battery",
            "received_at")  # fmt: skip


def adopt(connection: Connection, stand: Standings, place: Ints) -> Came:
    """All stored fixes of units (``place`` sorted); the units stand at their newest from now on."""
    numbers = stand.unit_no(place)
    rows = rows_since(connection, numbers, np.full(len(place), NO_TIME))
    boxes.grow(connection, rows.unit_no, rows.time_us, rows.lon, rows.lat)
    of = stand.places(rows.unit_no)
    last = np.flatnonzero(np.r_[of[1:] != of[:-1], np.ones(min(len(of), 1), dtype=bool)])
    ahead = last[rows.time_us[last] > stand.heads["time"][of[last]]]
    if len(ahead):
        stand_at_newest(connection, stand, rows.unit_no[ahead])
    return Came(
        place=of, time_us=rows.time_us, lon=rows.lon, lat=rows.lat,
        accuracy_m=rows.accuracy_m.astype(np.float32),
    )  # fmt: skip


def stand_at_newest(connection: Connection, stand: Standings, numbers: Ints) -> None:
    """Let units stand at the newest of their stored fixes."""
    sent = [
        f"(extract(epoch FROM f.{name}) * 1000000)::bigint"
        if name in TIMES
        else f"coalesce(f.{name}, 'NaN')"
        for name in _COLUMNS
    ]
    rows: Any = raw(connection).execute(
        f"SELECT w.unit_no, {', '.join(sent)} FROM unnest(%s::int[]) AS w (unit_no), LATERAL"
        " (SELECT * FROM fixes g WHERE g.unit_no = w.unit_no ORDER BY g.time DESC LIMIT 1) f",
        [arrays.int4(numbers)],
        binary=True,
    )
    for number, *told in rows:
        at = int(stand.places(np.array([number]))[0])
        for name, value in zip(_COLUMNS, told, strict=True):
            stand.heads[name][at] = value


assert set(_COLUMNS) <= set(HEAD.names or ())
