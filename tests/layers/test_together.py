"""Batches that wait for each other are stored together, and each gets its own receipt."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from layers.db.engine import SYSTEM
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
