"""Ground in common and ground outside, against loops over all pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo.earth import area_m2
from geo.grids import apart, ground
from tests.geo.grid_words import POLYGON, SHAPE, tessellation


def all_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array(list(itertools.combinations(range(n), 2))).T.reshape(2, -1))


@settings(max_examples=300)
@given(shapes=st.lists(POLYGON, min_size=2, max_size=7))
@example(
    shapes=[shapely.box(0, 0, 1, 1), shapely.Polygon([(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)])]
)
@example(
    shapes=[shapely.Polygon([(0, 0), (2, 0), (1, 1)]), shapely.Polygon([(0, 0), (2, 0), (1, 2)])]
)
@example(shapes=[shapely.box(0, 0, 2, 1), shapely.Polygon([(0, 0), (2, 1), (0, 1)])])
def test_no_pair_that_overlaps_is_told_apart(shapes):
    one, two = all_pairs(len(shapes))
    perhaps = apart.perhaps_overlapping(np.array(shapes), one, two)
    for a, b, may in zip(one, two, perhaps, strict=True):
        assert may or shapes[a].intersection(shapes[b]).area == 0


@pytest.mark.parametrize("extra", [0, 3])
def test_neighbours_that_share_their_edges_exactly_are_all_told_apart(extra):
    cells = tessellation(15, 1, extra=extra)
    one, two = shapely.STRtree(cells).query(cells)
    assert not apart.perhaps_overlapping(cells, one[one < two], two[one < two]).any()
    turned = shapely.reverse(cells)
    assert not apart.perhaps_overlapping(turned, one[one < two], two[one < two]).any()


def test_corners_written_twice_hide_no_overlap():
    square = shapely.box(0, 0, 2, 2)
    corner = shapely.Polygon([(0, 0), (0, 0), (2, 0), (2, 2), (2, 2), (1, 2), (0, 1)])
    wedge = shapely.Polygon([(0, 1), (0, 1), (1, 2), (0, 3)])
    found = apart.perhaps_overlapping(
        np.array([square, corner, wedge]), np.array([0, 0, 1]), np.array([1, 2, 2])
    )
    assert found.tolist() == [True, True, False]


def test_a_vertex_moved_across_an_edge_is_not_told_apart():
    cells = tessellation(6, 2)
    xy = shapely.get_coordinates(cells[14])
    moved = xy.copy()
    moved[2] += (moved[2] - xy.mean(axis=0)) * 1e-9  # a hair outwards
    cells[14] = shapely.polygons(np.where((xy == xy[2]).all(axis=1)[:, None], moved[2], xy))
    one, two = shapely.STRtree(cells).query(cells)
    perhaps = apart.perhaps_overlapping(cells, one[one < two], two[one < two])
    real = [
        cells[a].intersection(cells[b]).area > 0 for a, b in zip(one, two, strict=True) if a < b
    ]
    assert any(real)
    assert (perhaps | ~np.array(real)).all()


@settings(max_examples=200)
@given(
    shapes=st.lists(SHAPE, min_size=1, max_size=8),
    groups=st.lists(st.integers(0, 1), min_size=8, max_size=8),
    written=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_overlaps_are_those_of_a_loop_over_all_pairs(shapes, groups, written):
    n = len(shapes)
    found = ground.overlaps(
        np.array(shapes), np.array(groups[:n]), written=np.array(written[:n], dtype=bool)
    )
    slow = {}
    for a, b in itertools.combinations(range(n), 2):
        common = shapes[a].intersection(shapes[b])
        if groups[a] == groups[b] and (written[a] or written[b]) and common.area > 1e-12:
            slow[a, b] = common
    assert [(one.one, one.other) for one in found] == list(slow)
    for one in found:
        common = slow[one.one, one.other]
        assert one.area_m2 == pytest.approx(area_m2(common)[0], rel=1e-6)
        assert common.distance(shapely.Point(one.lon, one.lat)) < 1e-9


@settings(max_examples=200)
@given(shapes=st.lists(SHAPE, min_size=1, max_size=8), data=st.data())
def test_ground_outside_is_that_of_a_loop_over_all_children(shapes, data):
    n = len(shapes)
    parent = np.array(data.draw(st.lists(st.integers(-1, n - 1), min_size=n, max_size=n)))
    found = {
        (one.one, one.other): one
        for one in ground.outside(np.array(shapes), np.array(shapes), parent)
    }
    slow = {
        (i, int(p)): shapes[i].difference(shapes[p])
        for i, p in enumerate(parent)
        if p >= 0 and shapes[i].difference(shapes[p]).area > 1e-12
    }
    assert list(found) == list(slow)
    for pair, one in found.items():
        assert one.area_m2 == pytest.approx(area_m2(slow[pair])[0], rel=1e-6)


def test_many_children_of_a_crooked_parent_are_held_against_its_edge():
    cells = tessellation(60, 3)
    parent = (
        shapely.Point(100.3, 40.3).buffer(0.25).difference(shapely.box(100.2, 40.2, 100.25, 40.3))
    )
    found = ground.outside(cells, np.array([parent]), np.zeros(len(cells), dtype=np.int64))
    slow = [i for i, cell in enumerate(cells) if ground.broad(cell.difference(parent))]
    assert 200 < len(slow) < len(cells)
    assert [one.one for one in found] == slow


def test_neighbours_of_a_large_load_overlap_where_one_was_moved():
    cells = tessellation(60, 4, extra=2)
    cells[1830] = shapely.transform(cells[1830], lambda xy: xy + np.array([0.002, 0]))
    found = ground.overlaps(cells, np.zeros(len(cells), dtype=np.int64))
    assert {one.one for one in found} | {one.other for one in found} >= {1830}
    assert all(1830 in {one.one, one.other} for one in found)
    slow = [
        i
        for i in range(len(cells))
        if i != 1830 and cells[i].intersection(cells[1830]).area > 1e-12
    ]
    assert len(found) == len(slow) >= 3


def test_of_very_many_pairs_a_part_is_looked_at_at_a_time_and_not_all_are_told(monkeypatch):
    pile = np.array([shapely.Point(100 + n / 100, 40).buffer(1) for n in range(12)], dtype=object)
    group = np.zeros(12, dtype=np.int64)
    whole = ground.overlaps(pile, group)
    assert len(whole) == 12 * 11 // 2
    monkeypatch.setattr(ground, "_PAIRS_AT_ONCE", 7)
    assert ground.overlaps(pile, group) == whole
    monkeypatch.setattr(ground, "MOST_OVERLAPS", 20)
    assert ground.overlaps(pile, group) == whole[:21]
