"""The hierarchy of grids holds, wherever grids are written."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from geo import grids as geo_grids
from geo.earth import area_m2
from layers import frames, places
from layers.db.engine import SYSTEM, acting
from layers.errors import BadFeatureError, InUseError, LayersError
from scratch import rolled_back
from tests.layers.grid_words import LEVELS, box, create, grid, replace


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


BANNER = grid("banner", box(0, 0, 4, 4), level="banner")
WEST = grid("west", box(0, 0, 2, 4), level="sumu", parent="banner")


def refused(connection: Connection, one: dict, match: str) -> tuple[str, ...]:
    with pytest.raises(BadFeatureError, match=match) as error:
        create(connection, one)
    return error.value.features


def test_a_sibling_on_another_is_refused_with_place_and_area_and_nothing_is_stored(
    connection: Connection,
) -> None:
    create(connection, BANNER, WEST)
    common_km2 = area_m2(box(1.9, 0, 2, 4))[0] / 1e6
    over = grid("over", box(1.9, 0, 3, 4), level="sumu", parent="banner")
    with pytest.raises(BadFeatureError) as error:
        create(connection, over)
    said = str(error.value)
    assert said.startswith(
        f"grids 'over': {common_km2 * 1e6:,.0f} m² of it lie on 'west' near 101.9"
    )
    assert error.value.features == ("over",)
    assert places.summary(connection)["grids"].count == 2


def test_siblings_are_those_of_one_parent_whatever_their_levels(connection: Connection) -> None:
    create(connection, BANNER, WEST)
    create(connection, grid("gacha", box(0, 0, 1, 4), level="gacha", parent="west"))
    create(connection, grid("town", box(1, 0, 2, 1), level="community", parent="west"))
    over = grid("big", box(0.5, 1, 1.5, 2), level="community", parent="west")
    assert refused(connection, over, "on 'gacha' near 100.75") == ("big",)
    # cells of both, and one whose parent is a level higher, beside them
    create(connection, grid("c1", box(0, 0, 1, 1), parent="gacha", kind="dedicated", team="T1"))
    create(connection, grid("c2", box(1, 1, 2, 2), parent="west"))


def test_tops_of_one_level_do_not_overlap_but_a_cell_without_parent_may_lie_on_a_banner(
    connection: Connection,
) -> None:
    create(connection, BANNER, grid("next", box(4, 0, 5, 4), level="banner"))
    assert refused(connection, grid("x", box(3, 3, 5, 5), level="banner"), "more like it") == ("x",)
    create(connection, grid("cell", box(1, 1, 2, 2)), grid("cell2", box(2, 1, 3, 2)))
    refused(connection, grid("cell3", box(1.5, 1, 2.5, 2)), "of it lie on 'cell")
    moved = grid("cell", box(1, 1, 2, 2), level="banner")
    with pytest.raises(BadFeatureError, match=r"'cell': .* of it lie on 'banner'"):
        replace(connection, moved)


def test_a_child_beyond_its_parent_is_refused(connection: Connection) -> None:
    create(connection, BANNER, WEST)
    out = grid("out", box(1, 3, 2, 4.5), parent="west")
    assert refused(connection, out, "'out': .* of it lie outside its parent 'west' near 101.5") == (
        "out",
    )
    create(connection, grid("in", box(1, 3, 2, 4), parent="west"))
    with pytest.raises(BadFeatureError, match=r"'in': .* outside its parent 'west'"):
        replace(connection, grid("in", box(1, 3, 2.5, 4), parent="west"))
    with pytest.raises(BadFeatureError, match=r"'in': .* lie outside its parent 'west'"):
        replace(connection, {**WEST, "geometry": shapely.geometry.mapping(box(0, 0, 2, 3.5))},
                follow=False)  # fmt: skip


def test_ground_narrower_than_a_metre_is_none(connection: Connection) -> None:
    half_a_metre = 5e-6
    create(connection, BANNER, WEST)
    create(connection, grid("east", box(2 - half_a_metre, 0, 4, 4 + half_a_metre), level="sumu",
                            parent="banner"))  # fmt: skip
    metres = 5e-5
    over = grid("x", box(3, 4 - metres, 3.5, 4 + metres), level="banner")
    refused(connection, over, "of it lie on 'banner'")


def test_gaps_are_allowed_and_deleting_one_makes_one(connection: Connection) -> None:
    create(connection, BANNER, WEST)
    with pytest.raises(InUseError):
        places.delete(connection, "grids", "banner")
    places.delete(connection, "grids", "west")
    [gap] = [one["id"] for one in places.gaps(connection).features] or [None]
    assert gap is None  # without children there is nothing left out


def test_a_load_names_every_grid_at_fault_and_changes_nothing(connection: Connection) -> None:
    cells = gpd.GeoDataFrame(
        {"level": "cell", "parent": "p"},
        index=["a", "b", "c", "d"],
        geometry=[box(0, 0, 1, 1), box(0.5, 0, 1.5, 1), box(3, 3, 5, 4), box(2, 0, 3, 1)],
        crs=4326,
    )
    top = gpd.GeoDataFrame({"level": "sumu"}, index=["p"], geometry=[box(0, 0, 4, 4)], crs=4326)
    places.put_frame(connection, "grids", top)
    with pytest.raises(BadFeatureError, match=r"\(1 more like it\)") as error:
        places.put_frame(connection, "grids", cells)
    assert set(error.value.features) == {"b", "c"}
    assert places.summary(connection)["grids"].count == 1
    rest = cells.drop(index=list(error.value.features))
    assert places.put_frame(connection, "grids", rest).inserted == 2


def test_every_refusal_names_its_features(connection: Connection) -> None:
    assert refused(connection, grid("a", box(0, 0, 1, 1), parent="no"), "does not exist") == ("a",)
    assert refused(connection, grid("a", box(0, 0, 1, 1), parent="a"), "own parent") == ("a",)
    assert refused(connection, grid("a", box(-90, -70, 70, 40)), "of the earth") == ("a",)
    create(connection, grid("a", box(0, 0, 1, 1), level="sumu"))
    up = grid("b", box(0, 0, 1, 1), level="banner", parent="a")
    assert refused(connection, up, "which is not above") == ("b",)
    create(connection, grid("b", box(0, 0, 1, 1), level="cell", parent="a"))
    with pytest.raises(BadFeatureError, match="own ancestor") as error:
        places.replace(connection, "grids", "a", grid("a", box(0, 0, 1, 1), level="x", parent="b"),
                       lowest_level="cell")  # fmt: skip
    assert error.value.features == ("a",)


def store_unchecked(connection: Connection, feature_id: str, shape: shapely.Geometry) -> None:
    """A grid as a release before this one may have stored it."""
    connection.execute(
        text(
            "INSERT INTO grids (id, level, parent, area_m2, geom) VALUES"
            " (:id, 'cell', 'banner', 1e6, ST_Multi(ST_GeomFromText(:wkt, 4326)))"
        ),
        {"id": feature_id, "wkt": shape.wkt},
    )


def test_old_faults_block_only_edits_of_the_ground_of_those_at_fault(
    connection: Connection,
) -> None:
    create(connection, BANNER)
    for feature_id, old in (("old1", box(0, 0, 1, 1)), ("old2", box(0.5, 0, 1.5, 1))):
        store_unchecked(connection, feature_id, old)
    create(connection, grid("new", box(2, 2, 3, 3), parent="banner"))
    named = places.feature(connection, "grids", "old1")
    named["properties"]["name"] = "Old"
    assert replace(connection, named)["properties"]["name"] == "Old"
    with pytest.raises(BadFeatureError, match="of it lie on 'old2'"):
        replace(connection, grid("old1", box(0, 0, 1, 1.1), parent="banner"), follow=False)
    assert len(geo_grids.check_hierarchy(frames.places(connection, "grids"))) == 1


BOX = st.tuples(*[st.integers(0, 5)] * 4).map(
    lambda c: box(min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]) + 1, max(c[1], c[3]) + 1)
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shapes=st.lists(BOX, min_size=2, max_size=6),
    parents=st.lists(st.sampled_from([None, 0, 1]), min_size=6, max_size=6),
    split=st.integers(0, 5),
)
def test_what_is_stored_is_what_holds(
    connection: Connection, shapes: list, parents: list, split: int
) -> None:
    """Two loads are taken exactly when the whole is without fault."""
    names = [f"g{n}" for n in range(len(shapes))]
    parent = [None if p is None or p >= n else f"g{p}" for n, p in enumerate(parents[: len(names)])]
    frame = gpd.GeoDataFrame(
        {"level": "cell", "parent": parent}, index=names, geometry=shapes, crs=4326
    )
    faults = geo_grids.check_hierarchy(frame)
    savepoint = connection.begin_nested()
    try:
        for part in (frame.iloc[:split], frame.iloc[split:]):
            if len(part):
                places.put_frame(connection, "grids", part)
        assert faults.empty
    except BadFeatureError:
        assert not faults.empty
    finally:
        savepoint.rollback()


def test_of_two_who_store_overlapping_siblings_at_once_one_is_refused(engine: Engine) -> None:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        create(connection, BANNER)
    told: dict[str, str] = {}
    ready = threading.Barrier(2)

    def store(feature_id: str, west: float) -> None:
        try:
            with acting(engine, SYSTEM, "patrolgrid_write") as connection:
                ready.wait()
                create(connection, grid(feature_id, box(west, 0, west + 1, 1), parent="banner"))
                told[feature_id] = "stored"
        except BadFeatureError as error:
            told[feature_id] = str(error)

    both = [threading.Thread(target=store, args=("ab"[n], 0.5 * n)) for n in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(told) == ["a", "b"]
    assert sorted(said == "stored" for said in told.values()) == [False, True]
    assert any("of it lie on" in said for said in told.values())


def test_of_a_chain_of_grids_on_each_other_every_second_may_stay(connection: Connection) -> None:
    chain = [box(n * 0.6, 0, n * 0.6 + 1, 1) for n in range(7)]
    frame = gpd.GeoDataFrame(
        {"id": [f"g{n}" for n in range(7)], "level": "cell"}, geometry=chain, crs=4326
    )
    with pytest.raises(BadFeatureError) as refusal:
        places.put_frame(connection, "grids", frame)
    assert refusal.value.features == ("g1", "g3", "g5")
    assert "'g1'" in refusal.value.reasons["g1"]
    left = frame[~frame["id"].isin(refusal.value.features)]
    assert places.put_frame(connection, "grids", left).inserted == 4


def test_neighbours_edited_at_once_both_ways_end_without_a_deadlock(engine: Engine) -> None:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        create(connection, grid("a", box(0, 0, 1, 1)), grid("b", box(1, 0, 2, 1)))
    failed: list[Exception] = []

    def edit(feature_id: str) -> None:
        rng = np.random.default_rng(ord(feature_id))
        for _ in range(10):
            x = float(rng.uniform(0.5, 1.5))
            shape = box(0, 0, x, 1) if feature_id == "a" else box(x, 0, 2, 1)
            try:
                with acting(engine, SYSTEM, "patrolgrid_write") as connection:
                    places.feature(connection, "grids", feature_id, lock=True)
                    replace(connection, grid(feature_id, shape))
            except LayersError as error:
                failed.append(error)

    both = [threading.Thread(target=edit, args=(name,)) for name in "ab"]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert not failed
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        stored = frames.places(connection, "grids")
    assert geo_grids.check_hierarchy(stored, tolerance_m=1e-3).empty
    assert stored["area_m2"].sum() == pytest.approx(area_m2(box(0, 0, 2, 1))[0], rel=1e-9)
    assert stored["area_m2"].to_numpy() == pytest.approx(area_m2(stored.geometry.to_numpy()))


def test_drawn_cells_lie_in_the_grid_that_they_were_drawn_in(connection: Connection) -> None:
    land = shapely.Point(102, 42).buffer(0.7, quad_segs=61).difference(box(1.9, 2.1, 2.2, 2.3))
    create(connection, grid("land", land, level="sumu"))
    for size_m, drawn in ((9_000, "square"), (11_000, "hexagon")):
        cells = geo_grids.draw(land, shape=drawn, size_m=size_m).assign(level="cell", parent="land")
        savepoint = connection.begin_nested()
        assert places.put_frame(connection, "grids", cells, levels=LEVELS).inserted == len(cells)
        savepoint.rollback()
