"""Kept tiles: a change takes out those in which it may show, and no other."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.earth import MERCATOR_HALF_M
from geo.tiles.encoding import wide_bounds
from layers.tiles.hearing import EVERYTHING, Change
from layers.tiles.log import touches
from layers.tiles.store import Kept, Key, Store
from layers.versions import DataVersion

VERSION = DataVersion(data_version="grids.1", as_of=None)
TILE = Kept(body=b"x" * 400, etag='"x"', version=VERSION)  # 1,000 bytes with what goes with it


def key(z: int, x: int, y: int, *layers: str, right: str = "all") -> Key:
    return Key(right=right, layers=layers or ("grids",), z=z, x=x, y=y)


def change(place: shapely.Geometry | None, layer: str = "grids") -> Change:
    return Change(layer=layer, ids=("a",), place=place)


def left(store: Store, keys: list[Key]) -> set[Key]:
    return {one for one in keys if store.get(one) is not None}


#: Places of the world as fractions of it, some of them outside.
fractions = st.floats(-0.02, 1.02)
points = st.tuples(fractions, fractions).map(
    lambda at: ((at[0] - 0.5) * 2 * MERCATOR_HALF_M, (0.5 - at[1]) * 2 * MERCATOR_HALF_M)
)
boxes = st.tuples(points, st.sampled_from([1.0, 900.0, 60_000.0, 9e6])).map(
    lambda at: shapely.Point(at[0]).buffer(at[1], quad_segs=2)
)
places = st.one_of(
    points.map(shapely.Point),
    st.lists(points, min_size=2, max_size=4).map(shapely.LineString),
    boxes,
    # As the database collects them: before and after, which may overlap.
    st.lists(boxes, min_size=1, max_size=3).map(shapely.MultiPolygon),
    st.lists(st.one_of(boxes.map(lambda one: shapely.MultiPolygon([one])),
                       points.map(shapely.Point)), max_size=3).map(shapely.GeometryCollection),
)  # fmt: skip


@settings(max_examples=100)
@given(places, st.randoms(use_true_random=False))
def test_exactly_the_tiles_that_a_change_meets_are_forgotten(
    place: shapely.Geometry, chance: random.Random
) -> None:
    store = Store(10**9)
    zooms = [chance.choice([0, 1, 2, 3, 5, 8, 12]) for _ in range(120)]
    near = shapely.get_coordinates(shapely.get_parts(place))
    keys = []
    for z in zooms:
        x, y = chance.randrange(1 << z), chance.randrange(1 << z)
        if len(near) and chance.random() < 0.5:  # else it would seldom be met at zoom 12
            at = (near[chance.randrange(len(near))] / MERCATOR_HALF_M * [1, -1] + 1) / 2
            x, y = (int(min(max(one, 0), 0.999999) * (1 << z)) for one in at)
        keys.append(key(z, x, y))
    for one in keys:
        store.put(one, TILE)
    store.forget([change(place)])
    met = {
        one
        for one in keys
        if any(
            shapely.intersects(part, shapely.box(*wide_bounds(one.z, one.x, one.y)))
            for part in shapely.get_parts(shapely.get_parts(place))
        )
    }
    assert left(store, keys) == set(keys) - met
    assert store.bytes == 1000 * len(set(keys) - met)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["grids", "roads", "posts", "post_areas", "breaches", "tokens"]),
            st.one_of(places, places, st.none()),
        ),
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
def test_many_changes_take_out_what_a_walk_over_every_tile_finds(
    told: list[tuple[str, shapely.Geometry | None]], chance: random.Random
) -> None:
    sets = [("grids",), ("roads",), ("grids", "roads"), ("unattended",), ("breaches",),
            ("unattended", "post_areas"), ("posts", "breaches")]  # fmt: skip
    keys = set()
    for _ in range(60):
        z = chance.choice([0, 1, 2, 4, 7])
        x, y = chance.randrange(1 << z), chance.randrange(1 << z)
        keys.add(key(z, x, y, *chance.choice(sets), right=chance.choice("ab")))
    store = Store(10**9)
    for one in keys:
        store.put(one, TILE)
    changes = [change(place, layer) for layer, place in told]
    lost = {one for one in keys if any(_shows(change, one) for change in changes)}
    assert store.forget(changes) == len(lost)
    assert left(store, list(keys)) == keys - lost


def _shows(change: Change, one: Key) -> bool:
    """Whether a change shows in a tile, in no hurry."""
    touched = {name for name in one.layers if touches(change, name)}
    if change.place is None or touched - {change.layer}:
        return bool(touched)
    box = shapely.box(*wide_bounds(one.z, one.x, one.y))
    parts = shapely.get_parts(shapely.get_parts(change.place))
    return bool(touched) and any(shapely.intersects(part, box) for part in parts)


def test_fifty_changes_among_a_hundred_thousand_tiles_take_no_second() -> None:
    store = Store(10**9)
    for n in range(100_000):
        layers = ("grids", "roads") if n % 2 else ("breaches",)
        store.put(key(12, n % 400 * 10, n // 400 * 10, *layers), TILE)
    changes = [change(shapely.Point(n * 90_000, n * 90_000), "breaches") for n in range(50)]
    begun_s = time.perf_counter()
    store.forget(changes)
    assert time.perf_counter() - begun_s < 1  # some milliseconds; the walk over each took seconds


def test_a_fence_that_holds_the_whole_tile_before_and_after_takes_it_out() -> None:
    inside = key(10, 500, 380)
    outline = shapely.box(*wide_bounds(8, 125, 95))
    assert shapely.box(*wide_bounds(*(10, 500, 380))).within(outline)
    store = Store(10**6)
    store.put(inside, TILE)
    # Its name was edited: the same outline twice, as ST_Collect gives it.
    assert store.forget([change(shapely.MultiPolygon([outline, outline]))]) == 1


def test_a_point_on_the_margin_s_edge_takes_out_both_neighbours() -> None:
    west, south, east, north = wide_bounds(3, 4, 3)
    around = [key(3, x, y) for x in (3, 4, 5) for y in (2, 3, 4)]
    for at in [(west, (south + north) / 2), ((west + east) / 2, south), (east, north)]:
        store = Store(10**6)
        for one in around:
            store.put(one, TILE)
        store.forget([change(shapely.Point(at))])
        assert key(3, 4, 3) not in left(store, around)


def test_a_change_of_a_layer_leaves_tiles_of_others() -> None:
    store = Store(10**6)
    keys = [key(0, 0, 0, "roads"), key(0, 0, 0, "grids", "roads"), key(0, 0, 0, "posts"),
            key(0, 0, 0, "roads", right="north")]  # fmt: skip
    for one in keys:
        store.put(one, TILE)
    assert store.forget([change(shapely.Point(0, 0), "roads")]) == 3
    assert left(store, keys) == {keys[2]}
    assert store.forget([change(shapely.Point(0, 0), "tokens")]) == 0


def test_a_change_anywhere_and_a_change_of_everything() -> None:
    store = Store(10**6)
    keys = [key(9, 5, 5, "roads"), key(9, 300, 200, "roads"), key(9, 5, 5, "posts")]
    for one in keys:
        store.put(one, TILE)
    assert store.forget([change(shapely.GeometryCollection(), "roads")]) == 0
    assert store.forget([change(None, "roads")]) == 2
    assert left(store, keys) == {keys[2]}
    assert store.forget([change(None, EVERYTHING)]) == 1
    assert (len(store), store.bytes) == (0, 0)


def test_what_is_computed_from_a_layer_is_forgotten_wherever_it_is() -> None:
    store = Store(10**6)
    far, away = key(12, 10, 10, "unattended"), key(12, 10, 10, "post_areas")
    for one in (far, away):
        store.put(one, TILE)
    assert store.forget([change(shapely.Point(9e6, 4e6), "post_areas")]) == 1
    assert left(store, [far, away]) == {away}


@pytest.mark.parametrize("seed", range(3))
def test_the_tile_used_longest_ago_makes_room(seed: int) -> None:
    """Against a list of names in the order of their use."""
    rng = np.random.default_rng(seed)
    store, used = Store(5_500), list[Key]()
    for _ in range(400):
        one = key(4, int(rng.integers(9)), 0)
        if rng.random() < 0.5:
            store.put(one, TILE)
            used = [other for other in used if other != one] + [one]
            used = used[-5:]  # five of 1,000 bytes are within 5,500
        elif store.get(one) is not None:
            used.remove(one)
            used.append(one)
        assert (len(store), store.bytes) == (len(used), 1000 * len(used))
    assert left(store, [key(4, x, 0) for x in range(9)]) == set(used)


def test_what_is_larger_than_the_whole_store_is_not_kept() -> None:
    small, nothing = Store(999), Store(0)
    for store in (small, nothing):
        store.put(key(0, 0, 0), TILE)
        assert len(store) == 0
