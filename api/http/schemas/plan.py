"""The plan's duties."""

from __future__ import annotations

from api.http.schemas.coverage import NAMES
from api.http.schemas.words import (
    ANYTHING,
    COUNT,
    MOMENT,
    NUMBER,
    TEXT,
    VERSION,
    WINDOW,
    collected,
    listed,
    one_of,
    or_null,
    record,
    told,
)
from geo.plan import STATES

_DUTY = {
    "id": TEXT,
    "name": or_null(TEXT),
    "name_zh": or_null(TEXT),
    "name_mn": or_null(TEXT),
    "name_en": or_null(TEXT),
    "layer": one_of("grids", "checkpoints", "posts"),
    "level": or_null(TEXT),
    "kind": or_null(TEXT),
    "ids": told(or_null(listed(TEXT)), "null: all of that level and kind"),
    "rounds": COUNT,
    "per": one_of("day", "week", "month"),
    "apart_s": told(NUMBER, "visits that are less than this apart are one round"),
    "stay_s": told(NUMBER, "a shorter visit does not count"),
    "within_m": told(NUMBER, "of a checkpoint or post"),
    "active": told(or_null(ANYTHING), "as a fence's; null: always"),
    "applies_to": told(or_null(ANYTHING), "as a fence's; null: every unit"),
}
DUTY = record(_DUTY)
DUTIES = record({"duties": listed(DUTY), **VERSION})
_COUNTS = {state: told(COUNT, "targets in that state") for state in STATES}
_NAMED = {
    "id": TEXT,
    "duty": TEXT,
    "layer": one_of("grids", "checkpoints", "posts"),
    "target": TEXT,
    **NAMES,
}
_STANDING = {
    "state": one_of(*STATES),
    "visited": one_of("visited", "probably_visited", "not_visited"),
    "rounds": told(COUNT, "in the period"),
    "required": COUNT,
    "last_visit": or_null(MOMENT),
    "due_at": or_null(MOMENT),
    "overdue": told(or_null(NUMBER), "a part of the time that rounds are apart; null: never seen"),
    "late_s": or_null(NUMBER),
}
PLAN = collected(
    record(
        {
            **_NAMED,
            **_STANDING,
            "level": or_null(TEXT),
            "parent": or_null(TEXT),
            "kind": or_null(TEXT),
            "evidence": or_null(TEXT),
            "period_from": MOMENT,
            "period_to": MOMENT,
            "periods": told(COUNT, "that were over within the window"),
            "periods_kept": COUNT,
        }
    ),
    {
        "totals": record(_COUNTS),
        "duties": listed(record({**_DUTY, **_COUNTS})),
        "next": told(
            listed(record({"rank": COUNT, **_NAMED, **_STANDING, "lon": NUMBER, "lat": NUMBER})),
            "where to go next, the worst first",
        ),
        "looked_from": told(MOMENT, "visits since then are known"),
        **WINDOW,
        **VERSION,
    },
    may={"fixes_from": MOMENT},
)
