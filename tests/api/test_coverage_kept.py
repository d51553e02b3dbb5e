"""Coverage of a window that is over: fixes of today do not have it computed again."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from api.jobs.worker import Pace, run_worker
from geo.errors import WrongGeometryError
from layers import coverage
from layers.coverage import keeping
from layers.region import Region
from tests.api.api_words import at, box, enrol, feature, fix, put, send
from tests.layers.conftest import REGION

HERE = "/tiles/12/3186/1550.mvt"  # 100.02 E, 40.005 N
WINDOW = {"from": at(0), "to": at(30)}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for every time that coverage is really computed."""
    times: list[str] = []
    real = coverage.answer

    def counted(*given: Any) -> coverage.Measured:
        times.append("measured")
        return real(*given)

    monkeypatch.setattr(coverage, "answer", counted)
    return times


def _ask(client: httpx.Client) -> dict[str, Any]:
    told: dict[str, Any] = client.get("/api/coverage", params=WINDOW).json()
    return told


def _tile(client: httpx.Client) -> httpx.Response:
    return client.get(HERE, params={"layers": "coverage", **WINDOW})


def test_only_what_says_something_of_the_window_has_it_computed_again(
    admin: httpx.Client, measured: list[str]
) -> None:
    enrol(admin, "v", "w")
    put(admin, "grids", feature("g", box(100.01, 40, 0.02), level="cell"))
    send(admin, [fix("v", 0, 100.01), fix("v", 7, 100.0222222)])
    send(admin, [fix("v", minute, 100.1) for minute in (50, 51, 52)])
    first, tile = _ask(admin), _tile(admin)
    assert measured == ["measured"]

    send(admin, [fix("v", 60, 100.2), fix("v", 61, 100.02)])
    later, again = _ask(admin), _tile(admin)
    assert measured == ["measured"]
    assert (later["features"], later["totals"]) == (first["features"], first["totals"])
    # It is of the newest data, and says so.
    assert later["data_version"] != first["data_version"]
    assert again.headers["data-version"] == later["data_version"]
    assert again.content == tile.content
    assert again.headers["cache-status"] == "patrolgrid; hit"

    for n, change in enumerate(
        (
            lambda: send(admin, [fix("v", 9, 100.03)]),  # a late one within
            lambda: send(admin, [fix("v", 40, 100.04)]),  # the first one behind: a gap ends there
            lambda: send(admin, [fix("w", -5, 100.02), fix("w", 35, 100.02)]),  # over all of it
            lambda: put(admin, "grids", feature("h", box(100.05, 40, 0.02), level="cell")),
            lambda: enrol(admin, "x", max_gap_s=60),
        )
    ):
        change()
        _ask(admin)
        assert len(measured) == n + 2
        assert _tile(admin).headers["cache-status"] == "patrolgrid; fwd=miss"
    assert len(measured) == 6


@pytest.mark.parametrize("table", ["fixes", "fixes_20260302"])
def test_coverage_of_what_was_truncated_is_no_longer_told(
    admin: httpx.Client, engine: Engine, table: str
) -> None:
    enrol(admin, "v")
    put(admin, "grids", feature("g", box(100.01, 40, 0.02), level="cell"))
    send(admin, [fix("v", 0, 100.01), fix("v", 7, 100.0222222)])
    tile, before = _tile(admin), _ask(admin)
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {table}"))
    assert _ask(admin)["data_version"] != before["data_version"]
    (cell,) = _ask(admin)["features"]
    assert cell["properties"]["patrol_s"] == 0
    assert _tile(admin).content != tile.content
    again = _ask(admin)
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {table}"))  # of what is empty
    assert _ask(admin) == again


def test_the_worker_keeps_it_up_by_itself_and_goes_on_where_it_cannot(
    admin: httpx.Client, engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(admin, "v")
    put(admin, "grids", feature("g", box(100.01, 40, 0.02), level="cell"))
    send(admin, [fix("v", 0, 100.01), fix("v", 7, 100.0222222)])
    before = _ask(admin)
    real, refusals = keeping.keep_up, ["cells: one is no polygon; leave it out"]

    def once_refused(*given: object, **more: object) -> int:
        if refusals:
            raise WrongGeometryError(refusals.pop())
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(keeping, "keep_up", once_refused)

    def kept() -> int:
        with engine.connect() as connection:
            return int(
                connection.execute(text("SELECT count(*) FROM coverage_spells")).scalar_one()
            )

    async def until_kept() -> None:
        stop = asyncio.Event()
        pace = Pace(coverage_s=0.1)
        worker = asyncio.create_task(
            run_worker(database_url, stop=stop, pace=pace, region=Region.read(REGION))
        )
        async with asyncio.timeout(60):
            while not kept():
                await asyncio.sleep(0.1)
        stop.set()
        await worker

    asyncio.run(until_kept())
    assert not refusals
    after = _ask(admin)
    assert (after["features"], after["totals"]) == (before["features"], before["totals"])
