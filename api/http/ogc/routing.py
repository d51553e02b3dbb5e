"""How routes under /ogc answer: JSON alone, 400 for what the client got wrong, and no more."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from api.http import questions
from api.http.errors import ApiError, code_of, invalid_request, problem, status_of, told
from api.http.identity import Guarded
from geo.errors import GeoError
from layers.errors import LayersError

#: By their short names and their media types, which clients put into ``f`` as they find them.
_DOCUMENTS = frozenset(
    {"json", "geojson", "jsonschema", "tilejson", "oas30", "openapi", "application/json",
     "application/geo+json", "application/schema+json", "application/vnd.oai.openapi+json",
     "application/vnd.geo+json"}
)  # fmt: skip
_TILES = frozenset(
    {"mvt", "pbf", "application/vnd.mapbox-vector-tile", "application/x-protobuf",
     "application/octet-stream"}
)  # fmt: skip
Format = Annotated[
    str | None,
    Query(
        max_length=100,
        description="json, or mvt of a tile: all there is; or a media type",
        json_schema_extra={"enum": [*sorted(_DOCUMENTS), *sorted(_TILES)]},
    ),
]


class _Checked(APIRoute):
    """Refuses parameters that a route does not declare; OGC's 400 where others answer 422."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        free = getattr(self.endpoint, "takes_properties", False)
        known = questions.declared(self.dependant)

        async def checked(request: Request) -> Response:
            try:
                _check_format(request.query_params.get("f"), self.path)
                if not free:
                    questions.check_known(request, known, status=400)
                questions.check_once(request, known, status=400)
                return await handle(request)
            except RequestValidationError as error:
                return invalid_request(error, 400)
            except (LayersError, GeoError) as error:
                if status_of(error) != 422:
                    raise
                return problem(400, code_of(error), str(error))
            except ApiError as error:
                if error.status != 422:
                    raise
                return problem(400, error.code, str(error))

        return checked


def _check_format(asked: str | None, path: str) -> None:
    """Refuse a format that a path is not served in."""
    # The + of a media type is a space where it was not encoded in the address.
    name = (asked or "").lower().replace(" ", "+")
    tile = "{z}" in path
    if asked is None or name.partition(";")[0] in (_TILES if tile else _DOCUMENTS):
        return
    there = "mvt" if tile else "json"
    code = "mvt_only" if tile else "json_only"
    raise ApiError(406, code, f"f: {asked[:40]!r} is not served: give {there}, or leave it")


class OgcRoute(Guarded, _Checked):
    """A route under /ogc: its right first, then its parameters, then the rest."""

    wrong = 400


def _format(f: Format = None) -> str:
    """Every route has the parameter; ``_check_format`` has refused what is not served."""
    return f or "json"


router = APIRouter(
    prefix="/ogc",
    route_class=OgcRoute,
    tags=["ogc"],
    dependencies=[Depends(_format)],
    responses=told(
        (400, "the request cannot be understood"),
        (401, "no identity"),
        (403, "the scope is missing"),
        (404, "there is no such thing"),
        (406, "not in this format"),
        ("default", "any other failure"),
    ),
)


def takes_properties(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a route whose further parameters are a collection's properties; it checks them."""
    endpoint.takes_properties = True  # type: ignore[attr-defined]
    return endpoint
