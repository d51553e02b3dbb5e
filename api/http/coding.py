"""Content codings of answers: packed ones carry an ETag of their own."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware, GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.answers import uncoded, whole
from layers.tiles import accepted


class Packing(GZipMiddleware):
    """ASGI middleware: gzip for clients that take it; one that says ``gzip;q=0`` does not."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = scope["type"] == "http" and accepted(
            whole(Headers(scope=scope), "accept-encoding"), ("gzip",)
        )
        if not taken:
            plain = IdentityResponder(
                self.app, self.minimum_size, exclude_content_types=self.exclude_content_types
            )
            await (plain if scope["type"] == "http" else self.app)(scope, receive, send)
            return
        packed = GZipResponder(
            self.app, self.minimum_size, compresslevel=self.compresslevel,
            thread_minimum_size=self.thread_minimum_size,
            exclude_content_types=self.exclude_content_types,
        )  # fmt: skip
        await packed(scope, receive, send)


class CodedTags:
    """ASGI middleware outside of the one that packs: a strong ETag names one coding alone.

    RFC 9110, 8.8.3. The tag of what is packed ends with its coding, as those of tiles do;
    ``answers.known_by`` and ``conditions.tags_of`` take a state by any of its tags.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def coded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                tag = headers.get("etag")
                if tag is not None:
                    _tell(headers, tag)
            await send(message)

        await self.app(scope, receive, coded if scope["type"] == "http" else send)


def _tell(headers: MutableHeaders, tag: str) -> None:
    coding = headers.get("content-encoding")
    if coding and not tag.startswith("W/") and uncoded(tag) == tag:
        headers["etag"] = f'{tag[:-1]}-{coding}"'
    # Of a 304 and of what is too small to be packed, too: the next answer may be.
    if "accept-encoding" not in headers.get("vary", "").lower():
        headers.add_vary_header("Accept-Encoding")
