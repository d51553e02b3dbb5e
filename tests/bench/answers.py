"""What single requests take at a service that runs: one fix, a late fix, a search, a track."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import numpy as np
import psycopg

from layers.fixes import boxes
from tests.bench import copying
from tests.bench.sending import Door, Line
from tests.workload import BEGIN_US, Fixes, Ground, journeys, unit_id

DAY_US = 86_400_000_000
#: Days on which nothing else is: for single fixes, for the late ones, and the big one.
ALONE_US, LATE_US, BIG_US = (BEGIN_US + n * DAY_US for n in (3, 4, 5))
TIMES, LATE_TIMES, SEARCHES = 200, 15, 3
#: No round begins after so long.
PATIENCE_MS = 15_000


def median_ms(work: Callable[[int], object], times: int) -> float:
    """Median milliseconds of some rounds, after one to warm up; of fewer where they are slow."""
    took: list[float] = []
    for number in range(times + 1):
        begun = time.perf_counter()
        work(number)
        took.append((time.perf_counter() - begun) * 1000)
        if sum(took) > PATIENCE_MS:
            break
    return statistics.median(took[1:] or took)


def one_fix_ms(door: Door, *, day_us: int = ALONE_US) -> float:
    """One fix of one unit after the other, each newer than what its unit has."""
    rng = np.random.default_rng(7)
    fixes = _moved(journeys(rng, Ground(), units=TIMES + 1, steps=3), day_us - BEGIN_US)
    last = len(fixes) - 1 - np.unique(fixes.unit[::-1], return_index=True)[1]
    line = Line(door.port)
    line.ask(door.request(fixes.take(np.setdiff1d(np.arange(len(fixes)), last))))
    line.close()
    return _asked(door, [fixes.take(slice(n, n + 1)) for n in sorted(last)])


def late_fix_ms(door: Door, *, steps: int, day_us: int = LATE_US) -> float:
    """A late fix in the first minutes of a day of ``steps`` fixes of its unit."""
    rng = np.random.default_rng(8)
    day = _moved(journeys(rng, Ground(), units=1, steps=steps), day_us - BEGIN_US)
    line = Line(door.port)
    for at in range(0, len(day), 1_000):
        line.ask(door.request(day.take(slice(at, at + 1_000))))
    line.close()
    # A second after a fix, where it was: a walk as before, of which all is to be judged again.
    early = day.take(slice(10, 11 + LATE_TIMES))
    return _asked(door, [_moved(early.take(slice(n, n + 1)), 1_000_000) for n in range(len(early))])


def _asked(door: Door, bodies: list[Fixes]) -> float:
    line, requests = Line(door.port), [door.request(body) for body in bodies]
    took = median_ms(lambda number: line.ask(requests[number]), len(requests) - 1)
    line.close()
    return took


def _moved(fixes: Fixes, by_us: int) -> Fixes:
    return Fixes(**{**vars(fixes), "time_us": fixes.time_us + by_us})


#: Sides of the squares that are searched, in degrees; a kilometre is about a hundredth.
SIDES_DEG = {"1 km": 0.01, "10 km": 0.1, "20 km": 0.2}


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day that was filled, and the corner of areas that units pass through."""

    begin_us: int
    west: float
    south: float


def fill_day(
    connection: psycopg.Connection[Any],
    *,
    fixes: int,
    units: int,
    seed: int,
    begin_us: int = BIG_US,
) -> Day:
    """Fill a day by COPY, in the order in which fixes come; units are numbered from 1."""
    ground, rng = Ground(), np.random.default_rng(seed)
    steps = -(-fixes // units)
    day = _moved(
        journeys(rng, ground, units=units, steps=steps, step_s=86_000 / steps), begin_us - BEGIN_US
    )
    day = day.take(np.flatnonzero(day.time_us < begin_us + DAY_US))
    connection.execute("SELECT ensure_fix_partition(date '1970-01-01' + %s)", [begin_us // DAY_US])
    connection.commit()
    for at in range(0, len(day), 200_000):
        part = day.take(slice(at, at + 200_000))
        copying.copy(connection, "fixes", copying.packed(part))
        boxes.put(connection, part.unit + 1, part.time_us, part.lon, part.lat)
        connection.commit()
    connection.autocommit = True
    connection.execute("ANALYZE fixes")
    connection.autocommit = False
    return Day(begin_us=begin_us, west=float(day.lon[0]), south=float(day.lat[0]))


def presence_ms(client: httpx.Client, day: Day, side_deg: float = 0.1) -> float:
    """Who was inside a square on that day."""
    a, b, side = day.west, day.south, side_deg
    ring = [[a, b], [a + side, b], [a + side, b + side], [a, b + side], [a, b]]
    question = {
        "polygon": {"type": "Polygon", "coordinates": [ring]},
        "from": moment(day.begin_us), "to": moment(day.begin_us + DAY_US),
    }  # fmt: skip
    return median_ms(
        lambda _: client.post("/api/presence-search", json=question).raise_for_status(), SEARCHES
    )


def everywhere_ms(client: httpx.Client, day: Day) -> float:
    """Who was inside a square around all units on that day: every fix is walked."""
    ground = Ground()
    whole = replace(day, west=ground.west - 1, south=ground.south - 1)
    return presence_ms(client, whole, ground.side_deg + 2)


def track_ms(client: httpx.Client, unit: int, begin_us: int) -> float:
    """A unit's track of a day."""
    window = {"from": moment(begin_us), "to": moment(begin_us + DAY_US)}
    path = f"/api/units/{unit_id(unit)}/track"
    return median_ms(lambda _: client.get(path, params=window).raise_for_status(), 9)


def moment(time_us: int) -> str:
    """RFC 3339."""
    return f"{np.datetime64(time_us, 'us')}Z"
