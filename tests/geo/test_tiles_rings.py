"""Rings of whole numbers, held against what GEOS says of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from geo.tiles import rings

corner = st.tuples(st.integers(0, 9), st.integers(0, 9))
NO_ROOM = np.empty((0, 4), dtype=np.int64)
paths = st.lists(corner, min_size=3, max_size=12)


def tidied(path: list[tuple[int, int]]) -> np.ndarray:
    """A path's tidy ring, running as exteriors do."""
    x, y = np.array(path, dtype=np.int64).T.copy()
    count = rings.tidy(x, y, len(x), NO_ROOM)[0]
    ring = np.column_stack([x, y])[:count]
    return ring if not count or rings.twice_area(x, y, count) >= 0 else ring[::-1].copy()


def columns(ring: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    x, y = ring.T.copy()
    return x, y, len(ring)


def winding(ring: np.ndarray, x: float, y: float) -> int:
    """How often a ring runs around a point that is not on it."""
    times = 0
    for (ax, ay), (bx, by) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if (ay <= y) != (by <= y) and ax + (y - ay) / (by - ay) * (bx - ax) > x:
            times += 1 if by > ay else -1
    return times


@given(paths)
def test_tidying_takes_no_ground_and_leaves_nothing_straight(path: list[tuple[int, int]]) -> None:
    ring = tidied(path)
    if not len(ring):
        return
    # Between whole numbers and on no line through such a grid.
    for x, y in [(0.37, 0.41), (4.39, 5.47), (7.43, 2.31), (2.71, 7.83)]:
        assert abs(winding(ring, x, y)) == abs(winding(np.array(path), x, y))
    before, after = np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0)
    step, then = ring - before, after - ring
    assert np.all(step[:, 0] * then[:, 1] != step[:, 1] * then[:, 0])


@given(paths)
def test_a_ring_touches_itself_where_it_is_not_simple(path: list[tuple[int, int]]) -> None:
    ring = tidied(path)
    assume(len(ring))
    simple = shapely.is_simple(shapely.linearrings(ring))
    assert (rings.touching(*columns(ring))[0] < 0) == simple
    if rings.all_seen(*columns(ring)):
        assert simple


@given(st.lists(st.floats(0.2, 1), min_size=5, max_size=40), st.floats(3, 60))
def test_most_stars_are_soon_told(reaches: list[float], size: float) -> None:
    angle = np.linspace(0, 2 * np.pi, len(reaches), endpoint=False)
    reach = size * np.array(reaches)
    points = np.column_stack([np.cos(angle) * reach, np.sin(angle) * reach]).round().astype(int)
    ring = tidied([tuple(point) for point in points.tolist()])
    assume(len(ring))
    if rings.all_seen(*columns(ring)):
        assert shapely.is_valid(shapely.Polygon(ring))


@given(paths)
def test_what_is_taken_apart_is_what_was_run_around_once(path: list[tuple[int, int]]) -> None:
    ring = tidied(path)
    assume(len(ring))
    number, x, y, ends, _, _ = rings.apart(*columns(ring), 1, rings.LONG, NO_ROOM)
    if number < 0:
        return
    starts = [0, *ends[:number]]
    made = [np.column_stack([x[a:b], y[a:b]]) for a, b in pairwise(starts)]
    assert all(shapely.is_valid(shapely.Polygon(one)) for one in made)
    assert all(rings.twice_area(*columns(one)) > 0 for one in made)
    # What is smaller than a square of one step goes, unless it is long.
    if rings.touching(*columns(ring))[0] < 0:
        is_long = np.ptp(ring, axis=0).max() >= rings.LONG
        assert len(made) == (is_long or rings.twice_area(*columns(ring)) > 2)
    # Points farther than rounding moves an edge from any way are where they were.
    way = shapely.linearrings(ring)
    for point in [(0.37, 0.41), (4.39, 5.47), (7.43, 2.31), (2.71, 7.83), (5.03, 5.11)]:
        if shapely.distance(way, shapely.Point(point)) > 1.5:
            assert sum(winding(one, *point) for one in made) == winding(ring, *point)


@st.composite
def simple_rings(draw: st.DrawFn) -> np.ndarray:
    """A polygon's exterior somewhere in a square of 12."""
    points = draw(st.lists(corner, min_size=3, max_size=8, unique=True))
    middle = np.mean(points, axis=0)
    # In the order in which they are seen from among them.
    points.sort(key=lambda at: (np.arctan2(at[1] - middle[1], at[0] - middle[0]), at))
    ring = tidied(points)
    if not len(ring) or not shapely.is_valid(shapely.Polygon(ring)):
        ring = np.array([(0, 0), (4, 0), (2, 3)])
    return ring + np.array(draw(st.sampled_from([(0, 0), (3, 0), (0, 3), (3, 3)])))


@given(st.lists(simple_rings(), min_size=2, max_size=3), st.booleans())
def test_rings_that_do_not_meet_make_one_valid_shape(made: list[np.ndarray], apart: bool) -> None:
    if apart:  # corner to corner, often
        made = [ring - ring[0] for ring in made]
    held = np.concatenate(made).T.copy()
    stops = np.cumsum([len(ring) for ring in made])
    pairs = [(a, b) for n, a in enumerate(made) for b in made[:n]]
    apart_from = [shapely.disjoint(*map(shapely.linearrings, pair)) for pair in pairs]
    assert rings.meet(held, stops, len(made), True) == (not all(apart_from))
    # What lies within another without touching it is not looked for: no hole is an exterior.
    within = any(
        alone and not shapely.disjoint(*map(shapely.Polygon, pair))
        for alone, pair in zip(apart_from, pairs, strict=True)
    )
    if not rings.meet(held, stops, len(made), False) and not within:
        assert shapely.is_valid(shapely.MultiPolygon([shapely.Polygon(ring) for ring in made]))


def test_two_squares_that_share_a_corner_do_not_meet_and_two_that_share_an_edge_do() -> None:
    square = np.array([(0, 0), (4, 0), (4, 4), (0, 4)])
    assert rings.twice_area(*columns(square)) > 0
    for moved, meets in (((4, 4), False), ((4, 0), True), ((4, 2), True), ((5, 0), False)):
        held = np.concatenate([square, square + moved]).T.copy()
        assert rings.meet(held, np.array([4, 8]), 2, False) == meets
        assert rings.meet(held, np.array([4, 8]), 2, True) == (moved != (5, 0))


def test_a_ring_that_runs_around_a_hole_is_not_taken_apart() -> None:
    outside = [(0, 0), (30, 0), (30, 30), (0, 30), (0, 5)]
    wide, narrow = [(20, 20), (20, 5), (0, 5)], [(20, 6), (20, 5), (0, 5)]
    least = rings.LONG
    assert rings.apart(*columns(tidied(outside + wide)), 1, least, NO_ROOM)[0] == -1
    # One hardly wider than a step goes; a long one may be ground that rounding turned over.
    ring = tidied(outside + narrow)
    number, _, _, ends, _, turned = rings.apart(*columns(ring), 1, 99, NO_ROOM)
    assert (number, ends[0], turned) == (1, 4, False)
    number, _, _, ends, _, turned = rings.apart(*columns(ring), 1, 8, NO_ROOM)
    assert (number, ends[0], turned) == (2, 4, True)


def test_ways_there_and_back_are_told_by_their_ends() -> None:
    ring = np.array([(0, 0), (5, 0), (9, 0), (5, 0), (5, 5), (0, 5), (0, 9), (0, 0)])
    x, y = ring.T.copy()
    ways = np.empty((9, 4), dtype=np.int64)
    count, bare = rings.tidy(x, y, len(ring), ways)
    assert list(zip(x[:count], y[:count], strict=True)) == [(0, 0), (5, 0), (5, 5), (0, 5)]
    told = {frozenset({(way[0], way[1]), (way[2], way[3])}) for way in ways[:bare].tolist()}
    assert told == {frozenset({(9, 0), (5, 0)}), frozenset({(0, 9), (0, 5)})}
