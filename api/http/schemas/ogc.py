"""The documents of OGC API - Features and Tiles."""

from __future__ import annotations

from api.http.schemas.words import (
    ANYTHING,
    BOX,
    COUNT,
    LINKS,
    MOMENT,
    NUMBER,
    TEXT,
    VERSION,
    by_name,
    listed,
    one_of,
    or_null,
    record,
)

LANDING = record({"title": TEXT, "description": TEXT, "links": LINKS})
CONFORMANCE = record({"conformsTo": listed(TEXT)})
_EXTENT = record(
    {},
    may={
        "spatial": record({"bbox": listed(BOX), "crs": TEXT}),
        "temporal": record({"interval": listed(listed(or_null(MOMENT))), "trs": TEXT}),
    },
)
_COLLECTION = {
    "id": TEXT,
    "title": TEXT,
    "titles": by_name(TEXT),
    "itemType": one_of("feature"),
    "crs": listed(TEXT),
    "storageCrs": TEXT,
    "links": LINKS,
}
COLLECTION = record({**_COLLECTION, **VERSION}, may={"extent": _EXTENT})
COLLECTIONS = record(
    {
        "links": LINKS,
        "numberMatched": COUNT,
        "numberReturned": COUNT,
        "crs": listed(TEXT),
        "collections": listed(record(_COLLECTION, may={"extent": _EXTENT})),
        **VERSION,
    }
)
#: A JSON schema of a collection.
SCHEMA = record(
    {
        "$schema": TEXT,
        "$id": TEXT,
        "type": one_of("object"),
        "title": TEXT,
        "properties": by_name(ANYTHING),
    },
    may={"required": listed(TEXT), "additionalProperties": {"type": "boolean"}},
)
_GRID = {"id": TEXT, "title": TEXT, "uri": TEXT, "crs": TEXT}
GRIDS = record({"tileMatrixSets": listed(record({**_GRID, "links": LINKS}))})
_CORNER = {**listed(NUMBER), "minItems": 2, "maxItems": 2}
_MATRIX = record(
    {
        "id": TEXT,
        "scaleDenominator": NUMBER,
        "cellSize": NUMBER,
        "cornerOfOrigin": one_of("topLeft"),
        "pointOfOrigin": _CORNER,
        "tileWidth": COUNT,
        "tileHeight": COUNT,
        "matrixWidth": COUNT,
        "matrixHeight": COUNT,
    }
)
GRID = record(
    {
        **_GRID,
        "orderedAxes": listed(TEXT),
        "wellKnownScaleSet": TEXT,
        "tileMatrices": listed(_MATRIX),
    }
)
_TILESET = {
    "title": TEXT,
    "dataType": one_of("vector"),
    "crs": TEXT,
    "tileMatrixSetId": TEXT,
    "tileMatrixSetURI": TEXT,
    "links": LINKS,
}
TILESETS = record({"links": LINKS, "tilesets": listed(record(_TILESET))})
_LIMITS = record(
    {
        "tileMatrix": TEXT,
        "minTileRow": COUNT,
        "maxTileRow": COUNT,
        "minTileCol": COUNT,
        "maxTileCol": COUNT,
    }
)
TILESET = record(
    {
        **_TILESET,
        "layers": listed(record({"id": TEXT, "title": TEXT, "dataType": one_of("vector")})),
        **VERSION,
    },
    may={
        "boundingBox": record({"lowerLeft": _CORNER, "upperRight": _CORNER, "crs": TEXT}),
        "tileMatrixSetLimits": listed(_LIMITS),
    },
)
