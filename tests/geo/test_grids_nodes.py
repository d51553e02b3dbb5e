"""A corner at which others meet, or touch by a point alone: it moves for all, or for none."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geo.grids.moving import follow
from geo.grids.split import MovedEdgeError
from tests.geo.test_grids_moving import box, moved, ring

#: South-west, south-east, north-west, north-east: all four meet at 1, 1.
FOUR = {"sw": box(0, 0, 1, 1), "se": box(1, 0, 2, 1), "nw": box(0, 1, 1, 2), "ne": box(1, 1, 2, 2)}


def with_corner(shape, old, new):
    """The shape with one corner elsewhere: what whoever moves a corner means."""
    old, new = np.add(old, (100, 40)), np.add(new, (100, 40))
    return shapely.transform(
        shape, lambda xy: np.where((np.abs(xy - old) < 1e-9).all(axis=1)[:, None], new, xy)
    )


def assert_tiled(shapes, whole):
    parts = list(shapes.values())
    assert all(shapely.is_valid(parts))
    assert shapely.union_all(parts).symmetric_difference(whole).area < 1e-9
    assert sum(p.area for p in parts) == pytest.approx(whole.area, abs=1e-9)


@pytest.mark.parametrize("name", list(FOUR))
@pytest.mark.parametrize("to", [(0.8, 0.9), (1.2, 1.1), (1.2, 0.9), (0.7, 1.3), (1, 0.5), (1.4, 1)])
def test_the_corner_of_four_is_the_same_corner_to_each_wherever_it_goes(name, to):
    now, changed = moved(name, with_corner(FOUR[name], (1, 1), to), FOUR)
    assert set(changed) == set(FOUR) - {name}
    for each, shape in FOUR.items():
        assert now[each].equals(with_corner(shape, (1, 1), to)), each
        assert (100 + to[0], 40 + to[1]) in now[each].exterior.coords
    assert_tiled(now, box(0, 0, 2, 2))


def test_of_nine_those_at_the_corner_follow_and_no_others():
    nine = {f"{x}{y}": box(x, y, x + 1, y + 1) for x in range(3) for y in range(3)}
    now, changed = moved("11", with_corner(nine["11"], (1, 1), (0.7, 0.8)), nine)
    assert changed == ["00", "01", "10"]
    assert now["00"].equals(with_corner(nine["00"], (1, 1), (0.7, 0.8)))
    two = with_corner(with_corner(nine["11"], (1, 1), (1.1, 1.3)), (2, 2), (2.2, 1.9))
    now, changed = moved("11", two, nine)
    assert changed == ["00", "01", "10", "12", "21", "22"]
    for name, shape in nine.items():
        both = with_corner(with_corner(shape, (1, 1), (1.1, 1.3)), (2, 2), (2.2, 1.9))
        assert now[name].equals(both), name
    assert_tiled(now, box(0, 0, 3, 3))


def test_what_meets_the_edges_at_the_corner_stays_on_them():
    # se is two, and ne spans both; nw ends half way along the edge of sw.
    shapes = {
        "sw": box(0, 0, 1, 1), "se1": box(1, 0, 1.5, 1), "se2": box(1.5, 0, 2, 1),
        "nw1": box(0, 1, 0.5, 2), "nw2": box(0.5, 1, 1, 2), "ne": box(1, 1, 2, 2),
    }  # fmt: skip
    now, changed = moved("sw", with_corner(shapes["sw"], (1, 1), (0.8, 0.6)), shapes)
    assert changed == ["ne", "nw1", "nw2", "se1", "sw"]  # sw has the corner of nw1 and nw2 now
    assert now["ne"].equals(ring((0.8, 0.6), (1.5, 1), (2, 1), (2, 2), (1, 2)))
    assert now["se1"].equals(ring((1, 0), (1.5, 0), (1.5, 1), (0.8, 0.6)))
    assert now["nw2"].equals(ring((0.4, 0.8), (0.8, 0.6), (1, 2), (0.5, 2)))
    assert now["nw1"].equals(ring((0, 1), (0.4, 0.8), (0.5, 2), (0, 2)))
    assert_tiled(now, box(0, 0, 2, 2))


def test_one_that_lies_straight_across_the_corner_bends_there():
    shapes = {
        "a": box(0, 0, 1, 1), "between": ring((1, 1), (1, 0), (2, 0)),
        "b": ring((1, 1), (2, 0), (2, 1)), "north": box(0, 1, 2, 2),
    }  # fmt: skip
    now, changed = moved("a", with_corner(shapes["a"], (1, 1), (0.9, 1.2)), shapes)
    assert changed == ["b", "between", "north"]
    assert now["north"].equals(ring((0, 1), (0.9, 1.2), (2, 1), (2, 2), (0, 2)))
    assert now["b"].equals(ring((0.9, 1.2), (2, 0), (2, 1)))
    assert_tiled(now, box(0, 0, 2, 2))


def test_beside_a_gap_the_one_across_follows_too():
    three = {name: shape for name, shape in FOUR.items() if name != "nw"}
    now, changed = moved("sw", with_corner(FOUR["sw"], (1, 1), (1.2, 0.7)), three)
    assert changed == ["ne", "se"]
    assert now["ne"].equals(with_corner(FOUR["ne"], (1, 1), (1.2, 0.7)))


def test_grids_below_follow_on_every_side_of_the_corner():
    shapes, children = dict(FOUR), {}
    for name, whole in FOUR.items():
        west, south, _, _ = whole.bounds
        for x in (0, 0.5):
            for y in (0, 0.5):
                child = f"{name}{x}{y}"
                w, s = west - 100 + x, south - 40 + y
                shapes[child] = box(w, s, w + 0.5, s + 0.5)
                children.setdefault(name, []).append(child)
    after = with_corner(FOUR["sw"], (1, 1), (0.9, 1.15))
    found = follow(
        "sw", FOUR["sw"], after, siblings=["se", "nw", "ne"], shapes=shapes, children=children
    )
    now = {**shapes, "sw": after, **found}
    for name in FOUR:
        own = {child: now[child] for child in children[name]}
        assert_tiled(own, now[name])
    # Half way along the edge between sw and se.
    assert (100.95, 40.575) in [
        (round(x, 9), round(y, 9)) for x, y in now["sw0.50"].exterior.coords
    ]
    assert now["ne0.50.5"].equals(shapes["ne0.50.5"])


def test_a_corner_that_is_moved_across_another_grid_is_refused_with_the_place():
    with pytest.raises(MovedEdgeError, match=r"'sw' would cross itself near 100\.50000, 39\.5"):
        moved("ne", with_corner(FOUR["ne"], (1, 1), (0.5, -0.5)), FOUR)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(2, 4), moves=st.integers(1, 5),
)  # fmt: skip
def test_whatever_corners_are_moved_every_grid_has_them_where_they_went(seed, count, moves):
    rng = np.random.default_rng(seed)
    side = np.arange(count + 1)
    places = np.stack(np.meshgrid(100 + side, 40 + side, indexing="ij"), -1).astype(float)

    def cells(at):
        """The cells of corners in rows and columns: the plain way to move one."""
        return {
            f"{i}{j}": shapely.Polygon([at[i, j], at[i + 1, j], at[i + 1, j + 1], at[i, j + 1]])
            for i in range(count)
            for j in range(count)
        }

    places[1:-1, 1:-1] += rng.uniform(-0.2, 0.2, places[1:-1, 1:-1].shape)
    shapes = cells(places)
    for _ in range(moves):
        i, j = rng.integers(1, count, 2)
        places[i, j] = np.array([100 + i, 40 + j]) + rng.uniform(-0.3, 0.3, 2)
        expected = cells(places)
        assume(all(shapely.is_valid(list(expected.values()))))
        name = f"{i - rng.integers(2)}{j - rng.integers(2)}"
        shapes, changed = moved(name, expected[name], shapes)
        assert len({*changed, name}) == 4
        for each, shape in expected.items():
            assert shapes[each].equals(shape), each


def test_a_corner_on_the_straight_edge_of_a_third_is_a_corner_of_it_once_it_is_moved():
    shapes = {"a": box(0, 0, 1, 2), "b": box(1, 0, 2, 1), "c": box(1, 1, 2, 2)}
    for name in ("b", "c"):
        for to in ((0.8, 1.1), (1.3, 0.7)):
            now, changed = moved(name, with_corner(shapes[name], (1, 1), to), shapes)
            assert set(changed) == {"a", "b", "c"} - {name}
            assert now["a"].equals(ring((0, 0), (1, 0), to, (1, 2), (0, 2)))
            assert now["b"].equals(ring((1, 0), (2, 0), (2, 1), to))
            assert now["c"].equals(ring(to, (2, 1), (2, 2), (1, 2)))
        slid, changed = moved(name, with_corner(shapes[name], (1, 1), (1, 1.3)), shapes)
        assert changed == ["c" if name == "b" else "b"]  # it slides along the edge of a
        assert slid["c"].equals(ring((1, 1.3), (2, 1), (2, 2), (1, 2)))


def test_a_corner_of_three_beside_a_gap_moves_for_the_three():
    shapes = {"a": box(0, 0, 1, 1), "b": box(1, 0, 2, 1), "c": box(0, 1, 1, 2)}
    now, changed = moved("a", with_corner(shapes["a"], (1, 1), (1.2, 1.1)), shapes)
    assert changed == ["b", "c"]
    for name, shape in shapes.items():
        assert now[name].equals(with_corner(shape, (1, 1), (1.2, 1.1)))


class _Wall:
    """Rows of bricks, each over the gap between two of the row below: three meet at each node."""

    def __init__(self, rows, columns, rng):
        self.rows, self.columns = rows, columns
        self.nodes = {
            (x, y): (100 + x, 40 + y) for x in range(2 * columns + 2) for y in range(rows + 1)
        }
        for x, y in self.inner():
            self.move((x, y), rng.uniform(-0.2, 0.2, 2))

    def inner(self):
        return [
            (x, y) for x in range(1, 2 * self.columns + 1) for y in range(1, self.rows)
        ]  # fmt: skip

    def move(self, node, by):
        self.nodes[node] = (100 + node[0] + float(by[0]), 40 + node[1] + float(by[1]))

    def bricks(self, *, drop=()):
        """Every brick as a polygon of six nodes; ``drop``: nodes that are left out of the ring of
        the one on whose edge they lie."""
        found = {}
        for row in range(self.rows):
            for n in range(self.columns):
                west = 2 * n + row % 2
                ring = [(west + k, row) for k in range(3)]
                ring += [(west + k, row + 1) for k in (2, 1, 0)]
                ring = [node for node in ring if not (node in drop and node[0] == west + 1)]
                found[f"{row}/{n}"] = shapely.Polygon([self.nodes[node] for node in ring])
        return found

    def at(self, node):
        """The bricks that have a node."""
        place = shapely.Point(self.nodes[node])
        return [name for name, brick in self.bricks().items() if brick.touches(place)]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 4), columns=st.integers(2, 3),
    moves=st.integers(1, 5),
)  # fmt: skip
def test_in_a_wall_of_bricks_every_corner_of_three_is_one_corner_wherever_it_goes(
    seed, rows, columns, moves
):
    rng = np.random.default_rng(seed)
    wall = _Wall(rows, columns, rng)
    shapes = wall.bricks()
    for _ in range(moves):
        node = wall.inner()[rng.integers(len(wall.inner()))]
        beside = wall.at(node)
        assume(len(beside) == 3)  # not at either end of a row
        name = beside[rng.integers(3)]
        wall.move(node, rng.uniform(-0.35, 0.35, 2))
        expected = wall.bricks()
        shapes, changed = moved(name, expected[name], shapes)
        assert {*changed, name} == set(beside)
        for each, shape in expected.items():
            assert shapes[each].equals(shape), each
            assert not shapely.symmetric_difference(
                shapely.multipoints(shapely.get_coordinates(shapes[each])),
                shapely.multipoints(shapely.get_coordinates(shape)),
            ).area


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), x=st.integers(3, 4), by=st.tuples(
    st.floats(-0.35, 0.35), st.floats(-0.35, 0.35)))  # fmt: skip
def test_where_bricks_lie_straight_on_each_other_the_corner_bends_the_edge_that_it_lay_on(
    seed, x, by
):
    rng = np.random.default_rng(seed)
    wall = _Wall(3, 3, rng)
    for node in wall.inner():
        wall.move(node, (0, 0))
    drop = set(wall.inner())
    shapes = wall.bricks(drop=drop)
    whole = shapely.union_all(list(shapes.values()))
    node = (x, int(rng.integers(1, 3)))
    beside = [name for name in wall.at(node) if wall.nodes[node] in shapes[name].exterior.coords]
    assume(len(wall.at(node)) == 3)
    name = beside[rng.integers(len(beside))]
    wall.move(node, by)
    assume(wall.nodes[node] != (100 + node[0], 40 + node[1]))
    after = wall.bricks(drop=drop)[name]
    now, _ = moved(name, after, shapes)
    assert_tiled(now, whole)
    at = shapely.Point(wall.nodes[node])
    straight = abs(by[1]) < 1e-9
    for each in wall.bricks(drop=drop - {node}):
        corners = shapely.multipoints(shapely.get_coordinates(now[each]))
        if each in wall.at(node):
            assert straight or shapely.dwithin(corners, at, 1e-12), each
