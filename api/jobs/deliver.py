"""One delivery: signed by Standard Webhooks, sent to a checked address, its outcome recorded."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import httpx
from sqlalchemy import Connection, Engine
from standardwebhooks import Webhook

from api.jobs.receivers import Network, Receiver, check
from layers.db.engine import SYSTEM, acting
from layers.errors import BadSubscriptionError
from layers.outbox import deliveries
from layers.outbox.deliveries import Outcome, Parcel
from layers.outbox.events import Event

logger = logging.getLogger("patrolgrid.webhooks")
T = TypeVar("T")

TIMEOUT_S = 10.0  # for one attempt as a whole: name, connection, answer
GONE = 410
_MAX_ANSWER_BYTES = 16_384  # of an answer are read, so that the connection ends in order
_MAX_ERROR = 200  # characters of a reason are kept

#: Pauses between attempts: quick at first, then every hour for seven days.
PAUSES_S: tuple[float, ...] = (5, 30, 120, 600, 1800, *[3600] * (7 * 24))


@dataclass(frozen=True, kw_only=True)
class Courier:
    """What deliveries need."""

    engine: Engine
    client: httpx.AsyncClient
    allowed: Sequence[Network] = ()  #: networks that are not public and may be sent to
    pauses_s: Sequence[float] = PAUSES_S  #: a delivery fails when they are used up
    timeout_s: float = TIMEOUT_S
    #: Threads that use the database, one of them at times for long (what is too old is dropped),
    #: and others: a resolver that hangs must not take those.
    clerks: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(5, "clerk"))
    resolvers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8, "resolver"))

    async def carry(self, delivery: int) -> None:
        """Make one attempt at a delivery that is pending."""
        parcel = await self.ask(lambda connection: deliveries.pick_up(connection, delivery))
        if parcel is None:
            return
        outcome = await send(self, parcel)
        pause_s = None if outcome.status == GONE else self._pause_s(parcel.attempts)
        await self.ask(lambda c: deliveries.settle(c, parcel, outcome, pause_s=pause_s))
        if outcome.error:
            logger.info("delivery %d, attempt %d: %s", parcel.id, parcel.attempts, outcome.error)

    def _pause_s(self, attempts: int) -> float | None:
        """How long to wait after so many attempts, spread by a quarter; None: no more."""
        if attempts > len(self.pauses_s):
            return None
        return self.pauses_s[attempts - 1] * random.uniform(0.75, 1.25)  # noqa: S311

    async def ask(self, work: Callable[[Connection], T]) -> T:
        """Do ``work`` in one transaction of the service's own, in another thread."""

        def transaction(engine: Engine) -> T:
            with acting(engine, SYSTEM, "patrolgrid_write") as connection:
                return work(connection)

        return await self.clerk(transaction)

    async def clerk(self, work: Callable[[Engine], T]) -> T:
        """Do ``work`` in another thread; the engine is there until it is done, whoever stops."""
        return await asyncio.get_running_loop().run_in_executor(self.clerks, work, self.engine)

    def close(self) -> None:
        """Let what is being recorded finish; it uses the engine, so before that is disposed."""
        self.resolvers.shutdown(wait=False, cancel_futures=True)
        self.clerks.shutdown(wait=True)


def make_client(tls: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """A client that follows no redirect, keeps no cookie and reads nothing of the environment.

    ``tls``: the authorities to trust; by default the system's.
    """
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(
            verify=tls or ssl.create_default_context(),
            trust_env=False,
            # No connection is kept: the next delivery resolves and checks anew.
            limits=httpx.Limits(max_keepalive_connections=0),
        ),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "patrolgrid"},
    )


def letter(parcel: Parcel, now: datetime) -> tuple[bytes, dict[str, str]]:
    """Body and headers by the Standard Webhooks specification, signed as of ``now`` (UTC).

    webhook-id is the event's, equal at each attempt and replay: receivers drop what they had.
    """
    event = Event(
        id=parcel.event,
        type=parcel.type,
        time=parcel.time,
        breach=parcel.breach,
        data=parcel.data,
    )
    body = json.dumps(event.message(), ensure_ascii=False, separators=(",", ":"))
    message_id = f"evt_{parcel.event}"
    return body.encode(), {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(parcel.secret).sign(message_id, now, body),
    }


async def send(courier: Courier, parcel: Parcel) -> Outcome:
    """Make the attempt; whatever goes wrong on the way is an outcome, not an exception."""
    try:
        async with asyncio.timeout(courier.timeout_s):
            receiver = await asyncio.get_running_loop().run_in_executor(
                courier.resolvers, lambda: check(parcel.url, allowed=courier.allowed)
            )
            status = await _post(courier, receiver, parcel)
    except TimeoutError:
        return Outcome(status=None, error=f"no answer within {courier.timeout_s:g} s")
    except BadSubscriptionError as error:
        return Outcome(status=None, error=str(error)[:_MAX_ERROR])
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Outcome(status=None, error=_reason(error))
    if 200 <= status < 300:
        return Outcome(status=status, error=None)
    return Outcome(status=status, error=_refusal(status))


async def _post(courier: Courier, receiver: Receiver, parcel: Parcel) -> int:
    """Status of the answer, from the first of the receiver's addresses that takes a connection."""
    body, signed = letter(parcel, datetime.now(UTC))
    attempts = receiver.requests()
    connect_s = courier.timeout_s / len(attempts)
    for number, (url, headers, extensions) in enumerate(attempts, start=1):
        try:
            async with courier.client.stream(
                "POST",
                url,
                content=body,
                headers={**signed, **headers},
                extensions=extensions,
                # The caller limits the attempt as a whole; no address may use all of it up.
                timeout=httpx.Timeout(None, connect=connect_s),
            ) as answer:
                await _drain(answer)
                return answer.status_code
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if number == len(attempts):
                raise
    raise AssertionError("a checked receiver has an address")


async def _drain(answer: httpx.Response) -> None:
    """Read the beginning of an answer, raw, and drop it: nothing in it counts."""
    received = 0
    async for chunk in answer.aiter_raw():
        received += len(chunk)
        if received >= _MAX_ANSWER_BYTES:
            return


def _refusal(status: int) -> str:
    if status == GONE:
        return "HTTP 410: the receiver is gone; the subscription was switched off"
    if 300 <= status < 400:
        return f"HTTP {status}: redirects are not followed; subscribe the final address"
    return f"HTTP {status}"


def _reason(error: Exception) -> str:
    """A reason in a line. httpx names neither URL nor headers in these messages."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"[:_MAX_ERROR]
