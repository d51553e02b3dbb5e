"""Batches that arrive while others are stored go in together, in one transaction.

What a transaction costs beside its fixes is shared by all of them, and they are durable at once.
One thread a database writes: it takes all that wait, up to a number of fixes, stores them and tells
each its receipt. Who waits needs no thread, and whoever comes while nobody writes waits for nobody.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy import Engine

from layers.db.engine import Principal
from layers.errors import DatabaseUnavailableError, HeldError
from layers.fixes.batch import Batch
from layers.fixes.intake import Receipt, store_together
from layers.region import Region

#: More of them cost less each, but the first waits for the last.
MOST_FIXES = 24_000
#: A writer that had nothing to do for so long ends; the next batch starts another.
_IDLE_S = 1.0
#: How long all wait for who holds units of some of them, and then each of them alone.
_PATIENCE_S, _SINGLE_PATIENCE_S = 3.0, 0.1


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On whose behalf and by which rules batches are stored; only the same go together."""

    principal: Principal
    clock_skew_s: float
    retention_days: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    engine: Engine  #: held by what is to be stored alone, so that a group ends with its engine
    batch: Batch
    terms: Terms
    told: Future[Receipt] = field(default_factory=Future)


class Group:
    """The batches of one database that wait to be stored."""

    def __init__(self, engine: Engine, region: Region) -> None:
        self._engine, self._region = weakref.ref(engine), region
        self._came = threading.Condition()  # guards all below
        self._waiting: deque[_Job] = deque()
        self._writer: threading.Thread | None = None

    def store(self, batch: Batch, terms: Terms) -> Receipt:
        """Store a batch with those that wait; durable when it returns. Raises as store_batch.

        Of two fixes that batches in one transaction have for one moment the better one is
        accepted, as if both had come in one batch.
        """
        return self._begin(batch, terms).result()

    async def stored(self, batch: Batch, terms: Terms) -> Receipt:
        """As ``store``, without a thread that waits.

        Who is cancelled before the writer took the batch has left nothing; later, it is stored.
        """
        return await asyncio.wrap_future(self._begin(batch, terms))

    def _begin(self, batch: Batch, terms: Terms) -> Future[Receipt]:
        engine = self._engine()
        assert engine is not None  # whoever calls holds it
        job = _Job(engine=engine, batch=batch, terms=terms)
        with self._came:
            if self._writer is None:
                writer = threading.Thread(target=self._write, name="fixes", daemon=True)
                writer.start()
                self._writer = writer
            self._waiting.append(job)
            self._came.notify()
        return job.told

    def _write(self) -> None:
        """Store what waits until nothing comes any more."""
        while jobs := self._next():
            self._store(jobs)
            # What is stored, and its engine, is not held while there is nothing to do.
            jobs.clear()

    def _next(self) -> list[_Job]:
        """The first that waits and those that may go with it; none: this writer has ended."""
        with self._came:
            while self._came.wait_for(lambda: self._waiting, timeout=_IDLE_S):
                taken = self._together()
                # Who has gone meanwhile is not stored.
                jobs = [job for job in taken if job.told.set_running_or_notify_cancel()]
                if jobs:
                    return jobs
            self._writer = None
            return []

    def _together(self) -> list[_Job]:
        """Take the first from the queue and, in their order, those on its terms that find room."""
        first = self._waiting[0]
        alike = [job for job in self._waiting if job.terms == first.terms]
        taken, count = [first], len(first.batch)
        for job in alike[1:]:
            count += len(job.batch)
            if count > MOST_FIXES:
                break
            taken.append(job)
        gone = set(map(id, taken))
        self._waiting = deque(job for job in self._waiting if id(job) not in gone)
        return taken

    def _store(self, jobs: Sequence[_Job], patience_s: float = _PATIENCE_S) -> None:
        """Store jobs together, or one by one where that fails; each is told, whatever happens."""
        try:
            receipts = self._put(jobs, patience_s)
        except DatabaseUnavailableError as error:
            if isinstance(error, HeldError) and len(jobs) > 1:
                # Only those whose units are held are to wait for whoever holds them.
                for job in jobs:
                    self._store([job], _SINGLE_PATIENCE_S)
                return
            _fail(jobs, error)
        except BaseException as error:  # noqa: BLE001  it is raised by whom it concerns
            if len(jobs) == 1 or not isinstance(error, Exception):
                _fail(jobs, error)
                return
            # Nobody is to suffer for what another sent.
            for job in jobs:
                self._store([job])
        else:
            for job, receipt in zip(jobs, receipts, strict=True):
                job.told.set_result(receipt)

    def _put(self, jobs: Sequence[_Job], patience_s: float) -> list[Receipt]:
        terms = jobs[0].terms
        receipts = store_together(
            jobs[0].engine, terms.principal, [job.batch for job in jobs], self._region,
            clock_skew_s=terms.clock_skew_s, retention_days=terms.retention_days,
            patience_s=patience_s,
        )  # fmt: skip
        assert len(receipts) == len(jobs)
        return receipts


def _fail(jobs: Sequence[_Job], error: BaseException) -> None:
    for job in jobs:
        job.told.set_exception(error)


_GROUPS: weakref.WeakKeyDictionary[Engine, Group] = weakref.WeakKeyDictionary()
_MAKING = threading.Lock()


def group(engine: Engine, region: Region) -> Group:
    """The group of a database."""
    with _MAKING:
        found = _GROUPS.get(engine)
        if found is None:
            found = _GROUPS[engine] = Group(engine, region)
        return found
