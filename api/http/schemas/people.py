"""Units and teams, what became of fixes, and who is signed in."""

from __future__ import annotations

from api.http.schemas.words import (
    COUNT,
    FLAG,
    LINKS,
    MOMENT,
    NUMBER,
    TEXT,
    VERSION,
    listed,
    or_null,
    record,
    told,
)

UNIT = record(
    {
        "unit": TEXT,
        "call_sign": or_null(TEXT),
        "kind": TEXT,
        "team": or_null(TEXT),
        "max_gap_s": NUMBER,
        "top_speed_ms": NUMBER,
        "typical_accuracy_m": NUMBER,
        "enrolled_at": MOMENT,
    }
)
UNITS = {"anyOf": [UNIT, listed(UNIT)], "description": "one where one was sent, else a list"}
TEAM = record(
    {
        "team": TEXT,
        "name": or_null(TEXT),
        "name_zh": or_null(TEXT),
        "name_mn": or_null(TEXT),
        "name_en": or_null(TEXT),
        "kind": TEXT,
        "parent": or_null(TEXT),
        "people": told(or_null(COUNT), "how many belong to it"),
    }
)
TEAMS = record({"teams": listed(TEAM), **VERSION})
MADE_TEAMS = {"anyOf": [TEAM, listed(TEAM)], "description": "one where one was sent, else a list"}
RECEIPT = record(
    {
        "accepted": COUNT,
        "duplicate": COUNT,
        "refused": COUNT,
        "quarantined": listed(record({"index": COUNT, "reason": TEXT})),
        "breaches": COUNT,
    }
)
HELD = record(
    {
        "id": COUNT,
        "unit": TEXT,
        "time": or_null(MOMENT),
        "lon": or_null(NUMBER),
        "lat": or_null(NUMBER),
        "accuracy_m": or_null(NUMBER),
        "speed_ms": or_null(NUMBER),
        "heading_deg": or_null(NUMBER),
        "altitude_m": or_null(NUMBER),
        "battery": or_null(NUMBER),
        "patrol_id": or_null(TEXT),
        "reason": TEXT,
        "received_at": MOMENT,
        "released_at": or_null(MOMENT),
        "released_by": told(or_null(TEXT), "id of the token"),
    }
)
RELEASED = record(
    {
        "released": COUNT,
        "already": told(COUNT, "released before"),
        "refused": listed(record({"id": COUNT, "reason": TEXT, "detail": TEXT})),
        "breaches": told(COUNT, "opened, amended, closed or withdrawn by them"),
    }
)
QUARANTINE = record(
    {
        "fixes": listed(HELD),
        "strangers": told(COUNT, "fixes of units that are not enrolled; nothing is kept of them"),
        "links": LINKS,
        **VERSION,
    }
)
_HOLD = {
    "id": COUNT,
    "from": told(TEXT, "the first day, in the region's time zone"),
    "to": told(TEXT, "the last day"),
    "reason": TEXT,
    "placed_by": TEXT,
    "placed_at": MOMENT,
    "until": told(or_null(MOMENT), "null: until it is released"),
    "released_at": or_null(MOMENT),
    "released_by": or_null(TEXT),
    "in_force": FLAG,
}
_EDGE = {
    "fixes_from": told(or_null(MOMENT), "older fixes were dropped, but for days that are held")
}
HOLD = record(_HOLD)
NEW_HOLD = record({**_HOLD, **_EDGE})
HOLDS = record({"holds": listed(HOLD), "links": LINKS, **_EDGE})
SESSION = record({"scopes": listed(TEXT), "expires_at": or_null(MOMENT)})
