"""Shifted coordinates: undone when it is said, suspected where what is loaded tells, never more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from sqlalchemy import Connection

from geo import datum as datums
from geo.datum import Datum
from layers import frames, places
from layers.errors import BadFileError
from layers.load import load
from scratch import rolled_back

LEVELS = ("banner", "sumu", "cell")
#: Two sumus with a wandering edge between them, as a hand would draw it.
EDGE = [(105.5 + 0.02 * np.sin(n), 41 + n / 40) for n in range(21)]
WEST = shapely.Polygon([(105, 41), *EDGE, (105, 41.5)])
EAST = shapely.Polygon([*EDGE, (106, 41.5), (106, 41)])


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def sumus(**columns: Any) -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame(
        {"id": ["W", "E"], "level": "sumu", **columns}, geometry=[WEST, EAST], crs=4326
    )
    return frame.assign(geometry=frame.geometry.segmentize(0.02))


def shifted(frame: gpd.GeoDataFrame, datum: Datum) -> gpd.GeoDataFrame:
    """The frame as a Chinese web map would give it."""

    def move(xy: Any) -> Any:
        return np.column_stack(datums.from_wgs84(xy[:, 0], xy[:, 1], datum))

    return frame.assign(geometry=shapely.transform(frame.geometry.to_numpy(), move))


def put(
    connection: Connection, folder: Path, frame: gpd.GeoDataFrame, layer: str = "grids", **more: Any
) -> list[str]:
    """Load a frame and give the notes."""
    path = folder / "x.geojson"
    path.unlink(missing_ok=True)
    frame.to_file(path, COORDINATE_PRECISION=12)
    return load(connection, layer, path, levels=LEVELS, **more).notes


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_a_datum_that_is_said_is_undone(
    connection: Connection, tmp_path: Path, datum: Datum
) -> None:
    assert put(connection, tmp_path, shifted(sumus(), datum), datum=datum) == []
    stored = frames.places(connection, "grids").geometry
    off_deg = shapely.hausdorff_distance(
        stored.loc[["W", "E"]].to_numpy(), sumus().geometry.to_numpy()
    )
    assert off_deg.max() < 1e-8  # a millimetre


@pytest.mark.parametrize(("datum", "called"), [("gcj02", "GCJ-02"), ("bd09", "BD-09")])
def test_a_shift_is_suspected_against_the_same_grids_and_not_corrected(
    connection: Connection, tmp_path: Path, datum: Datum, called: str
) -> None:
    put(connection, tmp_path, sumus())
    moved = shifted(sumus(), datum)
    (note,) = put(connection, tmp_path, moved)
    assert note.startswith(f"looks shifted by {called}: ")
    assert note.endswith(f"0.0 m after --datum {datum}; nothing was corrected")
    stored = frames.places(connection, "grids").geometry
    assert shapely.equals_exact(
        stored["W"].geoms[0].normalize(), moved.geometry[0].normalize(), 1e-9
    )


def test_a_shift_is_suspected_against_the_edges_of_other_grids(
    connection: Connection, tmp_path: Path
) -> None:
    put(connection, tmp_path, sumus())
    # A post's area that ends where the sumu does.
    area = sumus().iloc[:1].assign(id="P").drop(columns="level")
    (note,) = put(connection, tmp_path, shifted(area, "gcj02"), "post_areas")
    assert "off the grids or the border that are there, 0.0 m after --datum gcj02" in note
    assert put(connection, tmp_path, area.assign(id="Q"), "post_areas") == []


@pytest.mark.parametrize("beside_m", [150, 250, 350, 450, 600])
@pytest.mark.parametrize("wander_deg", [0.0, 0.02])
def test_what_runs_alongside_the_border_is_no_shift(
    connection: Connection, tmp_path: Path, beside_m: float, wander_deg: float
) -> None:
    along = np.arange(105, 106, 0.005)
    border = shapely.LineString(np.column_stack([along, 42 + wander_deg * np.sin(along * 40)]))
    line = gpd.GeoDataFrame({"id": ["1"]}, geometry=[border], crs=4326)
    put(connection, tmp_path, line, "border")
    for side in (1, -1):
        beside = line.assign(
            id=["2"], geometry=[shapely.offset_curve(border, side * beside_m / 111_195)]
        )
        assert put(connection, tmp_path, beside, "roads", dry_run=True) == []
        fence = beside.assign(rule="line")
        assert put(connection, tmp_path, fence, "fences", dry_run=True) == []


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_roads_are_held_against_roads(connection: Connection, tmp_path: Path, datum: Datum) -> None:
    random = np.random.default_rng(4)
    ways = [
        shapely.LineString(start + np.cumsum(random.normal(0, 0.01, (30, 2)), axis=0))
        for start in random.uniform((105, 41), (105.3, 41.3), (8, 2))
    ]
    roads = gpd.GeoDataFrame({"id": [f"r{n}" for n in range(8)]}, geometry=ways, crs=4326)
    put(connection, tmp_path, roads, "roads")
    others = roads.assign(id=[f"s{n}" for n in range(8)])
    assert put(connection, tmp_path, others, "roads", dry_run=True) == []
    (note,) = put(connection, tmp_path, shifted(others, datum), "roads", dry_run=True)
    assert "off the roads that are there, 0.0 m after --datum" in note


def test_points_are_held_against_those_of_the_same_name(
    connection: Connection, tmp_path: Path
) -> None:
    points = gpd.GeoDataFrame(
        {"name": ["Bulag", "Tal", "Uul"]},
        geometry=gpd.points_from_xy([105.1, 105.5, 105.9], [41.1, 41.3, 41.2]),
        crs=4326,
    )
    put(connection, tmp_path, points.assign(id=["1", "2", "3"]), "settlements")
    again = shifted(points.assign(id=["a", "b", "c"]), "gcj02")
    (note,) = put(connection, tmp_path, again, "settlements")
    assert note.startswith("looks shifted by GCJ-02: ")


def test_a_datum_that_is_said_wrongly_is_told(connection: Connection, tmp_path: Path) -> None:
    put(connection, tmp_path, sumus())
    (note,) = put(connection, tmp_path, sumus(), datum="gcj02", dry_run=True)
    assert note.startswith("does not look shifted by GCJ-02: ")
    assert note.endswith("after --datum gcj02, 0.0 m as it is")
    (note,) = put(connection, tmp_path, shifted(sumus(), "bd09"), datum="gcj02")
    assert note.endswith("0.0 m with --datum bd09")


def test_stored_grids_that_are_shifted_are_suspected_by_a_file_that_is_not(
    connection: Connection, tmp_path: Path
) -> None:
    put(connection, tmp_path, shifted(sumus(), "gcj02"))
    (note,) = put(connection, tmp_path, sumus())
    assert note.startswith(
        "the grids that are there under the same ids or names look shifted by GCJ-02: this file is"
    )
    assert "would be 0.0 m if they were put back" in note


def test_where_there_is_nothing_to_compare_nothing_is_suspected(
    connection: Connection, tmp_path: Path
) -> None:
    assert put(connection, tmp_path, shifted(sumus(), "gcj02")) == []
    far = gpd.GeoDataFrame(
        {"id": ["P"]}, geometry=[shapely.box(105.2, 41.2, 105.3, 41.3)], crs=4326
    )
    assert put(connection, tmp_path, shifted(far, "gcj02"), "post_areas") == []


def test_ids_that_mean_other_places_raise_no_suspicion(
    connection: Connection, tmp_path: Path
) -> None:
    put(connection, tmp_path, sumus())
    elsewhere = sumus()
    elsewhere["geometry"] = elsewhere.geometry.translate(0.7, 0.6)
    assert put(connection, tmp_path, elsewhere) == []


def test_a_file_far_from_all_that_is_loaded_is_told(connection: Connection, tmp_path: Path) -> None:
    put(connection, tmp_path, sumus())
    # 41.9 km east of zone 50's 117 E, which is 117.5 E: 11.5 degrees from 106 E, of 84.1 km each.
    path = tmp_path / "posts.csv"
    path.write_text("id,lon,lat\nP,541900,4540000\n", encoding="utf-8")
    notes = load(connection, "posts", path, crs="EPSG:32650", mapping={}).notes
    assert notes == [
        "it lies 967 km from everything that is loaded: is WGS 84 / UTM zone 50N its CRS, and is"
        " it of this region?"
    ]
    assert places.summary(connection)["posts"].count == 1


def test_a_datum_that_nobody_knows_is_refused(connection: Connection, tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="--datum mars: it is none of gcj02, bd09"):
        load(connection, "grids", tmp_path / "x.geojson", datum="mars")


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_a_shift_of_a_cell_beside_those_that_are_there_is_suspected_by_the_edge_that_they_share(
    connection: Connection, tmp_path: Path, datum: Datum
) -> None:
    west, east = sumus().iloc[[0]], sumus().iloc[[1]].assign(id="N")
    put(connection, tmp_path, west)
    with connection.begin_nested() as trial:
        assert put(connection, tmp_path, east) == []
        trial.rollback()
    shifted(east, datum).to_file(tmp_path / "n.geojson", COORDINATE_PRECISION=12)
    said = told(connection, tmp_path / "n.geojson")
    assert f"after --datum {datum}; nothing was corrected" in said


def told(connection: Connection, path: Path) -> str:
    """What is said of a load of grids, whether it is refused or not."""
    try:
        return "; ".join(load(connection, "grids", path, levels=LEVELS).notes)
    except BadFileError as error:
        return str(error)
