"""Units whose walks cannot be gone on from are walked anew, some at a time.

After an upgrade that keeps them in another form; else their next fix would have to wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Engine

from layers.breaches.decide import decide
from layers.breaches.replay import NEVER_US
from layers.db.engine import SYSTEM, acting, raw
from layers.region import Region
from layers.standings import lock
from layers.standings.block import LAYOUT, NO_TIME, Ints

#: So many units are walked in a transaction, during which their fixes wait.
BATCH = 20


def catch_up(
    engine: Engine, region: Region, *, done: Callable[[int, int], None] = lambda _, __: None
) -> int:
    """Walk what cannot be gone on from; how many units that were.

    ``done`` is told how many units are walked, and of how many, after each transaction.
    """
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        rows: Any = raw(connection).execute(
            "SELECT u.unit_no FROM standings s,"
            " unnest(s.time, s.walked) WITH ORDINALITY AS w (time, walked, slot), units u"
            " WHERE u.unit_no = s.block * 16 + w.slot::int - 1 AND w.time > '-infinity'"
            " AND (NOT w.walked OR s.layout <> %s) ORDER BY 1",
            [LAYOUT],
        )
        units = np.array([row[0] for row in rows], dtype=np.int64)
    for first in range(0, len(units), BATCH):
        _walk(engine, region, units[first : first + BATCH])
        done(min(first + BATCH, len(units)), len(units))
    return len(units)


def _walk(engine: Engine, region: Region, units: Ints) -> None:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        stand = lock(connection, units)
        place = stand.places(units)
        place = place[stand.heads["walked"][place] == 0]  # others may have come first
        since_us = np.full(len(stand.heads), NEVER_US)
        since_us[place] = NO_TIME
        decide(connection, stand, since_us, region, now=datetime.now(UTC))
        stand.save(connection)
    stand.keep()
