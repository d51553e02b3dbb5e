"""The queue: procrastinate on the same PostgreSQL, so that a job commits with its reason."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from procrastinate import App, JobContext, PsycopgConnector
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from api.jobs.deliver import Courier
from layers.db.engine import conninfo
from layers.outbox.deliveries import QUEUE, TASK

#: Under this name a worker's jobs find the Courier.
COURIER = "courier"
_OPEN_S = 2.0  # the database answers within this, or is tried again


async def deliver(context: JobContext, *, delivery_id: int) -> None:
    """Make one attempt at a delivery; what comes next is decided and armed in it."""
    courier = context.additional_context[COURIER]
    assert isinstance(courier, Courier)
    await courier.carry(delivery_id)


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[App]:
    """The queue of the database at ``url``; raises OperationalError when it does not answer."""
    pool = AsyncConnectionPool(
        conninfo(url),
        min_size=1,
        max_size=4,
        configure=_as_writer,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    app = App(connector=PsycopgConnector(configure=_as_writer))
    # Not by a Blueprint: adding one to a second App renames its tasks once more.
    app.task(name=TASK, queue=QUEUE, pass_context=True)(deliver)
    # Ours and not the connector's, which would wait for 30 s and not hear of a stop meanwhile.
    await pool.open(wait=True, timeout=_OPEN_S)
    try:
        async with app.open_async(pool):
            yield app
    finally:
        await pool.close()


async def _as_writer(connection: AsyncConnection) -> None:
    """The queue too works under the unprivileged role."""
    await connection.execute("SET ROLE patrolgrid_write")
    await connection.commit()
