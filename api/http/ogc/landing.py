"""The first page of the OGC API, and what it conforms to."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from api.http import schemas
from api.http.answers import JSON, answer
from api.http.identity import needs
from api.http.ogc.links import CONFORMANCE, OPENAPI, SCHEMES, link, root
from api.http.ogc.routing import router

_SPEC = "http://www.opengis.net/spec"
#: What works, and has a test; nothing else is claimed.
CONFORMS_TO = (
    *(
        f"{_SPEC}/ogcapi-common-1/1.0/conf/{one}"
        for one in ("core", "landing-page", "json", "oas30")
    ),
    f"{_SPEC}/ogcapi-common-2/1.0/conf/collections",
    *(f"{_SPEC}/ogcapi-features-1/1.0/conf/{one}" for one in ("core", "geojson", "oas30")),
    f"{_SPEC}/ogcapi-features-2/1.0/conf/crs",
    *(
        f"{_SPEC}/ogcapi-features-3/1.0/conf/{one}"
        for one in ("queryables", "queryables-query-parameters", "filter", "features-filter")
    ),
    *(
        f"{_SPEC}/cql2/1.0/conf/{one}"
        for one in (
            "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators",
            "case-insensitive-comparison", "basic-spatial-functions",
            "basic-spatial-functions-plus", "spatial-functions", "temporal-functions",
            "property-property", "arithmetic",
        )
    ),
    *(
        f"{_SPEC}/ogcapi-tiles-1/1.0/conf/{one}"
        for one in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt", "oas30")
    ),
    *(f"{_SPEC}/tms/2.0/conf/{one}" for one in ("tilematrixset", "json-tilematrixset")),
)  # fmt: skip


@router.get("", responses=schemas.answers(schemas.ogc.LANDING))
@needs("read")
def landing(request: Request) -> Response:
    """The first page: where everything else is."""
    here = root(request)
    links = [
        link("self", here, title="This page"),
        link("service-desc", f"{here}/api", OPENAPI, title="The interface in OpenAPI 3.0"),
        link("conformance", f"{here}/conformance", title="Conformance"),
        link(CONFORMANCE, f"{here}/conformance", title="Conformance"),
        link("data", f"{here}/collections", title="Collections"),
        link(SCHEMES, f"{here}/tileMatrixSets", title="Tile matrix sets"),
    ]
    payload = {
        "title": "patrolgrid",
        "description": "The layers of patrolgrid and its breaches, as features and as tiles",
        "links": links,
    }
    return answer(request, payload, media_type=JSON)


@router.get("/conformance", responses=schemas.answers(schemas.ogc.CONFORMANCE))
@needs("read")
def conformance(request: Request) -> Response:
    """The conformance classes that this service is of."""
    return answer(request, {"conformsTo": list(CONFORMS_TO)}, media_type=JSON)
