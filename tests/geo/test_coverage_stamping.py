"""Stamping: the points within reach of legs, held against the distance of every point."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo.coverage.lattice import TILE, Lattice, forward, onto_lattice
from geo.coverage.stamping import LANES, NONE, OFFSETS, WORDS, Area, count_between, stamp, write

#: Tiles (row, column) of an area that lies about the origin; one has none.
SLOT = np.array([[0, 1, 2], [3, NONE, 4]])
AREA = Area(-1, -1, SLOT)
ROWS, COLUMNS = np.arange(-TILE, TILE), np.arange(-TILE, 2 * TILE)

Lines = NDArray[np.float64]


def stamped(lines: Lines, r: float, chunk: int) -> NDArray[np.bool_]:
    """Whether each point of the area is set, by (row, column)."""
    bits = np.zeros((5, TILE, WORDS), np.uint64)
    low, high = np.full(len(ROWS) + LANES, np.inf), np.full(len(ROWS) + LANES, -np.inf)
    for at in range(0, len(lines), chunk):
        stamp(lines[at : at + chunk], r, AREA, bits, low, high)
    for row in ROWS.tolist():
        if low[row - ROWS[0]] <= high[row - ROWS[0]]:
            write(low[row - ROWS[0]], high[row - ROWS[0]], row, AREA, bits)
    out = np.array([[bits[max(slot, 0)] for slot in own] for own in SLOT.tolist()])
    words = out.transpose(0, 2, 1, 3)[..., None] >> np.arange(64, dtype=np.uint64)
    found = (words & np.uint64(1)).astype(bool).reshape(len(ROWS), len(COLUMNS))
    found[TILE:, TILE : 2 * TILE] = False
    return found


def distances(lines: Lines) -> Lines:
    """From each point to the nearest of the segments."""
    x, y = np.meshgrid(COLUMNS.astype(float), ROWS.astype(float))
    x += OFFSETS[ROWS % TILE, None]
    best = np.full(x.shape, np.inf)
    for ax, ay, bx, by in lines.tolist():
        dx, dy = bx - ax, by - ay
        square = dx * dx + dy * dy
        part = np.clip(((x - ax) * dx + (y - ay) * dy) / square, 0, 1) if square else 0.0
        best = np.minimum(best, np.hypot(x - ax - part * dx, y - ay - part * dy))
    return best


@st.composite
def ways(draw: st.DrawFn) -> Lines:
    """Segments of which most go on from the one before, over the area's edges too."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    count, stride = draw(st.integers(1, 40)), draw(st.sampled_from([0.1, 3.0, 40.0, 300.0]))
    at, lines = rng.uniform(-250, 400, 2), []
    for _ in range(count):
        if rng.random() < 0.1:
            at = rng.uniform(-250, 400, 2)
        step = rng.normal(0, stride, 2) * rng.choice([0, 1, 1, 1], 2)
        if rng.random() < 0.2:
            step = np.rint(step)
        lines.append(np.r_[at, at + step])
        at = at + step
    return np.array(lines)


@settings(max_examples=60, deadline=None)
@given(lines=ways(), r=st.sampled_from([0.4, 4.0, 10.0, 63.7]), chunk=st.sampled_from([1, 7, 100]))
def test_the_points_within_reach_are_set_and_no_others(lines: Lines, r: float, chunk: int) -> None:
    away = distances(lines)
    away[TILE:, TILE : 2 * TILE] = np.inf  # where there is no tile nothing is noted
    wrong = stamped(lines, r, chunk) != (away <= r)
    assert np.abs(away[wrong] - r).max(initial=0) < 1e-9


@given(a=st.integers(-300, 600), width=st.integers(0, 700), row=st.integers(-TILE, TILE - 1))
def test_what_is_written_is_counted(a: int, width: int, row: int) -> None:
    bits = np.zeros((5, TILE, WORDS), np.uint64)
    write(float(a), float(a + width), row, AREA, bits)
    there = np.ones(len(COLUMNS), dtype=bool)
    if row >= 0:
        there[TILE : 2 * TILE] = False
    expected = there & (np.abs(COLUMNS + OFFSETS[row % TILE] - a - width / 2) <= width / 2)
    assert count_between(-300, 1000, row, AREA, bits) == expected.sum()


@given(first=st.integers(0, TILE), count=st.integers(1, TILE), at=st.floats(0, 1))
def test_rows_next_to_each_other_lie_off_whole_steps_evenly(
    first: int, count: int, at: float
) -> None:
    offsets = OFFSETS[np.arange(first, first + count) % TILE]
    assert offsets.min() >= 0
    assert offsets.max() < 1
    # of as many at random 8 more or less than that would be nothing special
    assert abs((offsets < at).sum() - at * count) < 4


@given(
    lon=st.floats(-180, 540), lat=st.floats(-89.9, 89.9), off=st.floats(-20, 20),
    lon_block=st.integers(-30, 29), lat_block=st.integers(-14, 13),
)  # fmt: skip
def test_many_places_lie_on_a_lattice_where_each_of_them_does(
    lon: float, lat: float, off: float, lon_block: int, lat_block: int
) -> None:
    lattice = Lattice(lon_block=lon_block, lat_block=lat_block, step_m=25.0)
    near = lattice.middle[0] + off, float(np.clip(lattice.middle[1] + off / 2, -89.9, 89.9))
    places = np.array([(lon, lat), near, near])
    x, y = np.empty(3), np.empty(3)
    onto_lattice(places[:, 0].copy(), places[:, 1].copy(), lattice.disc, 25.0, x, y)
    for n, place in enumerate(places.tolist()):
        expected = np.array(forward(*place, lattice.disc)) / 25.0 - 0.5
        if np.abs(expected).max() < 4e5:  # on the other side of the earth nothing is measured
            assert np.abs(expected - [x[n], y[n]]).max() < 1e-7
