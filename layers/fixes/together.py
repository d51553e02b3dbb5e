"""Batches that arrive while others are stored go in together, in one transaction.

What a transaction costs beside its fixes is shared by all of them, and they are durable at once.
Whoever finds nobody at work takes all that wait, up to a number of fixes; the others wait until
theirs is done or it is their turn.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from dataclasses import dataclass

from sqlalchemy import Engine

from layers.db.engine import Principal
from layers.errors import DatabaseUnavailableError
from layers.fixes.batch import Batch
from layers.fixes.intake import Receipt, store_together
from layers.region import Region

#: More of them cost less each, but the first waits for the last.
MOST_FIXES = 8_000


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On whose behalf and by which rules batches are stored; only the same go together."""

    principal: Principal
    clock_skew_s: float
    retention_days: float | None


@dataclass(kw_only=True, eq=False)
class _Job:
    batch: Batch
    terms: Terms
    receipt: Receipt | None = None
    error: BaseException | None = None
    done: bool = False


class Group:
    """The batches of one database that wait to be stored."""

    def __init__(self, engine: Engine, region: Region) -> None:
        self._engine, self._region = weakref.ref(engine), region
        self._waiting: deque[_Job] = deque()
        self._turn = threading.Condition()  # guards _waiting and _busy
        self._busy = False

    def store(self, batch: Batch, terms: Terms) -> Receipt:
        """Store a batch with those that wait; durable when it returns. Raises as store_batch.

        Of two fixes that batches in one transaction have for one moment the better one is
        accepted, as if both had come in one batch.
        """
        job = _Job(batch=batch, terms=terms)
        with self._turn:
            self._waiting.append(job)
        while True:
            with self._turn:
                self._turn.wait_for(lambda: job.done or not self._busy)
                if job.done:
                    break
                self._busy, jobs = True, self._next()
            try:
                self._store(jobs)
            finally:
                with self._turn:
                    self._busy = False
                    self._turn.notify_all()
        if job.error is not None:
            raise job.error
        assert job.receipt is not None
        return job.receipt

    def _next(self) -> list[_Job]:
        """The first that waits and those behind it that may go with it."""
        jobs = [self._waiting.popleft()]
        count = len(jobs[0].batch)
        while self._waiting and self._waiting[0].terms == jobs[0].terms:
            count += len(self._waiting[0].batch)
            if count > MOST_FIXES:
                break
            jobs.append(self._waiting.popleft())
        return jobs

    def _store(self, jobs: list[_Job]) -> None:
        try:
            self._put(jobs)
        except DatabaseUnavailableError as error:
            _fail(jobs, error)
        except Exception as error:  # noqa: BLE001  it is raised by whom it concerns
            if len(jobs) == 1:
                _fail(jobs, error)
                return
            # Nobody is to suffer for what another sent.
            try:
                for job in jobs:
                    self._store([job])
            except BaseException as ended:
                _fail(jobs, ended)
                raise
        except BaseException as error:
            _fail(jobs, error)
            raise

    def _put(self, jobs: list[_Job]) -> None:
        engine = self._engine()
        assert engine is not None  # whoever calls holds it
        terms = jobs[0].terms
        receipts = store_together(
            engine, terms.principal, [job.batch for job in jobs], self._region,
            clock_skew_s=terms.clock_skew_s, retention_days=terms.retention_days,
        )  # fmt: skip
        for job, receipt in zip(jobs, receipts, strict=True):
            job.receipt, job.done = receipt, True


def _fail(jobs: list[_Job], error: BaseException) -> None:
    for job in jobs:
        if not job.done:
            job.error, job.done = error, True


_GROUPS: weakref.WeakKeyDictionary[Engine, Group] = weakref.WeakKeyDictionary()
_MAKING = threading.Lock()


def group(engine: Engine, region: Region) -> Group:
    """The group of a database."""
    with _MAKING:
        found = _GROUPS.get(engine)
        if found is None:
            found = _GROUPS[engine] = Group(engine, region)
        return found
