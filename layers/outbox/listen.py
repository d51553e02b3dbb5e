"""Hearing of new events at once: one connection listens, any number of readers are woken."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Self

import psycopg

from layers.outbox.events import CHANNEL

logger = logging.getLogger("patrolgrid.outbox")

_ALIVE_S = 30.0  # after so long without a notice the connection is tried
_ANSWER_S = 10.0  # and it is lost when it does not answer within this


async def listen(conninfo: str, *, retry_s: float = 1.0) -> AsyncGenerator[int, None]:
    """Ids of the newest event, one a transaction that published, without end.

    0 at each (re)connection: notices were perhaps missed, so look into the table. Reconnects
    every ``retry_s`` seconds while the database is away.
    """
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as ear:
                await ear.execute("SET ROLE patrolgrid_read")
                await ear.execute(f"LISTEN {CHANNEL}".encode())
                yield 0
                while True:
                    async for notice in ear.notifies(timeout=_ALIVE_S):
                        yield int(notice.payload)
                    async with asyncio.timeout(_ANSWER_S):
                        await ear.execute("SELECT 1")
        except (psycopg.OperationalError, TimeoutError) as error:
            logger.warning("the feed lost the database: %s", str(error).partition("\n")[0])
            await asyncio.sleep(retry_s)


class Ear:
    """One reader's place at the bell: it remembers that it rang, and for which id."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._newest = 0

    def ring(self, event_id: int) -> None:
        """Wake the reader, now or when it next waits."""
        self._newest = max(self._newest, event_id)
        self._rung.set()

    async def next(self, timeout_s: float) -> int | None:
        """Wait for a ring: the newest id that was called out (0: unknown); None: none in time.

        Rings that came while nobody waited are one ring: read the table after it.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
            self._rung.clear()
            return self._newest
        return None


class Bell:
    """One listening connection shared by many readers.

    A reader's queue is a single place: events are read from the table by id, so a slow reader
    costs nothing and misses nothing. Use it as ``async with Bell(conninfo) as bell``.
    """

    def __init__(self, conninfo: str, *, retry_s: float = 1.0) -> None:
        self._conninfo = conninfo
        self._retry_s = retry_s
        self._ears: set[Ear] = set()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="bell")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextlib.contextmanager
    def subscribe(self) -> Iterator[Ear]:
        """An ear for as long as it is needed; subscribe first, then read the table, then wait."""
        ear = Ear()
        self._ears.add(ear)
        try:
            yield ear
        finally:
            self._ears.discard(ear)

    async def _run(self) -> None:
        async with aclosing(listen(self._conninfo, retry_s=self._retry_s)) as notices:
            async for event_id in notices:
                for ear in self._ears:
                    ear.ring(event_id)
