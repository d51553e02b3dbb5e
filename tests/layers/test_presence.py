"""Who was inside a polygon: the boxes leave out only what a walk of all fixes would not tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from geo import breaches
from layers.db.engine import SYSTEM, acting
from layers.errors import TooMuchError
from layers.fixes import boxes, nearby, plain, presence
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
            made.execute(text("SELECT ensure_fix_partition(:day)"), {"day": NOON.date() + timedelta(day)})
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


def put(connection: Connection, number: int, fixes: list[tuple[float, float, float, float]]) -> None:
    """Store fixes (seconds after noon, lon, lat, accuracy_m) as one batch."""
    second, lon, lat, accuracy_m = np.array(sorted(fixes), dtype=float).reshape(-1, 4).T
    rows = plain.Rows(
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

PLACES = st.tuples(st.integers(-4, 4), st.integers(-4, 4))
PAUSES = st.sampled_from([10, 60, 60, 299, 300, 301, 600, 900, 901, 1_800, 3_600, 20_000, 90_000])


@st.composite
def journeys(draw: Callable[..., Any]) -> list[tuple[float, int, int, float]]:
    """Fixes (second, east, north, accuracy) on the lattice: some walk, stand, jump, shuttle."""
    second, east, north = draw(st.integers(-90_000, 20_000)), *draw(PLACES)
    fixes: list[tuple[float, int, int, float]] = []
    for _ in range(draw(st.integers(1, 14))):
        how = draw(st.sampled_from(["walk", "walk", "stand", "jump", "shuttle", "fast"]))
        far = draw(PLACES)
        pause = draw(PAUSES)
        for n in range(draw(st.integers(1, 5))):
            second += pause
            if how == "walk":
                east += int(np.sign(far[0]))
                north += int(np.sign(far[1]))
            if how == "fast":
                east, north = far
            away = how == "shuttle" and n % 2 == 0 or how == "jump" and n == 1
            x, y = far if away else (east, north)
            if second > 400_000:
                return fixes
            accuracy_m = draw(st.sampled_from([5.0, 1e5, float("nan")]))
            fixes.append((second + draw(st.sampled_from([0, 0, 0.5])), x, y, accuracy_m))
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
    parts = [*shapely.get_parts(west), *shapely.get_parts(shapely.transform(east, lambda xy: xy - [360, 0]))]
    return shapely.multipolygons([p for p in parts if p.geom_type == "Polygon" and p.area])


@pytest.mark.parametrize("origin", ORIGINS)
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    tracks=st.lists(journeys(), min_size=1, max_size=3),
    gaps_s=st.lists(st.sampled_from([300.0, 900.0, 4_000.0, 100_000.0]), min_size=3, max_size=3),
    tops_ms=st.lists(st.sampled_from([2.0, 30.0, 1_000.0]), min_size=3, max_size=3),
    shape=st.sampled_from(sorted(SHAPES)),
    begin_s=st.integers(-80_000, 40_000),
    lasts_s=st.sampled_from([1, 900, 3_600, 20_000, 86_400, 250_000]),
    seed=st.integers(0, 99),
    at_once=st.sampled_from([(1, 1), (96, 3), (96, 2_048)]),
)
def test_the_answer_is_that_of_a_walk_of_all_fixes(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, origin: str, tracks: Any, gaps_s: Any,
    tops_ms: Any, shape: str, begin_s: int, lasts_s: int, seed: int, at_once: tuple[int, int],
) -> None:  # fmt: skip
    monkeypatch.setattr(nearby, "_SPANS", at_once[0])
    monkeypatch.setattr(presence, "_MANY", at_once[1])
    rng = np.random.default_rng(seed)
    lon0, lat0 = ORIGINS[origin]
    area = placed(SHAPES[shape], ORIGINS[origin])
    start = NOON + timedelta(seconds=begin_s)
    window = {"start": start, "end": start + timedelta(seconds=lasts_s)}
    savepoint = connection.begin_nested()
    try:
        for number, track in enumerate(tracks):
            enrol(connection, number + 1, gaps_s[number], tops_ms[number])
            fixes = [
                (second, (lon0 + x * STEP_DEG + 180) % 360 - 180, lat0 + y * STEP_DEG, accuracy_m)
                for second, x, y, accuracy_m in track
            ]
            rng.shuffle(fixes)
            for batch in np.array_split(np.array(fixes), 3):
                put(connection, number + 1, [tuple(row) for row in batch])
        assert presence.search(connection, area, **window) == slowly(connection, area, **window)
    finally:
        savepoint.rollback()
