"""The plan's duties."""

from __future__ import annotations

from api.http.schemas.words import (
    ANYTHING,
    COUNT,
    NUMBER,
    TEXT,
    VERSION,
    listed,
    one_of,
    or_null,
    record,
    told,
)

DUTY = record(
    {
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
)
DUTIES = record({"duties": listed(DUTY), **VERSION})
