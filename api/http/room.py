"""How much is being taken in at once: what finds no room is told so before it is read."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Self

import anyio
from fastapi import Request
from starlette.exceptions import HTTPException

from api.http.errors import ApiError

#: When who found no room may come again; most batches take less.
AGAIN_S = 1
#: Bodies that are read at one time in threads: more would only wait for each other.
AT_ONCE = 3


class BusyError(ApiError):
    """There is no room now."""

    def __init__(self) -> None:
        super().__init__(
            503, "busy", "as much is being taken in as there is room for: send it again shortly",
            {"Retry-After": str(AGAIN_S)},
        )  # fmt: skip


class Room:
    """Room for ``most_requests`` and for ``most_bytes`` of their bodies, unpacked.

    A body that is alone always fits; any thread may ask.
    """

    def __init__(self, *, most_requests: int, most_bytes: int) -> None:
        self._most_requests, self._most_bytes = most_requests, most_bytes
        self._requests = self._bytes = 0
        self._lock = threading.Lock()
        self.threads = anyio.CapacityLimiter(AT_ONCE)

    @property
    def held_bytes(self) -> int:
        """How much is held now."""
        return self._bytes

    def enter(self) -> Place:
        """A place for one request. Raises BusyError where there is none."""
        with self._lock:
            if self._requests >= self._most_requests:
                raise BusyError
            self._requests += 1
        return Place(room=self)

    def _grow(self, by_bytes: int, own_bytes: int) -> None:
        with self._lock:
            others = self._bytes - own_bytes
            if others and self._bytes + by_bytes > self._most_bytes:
                raise BusyError
            self._bytes += by_bytes

    def _leave(self, own_bytes: int) -> None:
        with self._lock:
            self._requests -= 1
            self._bytes -= own_bytes


@dataclass(kw_only=True)
class Place:
    """The place of one request; left at the end of a ``with``."""

    room: Room
    _held: int = field(default=0, init=False)

    def hold(self, more_bytes: int) -> None:
        """Take room for more of the body. Raises BusyError."""
        self.room._grow(more_bytes, self._held)  # noqa: SLF001 - one thing in two classes
        self._held += more_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.room._leave(self._held)  # noqa: SLF001

    async def body(self, request: Request, *, within_s: float) -> bytes:
        """The body, as there is room for it. Raises BusyError, and HTTPException 408 where it takes
        longer than ``within_s`` to come."""
        told = request.headers.get("content-length", "")
        announced = int(told) if told.isascii() and told.isdigit() else None
        if announced is not None:
            self.hold(announced)
        parts = []
        try:
            with anyio.fail_after(within_s):
                async for part in request.stream():
                    if announced is None:
                        self.hold(len(part))
                    parts.append(part)
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        except BusyError as busy:
            busy.headers["Connection"] = "close"
            raise
        return b"".join(parts)
