"""Ground that no post looks after, as a layer that is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, inspect, text

from geo.earth import area_m2
from layers import export, frames, places, versions
from layers.errors import ReadOnlyLayerError
from layers.load import load
from layers.places.tables import views
from scratch import rolled_back
from tests.layers.grid_words import box, create, grid, replace


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def area(connection: Connection, feature_id: str, shape: shapely.Geometry) -> None:
    """The area of a post."""
    given = {**grid(feature_id, shape), "properties": {}}
    places.create(connection, "post_areas", given, lowest_level="cell")


@pytest.fixture
def land(connection: Connection) -> Connection:
    create(
        connection,
        grid("banner", box(0, 0, 4, 2), level="banner", name="旗"),
        grid("west", box(0, 0, 2, 2), level="sumu", parent="banner"),
        grid("east", box(2, 0, 4, 2), level="sumu", parent="banner"),
    )
    area(connection, "p1", box(0, 0, 2, 1))
    area(connection, "p2", box(0, 0.5, 2, 2))  # they overlap, and together fill west
    area(connection, "p3", box(3, 1, 5, 3))  # reaches beyond
    return connection


def test_each_grid_has_its_part_outside_every_area(land: Connection) -> None:
    found = {one["id"]: one for one in places.features(land, "unattended").features}
    assert list(found) == ["banner", "east"]
    left = shapely.box(102, 40, 104, 42).difference(shapely.box(103, 41, 104, 42))
    for one in found.values():
        assert one["geometry"]["type"] == "MultiPolygon"
        assert shapely.geometry.shape(one["geometry"]).equals(left)
        assert one["properties"]["area_m2"] == pytest.approx(area_m2(left)[0], rel=1e-4)
    whole = area_m2(box(2, 0, 4, 2))[0]
    told = found["east"]["properties"]
    assert told["unattended_share"] == pytest.approx(area_m2(left)[0] / whole, rel=1e-4)
    assert (told["level"], told["parent"]) == ("sumu", "banner")
    assert found["banner"]["properties"]["name"] == "旗"


def test_it_is_read_as_other_layers_are(land: Connection, tmp_path: Path) -> None:
    def ids(**query: object) -> list[str]:
        page = places.features(land, "unattended", **query)  # type: ignore[arg-type]
        return [one["id"] for one in page.features]

    assert ids(level="sumu") == ["east"]
    assert ids(bbox=(102.1, 40.1, 102.2, 40.2)) == ["banner", "east"]
    assert ids(bbox=(103.5, 41.5, 103.6, 41.6)) == []  # within the grids, but looked after
    page = places.features(land, "unattended", limit=1)
    assert page.next == "banner"
    assert ids(after="banner") == ["east"]
    assert places.feature(land, "unattended", "east")["id"] == "east"
    assert places.summary(land)["unattended"].count == 2
    frame = frames.places(land, "unattended", level="sumu")
    assert frame.loc["east", "unattended_share"] == pytest.approx(0.75, rel=0.01)
    assert export.export(land, "unattended", tmp_path / "u.gpkg") == 2
    assert len(gpd.read_file(tmp_path / "u.gpkg")) == 2


def test_its_version_is_that_of_what_it_is_computed_from(land: Connection) -> None:
    both = versions.read(land, ["grids", "post_areas"])
    assert versions.read(land, ["unattended"]) == both
    assert versions.read(land, ["unattended", "grids"]) == both
    assert places.LAYERS["unattended"].sources == ("grids", "post_areas")
    assert places.LAYERS["grids"].sources == ("grids",)
    # What one transaction changes is one set, and one step; this is another.
    land.execute(text("SELECT set_config('patrolgrid.change_set', '', true)"))
    area(land, "p4", box(2, 0, 4, 2))
    assert versions.read(land, ["unattended"]) != both
    assert places.features(land, "unattended").features == []


def test_nobody_writes_it(land: Connection, tmp_path: Path) -> None:
    one = places.feature(land, "unattended", "east")
    options = {"lowest_level": "cell"}
    frame = gpd.GeoDataFrame(index=["x"], geometry=[box(0, 0, 1, 1)], crs=4326)
    path = tmp_path / "u.geojson"
    export.export(land, "unattended", path)
    attempts: list[Callable[[], object]] = [
        lambda: places.create(land, "unattended", one, **options),
        lambda: places.replace(land, "unattended", "east", one, **options),
        lambda: places.delete(land, "unattended", "east"),
        lambda: places.put_frame(land, "unattended", frame),
        lambda: load(land, "unattended", path),
    ]
    for attempt in attempts:
        with pytest.raises(ReadOnlyLayerError) as error:
            attempt()
        assert str(error.value) == (
            "unattended is computed from grids and post_areas: change those instead"
        )


def test_edges_drawn_twice_leave_no_sliver(land: Connection) -> None:
    hair = 4e-6
    area(land, "p4", box(2 + hair, 0, 4, 2 - hair))
    assert places.features(land, "unattended").features == []


def test_attended_and_unattended_ground_make_up_the_grids(connection: Connection) -> None:
    rng = np.random.default_rng(5)
    create(connection, *(grid(f"top{n}", box(n, 0, n + 1, 1), level="banner") for n in range(4)))
    for n in range(12):
        disc = shapely.Point(100 + rng.uniform(0, 4), 40 + rng.uniform(0, 1)).buffer(0.25)
        area(connection, f"p{n}", disc)
    stored = frames.places(connection, "grids")
    seen = shapely.union_all(frames.places(connection, "post_areas").geometry.to_numpy())
    attended = area_m2(shapely.intersection(stored.geometry.to_numpy(), seen)).sum()
    left = frames.places(connection, "unattended")
    assert attended + left["area_m2"].sum() == pytest.approx(stored["area_m2"].sum(), rel=1e-4)
    assert left["area_m2"].to_numpy() == pytest.approx(area_m2(left.geometry.to_numpy()), rel=1e-4)


def test_long_edges_are_straight_in_longitude_and_latitude(connection: Connection) -> None:
    create(connection, grid("wide", box(0, 10, 30, 12), level="banner"))
    area(connection, "p", box(0, 10, 1, 12))
    [one] = places.features(connection, "unattended").features
    assert one["properties"]["area_m2"] == pytest.approx(area_m2(box(1, 10, 30, 12))[0], rel=1e-4)


def test_the_view_is_as_the_registry_has_it(connection: Connection) -> None:
    there = inspect(connection)
    for view in views.tables.values():
        found = {c["name"]: c["type"] for c in there.get_columns(view.name, schema="patrolgrid")}
        assert list(found) == view.c.keys()
        for column in view.c:
            mirrored = column.type.compile(connection.dialect).lower()
            assert found[column.name].compile(connection.dialect).lower() == mirrored


def test_a_box_is_looked_up_in_the_index_of_the_grids(connection: Connection) -> None:
    connection.execute(
        text(
            "INSERT INTO grids (id, level, area_m2, geom) SELECT 'c' || x || '-' || y, 'cell', 1,"
            " ST_Multi(ST_MakeEnvelope(100 + x * 0.1, 40 + y * 0.1, 100.1 + x * 0.1,"
            " 40.1 + y * 0.1, 4326)) FROM generate_series(0, 69) x, generate_series(0, 69) y"
        )
    )
    area(connection, "p", box(0, 0, 0.05, 0.05))
    query = places.features(connection, "unattended", bbox=(100, 40, 100.15, 40.15))
    assert [one["id"] for one in query.features] == ["c0-0", "c0-1", "c1-0", "c1-1"]
    cut = area_m2(box(0, 0, 0.1, 0.1).difference(box(0, 0, 0.05, 0.05)))[0]
    assert query.features[0]["properties"]["area_m2"] == pytest.approx(cut, rel=1e-4)


def test_an_edge_that_is_moved_moves_the_ground_that_nobody_looks_after(land: Connection) -> None:
    replace(land, grid("west", box(0, 0, 2.5, 2), level="sumu", parent="banner"))
    frame = frames.places(land, "unattended", level="sumu")
    assert frame.loc["west"].geometry.equals(box(2, 0, 2.5, 2))
