"""Who was inside a polygon: the boxes leave out only what a walk of all fixes would not tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from geo import breaches
from layers.db.engine import SYSTEM, acting
from layers.db.migrations import run_sql
from layers.db.migrations.versions import r0016_boxes
from layers.errors import TooMuchError
from layers.fixes import boxes, dropping, holds, intake, nearby, plain, presence
from layers.fixes.columns import VALUES
from layers.fixes.journeys import parameters
from layers.fixes.plain import micros
from layers.fixes.read import fixes as stored
from scratch import rolled_back

if TYPE_CHECKING:
    from conftest import Post

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STEP_DEG = 1 / 64  #: exact, and about a mile
Answer = list[dict[str, Any]]


def slowly(
    connection: Connection, polygon: shapely.Geometry, *, start: datetime, end: datetime
) -> Answer:
    """The answer by a walk of all fixes of the window: the reference."""
    found = breaches.presence(
        stored(connection, start=start, end=end), parameters(connection), polygon,
        pd.Timestamp(start), pd.Timestamp(end),
    )  # fmt: skip
    return [
        row | {"entered_at": row["entered_at"].to_pydatetime(),
               "exited_at": row["exited_at"].to_pydatetime()}
        for row in found.to_dict("records")
    ]  # fmt: skip


@pytest.fixture(scope="module")
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        for day in range(-6, 7):
            made.execute(
                text("SELECT ensure_fix_partition(:day)"), {"day": NOON.date() + timedelta(day)}
            )
        yield made


def enrol(connection: Connection, number: int, max_gap_s: float, top_speed_ms: float) -> None:
    # Names in another order than numbers, of two blocks.
    connection.execute(
        text(
            "INSERT INTO units (id, unit_no, call_sign, kind, max_gap_s, top_speed_ms, accuracy_m)"
            " OVERRIDING SYSTEM VALUE VALUES (:id, :n, :id, 'vehicle', :gap, :top, 20)"
        ),
        {"id": f"u{9 - number}", "n": number * 31, "gap": max_gap_s, "top": top_speed_ms},
    )


def put(
    connection: Connection, number: int, fixes: list[tuple[float, float, float, float]]
) -> None:
    """Store fixes (seconds after noon, lon, lat, accuracy_m) as one batch."""
    second, lon, lat, accuracy_m = np.array(sorted(fixes), dtype=float).reshape(-1, 4).T
    rows = plain.Rows(
        place=np.zeros(len(lon), dtype=np.int64),
        unit_no=np.full(len(lon), number * 31),
        time_us=micros(NOON) + np.rint(second * 1e6).astype(np.int64),
        lon=lon,
        lat=lat,
        told={name: np.full(len(lon), np.nan, np.float32) for name in VALUES}
        | {"accuracy_m": accuracy_m.astype(np.float32)},
        patrol_no=np.zeros(len(lon), dtype=np.int64),
    )
    plain.put_late(connection, rows, NOON)
    boxes.grow(connection, rows.unit_no, rows.time_us, rows.lon, rows.lat)


# Worlds of a few units -----------------------------------------------------------------------

PAUSES_S = [10, 60, 60, 120, 299, 300, 301, 600, 900, 901, 1_800, 3_600, 20_000, 90_000]
HOW = ["walk", "walk", "stand", "jump", "shuttle", "shuttle", "fast", "fast"]


def journey(rng: np.random.Generator) -> list[tuple[float, int, int, float]]:
    """Fixes (second, east, north, accuracy) on the lattice: some walk, stand, jump, shuttle."""
    second, at = float(rng.integers(-90_000, 20_000)), rng.integers(-4, 5, 2)
    most = rng.integers(2, len(PAUSES_S) + 1)
    fixes: list[tuple[float, int, int, float]] = []
    for _ in range(rng.integers(1, 12)):
        how, far, pause = rng.choice(HOW), rng.integers(-4, 5, 2), rng.choice(PAUSES_S[:most])
        for n in range(rng.integers(1, 12)):
            second += pause + rng.choice([0, 0, 0.5])
            if second > 400_000:
                return fixes
            if how == "walk":
                at = at + np.sign(far)
            if how == "fast":
                at = rng.integers(-4, 5, 2)
            away = (how == "shuttle" and n % 2 == 0) or (how == "jump" and n == 1)
            x, y = far if away else at
            fixes.append((second, int(x), int(y), float(rng.choice([5.0, 1e5, np.nan]))))
    return fixes


def _box(w: float, s: float, e: float, n: float) -> shapely.Polygon:
    return shapely.box(w, s, e, n)


#: On the lattice and beside it.
SHAPES: dict[str, shapely.Geometry] = {
    "square": _box(0, 0, 2, 2),
    "beside": _box(0.3, 0.3, 0.6, 0.7),
    "tiny": _box(0.5, 0, 0.50001, 0.00001),
    "sliver": shapely.Polygon([(-4, -4), (4, 4), (4, 4.001)]),
    "ring": shapely.difference(_box(-3, -3, 3, 3), _box(-1, -1, 1.5, 1)),
    "two": shapely.union_all([_box(-4, -4, -2, -2), _box(1, 1, 1.5, 3)]),
    "all": _box(-50, -50, 50, 50),
    "far": _box(30, 30, 31, 31),
}  # fmt: skip
ORIGINS = {"home": (104.0, 42.0), "seam": (180.0, -17.0), "north": (20.0, 79.0), "zero": (0, 0)}


def placed(shape: shapely.Geometry, origin: tuple[float, float]) -> shapely.Geometry:
    """A shape of the lattice in degrees, cut at the antimeridian."""
    whole = shapely.transform(shape, lambda xy: xy * STEP_DEG + origin)
    west = shapely.intersection(whole, _box(-180, -90, 180, 90))
    east = shapely.intersection(whole, _box(180, -90, 540, 90))
    parts = [
        *shapely.get_parts(west),
        *shapely.get_parts(shapely.transform(east, lambda xy: xy - [360, 0])),
    ]
    return shapely.multipolygons([p for p in parts if p.geom_type == "Polygon" and p.area])


@pytest.mark.parametrize("origin", ORIGINS)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1 << 30),
    shape=st.sampled_from(sorted(SHAPES)),
    lasts_s=st.sampled_from([1, 900, 3_600, 20_000, 86_400, 250_000]),
    at_once=st.sampled_from([(1, 1), (96, 3), (96, 2_048)]),
)
def test_the_answer_is_that_of_a_walk_of_all_fixes(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, origin: str, seed: int, shape: str,
    lasts_s: int, at_once: tuple[int, int],
) -> None:  # fmt: skip
    monkeypatch.setattr(nearby, "_SPANS", at_once[0])
    monkeypatch.setattr(presence, "_MANY", at_once[1])
    rng = np.random.default_rng(seed)
    area = placed(SHAPES[shape], ORIGINS[origin])
    savepoint = connection.begin_nested()
    try:
        every = []
        for number in range(1, 1 + rng.integers(1, 4)):
            gap_s, top_ms = rng.choice([300, 900, 4_000, 1e5]), rng.choice([2, 30, 1_000])
            enrol(connection, number, float(gap_s), float(top_ms))
            fixes = [(second, *degrees(x, y, origin), a) for second, x, y, a in journey(rng)]
            every += fixes
            for batch in np.array_split(rng.permutation(fixes), 3):
                put(connection, number, [tuple(row) for row in batch])
        begin_s = every[rng.integers(len(every))][0] - rng.choice([0, 1, 100, 5_000, lasts_s])
        start = NOON + timedelta(seconds=float(begin_s))
        window = {"start": start, "end": start + timedelta(seconds=lasts_s)}
        assert presence.search(connection, area, **window) == slowly(connection, area, **window)
    finally:
        savepoint.rollback()


def degrees(x: float, y: float, origin: str = "home") -> tuple[float, float]:
    """A place of the lattice as longitude and latitude."""
    lon, lat = ORIGINS[origin]
    return (lon + x * STEP_DEG + 180) % 360 - 180, lat + y * STEP_DEG


# Each in turn is what would be lost --------------------------------------------------------

#: Minutes after noon, east, north; past SQUARE, with gaps and speeds of several kinds.
SQUARE = SHAPES["square"]
#: Of these, all are set aside but the last or the first.
SHUTTLE = [(3, 1), (60, 30)]
WALKS: dict[str, list[tuple[float, float, float]]] = {
    "a leg from one box to the next": [(13, -1, 1), (14, -1, 1), (16, 3, 1), (17, 3, 1)],
    # The way by the one set aside goes around the square; at 10 m/s it is.
    "a leg over a box of one set aside": [
        (5, -1, -1), (14, -1, -1), (20, 3.5, -1.5), (31, 3, 3), (35, 3, 3),
    ],
    "a leg into the window": [(-40, -2, 1), (-5, -1, 1), (8, 3, 1), (9, 4, 1)],
    "a leg out of the window": [(100, -2, 1), (115, -1, 1), (125, 3, 1), (126, 4, 1)],
    "a leg over the window": [(-5, -1, 1), (125, 3, 1)],
    "in before the window, and silent since": [(-4_000, 1, 1)],
    "in before the window, out late in it": [(-4_000, 1, 1), (50, 9, 9), (51, 9, 9)],
    "in, and standing": [(minute, 1, 1) for minute in range(-90, 300, 5)],
    "in after the window": [(119.5, 9, 9), (121, 1, 1)],
    "through, and at two places in turn before": [
        (11, 3, 1), *((13 + n, *SHUTTLE[n % 2]) for n in range(12)), (40, -3, 1), (50, -3, 1),
    ],
    "through, and at two places in turn after": [
        (-10, -3, 1), (0, -3, 1), *((16 + n, *SHUTTLE[n % 2 - 1]) for n in range(12)), (29, 3, 1),
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", WALKS)
def test_nothing_is_lost_of(connection: Connection, case: str) -> None:
    window = {"start": NOON, "end": NOON + timedelta(hours=2)}
    area = placed(SQUARE, ORIGINS["home"])
    told = 0
    for gap_s, top_ms in ((3_600.0, 10.0), (3_600.0, 60.0), (20_000.0, 100.0), (300.0, 1_000.0)):
        savepoint = connection.begin_nested()
        try:
            enrol(connection, 1, gap_s, top_ms)
            put(connection, 1, [(60 * minute, *degrees(x, y), 5.0) for minute, x, y in WALKS[case]])
            found = presence.search(connection, area, **window)
            assert found == slowly(connection, area, **window)
        finally:
            savepoint.rollback()
        told += len(found)
    assert (told > 0) == (case != "in after the window")


# The table -----------------------------------------------------------------------------------


def _now(post: Post) -> tuple[Answer, Answer]:
    """The answer and the reference, of all that is stored."""
    area = placed(SHAPES["ring"], ORIGINS["home"])
    window = {"start": NOON - timedelta(days=2), "end": NOON + timedelta(days=2)}
    with acting(post.engine, SYSTEM, "patrolgrid_read") as connection:
        return presence.search(connection, area, **window), slowly(connection, area, **window)


def test_fixes_that_come_by_the_door_are_found_late_ones_and_better_ones_too(post: Post) -> None:
    rng = np.random.default_rng(5)
    rows = []
    for unit in ("a", "b", "c"):
        post.enrol(unit, max_gap_s=4_000, top_speed_ms=500)
        for second, x, y, _ in (row for _ in range(3) for row in journey(rng)):
            lon, lat = degrees(x, y)
            time = NOON + timedelta(seconds=second // 3)
            rows.append({"unit": unit, "time": time, "lon": lon, "lat": lat})
    # Again a few, better and elsewhere.
    rows += [{**row, "lon": row["lon"] + STEP_DEG, "accuracy_m": 3.0} for row in rows[::7]]
    for batch in np.array_split(rng.permutation(np.array(rows, dtype=object)), 6):
        post.send(intake.frame(list(batch)))
    found, expected = _now(post)
    assert found == expected
    assert found


def test_boxes_go_with_the_fixes_of_their_days_and_stay_with_those_that_are_held(
    post: Post,
) -> None:
    post.enrol("v")
    days = [NOON - n * timedelta(days=1) for n in range(6)]
    post.send(intake.frame([{"unit": "v", "time": day, "lon": 104, "lat": 42} for day in days]))
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        holds.place(
            connection, days[4].date(), days[4].date(), reason="case 7", by="tok",
            timezone=ZoneInfo("UTC"), now=NOON,
        )  # fmt: skip
    dropping.drop(post.engine, retention_days=2, now=NOON)
    with post.engine.connect() as connection:
        for table, column in (("fixes", "time"), ("fix_boxes", "begins")):
            left = connection.execute(text(f"SELECT {column} FROM {table} ORDER BY 1 DESC"))
            assert left.scalars().all() == [*days[:3], days[4]], table


def test_the_boxes_of_fixes_that_were_there_are_those_that_would_have_grown(
    connection: Connection,
) -> None:
    fill = (Path(r0016_boxes.__file__).with_suffix(".sql").read_text()).partition("INSERT INTO")
    rng = np.random.default_rng(6)
    savepoint = connection.begin_nested()
    try:
        for number, origin in enumerate(ORIGINS, start=1):
            enrol(connection, number, 300.0, 50.0)
            walk = journey(rng) + journey(rng)
            put(connection, number, [(s, *degrees(x + 0.1, y, origin), a) for s, x, y, a in walk])
        read = text("SELECT block, begins, bounds FROM fix_boxes ORDER BY 1, 2")
        grown = connection.execute(read).all()
        connection.execute(text("DELETE FROM fix_boxes"))
        run_sql(connection, "".join(fill[1:]))
        assert connection.execute(read).all() == grown
        assert len(grown) > 10
        around = pd.DataFrame(vars(boxes.read(connection, -(1 << 20), 1 << 22)))
        every = text(
            "SELECT unit_no, floor(extract(epoch FROM time) / 900) AS span, lon, lat FROM fixes"
        )
        each = pd.DataFrame(connection.execute(every).mappings().all()).astype({"span": int})
        both = each.merge(around, on=["unit_no", "span"])
        assert len(both) == len(each)
        assert both["lon"].between(both["west"], both["east"]).all()
        assert both["lat"].between(both["south"], both["north"]).all()
    finally:
        savepoint.rollback()


@pytest.mark.parametrize(
    ("limit", "told"),
    [("MOST_FOUND", "more than 1 stays"), ("MOST_FIXES", "more than 1 fixes"),
     ("MOST_AT_ONCE", "or 1 of one unit")],
)  # fmt: skip
def test_what_is_too_much_for_an_answer_is_refused(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, limit: str, told: str
) -> None:
    savepoint = connection.begin_nested()
    try:
        for number in (1, 2):
            enrol(connection, number, 300.0, 50.0)
            put(connection, number, [(0.0, *degrees(1, 1), 5.0), (60.0, *degrees(1, 1), 5.0)])
        area = placed(SHAPES["square"], ORIGINS["home"])
        window = {"start": NOON, "end": NOON + timedelta(hours=1)}
        assert len(presence.search(connection, area, **window)) == 2
        monkeypatch.setattr(presence, limit, 1)
        with pytest.raises(TooMuchError, match=told):
            presence.search(connection, area, **window)
    finally:
        savepoint.rollback()


def test_units_that_are_too_many_at_once_are_walked_in_turn(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    savepoint = connection.begin_nested()
    try:
        # More than goes over in one piece: the reading is broken off.
        for number in (1, 2, 3):
            enrol(connection, number, 300.0, 50.0)
            put(connection, number, [(n * 0.1, *degrees(1, 1), 5.0) for n in range(40_000)])
        area = placed(SHAPES["square"], ORIGINS["home"])
        window = {"start": NOON, "end": NOON + timedelta(hours=2)}
        monkeypatch.setattr(presence, "MOST_AT_ONCE", 50_000)
        assert presence.search(connection, area, **window) == slowly(connection, area, **window)
        monkeypatch.setattr(presence, "MOST_AT_ONCE", 10_000)
        with pytest.raises(TooMuchError):
            presence.search(connection, area, **window)
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    finally:
        savepoint.rollback()
