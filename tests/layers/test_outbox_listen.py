"""The bell: readers of the feed are woken by the commit, however often the database goes away."""

from __future__ import annotations

import asyncio

from sqlalchemy import Engine, text

from layers.db.engine import SYSTEM, acting, conninfo
from layers.outbox.events import NewEvent, publish
from layers.outbox.listen import Bell, Ear

OPENED = NewEvent(type="breach.opened", breach=None, data={})


def tell(engine: Engine, count: int = 1) -> int:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        return publish(connection, [OPENED] * count)[-1]


async def heard(ear: Ear, event_id: int) -> None:
    while await ear.next(5) != event_id:
        pass


def test_every_reader_hears_the_newest_id(engine: Engine, database_url: str) -> None:
    async def scenario() -> None:
        async with Bell(conninfo(database_url)) as bell:
            with bell.subscribe() as one, bell.subscribe() as other:
                assert await one.next(5) == 0  # listening has begun
                newest = await asyncio.to_thread(tell, engine, 3)
                await heard(one, newest)
                await heard(other, newest)

    asyncio.run(scenario())


def test_rings_that_nobody_waited_for_are_one_ring() -> None:
    async def scenario() -> None:
        ear = Ear()
        ear.ring(7)
        ear.ring(8)
        assert await ear.next(1) == 8
        assert await ear.next(0.01) is None

    asyncio.run(scenario())


def test_the_bell_rings_again_after_an_outage(engine: Engine, database_url: str) -> None:
    def cut() -> None:
        with engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND query LIKE 'LISTEN patrolgrid%'"
                )
            )

    async def scenario() -> None:
        async with Bell(conninfo(database_url), retry_s=0.05) as bell:
            with bell.subscribe() as ear:
                assert await ear.next(5) == 0
                await asyncio.to_thread(cut)
                assert await ear.next(5) == 0  # connected anew: look into the table
                await heard(ear, await asyncio.to_thread(tell, engine))

    asyncio.run(scenario())
