"""Hearing of changes: whoever waited knows all that was committed before."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
import shapely
from sqlalchemy import Engine, text

from layers.db.engine import conninfo
from layers.errors import DatabaseUnavailableError
from layers.tiles.hearing import EVERYTHING, Change, Hearing
from tests.layers.tile_words import mercator, settle


class Ear(Hearing):
    """A hearing that notes what it is told, and how often it looked."""

    def __init__(self, url: str) -> None:
        self.told: list[Change] = []
        self.looks = 0
        super().__init__(conninfo(url), self.told.extend)

    async def _look(self) -> None:
        self.looks += 1
        await super()._look()

    async def news(self) -> list[tuple[str, tuple[str, ...] | None]]:
        """What is new since this was asked last."""
        self.told.clear()
        await self.fresh()
        return [(one.layer, one.ids) for one in self.told]


def test_what_was_committed_before_is_told_before_the_answer(
    engine: Engine, database_url: str
) -> None:
    async def scenario() -> None:
        ear = Ear(database_url)
        assert await ear.news() == [(EVERYTHING, None)]
        assert await ear.news() == []
        for n in range(20):
            await asyncio.to_thread(settle, engine, f"s{n}", n / 10, 0.5)
            assert await ear.news() == [("settlements", (f"s{n}",))]
            (change,) = ear.told
            assert change.place is not None
            assert change.place.distance(shapely.Point(mercator(100 + n / 10, 40.5))) < 0.01
        await ear.close()

    asyncio.run(scenario())


INSERT = b"INSERT INTO settlements (id, geom) VALUES (%s, 'SRID=4326;POINT(100 40)')"


def test_transactions_that_commit_in_another_order_than_they_began_are_told_once_each(
    database_url: str,
) -> None:
    async def scenario() -> None:
        ear = Ear(database_url)
        await ear.fresh()
        async with (
            await psycopg.AsyncConnection.connect(conninfo(database_url)) as slow,
            await psycopg.AsyncConnection.connect(conninfo(database_url)) as quick,
            await psycopg.AsyncConnection.connect(conninfo(database_url)) as undone,
        ):
            # Of three layers: two that write one layer wait for each other.
            await slow.execute(INSERT, ["slow"])
            await undone.execute(INSERT.replace(b"settlements", b"posts"), ["undone"])
            await quick.execute(INSERT.replace(b"settlements", b"checkpoints"), ["quick"])
            assert await ear.news() == []
            await quick.commit()
            assert await ear.news() == [("checkpoints", ("quick",))]
            assert await ear.news() == []
            await undone.rollback()
            await slow.execute(b"SAVEPOINT s")
            await slow.execute(INSERT, ["slow too"])
            await slow.commit()
            assert await ear.news() == [("settlements", ("slow",)), ("settlements", ("slow too",))]
            assert await ear.news() == []
        await ear.close()

    asyncio.run(scenario())


def test_many_who_wait_share_a_look_that_began_after_they_came(database_url: str) -> None:
    async def scenario() -> None:
        ear = Ear(database_url)
        await ear.fresh()
        ear.looks = 0
        await asyncio.gather(*(ear.fresh() for _ in range(100)))
        assert ear.looks == 1
        ear.looks = 0
        first = asyncio.ensure_future(ear.fresh())
        while not ear.looks:
            await asyncio.sleep(0)
        await asyncio.gather(first, *(ear.fresh() for _ in range(100)))
        assert ear.looks == 2  # who came during the first look has the second
        await ear.close()

    asyncio.run(scenario())


def test_who_stops_waiting_takes_nothing_from_the_others(database_url: str) -> None:
    async def scenario() -> None:
        ear = Ear(database_url)
        impatient, patient = (asyncio.ensure_future(ear.fresh()) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        await patient
        assert impatient.cancelled()
        await ear.close()

    asyncio.run(scenario())


def test_a_lost_connection_is_replaced_and_what_was_missed_is_told(
    engine: Engine, database_url: str
) -> None:
    async def scenario() -> None:
        ear = Ear(database_url)
        await ear.fresh()
        for name in ("one", "other"):  # as often as it happens
            await asyncio.to_thread(settle, engine, name)
            await _lose(ear, engine)
            assert await ear.news() == [("settlements", (name,))]
        await ear.close()

    asyncio.run(scenario())


def test_a_lost_connection_that_cannot_be_replaced_is_said(
    engine: Engine, database_url: str
) -> None:
    async def scenario() -> None:
        ear = Ear(database_url)
        await ear.fresh()
        there, ear._conninfo = ear._conninfo, conninfo(database_url.replace("/test_", "/no_such_"))
        await _lose(ear, engine)
        looks = ear.looks
        with pytest.raises(DatabaseUnavailableError):
            await ear.fresh()
        assert ear.looks == looks + 2
        with pytest.raises(DatabaseUnavailableError):
            await ear.fresh()
        assert ear.looks == looks + 3  # no connection was open: once is enough
        await asyncio.to_thread(settle, engine, "after")
        ear._conninfo = there
        assert await ear.news() == [("settlements", ("after",))]
        await ear.close()

    asyncio.run(scenario())


async def _lose(ear: Ear, engine: Engine) -> None:
    """End the connection from the server's side."""
    assert ear._connection is not None
    pid = ear._connection.info.backend_pid
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def test_a_server_that_is_not_there_is_said(database_url: str) -> None:
    async def scenario() -> None:
        ear = Ear(database_url.replace("/test_", "/no_such_"))
        with pytest.raises(DatabaseUnavailableError):
            await asyncio.gather(ear.fresh(), ear.fresh())
        await ear.close()

    asyncio.run(scenario())


def test_after_half_an_hour_away_everything_is_forgotten(database_url: str) -> None:
    async def scenario() -> None:
        ear = Ear(database_url)
        await ear.fresh()
        ear._looked_s -= 1790
        assert await ear.news() == []
        ear._looked_s -= 1810
        assert await ear.news() == [(EVERYTHING, None)]
        assert await ear.news() == []
        await ear.close()

    asyncio.run(scenario())


def test_a_listener_that_fails_fails_the_waiting_and_not_those_after(
    engine: Engine, database_url: str
) -> None:
    async def scenario() -> None:
        ear = Ear(database_url)
        await ear.fresh()
        tell, ear._tell = ear._tell, _broken
        settle(engine, "a")
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(ear.fresh(), 5)
        ear._tell = tell
        assert await asyncio.wait_for(ear.news(), 5) == [("settlements", ("a",))]
        await ear.close()

    asyncio.run(scenario())


def _broken(changes: list[Change]) -> None:
    raise ZeroDivisionError


def test_closing_leaves_nobody_waiting(database_url: str) -> None:
    async def scenario() -> None:
        ear = Ear(database_url)
        first = asyncio.ensure_future(ear.fresh())
        while not ear.looks:
            await asyncio.sleep(0)
        second = asyncio.ensure_future(ear.fresh())
        await asyncio.sleep(0)
        await ear.close()
        done = await asyncio.wait_for(
            asyncio.gather(first, second, return_exceptions=True), timeout=5
        )
        assert all(isinstance(one, asyncio.CancelledError) for one in done)

    asyncio.run(scenario())
