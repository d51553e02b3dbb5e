"""How far answers have come that take long, told as events while they are computed."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import anyio
from anyio import from_thread, to_thread
from fastapi import Request
from fastapi.sse import format_sse_event
from sqlalchemy import Connection
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from layers.coverage import Done
from layers.db.engine import Principal, acting

STREAM = "text/event-stream"
#: So many answers are computed at once for those who watch; others wait for their turn.
AT_ONCE = 4
_LOOK_S, _KEEP_ALIVE_S = 0.2, 15.0


class _GoneError(Exception):
    """The client went away."""


class Underway:
    """The answers that are being computed now; any thread may tell and look."""

    def __init__(self) -> None:
        self._parts: dict[Hashable, tuple[int, int]] = {}
        self._wanted: Counter[Hashable] = Counter()
        self._lock = threading.Lock()
        self.threads = anyio.CapacityLimiter(AT_ONCE)

    @contextlib.contextmanager
    def wanted(self, key: Hashable) -> Iterator[None]:
        """One more wants the answer under ``key``, who computes it or waits for who does."""
        with self._lock:
            self._wanted[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._wanted[key] -= 1
                self._wanted += Counter()  # without those that nobody wants

    @contextlib.contextmanager
    def telling(self, key: Hashable, also: Done) -> Iterator[Done]:
        """What hears how far the answer under ``key`` has come; ``also`` hears it, too, and may
        end the work, while nobody else wants it."""

        def heard(done: int, of: int) -> None:
            self._parts[key] = done, of
            if self._wanted[key] <= 1:
                also(done, of)

        try:
            yield heard
        finally:
            self._parts.pop(key, None)

    def any(self) -> bool:
        """Whether anything is being computed."""
        return bool(self._parts)

    def parts(self, key: Hashable) -> tuple[int, int] | None:
        """How much is done of how much; None where nothing is computed."""
        return self._parts.get(key)


def waited_for(request: Request) -> Done:
    """What hears how far an answer has come in its request's own thread; raises ClientDisconnect
    once nobody waits for it any more."""
    looked_s = time.monotonic()

    def heard(_done: int, _of: int) -> None:
        nonlocal looked_s
        if time.monotonic() - looked_s < _LOOK_S:
            return
        looked_s = time.monotonic()
        if from_thread.run(request.is_disconnected):
            raise ClientDisconnect

    return heard


class EventStream(Response):
    """Events, as the OpenAPI document is to have them."""

    media_type = STREAM


class Progress(EventStream):
    """Events until an answer is kept for whoever asks next: ``progress``, then ``ready`` or
    ``failed``. A client that goes away ends what is computed for it alone."""

    def __init__(
        self,
        request: Request,
        key: Hashable,
        principal: Principal,
        compute: Callable[[Connection, Done], dict[str, object]],
    ) -> None:
        super().__init__(
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        del self.headers["content-length"]
        self._request, self._key = request, key
        self._principal, self._compute = principal, compute
        self._service: Any = request.app.state.service
        self._gone = threading.Event()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if not getattr(self._request.state, "head", False):
            async with anyio.create_task_group() as group:
                group.start_soon(self._until_gone, receive, group.cancel_scope)
                await self._tell(send)
                group.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_gone(self, receive: Receive, scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone.set()
        scope.cancel()

    async def _tell(self, send: Send) -> None:
        """All events, from the first to the last."""
        ended: list[bytes] = []
        over = anyio.Event()

        async def work() -> None:
            ended.append(await self._outcome())
            over.set()

        await _push(send, b": patrolgrid\n\n")
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            try:
                await self._watch(send, over)
            finally:
                self._gone.set()  # whatever ended the watching
        await _push(send, ended[0])

    async def _watch(self, send: Send, over: anyio.Event) -> None:
        """Tell how far it has come, until it is over."""
        told, quiet_s = None, 0.0
        while not over.is_set():
            with anyio.move_on_after(_LOOK_S):
                await over.wait()
            quiet_s += _LOOK_S
            parts = self._service.underway.parts(self._key)
            if parts is not None and parts != told:
                told, quiet_s = parts, 0.0
                await _push(send, _event("progress", {"done": parts[0], "of": parts[1]}))
            elif quiet_s >= _KEEP_ALIVE_S:
                quiet_s = 0.0
                await _push(send, b": still here\n\n")

    async def _outcome(self) -> bytes:
        """The last event."""
        try:
            ready = await to_thread.run_sync(self._work, limiter=self._service.underway.threads)
        except _GoneError:
            return b""
        except Exception as error:  # noqa: BLE001 - refused as the answer itself would be
            return _event("failed", json.loads(await self._refusal(error)))
        return _event("ready", ready)

    def _work(self) -> dict[str, object]:
        def heard(_done: int, _of: int) -> None:
            if self._gone.is_set():
                raise _GoneError

        with acting(self._service.engine, self._principal, "patrolgrid_read") as connection:
            return self._compute(connection, heard)

    async def _refusal(self, error: Exception) -> bytes:
        """The problem document that the answer would be."""
        handlers = self._request.app.exception_handlers
        handler = next(handlers[cls] for cls in type(error).__mro__ if cls in handlers)
        return bytes((await handler(self._request, error)).body)


def _event(name: str, told: dict[str, object]) -> bytes:
    return format_sse_event(data_str=json.dumps(told, ensure_ascii=False), event=name)


async def _push(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
