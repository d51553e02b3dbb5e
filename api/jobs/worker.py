"""The worker: runs the queue's jobs until it is told to stop, takes up what others dropped, and
drops what is older than it is kept, and keeps up what coverage is read from."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial

from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from psycopg import Error as PgError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from api.jobs.deliver import PAUSES_S, TIMEOUT_S, Courier, make_client
from api.jobs.queue import COURIER, opened
from api.jobs.receivers import Network
from geo.errors import GeoError
from layers import plan, staleness
from layers.coverage import keeping
from layers.db.engine import make_engine
from layers.errors import DatabaseUnavailableError, LayersError
from layers.fixes import dropping
from layers.outbox import deliveries
from layers.outbox.deliveries import QUEUE
from layers.region import Region

logger = logging.getLogger("patrolgrid.worker")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often a worker does what; the defaults are for production."""

    concurrency: int = 20  #: deliveries under way at a time
    poll_s: float = 0.5  #: retries start this late at most; new jobs start at once
    heartbeat_s: float = 5.0  #: how often a worker says that it lives
    stalled_s: float = 20.0  #: a worker silent for longer is dead: its jobs are taken up
    rescue_s: float = 10.0  #: how often that is looked for
    reconnect_s: float = 1.0  #: pause before another start when the database went away
    timeout_s: float = TIMEOUT_S  #: for one attempt
    grace_s: float = TIMEOUT_S + 2  #: how long attempts may take to end at a stop
    pauses_s: Sequence[float] = PAUSES_S  #: between the attempts of a delivery
    retention_s: float = 3600.0  #: how often it is looked whether a day is over
    coverage_s: float = 60.0  #: how often what coverage is read from is made up to date
    coverage_at_once_s: float = 30.0  #: for how long at most, each time


def work(
    url: str,
    *,
    allowed: Sequence[Network] = (),
    pace: Pace | None = None,
    tls: ssl.SSLContext | None = None,
    retention_days: float | None = None,
    region: Region | None = None,
) -> None:
    """Run a worker on the database at ``url`` until SIGTERM or SIGINT; attempts are let finish."""

    async def until_signalled() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run_worker(
            url, allowed=allowed, stop=stop, pace=pace, tls=tls, retention_days=retention_days,
            region=region,
        )  # fmt: skip

    asyncio.run(until_signalled())


async def run_worker(
    url: str,
    *,
    allowed: Sequence[Network] = (),
    stop: asyncio.Event,
    pace: Pace | None = None,
    tls: ssl.SSLContext | None = None,
    retention_days: float | None = None,
    region: Region | None = None,
) -> None:
    """Run a worker until ``stop`` is set; it outlives the database's restarts.

    ``allowed``: networks that are not public and that webhooks may go to. ``tls``: the
    authorities that receivers' certificates are verified with; by default the system's.
    ``retention_days``: for how long fixes are kept; None: for ever. ``region``: for which coverage
    is kept up; None: it is not.
    """
    pace = pace or Pace()
    async with _courier(url, allowed, pace, tls) as courier:
        while not stop.is_set():
            try:
                await _shift(url, courier, pace, stop, retention_days, region)
            except (ConnectorException, DBAPIError, PgError, DatabaseUnavailableError) as error:
                logger.warning("the worker lost the database: %s", type(error).__name__)
            if not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pace.reconnect_s)


@contextlib.asynccontextmanager
async def _courier(
    url: str, allowed: Sequence[Network], pace: Pace, tls: ssl.SSLContext | None
) -> AsyncIterator[Courier]:
    engine = make_engine(url, pool_size=5)
    async with make_client(tls) as client:
        courier = Courier(
            engine=engine,
            client=client,
            allowed=tuple(allowed),
            pauses_s=pace.pauses_s,
            timeout_s=pace.timeout_s,
        )
        try:
            yield courier
        finally:
            await asyncio.to_thread(courier.close)
            engine.dispose()


async def _shift(
    url: str,
    courier: Courier,
    pace: Pace,
    stop: asyncio.Event,
    retention_days: float | None,
    region: Region | None,
) -> None:
    """Run jobs on one set of connections until ``stop`` is set or the database goes away."""
    async with opened(url) as app:
        jobs = asyncio.create_task(
            app.run_worker_async(
                queues=[QUEUE],
                concurrency=pace.concurrency,
                fetch_job_polling_interval=pace.poll_s,
                update_heartbeat_interval=pace.heartbeat_s,
                stalled_worker_timeout=pace.stalled_s,
                shutdown_graceful_timeout=pace.grace_s,
                # The rows of deliveries tell what became of them: a job that ended is nothing.
                delete_jobs="always",
                install_signal_handlers=False,
                additional_context={COURIER: courier},
            ),
            name="jobs",
        )
        others = [
            asyncio.create_task(stop.wait(), name="stop"),
            asyncio.create_task(_tidy_regularly(app, courier, pace), name="rescue"),
        ]
        if retention_days is not None:
            others.append(
                asyncio.create_task(
                    _drop_regularly(courier, pace, retention_days), name="retention"
                )
            )
        if region is not None:
            others.append(
                asyncio.create_task(
                    _keep_up_regularly(courier, pace, region, stop), name="coverage"
                )
            )
        try:
            done, _ = await asyncio.wait([jobs, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (jobs, *others):
                task.cancel()  # the worker takes this as: finish what is under way
            await asyncio.gather(jobs, *others, return_exceptions=True)
        for task in done:
            task.result()


async def _tidy_regularly(app: App, courier: Courier, pace: Pace) -> None:
    while True:
        await rescue(app, courier, stalled_s=pace.stalled_s)
        await courier.ask(staleness.prune)
        await asyncio.sleep(pace.rescue_s)


async def _drop_regularly(courier: Courier, pace: Pace, retention_days: float) -> None:
    """Drop what is too old, once a day; that a run was broken off is seen within the hour."""
    while True:
        await courier.clerk(partial(dropping.drop, retention_days=retention_days))
        await asyncio.sleep(pace.retention_s)


async def _keep_up_regularly(
    courier: Courier, pace: Pace, region: Region, stop: asyncio.Event
) -> None:
    """Keep up what coverage and the plan are read from; later than the start, which has enough to
    do."""
    while True:
        await asyncio.sleep(pace.coverage_s)
        try:
            # The plan's days are made of coverage's.
            for keep_up in (keeping.keep_up, plan.keep_up):
                work = partial(
                    keep_up, region=region, patience_s=pace.coverage_at_once_s,
                    stopping=stop.is_set,
                )  # fmt: skip
                await courier.clerk(work)
        except (GeoError, LayersError) as error:
            if isinstance(error, DatabaseUnavailableError):
                raise
            # Whoever asks is told the same; everything else goes on.
            logger.warning("coverage is not kept up: %s", error)


async def rescue(app: App, courier: Courier, *, stalled_s: float) -> int:
    """Take up what dead workers left; how many deliveries were armed again.

    Their jobs are ended, and every pending delivery without a job is given one: also those whose
    job failed before it could record why.
    """
    for job in await app.job_manager.get_stalled_jobs(
        queue=QUEUE, seconds_since_heartbeat=stalled_s
    ):
        # Another worker may have been quicker.
        with contextlib.suppress(ConnectorException):
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
    return await courier.ask(_rearm)


def _rearm(connection: Connection) -> int:
    turn = connection.execute(
        text("SELECT pg_try_advisory_xact_lock(hashtext('patrolgrid rescue'))")
    ).scalar_one()
    return deliveries.rearm(connection) if turn else 0
