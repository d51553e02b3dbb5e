"""Who asks: every request but a few open ones shows a token, and every route names its scope.

The middleware answers 401 before anything of the request is looked at; the route then answers
403 before its path and body are. A route without a scope does not start.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy import Engine
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http import questions
from api.http.bodies import Limited
from api.http.credentials import DOORS, shown_to_door
from api.http.errors import invalid_request, problem
from api.http.rights import Rights
from layers.access import tokens
from layers.db.engine import SYSTEM, Principal, acting
from layers.errors import DatabaseUnavailableError
from layers.tiles.hearing import Hearing

Right = Literal["read", "ingest", "plan", "admin", "open"]
COOKIE = "patrolgrid_session"
#: What answers anybody: the page and its assets, health, and signing in.
OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/favicon.ico"})
OPEN_PREFIXES = ("/assets/", "/auth/")
#: Where a query parameter that a route does not have is refused. Others take what comes along:
#: trackers and probes add parameters of their own.
STRICT_PREFIXES = ("/api/", "/tiles")
#: Which scopes carry a right.
CARRIED_BY: dict[str, frozenset[str]] = {
    "read": frozenset({"read", "plan", "admin"}),
    "plan": frozenset({"plan", "admin"}),
    "ingest": frozenset({"ingest", "admin"}),
    "admin": frozenset({"admin"}),
}
#: What is shown in a header, or at the doors of trackers.
_BEARERS: list[tokens.Kind] = ["api", "device"]
#: All that a credential in an address may carry.
_OF_DEVICES = frozenset({"ingest"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="patrolgrid"'}
_DOOR_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="patrolgrid", Basic realm="patrolgrid"'}

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def is_open(path: str) -> bool:
    """Whether ``path`` answers without identity."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


def needs(right: Right) -> Callable[[Endpoint], Endpoint]:
    """Name the right that a route needs."""

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.right = right  # type: ignore[attr-defined]
        return endpoint

    return mark


def authenticated(engine: Engine, secret: str, kinds: list[tokens.Kind]) -> Principal | None:
    """Whom ``secret`` stands for."""
    if not secret.startswith(tokens.PREFIX) or len(secret) > 200:
        return None
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        return tokens.authenticate(connection, secret, kinds)


class Identity:
    """ASGI middleware: puts the principal into the request's state, or answers 401."""

    def __init__(self, app: ASGIApp, rights: Rights, hearing: Hearing) -> None:
        self.app, self._rights, self._hearing = app, rights, hearing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        principal, refusal = await self._look(scope, Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["principal"] = principal
        await self.app(scope, receive, send)

    async def _look(
        self, scope: Scope, headers: Headers
    ) -> tuple[Principal | None, Response | None]:
        """Who asks, or the answer that refuses them."""
        door = scope["path"].startswith(DOORS)
        in_address = shown_to_door(scope, headers) if door else None
        secret, kinds = (in_address, _BEARERS) if in_address else shown(headers)
        if door and kinds != _BEARERS:
            secret, kinds = None, _BEARERS  # the page's session is not for trackers
        known = None
        if secret:
            try:
                known = await self._rights.whose(secret, kinds, self._hearing.fresh)
            except DatabaseUnavailableError as error:
                refusal = problem(503, "database_unavailable", str(error), {"Retry-After": "2"})
                return None, refusal
        if known is None:
            return None, _unknown(shown_any=bool(secret), door=door)
        principal = known.principal
        if in_address and principal.scopes != _OF_DEVICES:
            return None, _too_powerful()
        changes = scope["method"] not in _SAFE
        if "session" in kinds and changes and not _same_origin(headers):
            said = "the page's session acts from its own page only"
            return None, problem(403, "cross_origin", said)
        return principal, None


def _unknown(*, shown_any: bool, door: bool) -> Response:
    return problem(
        401, "unknown_identity" if shown_any else "no_identity",
        "this token is unknown, revoked or expired: ask for another" if shown_any
        else "show a token: `Authorization: Bearer …`, or sign in by the link of "
        "`patrolgrid token link`",
        _DOOR_CHALLENGE if door else _CHALLENGE,
    )  # fmt: skip


def _too_powerful() -> Response:
    return problem(
        403, "too_powerful",
        "an address may be recorded on its way, so the credential in it may do no more than"
        " write fixes: revoke this one, and make another with `patrolgrid token create"
        " --scope ingest --unit …`",
    )  # fmt: skip


def shown(headers: Headers) -> tuple[str | None, list[tokens.Kind]]:
    """The secret that a request shows, and as what: a bearer token first, else the cookie."""
    authorization = headers.get("authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        return (secret.strip() if scheme.lower() == "bearer" else ""), _BEARERS
    return cookie_parser(headers.get("cookie", "")).get(COOKIE), ["session"]


def _same_origin(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and origin.split("://")[-1] == headers.get("host")


class Guarded(APIRoute):
    """A route that checks its right before its path and body are looked at."""

    #: The status of a request that cannot be understood.
    wrong = 422

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        right = getattr(self.endpoint, "right", None)
        if right is None:
            raise TypeError(f"{self.path}: the route names no right; decorate it with @needs(…)")
        if right == "open" and not is_open(self.path):
            raise TypeError(f"{self.path}: the route is open, its path is not")
        handle = self.within()
        strict = self.path.startswith(STRICT_PREFIXES)
        known, wrong = questions.declared(self.dependant), self.wrong
        numeric = questions.numeric(self.dependant)

        async def guarded(request: Request) -> Response:
            if right != "open":
                principal: Principal = request.state.principal
                if not principal.scopes & CARRIED_BY[right]:
                    return problem(403, "scope_missing", f"this needs a token with scope {right}")
            # PostgreSQL's text holds no NUL, so nothing has such a name.
            if "\0" in request.scope["path"]:
                return problem(404, "not_found", "the path holds NUL: nothing has such a name")
            if b"%00" in request.scope["query_string"]:
                return problem(wrong, "bad_text", "the query holds NUL (%00): leave it out")
            self.look(request)
            if strict and request.scope["query_string"]:
                questions.check_known(request, known)
                questions.check_once(request, known)
            try:
                questions.check_numbers(request, numeric)
            except RequestValidationError as error:
                return invalid_request(error, wrong)
            limit_mb = request.app.state.service.settings.max_body_mb
            return await handle(Limited(request, most_bytes=int(limit_mb * 1_000_000)))

        return guarded

    def within(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers once the request is let in."""
        return super().get_route_handler()

    def look(self, request: Request) -> None:
        """What a kind of routes holds against a path, before query and body are looked at."""
