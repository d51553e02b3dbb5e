"""A grid's edge is moved: what its neighbours and the grids within them become."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import grids
from geo.earth import area_m2
from geo.grids.moving import follow
from geo.grids.split import MovedEdgeError
from tests.geo.test_grids_ground import tessellation


def box(west: float, south: float, east: float, north: float) -> shapely.Geometry:
    return shapely.box(100 + west, 40 + south, 100 + east, 40 + north)


def ring(*corners: tuple[float, float]) -> shapely.Geometry:
    return shapely.Polygon([(100 + x, 40 + y) for x, y in corners])


def moved(name, after, shapes, children=None, siblings=None):
    """All shapes after ``name`` became ``after``."""
    siblings = [n for n in shapes if n != name] if siblings is None else siblings
    found = follow(
        name, shapes[name], after, siblings=siblings, shapes=shapes, children=children or {}
    )
    return {**shapes, name: after, **found}, sorted(found)


WEST_EAST = {"west": box(0, 0, 1, 1), "east": box(1, 0, 2, 1)}


def test_ground_gained_is_taken_from_the_neighbour_and_ground_given_up_goes_to_it():
    wider, changed = moved("west", box(0, 0, 1.25, 1), WEST_EAST)
    assert wider["east"].equals(box(1.25, 0, 2, 1))
    assert changed == ["east"]
    narrower, changed = moved("west", box(0, 0, 0.75, 1), WEST_EAST)
    assert narrower["east"].equals(box(0.75, 0, 2, 1))
    assert changed == ["east"]


def test_a_new_vertex_on_the_edge_is_one_vertex_to_both():
    bent = ring((0, 0), (1, 0), (1.1, 0.3), (0.9, 0.6), (1, 1), (0, 1))
    now, _ = moved("west", bent, WEST_EAST)
    common = set(bent.exterior.coords) - set(WEST_EAST["west"].exterior.coords)
    assert len(common) == 2
    assert common <= set(now["east"].exterior.coords)
    assert area_m2(shapely.union_all(list(now.values())))[0] == pytest.approx(
        area_m2(box(0, 0, 2, 1))[0], rel=1e-12
    )


def test_an_edge_that_no_neighbour_shares_leaves_a_gap():
    now, changed = moved("west", box(0.5, 0, 1, 1), WEST_EAST)
    assert (changed, now["east"]) == ([], WEST_EAST["east"])
    now, changed = moved("west", box(0, 0, 1, 0.5), WEST_EAST)  # slides along east's edge
    assert (changed, now["east"]) == ([], WEST_EAST["east"])
    odd = ring((0, 0), (1, 0), (1, 0.5), (0.5, 0.5), (0, 0.5))  # of another number of corners
    assert moved("west", odd, WEST_EAST)[1] == []


@pytest.mark.parametrize("to", [(0.8, 0.9), (1.2, 0.9), (1.3, 1.3), (1, 1.2), (1.2, 1)])
def test_a_corner_of_three_goes_where_it_was_moved_to_and_is_one_corner_to_each(to):
    three = {"a": box(0, 0, 1, 2), "b": box(1, 0, 2, 1), "c": box(1, 1, 2, 2)}
    shapes = {**three, "a": ring((0, 0), (1, 0), (1, 1), (1, 2), (0, 2))}
    then = {
        "a": ring((0, 0), (1, 0), to, (1, 2), (0, 2)),
        "b": ring((1, 0), (2, 0), (2, 1), to),
        "c": ring(to, (2, 1), (2, 2), (1, 2)),
    }
    for name in shapes:
        now, changed = moved(name, then[name], shapes)
        assert set(changed) >= {"b", "c"} - {name}
        for each, shape in then.items():
            assert now[each].equals(shape), (name, each)
            assert (100 + to[0], 40 + to[1]) in now[each].exterior.coords, (name, each)


def test_an_edge_of_two_neighbours_is_cut_where_they_meet():
    shapes = {"a": box(0, 0, 1, 2), "b": box(1, 0, 2, 1), "c": box(1, 1, 2, 2)}
    now, changed = moved("a", box(0, 0, 0.5, 2), shapes)
    assert changed == ["a", "b", "c"]  # a gets the corner at which b and c meet
    assert now["b"].equals(box(0.5, 0, 2, 1))
    assert now["c"].equals(box(0.5, 1, 2, 2))
    assert (100.5, 41) in now["a"].exterior.coords


def test_where_half_of_the_edge_is_a_gap_half_of_the_ground_becomes_one():
    now, _ = moved("a", box(0, 0, 0.5, 2), {"a": box(0, 0, 1, 2), "b": box(1, 0, 2, 1)})
    assert now["b"].equals(box(0.5, 0, 2, 1))


def test_a_neighbour_along_whose_edge_the_corner_slid_gets_nothing():
    shapes = {**WEST_EAST, "north": box(0, 1, 2, 2)}
    now, changed = moved("west", box(0, 0, 0.75, 1), shapes)
    assert now["east"].equals(box(0.75, 0, 2, 1))
    assert changed == ["east"]


def test_an_edge_moved_to_and_fro_leaves_nothing_in_the_way_of_the_next_move():
    shapes = WEST_EAST
    for x in (0.9, 1.3, 1.1, 0.4, 0.7):
        shapes, _ = moved("west", box(0, 0, x, 1), shapes)
        assert shapes["east"].equals(box(x, 0, 2, 1))
        shapes, _ = moved("east", box(x + 0.05, 0, 2, 1), shapes)
        assert shapes["west"].equals(box(0, 0, x + 0.05, 1))


def test_a_neighbour_that_would_lose_all_and_one_that_was_none_are_named_with_the_place():
    with pytest.raises(
        MovedEdgeError, match=r"takes all of the ground of 'east' near 101\.\d+, 40"
    ):
        moved("west", box(0, 0, 2, 1), WEST_EAST)
    apart = {"west": box(0, 0, 1, 1), "far": box(1.5, 0, 2, 1)}
    with pytest.raises(MovedEdgeError, match=r"lie on 'far' near 101\.\d+, 40.5.*no neighbour"):
        moved("west", box(0, 0, 1.75, 1), apart)


FAMILY = {
    **WEST_EAST,
    "w1": box(0, 0, 1, 0.5),
    "w2": box(0, 0.5, 0.5, 1),
    "e1": box(1, 0, 2, 0.5),
}
BELOW = {"west": ["w1", "w2"], "east": ["e1"]}


def test_children_along_the_edge_follow_on_both_sides():
    now, changed = moved("west", box(0, 0, 0.75, 1), FAMILY, BELOW, ["east"])
    assert changed == ["e1", "east", "w1"]
    assert now["w1"].equals(box(0, 0, 0.75, 0.5))
    assert now["e1"].equals(box(0.75, 0, 2, 0.5))
    now, changed = moved("west", box(0, 0, 1.25, 1), FAMILY, BELOW, ["east"])
    assert changed == ["e1", "east", "w1"]
    assert now["w1"].equals(box(0, 0, 1.25, 0.5))


def test_a_child_that_lies_in_the_ground_given_up_is_in_the_way():
    with pytest.raises(MovedEdgeError, match=r"'w2' lies in the ground that 'west' gives up near"):
        moved("west", box(0, 0, 0.4, 1), FAMILY, BELOW, ["east"])
    inner = {**WEST_EAST, "w1": box(0.9, 0.4, 1, 0.6)}
    with pytest.raises(MovedEdgeError, match=r"'w1' lies in the ground that 'west' gives up"):
        moved("west", box(0, 0, 0.8, 1), inner, {"west": ["w1"]}, ["east"])
    with pytest.raises(MovedEdgeError, match=r"'w1' lies in the ground that 'west' gives up"):
        moved("west", box(0.2, 0, 1, 1), FAMILY, BELOW, ["east"])  # to a gap: nobody takes it


def test_an_island_that_is_dropped_goes_to_the_one_round_it_and_else_it_is_refused():
    island = box(1.4, 0.4, 1.6, 0.6)
    shapes = {
        "west": shapely.MultiPolygon([box(0, 0, 1, 1), island]),
        "east": box(1, 0, 2, 1).difference(island),
    }
    now, _ = moved("west", box(0, 0, 1, 1), shapes)
    assert now["east"].equals(box(1, 0, 2, 1))
    shapes = {"a": shapely.MultiPolygon([box(0, 0, 1, 1), island]), "b": box(1.6, 0, 2, 1)}
    with pytest.raises(MovedEdgeError, match=r"'a' gives up near 101\.5\d*, 40\.5"):
        moved("a", box(0, 0, 1, 1), {**shapes, "c": box(1, 0, 1.4, 1)})


def test_edges_drawn_twice_half_a_metre_apart_are_one_edge():
    hair = 5e-6
    shapes = {"west": box(0, 0, 1 - hair, 1), "east": box(1, 0, 2, 1)}
    now, changed = moved("west", box(0, 0, 0.75, 1), shapes)
    assert changed == ["east"]
    assert now["east"].geom_type == "Polygon"
    assert not now["east"].interiors
    assert now["east"].symmetric_difference(box(0.75, 0, 2, 1)).area < hair


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000))
def test_siblings_still_tile_their_union_after_fifty_moves(seed):
    rng = np.random.default_rng(seed)
    cells = tessellation(3, seed % 7, extra=2)
    shapes = {f"c{n}": cell for n, cell in enumerate(cells)}
    union = shapely.union_all(cells)
    edge, whole_m2 = union.boundary, area_m2(union)[0]
    done = 0
    for _ in range(120):
        name = f"c{rng.integers(9)}"
        xy = shapely.get_coordinates(shapes[name])[:-1]
        inner = np.flatnonzero(~shapely.dwithin(edge, shapely.points(xy), 1e-6))
        if len(shapely.get_rings(shapely.get_parts(shapes[name]))) > 1 or not len(inner):
            continue
        xy[rng.choice(inner)] += rng.normal(0, 0.0007, 2)
        after = shapely.MultiPolygon([shapely.Polygon(xy)])  # as stored
        if not after.is_valid or not union.covers(after):
            continue
        try:
            shapes, _ = moved(name, after, shapes)
        except MovedEdgeError:
            continue
        done += 1
        if done == 50:
            break
    assert done >= 30
    now = np.array(list(shapes.values()))
    assert shapely.is_valid(now).all()
    assert area_m2(shapely.union_all(now))[0] == pytest.approx(whole_m2, abs=1)
    assert area_m2(now).sum() == pytest.approx(whole_m2, abs=1)
    assert not shapely.get_num_interior_rings(shapely.get_parts(shapely.union_all(now))).any()
    frame = gpd_frame(shapes)
    assert grids.check_hierarchy(frame, tolerance_m=0.001).empty


def gpd_frame(shapes):
    return gpd.GeoDataFrame(
        {"parent": ["p"] * len(shapes) + [None]},
        geometry=[*shapes.values(), shapely.box(90, 30, 110, 50)],
        index=[*shapes, "p"],
        crs=4326,
    )
