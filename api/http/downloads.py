"""A whole layer as a file, streamed to the client as it is made.

The transaction lives as long as the transfer does, so an answer here is a Response of its own that
opens it, watches for a client that goes away, and closes it whatever happens. GeoPackage, whose
pages are written to and fro, and FlatGeobuf, whose header at the front counts the features and
bounds them, go through a temporary file that nobody else can see: their first byte leaves once the
last feature is written. The headers do not wait for it longer than ``Download.patient_s``, so that
a client, and a proxy on the way, see that they are being served.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pyarrow as pa
from anyio import to_thread
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http.answers import VARY, known_as, rfc3339, right_of
from api.http.context import Service
from api.http.errors import RESPONSES, ApiError, problem
from api.http.negotiation import wanted
from api.http.slots import Slot
from layers import export, versions
from layers.db.engine import Principal, acting
from layers.export import FORMATS, Features, Format
from layers.versions import DataVersion

logger = logging.getLogger("patrolgrid.http")

#: Media types that are sent as they are.
BINARY = tuple(m for one in FORMATS.values() if one.is_binary for m in one.media_types)
#: The answers of a layer as OpenAPI has them.
CONTENT: dict[str, Any] = {
    one.media_types[0]: {"schema": {"type": "string", "format": "binary"}}
    for one in FORMATS.values() if one.name != "geojson"
}  # fmt: skip
NOT_ACCEPTABLE: dict[str, Any] = {
    "description": "none of the formats that the client takes",
    "content": RESPONSES["default"]["content"],
}
VARY_HERE = f"{VARY}, Accept"
_PIECE_BYTES, _PART_BYTES = 1 << 18, 1 << 16
_RETRY_S = 10


class TransferBrokenError(Exception):
    """A download ended before its time: the client sees that it is not whole."""


class _GoneError(Exception):
    """The client went away."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be downloaded."""

    layer: str
    format: Format
    bbox: Sequence[float] | None
    level: str | None


def asked(
    request: Request,
    layer: str,
    *,
    f: str | None,
    bbox: Sequence[float] | None,
    level: str | None,
) -> Wanted | None:
    """The download that a request for a layer asks for; None where it asks for a page of GeoJSON.

    Raises ApiError where it takes no format that there is, or asks for a page of a file.
    """
    of = wanted(f, request.headers.getlist("accept"))
    if of.name == "geojson":
        return None
    for name in ("limit", "cursor"):
        if name in request.query_params:
            raise ApiError(
                422, "no_pages", f"{name}: pages are of {FORMATS['geojson'].media_types[0]};"
                f" {of.media_types[0]} is the whole layer, or what of it meets bbox and level",
            )  # fmt: skip
    return Wanted(layer=layer, format=of, bbox=bbox, level=level)


class Download(Response):
    """A layer in a format: 200 with all of it, 304, or 503 when too many are under way."""

    #: A client that takes nothing for so long is let go.
    stalled_s = 60.0
    #: The headers are sent after so long at the latest; what fails sooner has its own answer.
    patient_s = 2.0

    def __init__(
        self, request: Request, service: Service, principal: Principal, what: Wanted
    ) -> None:
        super().__init__()
        self._request, self._service, self._principal = request, service, principal
        self._what = what
        self._gone = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        slots, name = self._service.downloads, self._principal.name
        slot = slots.take(name)
        try:
            # Only a transfer needs a slot, and who waits for one keeps no connection meanwhile.
            if slot is None and await self._served(None, scope, receive, send):
                return
            slot = slot or await slots.wait(name)
            if slot is None:
                await self._refusal()(scope, receive, send)
            else:
                await self._served(slot, scope, receive, send)
        finally:
            if slot is not None:
                slots.give_back(slot)

    async def _served(self, slot: Slot | None, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer; without a slot only what needs none: whether that was it."""
        stack = contextlib.ExitStack()
        try:
            begun = await to_thread.run_sync(self._begin, stack)
            if isinstance(begun, Response):
                await begun(scope, receive, send)
            elif slot is None:
                return False
            else:
                await self._transfer(begun, slot, receive, slot.watched(send))
            return True
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(_close, stack)

    def _refusal(self) -> Response:
        """503: there is no slot."""
        slots = self._service.downloads
        why = "as many downloads as may be are under way"
        if slots.holds_all(self._principal.name):
            why = f"{slots.most_of_one} downloads of yours are under way, and that is the most"
        return problem(
            503, "too_many_downloads", f"{why}: try again in {_RETRY_S} s",
            {"Retry-After": str(_RETRY_S)},
        )  # fmt: skip

    def _begin(self, stack: contextlib.ExitStack) -> Response | _Transfer:
        """Open what the transfer needs, on ``stack``; or the answer that needs none."""
        what = self._what
        held = stack.enter_context(contextlib.ExitStack())
        connection = held.enter_context(
            acting(self._service.engine, self._principal, "patrolgrid_read")
        )
        features = export.read(connection, what.layer, bbox=what.bbox, level=what.level)
        version = versions.read(connection, [what.layer])
        etag = self._etag(features, version)
        headers = self._described(etag, version)
        if (known := known_as(self._request, etag)) is not None:
            return Response(
                status_code=304, headers={**headers, "ETag": f"W/{known.removeprefix('W/')}"}
            )
        if getattr(self._request.state, "head", False):
            answer = Response(headers=headers)
            del answer.headers["content-length"]
            return answer
        watched = replace(features, batches=self._watched(features))
        pieces = _pieces(watched, what.format, held.close)
        stack.callback(pieces.close)
        return _Transfer(pieces=pieces, headers=headers)

    def _watched(self, features: Features) -> Iterator[pa.RecordBatch]:
        for batch in features.batches:
            if self._gone.is_set():
                raise _GoneError
            yield batch

    def _etag(self, features: Features, version: DataVersion) -> str:
        """Of all that the file follows from: equal ones mean equal features in a like file."""
        what = self._what
        content = repr((right_of(self._principal), version.data_version, what.format.name,
                        what.bbox, what.level, features.schema.names))  # fmt: skip
        return f'"{hashlib.blake2b(content.encode(), digest_size=12).hexdigest()}"'

    def _described(self, etag: str, version: DataVersion) -> dict[str, str]:
        what = self._what
        media_type = what.format.media_types[0]
        return {
            "Content-Type": f"{media_type}; charset=utf-8" if media_type == "text/csv"
            else media_type,
            "Content-Disposition": f'attachment; filename="{what.layer}'
            f'{what.format.suffixes[0]}"',
            "ETag": f"W/{etag}",  # another release may pack the same features otherwise
            "Cache-Control": "private, no-cache",
            "Vary": VARY_HERE,
            "Data-Version": version.data_version,
            **({"As-Of": str(rfc3339(version.as_of))} if version.as_of else {}),
            "X-Accel-Buffering": "no",
        }  # fmt: skip

    async def _transfer(
        self, transfer: _Transfer, slot: Slot, receive: Receive, send: Send
    ) -> None:
        """Send it, or stop as soon as the client went away, or had to give way."""
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            slot.end = group.cancel_scope.cancel
            group.start_soon(self._until_gone, receive, group.cancel_scope)
            try:
                await self._send(transfer, send)
            except Exception as error:  # noqa: BLE001 - out of the group, to be raised as itself
                failure = error
            group.cancel_scope.cancel()
        if slot.ended and failure is None:
            failure = TimeoutError("took nothing while others waited")
        if failure is None or self._gone.is_set():
            return
        if not transfer.started:
            raise failure
        logger.error("download of %s: %s", self._what.layer, type(failure).__name__)
        # Never the cause: it may hold values. The server cuts the connection.
        raise TransferBrokenError(f"the download of {self._what.layer} broke off") from None

    async def _until_gone(self, receive: Receive, scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone.set()
        scope.cancel()

    async def _send(self, transfer: _Transfer, send: Send) -> None:
        piece = await self._first(transfer, send)
        await transfer.start(send, self.stalled_s)
        while piece is not None:
            # Of a slow client small parts show that it takes some.
            for start in range(0, len(piece), _PART_BYTES):
                part = piece[start : start + _PART_BYTES]
                with anyio.fail_after(self.stalled_s):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            piece = await to_thread.run_sync(transfer.next)
        with anyio.fail_after(self.stalled_s):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _first(self, transfer: _Transfer, send: Send) -> bytes | None:
        """The first piece; the headers leave before it only where it takes long."""
        pieces: list[bytes | None] = []
        failures: list[Exception] = []
        done = anyio.Event()

        async def make() -> None:
            try:
                pieces.append(await to_thread.run_sync(transfer.next))
            except Exception as error:  # noqa: BLE001 - out of the group, to be raised as itself
                failures.append(error)
            done.set()

        async with anyio.create_task_group() as group:
            group.start_soon(make)
            with anyio.move_on_after(self.patient_s):
                await done.wait()
            if not done.is_set():
                try:
                    await transfer.start(send, self.stalled_s)
                except TimeoutError as error:
                    failures.append(error)
        if failures:
            raise failures[0]
        return pieces[0]


@dataclass(kw_only=True)
class _Transfer:
    """A file on its way."""

    pieces: Iterator[bytes]
    headers: dict[str, str]
    started: bool = field(default=False)  #: whether the client was told of it

    async def start(self, send: Send, stalled_s: float) -> None:
        """Send the headers, once. Raises TimeoutError where the client does not take them."""
        if self.started:
            return
        self.started = True
        headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in self.headers.items()]
        with anyio.fail_after(stalled_s):
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            # What packs holds the headers back until there is a body.
            await send({"type": "http.response.body", "body": b"", "more_body": True})

    def next(self) -> bytes | None:
        """The next piece; None at the end."""
        return next(self.pieces, None)


def _pieces(
    features: Features, of: Format, release: Callable[[], None]
) -> Generator[bytes, None, None]:
    """The file's bytes; ``release`` is called once the database is not needed any more."""
    if of.pieces is not None:
        yield from _gathered(of.pieces(features))
        return
    with contextlib.ExitStack() as opened:
        with tempfile.TemporaryDirectory(prefix="patrolgrid-download-") as folder:
            path = Path(folder) / f"{features.name}{of.suffixes[0]}"
            of.write(features, path)
            # Open, it outlives its name, and goes with this process at the latest.
            file = opened.enter_context(path.open("rb"))
        release()
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of one size: a header alone is not sent before the first rows."""
    held = b""
    for made in pieces:
        held += made
        while len(held) >= _PIECE_BYTES:
            yield held[:_PIECE_BYTES]
            held = held[_PIECE_BYTES:]
    yield held


def _close(stack: contextlib.ExitStack) -> None:
    try:
        stack.close()
    except Exception as error:  # noqa: BLE001 - the transfer is over, or failed and told so
        logger.warning("end of a download: %s", type(error).__name__)
