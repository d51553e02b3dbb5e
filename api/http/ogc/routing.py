"""How routes under /ogc answer: JSON alone, 400 for what the client got wrong, and no more."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from api.http.errors import ApiError, code_of, invalid_request, problem, status_of
from api.http.identity import Guarded
from geo.errors import GeoError
from layers.errors import LayersError

Format = Annotated[
    str | None,
    Query(description="json is all there is", json_schema_extra={"enum": ["json", "geojson"]}),
]
_FORMATS = frozenset({"json", "geojson", "application/json", "application/geo+json", "mvt"})


class _Checked(APIRoute):
    """Refuses parameters that a route does not declare; OGC's 400 where others answer 422."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        free = getattr(self.endpoint, "takes_properties", False)

        async def checked(request: Request) -> Response:
            try:
                _check(request, None if free else self.declared)
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

    @property
    def declared(self) -> frozenset[str]:
        """Names of the query parameters of this route."""
        return frozenset(_query_parameters(self.dependant))


def _query_parameters(of: Dependant) -> Iterator[str]:
    yield from (one.alias for one in of.query_params)
    for beneath in of.dependencies:
        yield from _query_parameters(beneath)


def _check(request: Request, declared: frozenset[str] | None) -> None:
    asked = request.query_params.get("f")
    if asked is not None and asked.lower() not in _FORMATS:
        raise ApiError(406, "json_only", f"f: {asked[:40]!r} is not served: give json, or leave it")
    unknown = sorted(set(request.query_params) - declared) if declared is not None else []
    if unknown:
        there = ", ".join(sorted(declared or ()))
        raise ApiError(
            400, "unknown_parameter", f"query parameter {unknown[0][:60]!r}: there are {there}"
        )


class OgcRoute(Guarded, _Checked):
    """A route under /ogc: its right first, then its parameters, then the rest."""


def _format(f: Format = None) -> str:
    """Every route has the parameter; ``_check`` has refused what is not served."""
    return f or "json"


router = APIRouter(
    prefix="/ogc", route_class=OgcRoute, tags=["ogc"], dependencies=[Depends(_format)]
)


def takes_properties(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a route whose further parameters are a collection's properties; it checks them."""
    endpoint.takes_properties = True  # type: ignore[attr-defined]
    return endpoint
