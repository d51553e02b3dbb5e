"""The queue: procrastinate on the same PostgreSQL, so that a job commits with its reason."""

from __future__ import annotations

import psycopg
from procrastinate import App, JobContext, PsycopgConnector

from api.jobs.deliver import Courier
from layers.db.engine import conninfo
from layers.outbox.deliveries import QUEUE, TASK

#: Under this name a worker's jobs find the Courier.
COURIER = "courier"


async def deliver(context: JobContext, *, delivery_id: int) -> None:
    """Make one attempt at a delivery; what comes next is decided and armed in it."""
    courier = context.additional_context[COURIER]
    assert isinstance(courier, Courier)
    await courier.carry(delivery_id)


def make_app(url: str) -> App:
    """The queue of the database at ``url``; open it before use."""
    app = App(
        connector=PsycopgConnector(
            conninfo=conninfo(url), min_size=1, max_size=4, configure=_as_writer
        )
    )
    # Not by a Blueprint: adding one to a second App renames its tasks once more.
    app.task(name=TASK, queue=QUEUE, pass_context=True)(deliver)
    return app


async def _as_writer(connection: psycopg.AsyncConnection[object]) -> None:
    """The queue too works under the unprivileged role."""
    await connection.execute("SET ROLE patrolgrid_write")
    await connection.commit()
