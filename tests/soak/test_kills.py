"""kill -9 at random moments: nothing acknowledged is lost, nothing doubled, nothing untold.

``make test`` kills 20 times; ``make soak`` runs the same with 200 (PATROLGRID_TEST_KILLS) and
prints what it saw. PATROLGRID_TEST_SEED repeats a run's traffic and order of kills.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import geopandas as gpd
import httpx
import numpy as np
import pandas as pd
import psycopg
import pytest

from layers.db.engine import conninfo
from service import Service
from tests import reckoning
from tests.soak import kills
from tests.soak.senders import GROUND, UNITS, Gateway, plans
from tests.workload import enrolments, fences, unit_frame, write_fences

KILLS = int(os.environ.get("PATROLGRID_TEST_KILLS", "20"))
SEED = int(os.environ.get("PATROLGRID_TEST_SEED", "0")) or secrets.randbelow(10**6) + 1
FENCES = 80
LOG_CHARACTERS = 20_000  #: of what the service said, shown when the test fails
ZONE = "Asia/Shanghai"  #: of the demo's region file, which the service takes


class Undisturbed(Service):
    """A service that nobody kills, on a database that is given."""

    database_url = ""

    @property
    def environment(self) -> dict[str, str]:
        """The environment, with the database."""
        return {**super().environment, "PATROLGRID_DATABASE_URL": self.database_url}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is set up once."""

    frame: gpd.GeoDataFrame  #: the fences
    file: Path  #: the same, as a file


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    rng = np.random.default_rng(SEED)
    corner = (GROUND.west, GROUND.south)
    homes = corner + rng.uniform(0, GROUND.side_deg, (UNITS, 2))
    made = Scene(frame=fences(rng, GROUND, FENCES, homes), file=tmp_path / "fences.geojson")
    write_fences(made.frame, made.file)
    return made


@pytest.fixture
def ended_in_order() -> Iterator[None]:
    """SIGTERM ends the session as Ctrl-C does, so that no server is left behind."""

    def end(number: int, _: FrameType | None) -> None:
        pytest.exit(f"signal {number}", 128 + number)

    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def service(undisturbed: Service) -> Iterator[Service]:
    with TemporaryDirectory(prefix="patrolgrid-soak-") as folder:
        made = Service(data_dir=Path(folder) / "data")
        try:
            made.start("--no-demo")
            made.wait_until_ready()
            yield made
        finally:
            kills.clear(made)
            print(made.log.read_text()[-LOG_CHARACTERS:])


@pytest.fixture
def undisturbed(ended_in_order: None, database_url: str, tmp_path: Path) -> Iterator[Service]:
    made = Undisturbed(data_dir=tmp_path / "undisturbed")
    made.database_url = database_url
    made.start("--no-demo")  # it comes up beside the other
    try:
        yield made
    finally:
        made.end()


def furnish(service: Service, scene: Scene) -> None:
    """Put the fences and the units in."""
    service.command("load", "fences", str(scene.file))
    with service.client() as client:
        assert client.post("/api/units", json=enrolments(UNITS)).status_code == 201


def victims(chance: random.Random) -> list[str]:
    """Whom to kill, in an order by chance."""
    deck = [name for name, often in kills.DECK.items() for _ in range(often)]
    order: list[str] = []
    while len(order) < KILLS:
        order += chance.sample(deck, len(deck))
    return order[:KILLS]


def killed(service: Service, gateways: list[Gateway], victim: str, chance: random.Random) -> float:
    """Kill at a moment by chance; seconds until a fix was acknowledged again."""
    aimed = chance.random() < 0.7
    if aimed:  # while a request is on its way, early or late in it
        until(lambda: any(gateway.busy.is_set() for gateway in gateways), gateways, "a request")
        time.sleep(chance.uniform(0, 0.04))
    else:
        time.sleep(chance.uniform(0, 0.4))
    before = sum(gateway.acknowledged for gateway in gateways)
    while not kills.kill(service, victim, chance.random()):
        time.sleep(0.05)  # it is being started
    begun = time.monotonic()
    if chance.random() < 0.2:
        # The next one falls on a service that is still coming up.
        time.sleep(chance.uniform(0, 1))
        return float("nan")
    until(lambda: sum(g.acknowledged for g in gateways) > before + 1, gateways, f"after {victim}")
    took_s = time.monotonic() - begun
    more = before + chance.randint(2, 12)
    until(lambda: sum(g.acknowledged for g in gateways) > more, gateways, f"after {victim}")
    return took_s


def until(holds, gateways: list[Gateway], what: str) -> None:
    """Wait until something holds; fails when it does not, or when a gateway was told wrong."""
    deadline = time.monotonic() + 90
    while not holds():
        told = [word for gateway in gateways for word in gateway.wrong]
        assert not told, told
        assert time.monotonic() < deadline, f"not within 90 s: {what}"
        time.sleep(0.005)


def under_fire(service: Service, gateways: list[Gateway]) -> dict[str, list[float]]:
    """Kill while they send; then let them finish. By victim, seconds until all was well."""
    chance = random.Random(SEED)
    threads = [threading.Thread(target=gateway.run) for gateway in gateways]
    took: dict[str, list[float]] = {}
    for thread in threads:
        thread.start()
    try:
        for victim in victims(chance):
            took.setdefault(victim, []).append(killed(service, gateways, victim, chance))
        last = sum(gateway.acknowledged for gateway in gateways)
        until(lambda: sum(g.acknowledged for g in gateways) > last + 8, gateways, "after the last")
    finally:
        for gateway in gateways:
            gateway.stop.set()
        for thread in threads:
            thread.join()
    return took


def report(took: dict[str, list[float]], gateways: list[Gateway], fixes: int, events: int) -> None:
    """Print what was seen; pytest shows it with -s, or when something fails."""
    for victim, seconds in took.items():
        well = [s for s in seconds if s == s]  # noqa: PLR0124  NaN: not waited for
        if well:
            print(
                f"{victim:>10} killed {len(seconds)} times: a fix was acknowledged again after"
                f" {statistics.median(well):.1f} s (median), {max(well):.1f} s at most"
            )
    print(
        f"{fixes:,} fixes in {sum(g.acknowledged for g in gateways):,} batches acknowledged, "
        f"{sum(g.sent_again for g in gateways):,} sent again; {events:,} events"
    )


def send_in_order(client: httpx.Client, sent: pd.DataFrame) -> None:
    """Everything once more, from the oldest to the newest."""
    rows = sent.sort_values(["time", "unit", "lon"]).drop_duplicates()
    for start in range(0, len(rows), 5_000):
        part = rows.iloc[start : start + 5_000].assign(time=lambda f: f["time"].map(str))
        body = part.to_csv(index=False)
        done = client.post("/api/fixes", content=body, headers={"Content-Type": "text/csv"})
        assert done.status_code == 200, done.text
        assert done.json()["refused"] == 0


@pytest.mark.timeout(300 + 20 * KILLS)
def test_after_kills_at_random_moments_all_is_as_if_nobody_had_been_killed(
    service: Service, undisturbed: Service, scene: Scene
) -> None:
    print(f"\nPATROLGRID_TEST_SEED={SEED} PATROLGRID_TEST_KILLS={KILLS}")
    furnish(service, scene)
    with service.client() as client:
        batches = plans(np.random.default_rng(SEED), steps=250 * KILLS + 500)
        gateways = [
            Gateway(url=service.url, token=service.admin_token, batches=own) for own in batches
        ]
        took = under_fire(service, gateways)
        assert [gateway.wrong for gateway in gateways] == [[]] * len(gateways)
        service.wait_until_ready()
        sent = pd.concat([b.frame() for g in gateways for b in g.sent()], ignore_index=True)
        with psycopg.connect(conninfo(kills.cluster(service).url)) as connection:
            reckoning.fixes_are_those_sent(connection, sent)
            reckoning.histories_have_no_gaps(connection)
        reckoning.units_stand_where_they_were_last(client, sent)
        got = reckoning.told(client)
        report(took, gateways, len(sent), reckoning.events_tell_each_change_once(client))
    expected = reckoning.judged(sent, unit_frame(UNITS), scene.frame, ZONE)
    assert expected.total() > KILLS
    assert not reckoning.differences(got, expected), reckoning.differences(got, expected)
    undisturbed.wait_until_ready()
    furnish(undisturbed, scene)
    with undisturbed.client() as client:
        send_in_order(client, sent)
        calm = reckoning.told(client)
    assert not reckoning.differences(got, calm), reckoning.differences(got, calm)
