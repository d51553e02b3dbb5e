"""Gateways that send batches of fixes until each is acknowledged, whatever happens meanwhile.

Some units speak through one gateway alone, others through several; fixes come in order, late and
again, and now and then a unit says two things of one moment. What each gateway sends, batch by
batch, is a function of the seed; how far it comes is not.
"""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field

import httpx
import numpy as np

from tests.workload import Fixes, Ground, journeys

GATEWAYS = 4
UNITS = 12
SHARED = 4  #: units that speak through all of the gateways
GROUND = Ground(side_deg=0.15, least_m=300, common_m=2_500, most_m=6_000)
MOST = 60  #: fixes in a batch, of 1 to so many
#: How long a gateway keeps trying when the last kill is over.
PATIENCE_S = 60


def plans(rng: np.random.Generator, steps: int) -> list[list[Fixes]]:
    """For each gateway its batches; ``steps`` fixes a unit, 10 s apart."""
    fixes = journeys(rng, GROUND, units=UNITS, steps=steps)
    through = np.where(
        fixes.unit < SHARED, rng.integers(0, GATEWAYS, len(fixes)), fixes.unit % GATEWAYS
    )
    return [_batches(rng, fixes.take(through == n)) for n in range(GATEWAYS)]


def _batches(rng: np.random.Generator, fixes: Fixes) -> list[Fixes]:
    place = np.arange(len(fixes), dtype=float)
    late = rng.random(len(fixes)) < 0.25
    place[late] += rng.exponential(60, np.count_nonzero(late))
    again = np.flatnonzero(rng.random(len(fixes)) < 0.05)
    other = np.flatnonzero(rng.random(len(fixes)) < 0.01)
    said = fixes.take(other)
    said = Fixes(
        unit=said.unit, time_us=said.time_us, lon=np.round(said.lon + 0.0004, 6), lat=said.lat,
        accuracy_m=rng.choice([2.0, 10.0, np.nan], len(other)),
    )  # fmt: skip
    every = fixes.plus(fixes.take(again)).plus(said)
    later = [place[again] + rng.exponential(90, len(again)),
             place[other] + rng.exponential(30, len(other))]  # fmt: skip
    order = np.argsort(np.concatenate([place, *later]), kind="stable")
    cuts = np.cumsum(rng.integers(1, MOST + 1, len(every)))
    return [every.take(rows) for rows in np.split(order, cuts[cuts < len(every)])]


@dataclass(kw_only=True)
class Gateway:
    """One connection's sender."""

    url: str
    token: str
    batches: list[Fixes]
    pause_s: float = 0.12  #: between batches, at most
    acknowledged: int = 0  #: batches
    sent_again: int = 0
    busy: threading.Event = field(default_factory=threading.Event)  #: a request is on its way
    stop: threading.Event = field(default_factory=threading.Event)
    wrong: list[str] = field(default_factory=list)  #: answers that must not be

    def run(self) -> None:
        """Send batch after batch until told to stop; what was begun is finished."""
        chance = random.Random(self.pause_s)
        with httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"},
            trust_env=False, timeout=30,
        ) as client:  # fmt: skip
            for batch in self.batches:
                if self.stop.is_set() or self.wrong:
                    return
                self._send(client, batch)
                time.sleep(chance.uniform(0, self.pause_s))
        if not self.stop.is_set():
            self.wrong.append("every batch was sent before the last kill: plan more of them")

    def _send(self, client: httpx.Client, batch: Fixes) -> None:
        body = json.dumps(batch.rows()).encode()
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self._sent_once(client, body, len(batch)):
                return
            if not self.stop.is_set():
                deadline = time.monotonic() + PATIENCE_S
            self.sent_again += 1
            time.sleep(0.15)
        self.wrong.append(f"not acknowledged within {PATIENCE_S} s")

    def _sent_once(self, client: httpx.Client, body: bytes, count: int) -> bool:
        """Whether it was acknowledged, or answered as it must not be."""
        self.busy.set()
        try:
            answer = client.post(
                "/api/fixes", content=body, headers={"Content-Type": "application/json"}
            )
        except httpx.TransportError:
            return False
        finally:
            self.busy.clear()
        if answer.status_code == 503:
            return False
        told = answer.json() if answer.status_code == 200 else {}
        if told and told["refused"] == 0:
            counted = told["accepted"] + told["duplicate"] + len(told["quarantined"])
            if counted == count:
                self.acknowledged += 1
                return True
        self.wrong.append(f"{answer.status_code} {answer.text[:500]}")
        return True

    def sent(self) -> list[Fixes]:
        """What was acknowledged."""
        return self.batches[: self.acknowledged]
