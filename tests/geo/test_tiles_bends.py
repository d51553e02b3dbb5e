"""Edges are straight in degrees on the map, too, where that is a curve."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo import earth
from geo.tiles import Shapes

places = st.tuples(st.integers(-1790, 1790), st.integers(-840, 840)).map(
    lambda at: (at[0] / 10, at[1] / 10)
)


def ring_of(shapes: Shapes, piece: int = 0) -> np.ndarray:
    return shapes.xy[shapes.first_xy[piece] : shapes.first_xy[piece + 1]]


@given(places, places)
def test_every_point_of_an_edge_lies_on_the_map_s_edge(
    a: tuple[float, float], b: tuple[float, float]
) -> None:
    drawn = ring_of(Shapes.of_degrees(np.array([shapely.LineString([a, b])])))
    between = np.column_stack([np.linspace(*ends, 77) for ends in zip(a, b, strict=True)])
    true = shapely.points(earth.mercator(between))
    if len(drawn) < 1_000:  # nobody cuts an edge around the earth more finely
        assert shapely.distance(shapely.LineString(drawn), true).max() < 0.3


@given(places, places)
def test_an_edge_of_two_shapes_has_the_same_points_in_both(
    a: tuple[float, float], b: tuple[float, float]
) -> None:
    lines = np.array([shapely.LineString([a, b]), shapely.LineString([b, a])])
    both = Shapes.of_degrees(lines)
    assert (ring_of(both, 0) == ring_of(both, 1)[::-1]).all()


@pytest.mark.parametrize(
    "shape",
    [
        shapely.box(103, 40, 106, 42),  # along parallels and meridians
        shapely.Point(103, 40),
        shapely.Polygon([(103, 40), (103.004, 40.004), (103.004, 40)]),
        None,
    ],
)
def test_what_is_straight_on_the_map_keeps_its_points(shape: shapely.Geometry | None) -> None:
    given = np.array([shape], dtype=object)
    assert len(Shapes.of_degrees(given).xy) == shapely.get_coordinates(given).shape[0]


def test_pieces_of_several_features_keep_their_own() -> None:
    triangle = shapely.Polygon([(112, 32), (114, 34), (112, 34)])
    shapes = Shapes.of_degrees(
        np.array([shapely.box(103, 40, 104, 41), triangle, shapely.Point(1, 1)], dtype=object)
    )
    assert shapes.kind.tolist() == [3, 3, 1]
    assert len(ring_of(shapes, 0)) == 5
    middle = earth.mercator(np.array([[113.0, 33.0]]))[0]
    assert shapely.LineString(ring_of(shapes, 1)).distance(shapely.Point(middle)) < 0.25
    assert len(ring_of(shapes, 2)) == 1
