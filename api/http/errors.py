"""From error to answer: one table, and RFC 9457 problem documents for all of them."""

from __future__ import annotations

import logging
import re

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from geo.errors import GeoError
from layers import errors as stored
from layers.region import RegionError

logger = logging.getLogger("patrolgrid.http")


class ApiError(Exception):
    """A request that is refused before the layers are asked."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code


#: HTTP status of what the layers and geo refuse; the nearest class counts.
STATUS: dict[type[Exception], int] = {
    GeoError: 422,
    RegionError: 422,
    stored.LayersError: 422,
    stored.DatabaseUnavailableError: 503,
    stored.NoSuchLayerError: 404,
    stored.NoSuchFeatureError: 404,
    stored.NoSuchUnitError: 404,
    stored.NoSuchTeamError: 404,
    stored.NoSuchBreachError: 404,
    stored.NoSuchTokenError: 404,
    stored.NoSuchSubscriptionError: 404,
    stored.FeatureExistsError: 409,
    stored.InUseError: 409,
    stored.StaleFeatureError: 412,
    stored.NotAllowedError: 403,
}

_TITLES = {
    400: "Bad request", 401: "Who are you?", 403: "Not allowed", 404: "Not found",
    405: "Method not allowed", 409: "Conflict", 412: "Changed meanwhile", 413: "Too large",
    415: "Unknown media type", 422: "Cannot be understood", 428: "If-Match is needed",
    429: "Too many requests", 500: "Internal error", 503: "Not available now",
}  # fmt: skip


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: object
) -> Response:
    """An RFC 9457 problem document."""
    body = {
        "type": "about:blank",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    return Response(
        msgspec.json.encode(body),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        media_type="application/problem+json",
    )


def status_of(error: Exception) -> int:
    """The status of the nearest class of ``error`` in the table."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def code_of(error: Exception) -> str:
    """A stable code from the class's name: NoSuchUnitError is ``no_such_unit``."""
    name = re.sub(r"Error$", "", type(error).__name__)
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part not in {"query", "path", "body"})


def install(app: FastAPI) -> None:
    """Answer every failure of ``app`` by a problem document."""

    @app.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> Response:
        return problem(error.status, error.code, str(error))

    async def known(_: Request, error: Exception) -> Response:
        status = status_of(error)
        headers = {"Retry-After": "2"} if status == 503 else None
        return problem(status, code_of(error), str(error), headers)

    for cls in (stored.LayersError, GeoError, RegionError):
        app.exception_handler(cls)(known)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        faults = [{"where": _where(e["loc"]), "what": e["msg"]} for e in error.errors()[:20]]
        detail = "; ".join(f"{f['where'] or 'body'}: {f['what']}" for f in faults[:5])
        return problem(422, "invalid_request", detail, errors=faults)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(
            error.status_code, "refused"
        )
        return problem(error.status_code, code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(DBAPIError)
    @app.exception_handler(PoolTimeoutError)
    async def database(request: Request, error: Exception) -> Response:
        lost = isinstance(error, PoolTimeoutError | OperationalError) or (
            isinstance(error, DBAPIError) and error.connection_invalidated
        )
        if lost:
            return problem(
                503, "database_unavailable", "the database does not answer: try again shortly",
                {"Retry-After": "2"},
            )  # fmt: skip
        # Never the statement or its values: they may hold positions.
        logger.error("%s %s: %s", request.method, request.url.path, type(error).__name__)
        return problem(500, "internal_error", "an error of ours; the log of the service has more")

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        logger.error("%s %s", request.method, request.url.path, exc_info=error)
        return problem(500, "internal_error", "an error of ours; the log of the service has more")
