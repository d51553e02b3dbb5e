"""The plan at full scale: whether duties over 3,000 cells, checkpoints and posts are kept as of an
afternoon, over a day, a week and four weeks of a full-scale day each.

Patrols, cells, checkpoints and posts are invented. The fixes are those of one day, said to be those
of the days after it, too: of today all of them are stored; of the days between, what is kept of
coverage, the boxes around all fixes, and the fixes of the quarters of an hour in which a unit comes
near a checkpoint or post, or may (with those beside): all that a plan reads. ``make bench`` runs
it; nothing here is a test.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import psycopg
import shapely
from sqlalchemy import Engine, text

from geo import breaches
from geo.earth import circle
from layers import plan
from layers.access import tokens
from layers.coverage import keeping
from layers.db.engine import SYSTEM, acting, conninfo, make_engine
from layers.fixes import boxes, copying, journeys, nearby
from layers.fixes.nearby import Window
from layers.fixes.plain import micros, moment
from layers.plan import Duty, duties
from layers.region import Region
from tests.bench import patrolling
from tests.bench.bench_coverage import BEGINS, fill
from tests.bench.patrolling import Day
from tests.bench.repeating import repeated
from tests.bench.running import ROOT, Machine, machine, serving

CHECKPOINTS, POSTS, WITHIN_M, ROUNDS = 24, 40, 100.0, 3
WINDOWS, DATABASE = (1, 7, 28), "coverage"
ONE = timedelta(days=1)
#: Beside a quarter of an hour near a place, and a midnight: what decides the legs there.
_BESIDE = timedelta(minutes=5)
_COLUMNS = ", ".join(copying.COLUMNS)
_LATER = ", ".join(f"f.{c} + %(by)s" if c == "time" else f"f.{c}" for c in copying.COLUMNS)
_REPEAT = f"INSERT INTO fixes ({_COLUMNS}) SELECT {_LATER} FROM {{source}} f"
_NEAR = f"""
CREATE UNLOGGED TABLE near_fixes AS SELECT DISTINCT {", ".join(f"f.{c}" for c in copying.COLUMNS)}
FROM unnest(%s::int[], %s::timestamptz[], %s::timestamptz[]) w (u, a, z)
JOIN fixes f ON f.unit_no = w.u AND f.time >= w.a AND f.time < w.z
"""
_BOXES = """
INSERT INTO fix_boxes (block, begins, bounds) SELECT block, begins + %(by)s, bounds FROM fix_boxes
WHERE begins >= %(from)s AND begins < %(to)s ON CONFLICT DO NOTHING
"""


def plan_of() -> list[Duty]:
    """Three rounds a day of each kind of cell in its own hours, each cell weekly, each checkpoint
    four times a day and each post three times."""

    def hours(begins: str, ends: str) -> dict[str, object]:
        return {"weekly": [{"from": begins, "to": ends}]}

    return [
        Duty(id="urban", level="cell", kind="urban", rounds=3, active=hours("06:00", "23:00")),
        Duty(id="rural", level="cell", kind="rural", rounds=3, active=hours("07:00", "21:00")),
        Duty(id="nights", level="cell", kind="dedicated", rounds=3, active=hours("20:00", "06:00")),
        Duty(id="weekly", level="cell", per="week"),
        Duty(id="checkpoints", layer="checkpoints", rounds=4, within_m=WITHIN_M),
        Duty(id="posts", layer="posts", rounds=3, within_m=WITHIN_M),
    ]


def main() -> None:
    """Print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=1_000)
    parser.add_argument("--cells", type=int, default=3_059)
    parser.add_argument("--days", type=int, default=42, help="before today")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    day, cells = patrolling.day(rng, options.units), patrolling.cells(rng, options.cells)
    kinds = rng.choice(["urban", "rural", "dedicated"], len(cells), p=[0.2, 0.7, 0.1])
    print(
        f"{len(day.lon):,} fixes of {options.units:,} units a day, {len(cells):,} cells,"
        f" {CHECKPOINTS} checkpoints, {POSTS} posts", flush=True,
    )  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="patrolgrid-plan-") as folder,
        machine(Path(folder)) as host,
    ):
        begun = time.perf_counter()
        region = Region.read(ROOT / "fixtures" / "region.toml")
        url = fill(host, day, cells.assign(kind=kinds))
        engine = make_engine(url)
        furnish(engine, region, day, rng)
        weeks(engine, url, region, options.days)
        print(f"{options.days} days and today: {time.perf_counter() - begun:.0f} s to make")
        now = BEGINS + options.days * ONE + timedelta(hours=15.5)
        from_layers(engine, region, now)
        engine.dispose()
        over_http(host, now)


def furnish(engine: Engine, region: Region, day: Day, rng: np.random.Generator) -> None:
    """The checkpoints and posts, where units pass or begin, the duties, and the boxes of a day."""
    passed = rng.choice(len(day.lon), CHECKPOINTS, replace=False)
    begins = rng.choice(np.flatnonzero(np.diff(day.unit, prepend=-1)), POSTS, replace=False)
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        for layer, rows in (("checkpoints", passed), ("posts", begins)):
            connection.execute(
                text(
                    f"INSERT INTO {layer} (id, geom)"
                    " VALUES (:id, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))"
                ),
                [
                    {"id": f"{layer[0]}{n:02d}", "lon": day.lon[row], "lat": day.lat[row]}
                    for n, row in enumerate(rows.tolist())
                ],
            )
        duties.put(connection, plan_of(), region, by="bench")
        numbers = dict(connection.execute(text("SELECT id, unit_no FROM units")).all())
        unit_no = np.array([numbers[name] for name in day.names])[day.unit]
        boxes.grow(connection, unit_no, day.time_us, day.lon, day.lat)


def weeks(engine: Engine, url: str, region: Region, days: int) -> None:
    """The days after the first one, and today."""
    begins_us, ends_us = micros(BEGINS), micros(BEGINS + ONE)
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        units = journeys.parameters(connection)
        places = connection.execute(text(
            "SELECT ST_X(geom), ST_Y(geom) FROM checkpoints UNION ALL"
            " SELECT ST_X(geom), ST_Y(geom) FROM posts"
        )).all()  # fmt: skip
        circles = [circle(lon, lat, WITHIN_M) for lon, lat in places]
        area = breaches.searched(shapely.union_all(circles))
        window = Window(start_us=begins_us, end_us=ends_us)
        near = nearby.near(connection, area, units, window)
    own = units["unit_no"].to_numpy(np.int64)
    spans = [
        (int(own[of]), moment(a) - _BESIDE, moment(z) + _BESIDE)
        for of, a, z in zip(near.of, near.from_us.tolist(), near.to_us.tolist(), strict=True)
    ]
    for edge in (BEGINS, BEGINS + ONE):
        spans += [(number, edge - _BESIDE, edge + _BESIDE) for number in own.tolist()]
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("SET search_path = patrolgrid, public")
        for n in range(-1, days + 1):
            day = str((BEGINS + (n + 1) * ONE).date())
            connection.execute("SELECT ensure_fix_partition(%s::date)", [day])
        connection.execute(_NEAR.encode(), [list(column) for column in zip(*spans, strict=True)])
        edges = {"from": BEGINS, "to": BEGINS + ONE}
        for n in range(1, days + 1):
            connection.execute(_BOXES.encode(), {"by": n * ONE, **edges})
            source = "near_fixes" if n < days else (
                f"(SELECT * FROM fixes WHERE time < '{(BEGINS + ONE).isoformat()}')"
            )  # fmt: skip
            connection.execute(_REPEAT.format(source=source).encode(), {"by": n * ONE})
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE patrolgrid.fixes")
        connection.execute("VACUUM ANALYZE patrolgrid.fix_boxes")
    repeated(engine, url, region, BEGINS, 1, days)


def asked(engine: Engine, region: Region, days: int, now: datetime) -> tuple[float, plan.Kept]:
    """The plan over some days until now, and the seconds that it took."""
    begun = time.perf_counter()
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        kept = plan.answer(connection, region, start=now - days * ONE, end=now)
    return time.perf_counter() - begun, kept


def from_layers(engine: Engine, region: Region, now: datetime) -> None:
    """Print what an answer takes: where nothing is remembered, and a minute after another."""
    begun = time.perf_counter()
    keeping.keep_up(engine, region, now=now, patience_s=600)
    print(f"the hours of today and yesterday, kept up: {time.perf_counter() - begun:.0f} s")
    asked(engine, region, 1, now)  # what is compiled is ready
    fresh = make_engine(engine.url)
    print(
        f"{WINDOWS[-1]} days, of which only coverage is kept up:"
        f" {asked(fresh, region, WINDOWS[-1], now)[0]:.1f} s", flush=True,
    )  # fmt: skip
    fresh.dispose()
    begun = time.perf_counter()
    made = plan.keep_up(engine, region, now=now, patience_s=3600)
    print(f"the plan's days, kept up ({made} rows): {time.perf_counter() - begun:.0f} s")
    for days in WINDOWS:
        first, again = [], []
        for _ in range(ROUNDS):
            fresh = make_engine(engine.url)  # what is remembered is remembered for each engine
            took_s, kept = asked(fresh, region, days, now)
            first.append(took_s)
            again.append(asked(fresh, region, days, now + timedelta(minutes=1))[0])
            fresh.dispose()
        print(
            f"{days} days: {statistics.median(first):.2f} s, {statistics.median(again):.2f} s a"
            f" minute later; {len(kept.targets):,} places of {len(kept.duties)} duties:"
            f" {', '.join(f'{n:,} {state}' for state, n in kept.counts().items())}", flush=True,
        )  # fmt: skip
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{peak_gb:.2f} GB of memory at most, with the making of all this", flush=True)


def over_http(host: Machine, now: datetime) -> None:
    """Print what the page waits for, and what a client that asks for all places does."""
    engine = make_engine(host.database(DATABASE))
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        token = tokens.create(connection, ["admin"]).secret
    engine.dispose()
    asks = {
        "as the page asks": {"places": "false"}, "every place, its figures": {"geometry": "false"},
        "every place and its shape": {},
    }  # fmt: skip
    for days in WINDOWS:
        with (
            serving(host, DATABASE, 1) as http,
            httpx.Client(
                base_url=f"http://127.0.0.1:{http.ports[0]}", timeout=600, trust_env=False,
                headers={"Authorization": f"Bearer {token}"},
            ) as client,
        ):  # fmt: skip
            for minute, (said, more) in enumerate(asks.items()):
                took = []
                for n in range(ROUNDS + 1):
                    end = now + timedelta(minutes=10 * minute + n)
                    window = {"from": (end - days * ONE).isoformat(), "to": end.isoformat()}
                    begun = time.perf_counter()
                    answer = client.get("/api/plan", params={**window, **more}).raise_for_status()
                    took.append(time.perf_counter() - begun)
                first = f" at first {took[0]:.2f} s," if not minute else ""
                print(
                    f"GET /api/plan of {days} days, {said}:{first}"
                    f" {statistics.median(took[1:]):.2f} s ({len(answer.content) / 1e6:.1f} MB)",
                    flush=True,
                )  # fmt: skip


if __name__ == "__main__":
    main()
