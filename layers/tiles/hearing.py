"""Hearing of changes before each answer: what is kept in memory is never older than a request.

A request waits for a look into the database that began after the request came; all that wait at
one moment share a look, so that it costs a busy server little. Changes are found by snapshots
(what commits between two looks is seen by the second alone), so nothing depends on the order of
commits, on notices that may be late, or on which process or machine wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import shapely

from layers.errors import DatabaseUnavailableError

logger = logging.getLogger("patrolgrid.tiles")

_STATEMENT = Path(__file__).with_name("changes.sql").read_text().replace("$1", "%(seen)s")
#: Rows are told for at least an hour after their commit (``layers.staleness``); who has not looked
#: for so long must forget everything.
_MOST_AWAY_S = 1800.0
_ANSWER_S = 20.0
EVERYTHING = "*"


@dataclass(frozen=True, kw_only=True)
class Change:
    """Features that changed, as one transaction committed them."""

    layer: str  #: or ``tokens``, or EVERYTHING
    ids: tuple[str, ...] | None  #: None: too many to name, or all
    place: shapely.Geometry | None  #: Web Mercator, before and after; None: anywhere


_EVERYTHING_CHANGED = Change(layer=EVERYTHING, ids=None, place=None)


class Hearing:
    """One connection of a process, and the looks that its requests share."""

    def __init__(self, conninfo: str, tell: Callable[[list[Change]], None]) -> None:
        """``tell`` is called with what is new before any request that waited goes on."""
        self._conninfo, self._tell = conninfo, tell
        self._connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        self._seen: str | None = None
        self._looked_s = 0.0
        self._waiting: asyncio.Future[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    async def fresh(self) -> None:
        """Return when all that was committed before this call has been told.

        Raises DatabaseUnavailableError.
        """
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_for_all())
        await asyncio.shield(self._waiting)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        await self._forget_connection()

    async def _look_for_all(self) -> None:
        """Look as long as somebody waits; who comes during a look waits for the next."""
        while self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            try:
                async with asyncio.timeout(_ANSWER_S):
                    await self._look_or_again()
            except (psycopg.Error, OSError, TimeoutError) as error:
                await self._forget_connection()
                logger.warning("tiles cannot look for changes: %s", str(error).partition("\n")[0])
                waiting.set_exception(
                    DatabaseUnavailableError("the database does not answer: try again shortly")
                )
                waiting.exception()  # whoever waited may have gone
            except asyncio.CancelledError:
                waiting.cancel()
                raise
            except Exception as error:  # a fault of ours: who waited is told, and those after ask
                logger.exception("tiles cannot look for changes")
                waiting.set_exception(error)
                waiting.exception()
            else:
                waiting.set_result(None)

    async def _look_or_again(self) -> None:
        """Look; once more where the connection that was open before is lost, as idle ones are."""
        was_open = self._connection is not None
        try:
            await self._look()
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
            if not was_open:
                raise
            logger.info("tiles connect anew: %s", str(error).partition("\n")[0])
            await self._forget_connection()
            await self._look()

    async def _look(self) -> None:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._conninfo, autocommit=True, prepare_threshold=0
            )
            await self._connection.execute("SET ROLE patrolgrid_gate")
        if self._seen is None:
            await self._begin(self._connection)
            return
        answer = await self._connection.execute(
            _STATEMENT.encode(), {"seen": self._seen}, binary=True
        )
        rows = await answer.fetchall()
        moment_s = float(str(rows[0][1]))
        changes = [_change(row) for row in rows if row[2] is not None]
        if moment_s - self._looked_s > _MOST_AWAY_S:
            changes = [_EVERYTHING_CHANGED]
        if changes:
            self._tell(changes)
        self._seen, self._looked_s = str(rows[0][0]), moment_s

    async def _begin(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        answer = await connection.execute(
            "SELECT pg_current_snapshot()::text, extract(epoch FROM clock_timestamp())::float8"
        )
        row = await answer.fetchone()
        assert row is not None
        self._tell([_EVERYTHING_CHANGED])
        self._seen, self._looked_s = str(row[0]), float(str(row[1]))

    async def _forget_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()


def _change(row: tuple[object, ...]) -> Change:
    ids, place = row[3], row[4]
    assert ids is None or isinstance(ids, list)
    assert place is None or isinstance(place, bytes)
    return Change(
        layer=str(row[2]),
        ids=None if ids is None else tuple(ids),
        place=None if place is None else shapely.from_wkb(place),
    )
