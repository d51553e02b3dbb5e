"""Where a replay may begin, so that the tail of a unit's history is judged as the whole would be.

``geo.breaches`` says what such a fix must be: no lone outlier, in no stay of a keep_out fence,
inside every keep_in fence that speaks of the unit, and not on a line. Such a fix is looked for
backwards from the first that changed; where there is none, the whole history is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Connection, text

from geo import tracks
from geo.earth import Geometries

#: Stored fixes between the beginning and the first that changed: the outlier rule looks at both
#: neighbours of a fix, and a fix that is set aside makes neighbours of those beside it.
MARGIN = 3
_LOOK_BACK = 8
_ON_LINE_DEG = 1e-9


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where the replay of one unit begins."""

    since: datetime | None  #: time of its first fix; None: the whole history
    inside: frozenset[str] = frozenset()  #: keep_in fences that the unit is inside of there


def starts(
    connection: Connection,
    changed: Mapping[int, datetime],
    units: pd.DataFrame,
    keep_in: Mapping[int, frozenset[str]],
    lines: Geometries,
) -> dict[int, Start]:
    """By unit_no, where the replay begins that takes in every change at or after ``changed``.

    ``units``: index id; unit_no, max_gap_s, top_speed_ms, accuracy_m. ``keep_in``: by unit_no the
    keep_in fences that speak of it. ``lines``: the line fences, in degrees.
    """
    parameters = units.reset_index(names="unit").set_index("unit_no")
    return {
        number: _start(
            connection, number, moment, parameters, keep_in.get(number, frozenset()), lines
        )
        for number, moment in changed.items()
    }


def _start(
    connection: Connection,
    number: int,
    moment: datetime,
    parameters: pd.DataFrame,
    keep_in: frozenset[str],
    lines: Geometries,
) -> Start:
    before = moment
    while True:
        quiet = _sound_fix_before(connection, number, before, parameters, lines)
        if quiet is None:
            return Start(since=None)
        spanning = _spanning(connection, number, quiet)
        stays = {fence: entered for fence, entered in spanning.items() if fence not in keep_in}
        if stays:
            before = min(stays.values())
            continue
        missing = keep_in - set(spanning)
        if missing:
            left = _last_exit(connection, number, quiet, missing)
            if left is None or left >= before:
                return Start(since=None)
            before = left
            continue
        return Start(since=quiet, inside=keep_in)


def _sound_fix_before(
    connection: Connection,
    number: int,
    moment: datetime,
    parameters: pd.DataFrame,
    lines: Geometries,
) -> datetime | None:
    """Time of the newest stored fix that may begin a replay, MARGIN or more before ``moment``."""
    rows = connection.execute(
        text(
            "SELECT time, lon, lat FROM fixes WHERE unit_no = :number AND time < :moment"
            " ORDER BY time DESC LIMIT :limit"
        ),
        {"number": number, "moment": moment, "limit": _LOOK_BACK},
    ).all()
    if len(rows) <= MARGIN:
        return None
    rows = rows[::-1]
    unit = parameters.loc[[number]].set_index("unit")
    fixes = pd.DataFrame(
        {
            "unit": unit.index[0],
            "time": pd.to_datetime([row.time for row in rows], utc=True),
            "lon": [row.lon for row in rows],
            "lat": [row.lat for row in rows],
        }
    )
    outlying = tracks.outliers(fixes, unit).to_numpy()
    on_line = np.zeros(len(rows), dtype=bool)
    if len(lines):
        points = shapely.points(fixes["lon"], fixes["lat"])
        on_line = (shapely.distance(points[:, None], lines[None, :]) <= _ON_LINE_DEG).any(axis=1)
    # The first row has no neighbour here, so whether it is an outlier cannot be told.
    for i in range(len(rows) - MARGIN, 0, -1):
        if not outlying[i] and not on_line[i]:
            found: datetime = rows[i].time
            return found
    return None


def _spanning(connection: Connection, number: int, moment: datetime) -> dict[str, datetime]:
    """Fences that the unit is inside of at ``moment``, with the fix that began each stay."""
    rows = connection.execute(
        text(
            "SELECT fence, min(entered_fix) FROM stays WHERE unit_no = :number"
            " AND entered_fix <= :moment AND (exited_fix IS NULL OR exited_fix > :moment)"
            " GROUP BY fence"
        ),
        {"number": number, "moment": moment},
    )
    return dict(rows.all())


def _last_exit(
    connection: Connection, number: int, moment: datetime, fences: frozenset[str]
) -> datetime | None:
    """The earliest, over ``fences``, of the last exits up to ``moment``; None if one has none."""
    rows = connection.execute(
        text(
            "SELECT f.fence, (SELECT max(s.exited_fix) FROM stays s WHERE s.unit_no = :number"
            "  AND s.fence = f.fence AND s.exited_fix <= :moment)"
            " FROM unnest(CAST(:fences AS text[])) AS f (fence)"
        ),
        {"number": number, "moment": moment, "fences": sorted(fences)},
    )
    exits = [row[1] for row in rows]
    return None if any(moment is None for moment in exits) else min(exits)
