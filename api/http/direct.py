"""Routes that many requests come to, without what FastAPI does for any: some of it takes a
millisecond, and these have nothing for it to read.

Such a route is in OpenAPI as all are, and has the same guard, limits and errors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from fastapi import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from api.http.identity import Guarded

Handler = Callable[[Request], Awaitable[Response]]


class Direct(Guarded):
    """A route whose endpoint takes the request as it is, the service's parts and who asks."""

    def within(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            answer: Response = await endpoint(
                request, request.app.state.service, request.state.principal
            )
            return answer

        return handle


class Shortcuts(BaseRoute):
    """In front of all routes: the way to direct ones by their path and method alone."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._handlers: dict[tuple[str, str], Handler] = {
            (method, route.path): route.get_route_handler()
            for route in routes
            if isinstance(route, Direct)
            for method in route.methods or ()
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        direct = scope["type"] == "http" and (scope["method"], scope["path"]) in self._handlers
        return (Match.FULL if direct else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response = await self._handlers[scope["method"], scope["path"]](request)
        await response(scope, receive, send)
