"""The short way to a tile: before routing, dependencies and a transaction of its own.

A kept tile costs some ten microseconds; a request costs FastAPI a millisecond. So requests that
are plainly for a tile, by somebody who may read, are answered here. All others (errors too) go on
to the application, whose route gives the same tiles.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.answers import MVT, VARY, known_as, known_by, rfc3339, right_of, whole
from api.http.context import Service
from api.http.identity import CARRIED_BY, shown
from api.http.rights import Rights
from layers.db.engine import Principal
from layers.errors import LayersError
from layers.tiles import Kept, Key, Tiles, accepted, check, drawn

_PATH = re.compile(r"/tiles/(\d{1,2})/(\d{1,8})/(\d{1,8})\.mvt", re.ASCII)


class TileDoor:
    """ASGI middleware: answers plain requests for tiles."""

    def __init__(self, app: ASGIApp, tiles: Tiles, rights: Rights) -> None:
        self.app, self._tiles, self._rights = app, tiles, rights
        self._layers: dict[bytes, tuple[str, ...]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            asked = _PATH.fullmatch(scope["path"])
            if asked is not None and await self._answered(scope, send, asked):
                return
        await self.app(scope, receive, send)

    async def _answered(self, scope: Scope, send: Send, asked: re.Match[str]) -> bool:
        headers = Headers(scope=scope)
        secret, kinds = shown(headers)
        layers = self._named(scope["query_string"])
        if not secret or layers is None:
            return False
        z, x, y = map(int, asked.groups())
        try:
            check(layers, z, x, y)
            await self._tiles.hearing.fresh()
            known = self._rights.of(secret, kinds) or await self._rights.look_up(secret, kinds)
            if known is None or not known.principal.scopes & CARRIED_BY["read"]:
                return False
            coding = accepted(whole(headers, "accept-encoding"))
            key = Key(right=known.right, layers=layers, z=z, x=x, y=y, coding=coding)
            kept = self._tiles.store.get(key)
            tile = kept or await self._tiles.get(known.principal, key)
        except (LayersError, ValueError):
            return False
        known_tag = known_by(whole(headers, "if-none-match"), tile.etag)
        await respond(send, tile, headers_of(tile, key, hit=bool(kept), known=known_tag))
        return True

    def _named(self, query: bytes) -> tuple[str, ...] | None:
        """The layers that a plain query names; None where it is not plain."""
        found = self._layers.get(query)
        if found is None:
            given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
            names = [name for name, _ in given]
            if set(names) - {"layers", "v"} or names.count("v") > 1:
                return None
            try:
                found = drawn(",".join(value for name, value in given if name == "layers"))
            except LayersError:
                return None
            if len(self._layers) < 1_000:
                self._layers[query] = found
        return found


async def tile_answer(
    request: Request,
    service: Service,
    principal: Principal,
    layers: tuple[str, ...],
    z: int,
    x: int,
    y: int,
) -> Response:
    """The tile as a route answers it. Raises what ``layers.tiles.check`` and ``Tiles.ask`` do."""
    check(layers, z, x, y)
    coding = accepted(whole(request.headers, "accept-encoding"))
    key = Key(right=right_of(principal), layers=layers, z=z, x=x, y=y, coding=coding)
    tile, hit = await service.tiles.ask(principal, key)
    known = known_as(request, tile.etag)
    told = headers_of(tile, key, hit=hit, known=known)
    headers = {name.decode(): value.decode() for name, value in told}
    return Response(tile.body if known is None else b"", 200 if known is None else 304, headers)


async def respond(send: Send, tile: Kept, headers: list[tuple[bytes, bytes]]) -> None:
    """Send a tile, or 304 where ``headers`` have no type."""
    whole = any(name == b"content-type" for name, _ in headers)
    await send({"type": "http.response.start", "status": 200 if whole else 304, "headers": headers})
    await send({"type": "http.response.body", "body": tile.body if whole else b""})


def cache_status(*, hit: bool) -> str:
    """Whether a tile was kept, as RFC 9211 has it."""
    return "patrolgrid; hit" if hit else "patrolgrid; fwd=miss"


def headers_of(tile: Kept, key: Key, *, hit: bool, known: str | None) -> list[tuple[bytes, bytes]]:
    """The headers of a tile's answer; ``known``: the ETag by which the client has it already."""
    as_of = rfc3339(tile.version.as_of)
    told = [
        (b"etag", (known or tile.etag).encode()),
        (b"cache-control", b"private, no-cache"),
        (b"vary", f"{VARY}, Accept-Encoding".encode()),
        (b"data-version", tile.version.data_version.encode()),
        (b"cache-status", cache_status(hit=hit).encode()),
    ]
    if as_of:
        told.append((b"as-of", as_of.encode()))
    if known is None:
        told.append((b"content-type", MVT.encode()))
        told.append((b"content-length", str(len(tile.body)).encode()))
        if key.coding and tile.body:
            told.append((b"content-encoding", key.coding.encode()))
    return told
