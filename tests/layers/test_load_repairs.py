"""What a load mends and tells: rings, collections, the antimeridian, neighbours, repeats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection

from geo.rings import Rings
from layers import frames, places
from layers.errors import BadFileError
from layers.load import Report, load
from layers.load.neighbours import loose_edges
from scratch import rolled_back

HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"
LEVELS = ("banner", "sumu", "cell")


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def put(connection: Connection, layer: str, name: str, **more: Any) -> Report:
    return load(connection, layer, HAZARDS / name, levels=LEVELS, **more)


def shapes(connection: Connection, layer: str = "grids") -> dict[str, shapely.Geometry]:
    return dict(frames.places(connection, layer).geometry.items())


def csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def square(west: float, south: float, east: float, north: float) -> str:
    return shapely.box(west, south, east, north).wkt


def test_a_grid_across_the_antimeridian_is_cut_there(connection: Connection) -> None:
    report = put(connection, "grids", "antimeridian.geojson")
    assert report.repaired == ["feature 1 (id 'A'): crosses the antimeridian: cut there"]
    found = shapes(connection)["A"]
    wanted = shapely.union(shapely.box(179.9, 40, 180, 40.1), shapely.box(-180, 40, -179.9, 40.1))
    assert shapely.equals(found, wanted)
    # 0.2° by 0.1° at 40.05° N.
    area_m2 = places.feature(connection, "grids", "A")["properties"]["area_m2"]
    assert area_m2 == pytest.approx(2 * 8525 * 11104, rel=2e-3)


def test_a_line_across_the_antimeridian_becomes_two_in_its_direction(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path / "x.csv", "id;wkt", "A;LINESTRING (178 0, -178 4, -177 5)")
    report = load(connection, "roads", path)
    assert report.repaired == ["row 1 (id 'A'): crosses the antimeridian: cut there"]
    found = {i: shape.wkt for i, shape in shapes(connection, "roads").items()}
    assert found == {
        "A": "LINESTRING (178 0, 180 2)",
        "A-2": "LINESTRING (-180 2, -178 4, -177 5)",
    }


def test_a_line_s_part_of_nothing_is_none(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path / "x.csv", "id;wkt", "A;MULTILINESTRING ((1 1, 2 2), EMPTY)")
    assert load(connection, "roads", path).inserted == 1
    assert shapes(connection, "roads")["A"].wkt == "LINESTRING (1 1, 2 2)"


def test_longitudes_of_0_to_360_are_turned_and_told(connection: Connection, tmp_path: Path) -> None:
    report = put(connection, "grids", "to_360.geojson")
    assert report.repaired == [
        "longitudes from 180 to 360 were written as -180 to 0: feature 1 (id 'A')"
    ]
    assert shapes(connection)["A"].bounds == pytest.approx((-170, 40, -169.9, 40.1))


def test_parts_on_both_sides_of_the_antimeridian_are_left_alone(
    connection: Connection, tmp_path: Path
) -> None:
    shape = shapely.union(shapely.box(170, 40, 171, 41), shapely.box(-171, 40, -170, 41))
    path = csv(tmp_path / "x.csv", "id;wkt", f"A;{shape.wkt}")
    assert load(connection, "grids", path).repaired == []
    assert shapely.equals(shapes(connection)["A"], shape)


def test_a_collection_of_polygons_is_kept_as_one_grid(connection: Connection) -> None:
    report = put(connection, "grids", "collection.geojson")
    assert report.repaired == ["feature 1 (id 'A'): a collection of 2 parts, kept as one"]
    # The second square begins in the middle of the first.
    assert shapely.equals(shapes(connection)["A"], shapely.box(105, 40, 105.15, 40.1))


def test_a_narrow_overlap_goes_to_the_lower_id(connection: Connection) -> None:
    report = put(connection, "grids", "overlap.geojson")
    (said,) = report.repaired
    # 0.0001° at 40.05° N: 8.5 m.
    assert said.startswith("feature 2 (id 'B'): overlaps 'A' by 8.5 m at 105.0999")
    found = shapes(connection)
    assert shapely.equals(found["A"], shapely.box(105, 40, 105.1, 40.1))
    assert shapely.equals(found["B"], shapely.box(105.1, 40, 105.1999, 40.1))
    again = put(connection, "grids", "overlap.geojson")
    assert (again.unchanged, again.updated) == (2, 0)
    with pytest.raises(BadFileError, match=r"--strict: feature 2 \(id 'B'\): overlaps 'A' by 8.5"):
        put(connection, "grids", "overlap.geojson", strict=True)


def test_a_narrow_overlap_with_what_is_stored_leaves_that_as_it_is(
    connection: Connection, tmp_path: Path
) -> None:
    load(
        connection, "grids", csv(tmp_path / "x.csv", "id;wkt", f"B;{square(105, 40, 105.1, 40.1)}")
    )
    path = csv(tmp_path / "y.csv", "id;wkt", f"A;{square(105.0999, 40, 105.2, 40.1)}")
    (said,) = load(connection, "grids", path).repaired
    assert "overlaps 'B' by 8.5 m" in said
    found = shapes(connection)
    assert shapely.equals(found["B"], shapely.box(105, 40, 105.1, 40.1))
    assert shapely.equals(found["A"], shapely.box(105.1, 40, 105.2, 40.1))


def test_grids_of_two_levels_lie_on_each_other_as_they_should(
    connection: Connection, tmp_path: Path
) -> None:
    shape = square(105, 40, 105.1, 40.1)
    path = csv(tmp_path / "x.csv", "id;level;parent;wkt", f"A;sumu;;{shape}", f"B;cell;A;{shape}")
    assert load(connection, "grids", path, levels=LEVELS).repaired == []
    assert len(set(shapes(connection).values())) == 1


def test_a_narrow_gap_is_told_with_its_place_and_left(connection: Connection) -> None:
    report = put(connection, "grids", "gap.geojson")
    assert report.repaired == []
    (note,) = report.notes
    assert note.startswith("a narrow gap between neighbours, up to 8.5 m wide, such as between 'A'")
    assert " 'B' at 105.1000" in note
    assert shapely.equals(shapes(connection)["B"], shapely.box(105.1001, 40, 105.2001, 40.1))


def test_neighbours_that_share_their_edge_are_left_to_the_last_digit(
    connection: Connection, tmp_path: Path
) -> None:
    # B's edge has a vertex that A's does not.
    b = "POLYGON ((105.1 40, 105.2 40, 105.2 40.1, 105.1 40.1, 105.1 40.03, 105.1 40))"
    path = csv(tmp_path / "x.csv", "id;wkt", f"A;{square(105, 40, 105.1, 40.1)}", f"B;{b}")
    report = load(connection, "grids", path)
    assert (report.repaired, report.notes) == ([], [])
    assert shapely.get_num_coordinates(shapes(connection)["B"]) == 6


def test_cells_that_share_all_their_edges_are_no_suspects() -> None:
    # Three by three: only the one in the middle has a neighbour on every side.
    west, south = (axis.ravel() / 10 for axis in np.meshgrid(range(3), range(3)))
    corners = np.round(
        shapely.get_coordinates(shapely.box(west, south, west + 0.1, south + 0.1)), 6
    )
    cells = shapely.orient_polygons(shapely.polygons(corners.reshape(9, 5, 2)))
    found, middles = loose_edges(Rings.of(cells), ["cell"] * 9)
    assert found.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert shapely.get_num_geometries(middles).tolist() == [2, 1, 2, 1, 0, 1, 2, 1, 2]
    twice = np.concatenate([cells[:1], cells[:1]])
    assert loose_edges(Rings.of(twice), ["cell"] * 2)[0].tolist() == [0, 1]
    # What another level has beside it, or over it, is no neighbour's.
    other = np.concatenate([cells, cells])
    levels = ["cell"] * 9 + ["sumu"] * 9
    found, _ = loose_edges(Rings.of(other), levels)
    assert found.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17]


def test_an_exact_repeat_is_kept_once_and_told(connection: Connection) -> None:
    report = put(connection, "grids", "exact_repeat.geojson")
    assert (report.read, report.inserted) == (2, 1)
    assert report.repaired == ["feature 2 (id 'A'): repeats feature 1 (id 'A'), kept once"]


def test_the_same_feature_under_two_ids_is_told_and_kept(connection: Connection) -> None:
    report = put(connection, "settlements", "twins.geojson")
    assert report.inserted == 2
    assert report.notes == [
        "1 feature is the same as another in all but the id, such as 'B' as 'A': both are kept"
    ]


def test_heights_are_dropped_and_told(connection: Connection) -> None:
    assert put(connection, "grids", "heights.geojson").notes == [
        "heights (Z) of 1 feature are not kept"
    ]


def test_no_households_may_mean_unknown_and_then_are_missing(connection: Connection) -> None:
    report = put(connection, "settlements", "no_households.csv")
    assert report.notes == ["1 row says 0 households: if 0 means unknown, --unknown households=0"]
    assert frames.places(connection, "settlements")["households"].to_list() == [0, 12]
    report = put(connection, "settlements", "no_households.csv", unknown={"households": "0"})
    assert report.notes == []
    found = frames.places(connection, "settlements")["households"]
    assert found.isna().to_list() == [True, False]
