"""A corner at which another grid touches by a point alone: it moves for all, or for none."""

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


@settings(max_examples=60, deadline=None)
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
