"""Coverage over time."""

from __future__ import annotations

from api.http.schemas.words import (
    ANYTHING,
    COUNT,
    MOMENT,
    NUMBER,
    TEXT,
    VERSION,
    by_name,
    listed,
    one_of,
    or_null,
    record,
    told,
)

_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
FIGURES = {
    "visited_share": _SHARE,
    "patrol_s": NUMBER,
    "patrol_m": NUMBER,
    "unknown_s": NUMBER,
    "visits": told(COUNT, "separate stays of a unit"),
    "patrols": COUNT,
    "units": COUNT,
    "first_visit": or_null(MOMENT),
    "last_visit": or_null(MOMENT),
    "days_since_visit": told(or_null(NUMBER), "from the last visit to the end"),
    "longest_unvisited_s": NUMBER,
}
_BIN = record(
    {
        "from": MOMENT,
        "to": MOMENT,
        "totals": by_name(NUMBER),
        "grids": told(by_name(record(FIGURES)), "by id"),
    }
)
SERIES = record(
    {
        "level": TEXT,
        "every": one_of("hour", "day", "week", "month"),
        "swept": one_of("kept", "computed"),
        "swath_m": or_null(NUMBER),
        "series": listed(_BIN),
        **VERSION,
    },
    may={"swaths_m": told(ANYTHING, "by kind of unit, where they differ"), "fixes_from": MOMENT},
)
