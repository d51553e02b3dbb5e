"""The region, and the service itself."""

from __future__ import annotations

from api.http.schemas.words import (
    ANYTHING,
    BOX,
    COUNT,
    NUMBER,
    TEXT,
    by_name,
    listed,
    one_of,
    or_null,
    record,
    told,
)

READY = record({"status": one_of("ready")})
_TITLE = told(by_name(TEXT), "by language")
_LEVEL = record({"level": TEXT, "rank": told(COUNT, "1 is the coarsest"), "title": _TITLE})
_KIND = record(
    {
        "kind": TEXT,
        "title": _TITLE,
        "mode": told(or_null(TEXT), "how it travels; null: it does not answer calls"),
        "fresh_s": NUMBER,
        "stale_s": NUMBER,
        "silent_s": NUMBER,
    }
)
REGION = record(
    {
        "id": TEXT,
        "name": _TITLE,
        "note": or_null(_TITLE),
        "languages": listed(TEXT),
        "timezone": TEXT,
        "bbox": BOX,
        "levels": listed(_LEVEL),
        "kinds": listed(_KIND),
        "modes": listed(TEXT),
        "minutes": listed(NUMBER),
        "swath_m": NUMBER,
    }
)
#: An OpenAPI document.
OPENAPI = record(
    {"openapi": TEXT, "info": ANYTHING, "paths": ANYTHING}, may={"servers": listed(ANYTHING)},
    is_open=True,
)  # fmt: skip
