"""Cells drawn over an area, and the hierarchy that they form."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import grids
from geo.earth import area_m2
from geo.errors import MissingColumnError, NoCrsError, OutOfRangeError, WrongGeometryError

#: A stretch of land with a lake in it and an island off it; no edge runs along a cell.
LAND = shapely.MultiPolygon([
    shapely.Polygon(
        [(104.0, 42.0), (104.7, 41.9), (104.9, 42.3), (104.5, 42.45), (104.1, 42.4)],
        [[(104.3, 42.1), (104.5, 42.1), (104.45, 42.22)]],
    ),
    shapely.box(104.95, 42.0, 105.0, 42.05),
])  # fmt: skip


def edges_of(cells: gpd.GeoDataFrame) -> pd.Series:
    """How many cells have each undirected edge, vertex by vertex, to the last bit."""
    seen: dict[tuple[tuple[float, float], ...], int] = {}
    for polygon in shapely.get_parts(cells.geometry.to_numpy()):
        for ring in (polygon.exterior, *polygon.interiors):
            points = list(ring.coords)
            for a, b in itertools.pairwise(points):
                key = (min(a, b), max(a, b))
                seen[key] = seen.get(key, 0) + 1
    return pd.Series(seen)


def check_tiling(cells: gpd.GeoDataFrame, area: shapely.Geometry) -> None:
    assert cells.is_valid.all()
    assert cells.index.is_unique
    assert area_m2(cells.geometry.to_numpy()).sum() == pytest.approx(area_m2(area)[0], rel=1e-9)
    edges = edges_of(cells)
    assert edges.max() == (2 if len(cells) > 1 else 1)
    # what only one cell has is the area's own edge, all of it
    alone = [shapely.LineString(e) for e in edges[edges == 1].index]
    assert sum(e.length for e in alone) == pytest.approx(area.boundary.length, rel=1e-9)


@pytest.mark.parametrize("shape", ["square", "hexagon"])
@pytest.mark.parametrize("size_m", [1500, 4000, 30_000, 200_000])
def test_clipped_cells_tile_the_area_and_share_their_edges_exactly(shape, size_m):
    check_tiling(grids.draw(LAND, shape=shape, size_m=size_m), LAND)


@settings(max_examples=30)
@given(
    points=st.lists(
        st.tuples(st.floats(100, 101), st.floats(41, 42)), min_size=4, max_size=12, unique=True
    ),
    shape=st.sampled_from(["square", "hexagon"]),
    size_m=st.floats(6000, 60_000),
)
def test_any_area_is_tiled(points, shape, size_m):
    area = shapely.MultiPoint(points).convex_hull.buffer(0.01)
    cells = grids.draw(area, shape=shape, size_m=size_m)
    assert area_m2(cells.geometry.to_numpy()).sum() == pytest.approx(area_m2(area)[0], rel=1e-6)
    assert edges_of(cells).max() == (2 if len(cells) > 1 else 1)


@pytest.mark.parametrize(
    ("shape", "size_m", "cell_m2"),
    [
        ("square", 5000, 25e6),
        ("square", 100_000, 1e10),
        ("hexagon", 5000, 25e6 * 3**0.5 / 2),
        ("hexagon", 100_000, 1e10 * 3**0.5 / 2),
    ],
)
def test_whole_cells_have_the_size_that_was_asked_for(shape, size_m, cell_m2):
    area = shapely.box(102, 40, 107, 45)
    whole = grids.draw(area, shape=shape, size_m=size_m, clip=False)
    assert area_m2(whole.geometry.to_numpy()) == pytest.approx(cell_m2, rel=1e-3)
    assert shapely.union_all(whole.geometry.to_numpy()).buffer(1e-9).covers(area)


def test_cells_left_whole_all_meet_the_area():
    cells = grids.draw(LAND, size_m=4000, clip=False)
    assert (shapely.area(shapely.intersection(cells.geometry.to_numpy(), LAND)) > 0).all()
    assert edges_of(cells).max() == 2


def test_ids_name_row_and_column_and_are_the_same_each_time():
    cells = grids.draw(shapely.box(104, 42, 104.1, 42.05), size_m=2000, prefix="east")
    again = grids.draw(shapely.box(104, 42, 104.1, 42.05), size_m=2000, prefix="east")
    assert cells.index[0] == "east-r001-c001"
    assert cells.index.name == "id"
    assert cells.index.is_monotonic_increasing
    assert cells.index.equals(again.index)
    assert cells.geometry.geom_equals_exact(again.geometry, 0).all()
    row_2 = cells.loc["east-r002-c001"].geometry.centroid
    assert row_2.y > cells.loc["east-r001-c001"].geometry.centroid.y


def test_an_area_smaller_than_a_cell_is_one_cell():
    area = shapely.box(104, 42, 104.01, 42.01)
    cells = grids.draw(area, size_m=50_000)
    assert len(cells) == 1
    assert cells.geometry.iloc[0].equals(area)


def test_an_area_in_metres_is_read_by_its_crs():
    metres = gpd.GeoDataFrame(geometry=[LAND], crs=4326).to_crs(32648)
    cells = grids.draw(metres, size_m=10_000)
    assert cells.crs.equals("EPSG:4326")
    assert area_m2(cells.geometry.to_numpy()).sum() == pytest.approx(area_m2(LAND)[0], rel=1e-6)


def test_what_cannot_be_drawn_is_refused_in_one_line():
    frame = gpd.GeoDataFrame(geometry=[LAND], crs=4326)
    with pytest.raises(OutOfRangeError, match="200,000 is the most"):
        grids.draw(frame, size_m=100)
    with pytest.raises(OutOfRangeError, match="size_m=-5"):
        grids.draw(frame, size_m=-5)
    with pytest.raises(OutOfRangeError, match="square or hexagon"):
        grids.draw(frame, shape="triangle", size_m=5000)  # type: ignore[arg-type]
    with pytest.raises(OutOfRangeError, match="no place in degrees"):
        grids.draw(shapely.box(5e5, 4e6, 6e5, 5e6), size_m=5000)
    with pytest.raises(NoCrsError):
        grids.draw(frame.set_crs(None, allow_override=True), size_m=5000)
    with pytest.raises(OutOfRangeError, match="at most 1,000,000"):
        grids.draw(frame, size_m=1e30)
    with pytest.raises(OutOfRangeError, match="about inf cells"):
        grids.draw(frame, size_m=1e-200)
    for nothing in (LAND.boundary, shapely.Polygon(), frame.iloc[:0]):
        with pytest.raises(WrongGeometryError, match="no polygon"):
            grids.draw(nothing, size_m=5000)
    with pytest.raises(WrongGeometryError, match="Self-intersection"):
        grids.draw(shapely.Polygon([(104, 42), (105, 43), (105, 42), (104, 43)]), size_m=5000)


@pytest.mark.parametrize("shape", ["square", "hexagon"])
@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((-180, -90, 180, 90), "covers 100% of the earth"),
        ((-180, -1, 180, 1), "too wide, or too near a pole"),
        ((-180, 84, 180, 90), "too wide, or too near a pole"),
        ((0, 80, 20, 89.9), "too wide, or too near a pole"),
    ],
)
def test_an_area_that_no_plane_shows_is_refused(shape, box, words):
    with pytest.raises(OutOfRangeError, match=words):
        grids.draw(shapely.box(*box), shape=shape, size_m=90_000)


@pytest.mark.parametrize("shape", ["square", "hexagon"])
@pytest.mark.parametrize("box", [(170, 40, 180, 50), (-180, -20, -170, -10), (70, 15, 140, 55)])
def test_wide_areas_and_those_at_the_date_line_are_tiled(shape, box):
    area = shapely.box(*box)
    cells = grids.draw(area, shape=shape, size_m=300_000)
    check_tiling(cells, area)
    assert cells.total_bounds == pytest.approx(box)


def hierarchy(**grids_: tuple[str | None, shapely.Geometry]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"parent": [p for p, _ in grids_.values()]},
        geometry=[g for _, g in grids_.values()],
        index=pd.Index(list(grids_), name="id", dtype="str"),
        crs="EPSG:4326",
    )


TREE = hierarchy(
    banner=(None, shapely.box(100, 40, 104, 42)),
    east=("banner", shapely.box(102, 40, 104, 42)),
    west=("banner", shapely.box(100, 40, 102, 41)),
    cell1=("west", shapely.box(100, 40, 101, 41)),
    cell2=("west", shapely.box(101, 40, 102, 41)),
)


def test_a_sound_hierarchy_has_no_faults():
    faults = grids.check_hierarchy(TREE)
    assert faults.empty
    columns = ["fault", "id", "other", "area_m2", "lon", "lat", "message"]
    assert faults.columns.tolist() == columns


def test_faults_are_named_with_their_place():
    broken = hierarchy(
        banner=(None, shapely.box(100, 40, 104, 42)),
        out=("banner", shapely.box(103, 41, 104.5, 42)),
        over=("banner", shapely.box(101, 40, 103.1, 41.5)),
        lost=("nowhere", shapely.box(0, 0, 1, 1)),
        snake=("tail", shapely.box(10, 0, 11, 1)),
        tail=("snake", shapely.box(10, 0, 11, 1)),
    )
    faults = grids.check_hierarchy(broken).set_index(["fault", "id"])
    assert sorted(faults.index) == [
        ("circle", "snake"),
        ("circle", "tail"),
        ("outside_parent", "out"),
        ("overlap", "out"),
        ("unknown_parent", "lost"),
    ]
    out = faults.loc[("outside_parent", "out")]
    assert out["area_m2"] == pytest.approx(area_m2(shapely.box(104, 41, 104.5, 42))[0])
    assert 104 < out["lon"] < 104.5
    assert 41 < out["lat"] < 42
    assert "outside its parent banner" in out["message"]
    assert faults.loc[("overlap", "out"), "other"] == "over"


def test_slivers_thinner_than_the_tolerance_are_no_fault():
    hair = 5e-6  # half a metre
    tree = hierarchy(
        top=(None, shapely.box(100, 40, 101, 41)),
        a=("top", shapely.box(100 - hair, 40, 100.5 + hair, 41)),
        b=("top", shapely.box(100.5, 40, 101, 41)),
    )
    assert grids.check_hierarchy(tree).empty
    assert set(grids.check_hierarchy(tree, tolerance_m=0.1)["fault"]) == {
        "outside_parent",
        "overlap",
    }


def test_grids_of_different_levels_without_parents_may_lie_on_each_other():
    flat = TREE.assign(parent=None, level=["banner", "sumu", "sumu", "cell", "cell"])
    assert grids.check_hierarchy(flat).empty
    assert not grids.check_hierarchy(flat.drop(columns="level")).empty


def test_the_rest_is_what_no_child_has():
    parent, children = TREE.loc["banner"].geometry, TREE.loc[["east", "west"]]
    left = grids.rest(parent, children)
    assert left.equals(shapely.box(100, 41, 102, 42))
    assert grids.rest(parent, children.iloc[:0]).equals(parent)
    assert grids.rest(TREE.loc["west"].geometry, TREE.loc[["cell1", "cell2"]]).is_empty


def test_a_chain_goes_from_the_top_to_the_lowest():
    assert grids.chain(TREE, 100.5, 40.5) == ["banner", "west", "cell1"]
    assert grids.chain(TREE, 100.5, 41.5) == ["banner"]
    assert grids.chain(TREE, 103, 41) == ["banner", "east"]
    assert grids.chain(TREE, 99, 41) == []


def test_on_a_shared_edge_the_lower_id_has_the_point():
    assert grids.chain(TREE, 101, 40.5) == ["banner", "west", "cell1"]
    assert grids.chain(TREE, 102, 40.5) == ["banner", "east"]


LAID = hierarchy(
    top=(None, shapely.box(0, 0, 4, 4)),
    mid=("top", shapely.box(0, 0, 2, 4)),
    low=("mid", shapely.box(0, 0, 1, 1)),
    alone=(None, shapely.box(1, 0, 2.6, 1)),
    under=("alone", shapely.box(1, 0, 2, 1)),
    far=(None, shapely.box(2.5, 2.5, 5, 5)),
).assign(level=["banner", "sumu", "cell", "gacha", "cell", "cell"])
WORDS = ("banner", "sumu", "gacha", "cell")


@pytest.mark.parametrize(
    ("lon", "lat", "wanted"),
    [
        (0.5, 0.5, "top mid low"),
        (1.5, 0.5, "top mid alone under"),
        (2.5, 0.5, "top alone"),
        (1, 0.5, "top mid alone low"),  # of the cells low and under the lower id has the edge
        (3.5, 3.5, "top far"),
        (4.5, 4.5, "far"),
        (6, 6, ""),
    ],
)
def test_what_has_no_parent_is_in_the_chain_by_its_level(lon, lat, wanted):
    assert grids.chain(LAID, lon, lat, levels=WORDS) == wanted.split()
    assert set(grids.chain(LAID.iloc[::-1], lon, lat)) == set(wanted.split())


def test_a_level_that_nobody_knows_never_stands_above_its_parent():
    odd = LAID.assign(level=["kingdom", "sumu", "cell", "gacha", "cell", "cell"])
    assert grids.chain(odd, 0.5, 0.5, levels=WORDS) == ["top", "mid", "low"]


def test_grids_without_a_parent_are_told_with_the_lowest_that_they_lie_in():
    found = grids.orphans(LAID, levels=WORDS)
    assert found[["id", "other", "fits"]].to_numpy().tolist() == [
        ["alone", "top", True],  # it lies on mid, too, but not as a whole
        ["far", "top", False],
    ]
    assert found["message"].iloc[1].endswith("lies on top, and partly beyond it: mend its outline")
    whole = LAID.drop("far").assign(parent=[None, "top", None, None, None])
    told = grids.orphans(whole, levels=WORDS).set_index("id")
    assert told.loc["low", "message"] == (
        "low: it has no parent, but lies in mid: give it that parent"
    )
    assert told.loc["under", ["other", "fits"]].tolist() == ["alone", True]
    assert grids.orphans(LAID.iloc[:3], levels=WORDS).empty
    assert grids.orphans(whole, levels=()).empty
    assert grids.orphans(whole.iloc[:0], levels=WORDS).empty


def test_a_chain_ends_in_a_circle():
    loop = hierarchy(a=(None, shapely.box(0, 0, 1, 1)), b=("a", shapely.box(0, 0, 1, 1)))
    assert grids.chain(loop, 0.5, 0.5) == ["a", "b"]


def test_a_hierarchy_needs_parents_and_a_crs():
    with pytest.raises(MissingColumnError, match="parent"):
        grids.chain(TREE.drop(columns="parent"), 0, 0)
    with pytest.raises(NoCrsError):
        grids.check_hierarchy(TREE.set_crs(None, allow_override=True))


def test_drawn_cells_are_a_sound_hierarchy():
    cells = grids.draw(LAND, shape="hexagon", size_m=5000)
    top = gpd.GeoDataFrame(geometry=[LAND], index=["land"], crs=4326)
    whole = pd.concat([top.assign(parent=None), cells.assign(parent="land")])
    assert grids.check_hierarchy(whole, tolerance_m=0.001).empty
    place = shapely.point_on_surface(cells.geometry.iloc[7])
    assert grids.chain(whole, place.x, place.y) == ["land", cells.index[7]]
    assert np.isclose(area_m2(grids.rest(LAND, cells)).sum(), 0, atol=1)
