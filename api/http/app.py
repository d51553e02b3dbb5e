"""The application: built from settings and an engine, never at import."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from functools import partial

from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import downloads, errors
from api.http.coding import CodedTags, Packing
from api.http.context import Service
from api.http.credentials import Credentials
from api.http.direct import Shortcuts
from api.http.identity import Identity, authenticated
from api.http.rights import Rights
from api.http.room import Room
from api.http.routes import ROUTERS, page
from api.http.tiledoor import TileDoor
from api.settings import Settings
from layers.db.engine import conninfo
from layers.outbox.listen import Bell
from layers.region import Region
from layers.tiles import Tiles

SAFE_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class SafeHeaders:
    """ASGI middleware: the headers that every answer carries."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *SAFE_HEADERS]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


#: RFC 9110, 7.2: a name, an IPv4 or bracketed address, or nothing; and a port.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Za-z:._-]+\])(?::[0-9]*)?")


class Hosts:
    """ASGI middleware: a request says once, and in words that can be, which host it is for.

    RFC 9112, 3.2: whoever passes it on might otherwise read it as another's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = [value for name, value in scope["headers"] if name == b"host"]
            needed = scope.get("http_version") != "1.0"
            if not (len(given) == 1 and _HOST.fullmatch(given[0])) and (given or needed):
                refusal = errors.problem(
                    400, "bad_host",
                    f"Host: it is there {len(given)} times, or is no host: send one, such as"
                    " Host: patrols.example.org",
                )  # fmt: skip
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


class Heads:
    """ASGI middleware: HEAD is answered as GET is; the server leaves its body out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            # A stream of events would have no end, and no body to show for it.
            headers = [
                (k, v) for k, v in scope["headers"]
                if not (k == b"accept" and b"text/event-stream" in v)
            ]  # fmt: skip
            scope = {**scope, "method": "GET", "headers": headers}
            scope["state"] = {**scope.get("state", {}), "head": True}
        await self.app(scope, receive, send)


def create_app(
    settings: Settings, engine: Engine, region: Region, *, demo: bool = False
) -> FastAPI:
    """The service's HTTP application on ``engine``; ``demo``: ready only once the demo is in."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # One connection hears of new events for every stream of this process.
        async with Bell(conninfo(engine.url.render_as_string(hide_password=False))) as bell:
            app.state.bell = bell
            yield
        await tiles.close()

    rights = Rights(partial(authenticated, engine))
    tiles = Tiles(
        engine, most_bytes=int(settings.tile_cache_mb * 1_000_000), on_tokens=rights.forget
    )
    app = FastAPI(
        lifespan=lifespan,
        title="patrolgrid",
        summary="Patrol coverage, geofence breaches and 1-3-5-minute response areas",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.service = Service(
        settings=settings,
        engine=engine,
        region=region,
        tiles=tiles,
        demo=demo,
        room=Room(
            most_requests=settings.max_uploads,
            most_bytes=int(settings.max_uploads_mb * 1_000_000),
        ),
    )
    app.state.routes = [route for router in ROUTERS for route in router.routes]
    errors.install(app, limit_mb=settings.max_body_mb)
    app.router.routes.append(Shortcuts(app.state.routes))
    for router in ROUTERS:
        app.include_router(router, responses=None if router.responses else errors.RESPONSES)
    page.mount_assets(app)
    app.add_middleware(
        Packing,
        minimum_size=1000,
        compresslevel=5,
        exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, *downloads.BINARY),
    )
    app.add_middleware(CodedTags)
    app.add_middleware(Identity, rights=rights, hearing=tiles.hearing)
    app.add_middleware(TileDoor, tiles=tiles, rights=rights)
    app.add_middleware(Hosts)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Heads)
    app.add_middleware(Credentials)
    return app
