"""Batches that wait for each other are stored together, and each gets its own receipt."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from layers.db.engine import SYSTEM, make_engine
from layers.errors import DatabaseUnavailableError
from layers.fixes import intake, together
from layers.fixes.batch import Batch
from layers.fixes.intake import Receipt
from tests.layers.conftest import NOON, Post

Fixes = Callable[..., pd.DataFrame]
SENDERS, EACH = 6, 20


def terms() -> together.Terms:
    return together.Terms(principal=SYSTEM, clock_skew_s=60, retention_days=None)


def at_once(post: Post, batches: list[Batch]) -> list[Receipt | BaseException]:
    """What becomes of batches that are sent at one moment."""
    group = together.Group(post.engine, post.region)
    start = threading.Barrier(len(batches))
    found: list[Receipt | BaseException] = [None] * len(batches)  # type: ignore[list-item]

    def send(n: int) -> None:
        start.wait()
        try:
            found[n] = group.store(batches[n], terms())
        except BaseException as error:  # noqa: BLE001
            found[n] = error

    threads = [threading.Thread(target=send, args=(n,)) for n in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_each_sender_gets_the_receipt_of_its_own_batch(post: Post, fixes: Fixes) -> None:
    post.enrol("u")
    batches = [
        Batch.of(
            pd.concat(
                [
                    fixes("u", *[(n * EACH + m, 100 + m / 1000, 40.0) for m in range(EACH)]),
                    fixes("stranger", *[(m, 1.0, 1.0) for m in range(n)]),
                    fixes("u", (n * EACH, 0.0, 0.0)),
                ],
                ignore_index=True,
            )
        )
        for n in range(SENDERS)
    ]
    found = at_once(post, batches)
    for n, receipt in enumerate(found):
        assert isinstance(receipt, Receipt)
        assert (receipt.accepted, receipt.duplicate, receipt.refused) == (EACH, 0, n)
        assert [(q.index, q.reason) for q in receipt.quarantined] == [(EACH + n, "zero_zero")]
    assert post.scalar("SELECT count(*) FROM fixes") == SENDERS * EACH


def test_the_same_fix_of_two_senders_is_accepted_once(post: Post, fixes: Fixes) -> None:
    post.enrol("u")
    found = at_once(post, [Batch.of(fixes("u", (0, 100.0, 40.0)))] * SENDERS)
    told = sorted((r.accepted, r.duplicate) for r in found if isinstance(r, Receipt))
    assert told == [(0, 1)] * (SENDERS - 1) + [(1, 0)]


def test_several_batches_are_one_transaction_and_what_they_say_is_told_apart(
    post: Post, fixes: Fixes
) -> None:
    post.enrol("u")
    post.enrol("v")
    post.fence("f", "POLYGON((100 40,100.01 40,100.01 40.01,100 40.01,100 40))")
    into = fixes("u", (0, 99.99, 40.005), (5, 100.005, 40.005))
    beside = fixes("v", (0, 99.9, 40.005))
    receipts = intake.store_together(
        post.engine, SYSTEM, [Batch.of(beside), Batch.of(into)], post.region, now=NOON
        + pd.Timedelta(days=1),
    )  # fmt: skip
    assert [(r.accepted, r.breaches) for r in receipts] == [(1, 0), (2, 1)]
    assert post.scalar("SELECT count(DISTINCT xmin::text) FROM fixes") == 1


def test_what_one_sender_breaks_costs_no_other(
    post: Post, fixes: Fixes, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.enrol("u")
    whole = intake.store_together

    def refuses(engine, principal, batches, region, **more):
        if any(np.isin(666.0, batch.altitude_m) for batch in batches):
            raise ValueError("cannot be stored")
        return whole(engine, principal, batches, region, **more)

    monkeypatch.setattr(together, "store_together", refuses)
    good = [Batch.of(fixes("u", (n, 100.0, 40.0))) for n in range(SENDERS)]
    bad = Batch.of(fixes("u", (99, 100.0, 40.0)).assign(altitude_m=666.0))
    *found, broken = at_once(post, [*good, bad])
    assert [r.accepted for r in found if isinstance(r, Receipt)] == [1] * SENDERS
    assert isinstance(broken, ValueError)


# One writer, and who waits for it -----------------------------------------------------------


class Held:
    """A stand-in for the transaction: each waits until it is let go, and its batches are noted."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.stored: list[list[int]] = []  #: by transaction, the sizes of its batches
        self.by: list[str] = []  #: whose they were
        self.error: Exception | None = None

    def __call__(self, _, principal, batches: Sequence[Batch], *__, **___) -> list[Receipt]:
        self.begun.release()
        assert self.go.acquire(timeout=20)
        if self.error is not None:
            raise self.error
        self.stored.append([len(batch) for batch in batches])
        self.by.append(principal.name)
        return [
            Receipt(accepted=len(b), duplicate=0, refused=0, quarantined=[], breaches=0)
            for b in batches
        ]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """The transaction held; let go at the end, so that no writer hangs."""
    made = Held()
    monkeypatch.setattr(together, "store_together", made)
    yield made
    made.go.release(100)


def of(size: int) -> Batch:
    """A batch of so many fixes."""
    return Batch.of(pd.DataFrame({"unit": "u", "time": [NOON] * size}))


def waiting(group: together.Group, *batches: Batch, terms: together.Terms) -> list[Future[Receipt]]:
    return [group._begin(batch, terms) for batch in batches]


def test_who_comes_while_nobody_writes_is_stored_at_once_and_those_after_together(
    post: Post, held: Held
) -> None:
    group = together.Group(post.engine, post.region)
    first = waiting(group, of(1), terms=terms())
    assert held.begun.acquire(timeout=20)
    others = waiting(group, of(2), of(3), of(4), terms=terms())
    held.go.release(2)
    assert [f.result(20).accepted for f in [*first, *others]] == [1, 2, 3, 4]
    assert held.stored == [[1], [2, 3, 4]]


def test_a_transaction_takes_so_many_fixes_and_one_batch_however_large(
    post: Post, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "MOST_FIXES", 10)
    group = together.Group(post.engine, post.region)
    futures = waiting(group, of(1), terms=terms())
    assert held.begun.acquire(timeout=20)
    futures += waiting(group, of(6), of(4), of(1), of(30), of(2), terms=terms())
    held.go.release(10)
    assert [f.result(20).accepted for f in futures] == [1, 6, 4, 1, 30, 2]
    assert held.stored == [[1], [6, 4], [1], [30], [2]]


def test_only_those_on_the_same_terms_go_together_and_nobody_is_passed_over(
    post: Post, held: Held
) -> None:
    group = together.Group(post.engine, post.region)
    a, b = (replace(terms(), principal=replace(SYSTEM, name=name)) for name in "ab")
    futures = waiting(group, of(9), terms=a)
    assert held.begun.acquire(timeout=20)
    for size, whose in ((1, b), (2, a), (3, b), (4, a), (5, b)):
        futures += waiting(group, of(size), terms=whose)
    held.go.release(3)
    assert [f.result(20).accepted for f in futures] == [9, 1, 2, 3, 4, 5]
    assert (held.stored, held.by) == ([[9], [1, 3, 5], [2, 4]], ["a", "b", "a"])


def test_where_the_database_is_away_all_are_told_and_nothing_is_tried_again(
    post: Post, held: Held
) -> None:
    group = together.Group(post.engine, post.region)
    first = waiting(group, of(1), terms=terms())
    assert held.begun.acquire(timeout=20)
    others = waiting(group, of(2), of(3), terms=terms())
    held.error = DatabaseUnavailableError("away")
    held.go.release(2)
    for future in [*first, *others]:
        assert isinstance(future.exception(20), DatabaseUnavailableError)
    assert held.begun.acquire(timeout=20)
    assert not held.begun.acquire(blocking=False)
    held.error = None
    held.go.release()
    assert group.store(of(4), terms()).accepted == 4  # the writer is still there


def test_more_wait_than_there_are_threads_and_one_who_goes_takes_nobody_along(
    post: Post, held: Held
) -> None:
    group = together.Group(post.engine, post.region)

    async def all_of_them() -> list[Receipt | BaseException]:
        first = asyncio.create_task(group.stored(of(1), terms()))
        await asyncio.to_thread(held.begun.acquire, timeout=20)
        tasks = [asyncio.create_task(group.stored(of(2), terms())) for _ in range(200)]
        await asyncio.sleep(0)
        first.cancel()  # it is being stored, and will be
        for task in tasks[::2]:
            task.cancel()  # they are not yet, and will not be
        await asyncio.sleep(0)
        held.go.release(2)
        return await asyncio.gather(first, *tasks, return_exceptions=True)

    first, *found = asyncio.run(all_of_them())
    assert isinstance(first, asyncio.CancelledError)
    assert all(isinstance(one, asyncio.CancelledError) for one in found[::2])
    assert [one.accepted for one in found[1::2] if isinstance(one, Receipt)] == [2] * 100
    assert held.stored == [[1], [2] * 100]


def test_who_goes_in_the_middle_is_stored_once_and_may_send_again(post: Post, fixes: Fixes) -> None:
    post.enrol("u")
    group = together.Group(post.engine, post.region)
    batches = [Batch.of(fixes("u", (n, 100.0, 40.0))) for n in range(30)]

    async def impatient() -> None:
        for n, batch in enumerate(batches):
            task = asyncio.create_task(group.stored(batch, terms()))
            await asyncio.sleep(n / 3_000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(impatient())
    told = [group.store(batch, terms()) for batch in batches]
    assert all(r.accepted + r.duplicate == 1 for r in told)
    assert post.scalar("SELECT count(*) FROM fixes") == len(batches)


def test_a_writer_ends_when_there_is_nothing_to_do_and_its_engine_can_go(
    post: Post, held: Held, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "_IDLE_S", 0.05)
    engine = make_engine(database_url)
    group = together.group(engine, post.region)
    assert together.group(engine, post.region) is group
    for size in (1, 2):  # the second time by another writer
        held.go.release()
        assert group.store(of(size), terms()).accepted == size
        writer = group._writer
        assert writer is not None
        writer.join(20)
        assert group._writer is None
    ended = weakref.ref(engine)
    del engine, group, writer
    gc.collect()
    assert ended() is None
