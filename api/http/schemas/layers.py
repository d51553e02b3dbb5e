"""The layers, their history and undo, the rasters, and the description of tiles."""

from __future__ import annotations

from api.http.schemas.words import (
    BOX,
    COUNT,
    FLAG,
    LINKS,
    MOMENT,
    NUMBER,
    TEXT,
    VERSION,
    Json,
    by_name,
    listed,
    one_of,
    or_null,
    record,
    ref,
    told,
)  # fmt: skip

_HOW = one_of("load", "edit", "undo")
_NO = {"type": "integer", "minimum": 1}
_LAYER = record(
    {
        "id": TEXT,
        "title": told(by_name(TEXT), "by language"),
        "geometry": told(listed(TEXT), "the types that it takes"),
        "columns": listed(TEXT),
        "read_only": FLAG,
        "count": COUNT,
        "bbox": or_null(BOX),
        "data_version": TEXT,
        "href": TEXT,
    }
)
LAYERS = record({"layers": listed(_LAYER), **VERSION})
_MADE: dict[str, Json] = {
    "set": told(_NO, "all that one transaction changed"),
    "how": _HOW,
    "made_at": MOMENT,
    "by": told(or_null(TEXT), "a token's id, `system`; null: changed without the service"),
    "undone": FLAG,
    "undoes": told(or_null(_NO), "the set that this one took back"),
    "data_version": told(TEXT, "the layer's from this set on"),
}
_SET = record(
    {
        **_MADE,
        "undoes_feature": told(or_null(TEXT), "the one feature of that set; null: all of it"),
        "created": COUNT,
        "changed": COUNT,
        "deleted": COUNT,
        "features": told(listed(TEXT), "ids, ten at most"),
    }
)
_PAGE: dict[str, Json] = {"numberReturned": COUNT, "links": LINKS, **VERSION}
LAYER_HISTORY = record({"sets": listed(_SET), **_PAGE})
_CHANGE = record(
    {
        **_MADE,
        "what": one_of("created", "changed", "deleted"),
        "changed": told(listed(TEXT), "the properties that differ, and `geometry`"),
        "before": or_null(ref("Feature")),
        "after": or_null(ref("Feature")),
    }
)
FEATURE_HISTORY = record({"changes": listed(_CHANGE), **_PAGE})
UNDONE = record(
    {
        "set": _NO,
        "undoes": _NO,
        "how": _HOW,
        "layers": by_name(record({"created": COUNT, "changed": COUNT, "deleted": COUNT})),
        "data_version": TEXT,
    }
)
_RASTER = record(
    {
        "id": TEXT,
        "unit": TEXT,
        "bbox": told(BOX, "in degrees"),
        "crs": TEXT,
        "bounds": told(BOX, "in the raster's CRS"),
        "resolution": told({**listed(NUMBER), "minItems": 2, "maxItems": 2}, "of a pixel"),
        "width": COUNT,
        "height": COUNT,
        "dtype": TEXT,
        "nodata": or_null(NUMBER),
        "href": TEXT,
        "data_version": TEXT,
    }
)
RASTERS = record({"rasters": listed(_RASTER), **VERSION})
RASTER_VALUE = record(
    {
        "name": TEXT,
        "lon": NUMBER,
        "lat": NUMBER,
        "value": told(or_null(NUMBER), "null where there is none"),
        "unit": TEXT,
        **VERSION,
    }
)
_FIELDS = by_name(one_of("String", "Number", "Boolean"))
TILEJSON = record(
    {
        "tilejson": one_of("3.0.0"),
        "name": TEXT,
        "tiles": listed(TEXT),
        "minzoom": COUNT,
        "maxzoom": COUNT,
        "vector_layers": listed(
            record({"id": TEXT, "fields": _FIELDS}, may={"minzoom": COUNT, "maxzoom": COUNT})
        ),
        **VERSION,
    },
    may={"bounds": BOX},
)
