"""From error to answer: one table, and RFC 9457 problem documents for all of them."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match, Route

from api.http.bodies import TooDeepError
from geo.errors import GeoError
from layers import errors as stored
from layers.region import RegionError

logger = logging.getLogger("patrolgrid.http")


class ApiError(Exception):
    """A request that is refused before the layers are asked."""

    def __init__(
        self, status: int, code: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.headers = status, code, headers or {}


#: HTTP status of what the layers and geo refuse; the nearest class counts.
STATUS: dict[type[Exception], int] = {
    GeoError: 422,
    RegionError: 422,
    stored.LayersError: 422,
    stored.DatabaseUnavailableError: 503,
    stored.NoSuchLayerError: 404,
    stored.NoSuchFeatureError: 404,
    stored.NoSuchRasterError: 404,
    stored.NoSuchUnitError: 404,
    stored.NoSuchTeamError: 404,
    stored.NoSuchQuarantinedError: 404,
    stored.NoSuchHoldError: 404,
    stored.NoSuchDutyError: 404,
    stored.NoSuchBreachError: 404,
    stored.NoSuchTokenError: 404,
    stored.NoSuchSubscriptionError: 404,
    stored.FeatureExistsError: 409,
    stored.DutyExistsError: 409,
    stored.InUseError: 409,
    stored.CannotReleaseError: 409,
    stored.NothingToUndoError: 409,
    stored.CannotUndoError: 409,
    stored.StaleFeatureError: 412,
    stored.ReadOnlyLayerError: 405,
    stored.NotAllowedError: 403,
}

_TITLES = {
    400: "Bad request", 401: "Who are you?", 403: "Not allowed", 404: "Not found",
    405: "Method not allowed", 406: "Not in this format", 408: "Took too long", 409: "Conflict",
    412: "Not in that state", 413: "Too large", 414: "Address too long", 415: "Unknown media type",
    422: "Cannot be understood", 428: "If-Match is needed", 429: "Too many requests",
    500: "Internal error", 503: "Not available now",
}  # fmt: skip


_DOCUMENT = {
    "schema": {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "what, where and what to do"},
            "code": {"type": "string", "description": "stable, for programs"},
        },
    }
}


def told(*failures: tuple[int | str, str]) -> dict[int | str, dict[str, Any]]:
    """Failures, each with what it means, as OpenAPI has them."""
    return {
        status: {"description": meaning, "content": {"application/problem+json": _DOCUMENT}}
        for status, meaning in failures
    }


#: What every route may answer beside what it is for, but for routers that tell their own.
RESPONSES = told(
    (401, "no identity"), (403, "the scope is missing"),
    (422, "the request cannot be understood"), ("default", "any other failure"),
)  # fmt: skip


#: A detail says what is wrong; a client that sent a megabyte does not need it again.
_MOST_DETAIL, _DETAIL_END = 1_000, 300


def _short(detail: str) -> str:
    """A detail without its middle, if it is too long."""
    if len(detail) <= _MOST_DETAIL:
        return detail
    return f"{detail[: _MOST_DETAIL - _DETAIL_END]} … {detail[-_DETAIL_END:]}"


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: object
) -> Response:
    """An RFC 9457 problem document."""
    body = {
        "type": "about:blank",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": _short(detail),
        "code": code,
        **more,
    }
    return Response(
        json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),  # half a pair of UTF-16
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        media_type="application/problem+json",
    )


def status_of(error: Exception) -> int:
    """The status of the nearest class of ``error`` in the table."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def code_of(error: Exception) -> str:
    """A stable code from the class's name: NoSuchUnitError is ``no_such_unit``."""
    if isinstance(error, RegionError):
        return "not_of_this_region"
    name = re.sub(r"Error$", "", type(error).__name__)
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _where(location: tuple[int | str, ...]) -> str:
    # "one" and "many": tags of bodies that are an object or a list of them.
    named = [str(part) for part in location if part not in {"one", "many"}]
    return ".".join(named[1:] if named[:1] in (["query"], ["path"], ["body"]) else named)


def _fault(error: dict[str, Any]) -> dict[str, str]:
    """One fault that validation found: where, and what."""
    if error["type"] == "json_invalid":
        reason = error.get("ctx", {}).get("error", "")
        return {"where": "", "what": f"it is not JSON: {reason} (character {error['loc'][-1]})"}
    what = error["msg"].removeprefix("Value error, ")
    return {"where": _short(_where(error["loc"])), "what": _short(what)}


def invalid_request(error: RequestValidationError, status: int = 422) -> Response:
    """What validation found wrong, as a problem document."""
    faults = [_fault(e) for e in error.errors()[:20]]
    detail = "; ".join(f"{f['where'] or 'body'}: {f['what']}" for f in faults[:5])
    return problem(status, "invalid_request", detail, errors=faults)


def install(app: FastAPI, *, limit_mb: float) -> None:
    """Answer every failure of ``app`` by a problem document; bodies may have ``limit_mb``."""

    @app.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> Response:
        return problem(error.status, error.code, str(error), error.headers)

    async def known(_: Request, error: Exception) -> Response:
        status = status_of(error)
        headers = {503: {"Retry-After": "2"}, 405: {"Allow": "GET, HEAD"}}.get(status)
        return problem(status, code_of(error), str(error), headers)

    for cls in (stored.LayersError, GeoError, RegionError):
        app.exception_handler(cls)(known)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        if isinstance(error.body, bytes) and error.body:
            return problem(
                415, "unknown_media_type",
                f"Content-Type {request.headers.get('content-type', '(none)')[:100]}: "
                "send application/json, or application/geo+json of a feature",
            )  # fmt: skip
        return invalid_request(error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        status = error.status_code
        headers = dict(error.headers or {})
        if status == 405:
            headers["Allow"] = ", ".join(_allowed(request))
        told = {
            400: (
                "bad_body",
                error.detail
                if isinstance(error, TooDeepError)
                else "the body cannot be read: send JSON in UTF-8",
            ),
            404: ("not_found", "there is nothing at this path; /openapi.json names what there is"),
            405: ("method_not_allowed", f"{_method(request)} is not for this path: see Allow"),
            408: ("body_stalled", "the body stopped coming: send it again, in one go"),
            413: ("too_large", f"the body is larger than {limit_mb:g} MB: send it in parts"),
        }
        code, detail = told.get(status, ("refused", str(error.detail)))
        return problem(status, code, detail, headers)

    @app.exception_handler(DataError)
    async def unstorable(_: Request, __: Exception) -> Response:
        return problem(
            422, "bad_value",
            "a value cannot be stored: a text holds NUL, or a number or time is beyond its range",
        )  # fmt: skip

    app.exception_handler(ClientDisconnect)(_gone)
    app.exception_handler(DBAPIError)(_database)
    app.exception_handler(psycopg.Error)(_database)
    app.exception_handler(PoolTimeoutError)(_database)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        logger.error("%s %s", request.method, request.url.path, exc_info=error)
        return problem(500, "internal_error", "an error of ours; the log of the service has more")


def _method(request: Request) -> str:
    """The method that the client used: a HEAD is looked for as a GET."""
    return "HEAD" if getattr(request.state, "head", False) else request.method


def _allowed(request: Request) -> list[str]:
    """The methods of every route that the path is of; the router tells only those of the first."""
    routes: list[Route] = request.app.state.routes
    fitting = [one for one in routes if one.matches(request.scope)[0] is not Match.NONE]
    found = {method for one in fitting for method in one.methods or ()}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


async def _gone(_: Request, __: Exception) -> Response:
    # Links are often down: that is no error of ours, and nobody is there to be told.
    return problem(400, "body_cut_short", "the connection ended before the body did")


async def _database(request: Request, error: Exception) -> Response:
    lost = isinstance(error, PoolTimeoutError | OperationalError | psycopg.OperationalError) or (
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
