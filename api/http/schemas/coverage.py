"""Coverage over time."""

from __future__ import annotations

from api.http.schemas.words import (
    COUNT,
    MOMENT,
    NUMBER,
    TEXT,
    VERSION,
    WINDOW,
    Json,
    by_name,
    collected,
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
_REST = {"patrol_s": NUMBER, "patrol_m": NUMBER, "unknown_s": NUMBER}
_SWEPT = told(one_of("kept", "computed"), "whether ground was kept up by that swath, or computed")
_SWATHS: dict[str, Json] = {
    "swaths_m": told(by_name(NUMBER), "by kind of unit, where they differ"),
    "fixes_from": told(MOMENT, "where the window begins before what is kept of its fixes"),
}
NAMES = {name: or_null(TEXT) for name in ("name", "name_zh", "name_mn", "name_en")}
_GRID = {
    "id": TEXT,
    **NAMES,
    "level": TEXT,
    "parent": or_null(TEXT),
    "kind": or_null(TEXT),
    "area_m2": NUMBER,
}
COVERAGE = collected(
    record(
        {**_GRID, **FIGURES},
        may={
            "rest": told(record(_REST), "what of a grid that others lie in is in none of them"),
            "parts": told(by_name(record(FIGURES)), "by mode, team or hour"),
        },
    ),
    {
        "totals": record(
            {
                **_REST,
                "outside_s": told(NUMBER, "in no grid of this level"),
                "outside_m": NUMBER,
                "tracks_s": told(NUMBER, "all of it"),
                "units": COUNT,
                "patrols": COUNT,
            }
        ),
        "level": TEXT,
        "swath_m": told(or_null(NUMBER), "null where kinds of unit have their own"),
        "swept": _SWEPT,
        **WINDOW,
        **VERSION,
    },
    may=_SWATHS,
)
_KM = {"chainage_start_km": NUMBER, "chainage_end_km": NUMBER}
BORDER = collected(
    record(
        {
            "id": TEXT,
            "border": TEXT,
            **_KM,
            "visited_share": _SHARE,
            "patrol_s": told(NUMBER, "in legs, within half a swath"),
            "patrol_m": NUMBER,
            "unknown_s": NUMBER,
            "visits": COUNT,
            "patrols": COUNT,
            "units": COUNT,
            "first_visit": or_null(MOMENT),
            "last_visit": or_null(MOMENT),
            "longest_unseen_m": NUMBER,
            "longest_unseen_start_km": or_null(NUMBER),
        }
    ),
    {
        "segment_m": NUMBER,
        "swath_m": NUMBER,
        "totals": record({"length_km": NUMBER, "visited_km": NUMBER, "longest_unseen_km": NUMBER}),
        "longest_unseen": told(
            or_null(record({"border": TEXT, **_KM})), "null where every metre was seen"
        ),
        **WINDOW,
        **VERSION,
    },
    may={"fixes_from": _SWATHS["fixes_from"]},
)
_BIN = record(
    {
        **WINDOW,
        "totals": by_name(NUMBER),
        "grids": told(by_name(record(FIGURES)), "by id"),
    }
)
SERIES = record(
    {
        "level": TEXT,
        "every": one_of("hour", "day", "week", "month"),
        "swept": _SWEPT,
        "swath_m": or_null(NUMBER),
        "series": listed(_BIN),
        **VERSION,
    },
    may=_SWATHS,
)
