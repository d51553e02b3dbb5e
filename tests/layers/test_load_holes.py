"""Holes never add ground: those outside their shell are left out and told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from geo.enclosed import enclosed
from layers import frames, places
from layers.load import load
from layers.places import shapes
from scratch import rolled_back

HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"
SHELL = [(105.0, 40.0), (105.1, 40.0), (105.1, 40.1), (105.0, 40.1)]


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def hole(west: float, south: float = 40.02) -> list[tuple[float, float]]:
    return list(shapely.box(west, south, west + 0.02, south + 0.02).exterior.coords)


def settled(shape: shapely.Geometry) -> shapes.Settled:
    found = np.array([shape], dtype=object)
    return shapes.settle(places.layer("grids"), found, lambda row: f"row {row}")


def test_a_hole_outside_its_shell_is_left_out_of_a_file(connection: Connection) -> None:
    report = load(connection, "grids", HAZARDS / "hole_outside.geojson")
    assert report.repaired == [
        "feature 1 (id 'A'): Hole lies outside shell[106 40.02]; a hole lies outside (such as at"
        " 106.000000, 40.020000): left out"
    ]
    assert (
        frames.places(connection, "grids").geometry["A"].equals(shapely.box(105, 40, 105.1, 40.1))
    )


def test_a_hole_outside_its_shell_is_left_out_of_a_feature_that_is_sent() -> None:
    found = settled(shapely.Polygon(SHELL, [hole(106.0), hole(107.0), hole(105.02)]))
    wanted = shapely.Polygon(SHELL, [hole(105.02)])
    assert found.geometries[0].equals(wanted)
    assert "2 holes lie outside" in found.repaired[0]


def test_a_hole_partly_outside_cuts_only_what_is_inside() -> None:
    found = settled(shapely.Polygon(SHELL, [hole(105.09)]))
    # 0.1° by 0.1°, without 0.01° by 0.02°.
    assert found.geometries[0].area == pytest.approx(0.01 - 0.0002)
    assert shapely.Polygon(SHELL).covers(found.geometries[0])


def test_a_hole_that_touches_its_shell_from_outside_is_left_out() -> None:
    found = settled(shapely.Polygon(SHELL, [hole(105.1)]))
    assert found.geometries[0].equals(shapely.Polygon(SHELL))
    assert "a hole lies outside" in found.repaired[0]


def test_a_hole_of_one_part_takes_nothing_from_another() -> None:
    east = shapely.Polygon([(x + 1, y) for x, y in SHELL])
    both = shapely.MultiPolygon([shapely.Polygon(SHELL, [hole(106.02)]), east])
    assert settled(both).geometries[0].equals(shapely.union(shapely.Polygon(SHELL), east))


def test_a_hole_outside_is_left_out_in_a_collection_and_across_the_antimeridian(
    connection: Connection, tmp_path: Path
) -> None:
    parts = shapely.GeometryCollection([shapely.Polygon(SHELL, [hole(106.0)])])
    assert settled(parts).geometries[0].equals(shapely.Polygon(SHELL))
    across = shapely.Polygon(
        [(179.9, 40), (180.1, 40), (180.1, 40.1), (179.9, 40.1)], [hole(181.0)]
    )
    path = tmp_path / "x.csv"
    path.write_text(f"id;wkt\nA;{across.wkt}\n", encoding="utf-8")
    load(connection, "grids", path)
    stored = frames.places(connection, "grids").geometry["A"]
    assert stored.equals(
        shapely.union(shapely.box(179.9, 40, 180, 40.1), shapely.box(-180, 40, -179.9, 40.1))
    )


def test_of_many_grids_those_with_a_hole_outside_are_mended_alone() -> None:
    boxes = [shapely.box(100 + n * 0.01, 40, 100.01 + n * 0.01, 40.01) for n in range(2_100)]
    boxes[7] = shapely.Polygon(boxes[7].exterior, [hole(130.0)])
    found = shapes.settle(places.layer("grids"), np.array(boxes), lambda row: f"row {row}")
    assert [one.split(":")[0] for one in found.repaired] == ["row 7"]
    assert found.geometries[7].area == pytest.approx(0.0001)


corner = st.tuples(st.integers(0, 8), st.integers(0, 8))
ring = st.lists(corner, min_size=4, max_size=6)


@given(st.lists(st.tuples(ring, st.lists(ring, max_size=3)), min_size=1, max_size=2))
def test_mended_ground_lies_within_its_mended_shells(parts: Any) -> None:
    shape = shapely.MultiPolygon([shapely.Polygon(shell, holes) for shell, holes in parts])
    alone = [shapely.Polygon(shell) for shell, _ in parts]
    shells = shapely.union_all(shapely.make_valid(alone, method="structure", keep_collapsed=False))
    mended, _ = enclosed(shape)
    assert shapely.is_valid(mended)
    assert shapely.difference(mended, shells).area < 1e-9
    # What no hole covers stays.
    holes = [shapely.Polygon(one) for _, some in parts for one in some]
    cut = shapely.union_all(shapely.make_valid(holes, method="structure", keep_collapsed=False))
    assert shapely.difference(shapely.difference(shells, cut), mended).area < 1e-9
