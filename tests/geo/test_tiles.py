"""What a tile holds from zoom 10 on, as another decoder reads it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity, box

from geo.errors import OutOfRangeError
from geo.tiles import Shapes, encode
from tests.geo.tile_words import SQUARE, TILE, decoded, part, paths, seen, tile_of, twice_area

WIDE = box(-9000, -9000, 12_000, 12_000)
HOLED = shapely.Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(1, 1), (1, 2), (2, 2)]])
AREAS = [
    SQUARE, HOLED, None, shapely.Polygon(), shapely.MultiPolygon(), shapely.MultiPolygon([HOLED]),
    shapely.MultiPolygon([box(20, 0, 21, 1), HOLED]), shapely.force_3d(box(3, 4, 5, 6), 7),
]  # fmt: skip


def ring(middle: tuple[float, float], reach: list[float]) -> list[tuple[float, float]]:
    """A star around a point: its corners, evenly turned, as far out as told."""
    turns = np.arange(len(reach)) / len(reach) * math.tau
    return [
        (middle[0] + r * math.cos(a), middle[1] + r * math.sin(a))
        for r, a in zip(reach, turns, strict=True)
    ]


coordinates = st.integers(-3000, 7100).map(lambda n: n + 0.3)
middles = st.tuples(coordinates, coordinates)


@st.composite
def stars(draw: st.DrawFn, farthest: float = 9000) -> shapely.Polygon:
    """A polygon with many bays; sometimes with a hole of the same form."""
    reach = draw(st.lists(st.floats(0.05, 1), min_size=3, max_size=14))
    size = draw(st.sampled_from([0.4, 6, 90, 1500, 9000]))
    scaled = [min(size, farthest) * one for one in reach]
    middle = draw(middles)
    holes = [ring(middle, [one * 0.4 for one in scaled])] if draw(st.booleans()) else []
    return shapely.Polygon(ring(middle, scaled), holes)


@st.composite
def archipelagos(draw: st.DrawFn) -> shapely.MultiPolygon:
    """Up to five islands with holes, none near another."""
    islands = draw(st.lists(stars(farthest=900), min_size=1, max_size=5))
    apart = [
        affinity.translate(one, n * 2000 - 1900 - one.centroid.x, 60 - one.centroid.y)
        for n, one in enumerate(islands)
    ]
    return shapely.MultiPolygon(apart)


lines = st.lists(middles, min_size=2, max_size=12, unique=True).map(shapely.LineString)
shapes_of_all_kinds = st.lists(
    st.one_of(
        stars(), archipelagos(), lines, st.lists(lines, min_size=1, max_size=4).map(
            shapely.MultiLineString),
        middles.map(shapely.Point), st.lists(middles, min_size=1, max_size=6).map(
            shapely.MultiPoint),
        st.none(), st.just(shapely.Polygon()), st.just(shapely.MultiPoint()),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


def whole(drawn: shapely.Geometry) -> shapely.Geometry:
    """Exteriors without their holes, though a hole may share the margin's edge with one."""
    return shapely.make_valid(drawn, method="structure", keep_collapsed=False)


def check(given_shape: shapely.Geometry | None, drawn: shapely.Geometry | None) -> None:
    """Hold what was drawn of a shape against the shape itself, clipped by GEOS."""
    meant = None if given_shape is None else given_shape.intersection(SQUARE)
    if meant is None or meant.is_empty:
        assert drawn is None or drawn.distance(SQUARE) == 0
        assert drawn is None or drawn.length < 7  # a speck that stands on the margin's edge
        return
    dimension = shapely.get_dimensions(given_shape)
    if dimension == 0:
        assert drawn is not None
        expected = np.floor(shapely.get_coordinates(meant) + 0.5)
        assert set(map(tuple, shapely.get_coordinates(drawn))) == set(map(tuple, expected))
        return
    if meant.area < 8 if dimension == 2 else meant.length < 3:
        return
    assert drawn is not None
    assert SQUARE.buffer(1).contains(drawn)
    if dimension == 1:
        assert drawn.hausdorff_distance(meant) < 1.5
        assert meant.difference(drawn.buffer(0.8)).length < 1e-6
        return
    valid = whole(drawn)
    parts = shapely.get_num_geometries(meant)  # the corners of each are rounded, too
    assert valid.symmetric_difference(meant).area <= meant.length + 4 * parts


@settings(max_examples=150)
@given(shapes_of_all_kinds)
def test_every_feature_is_there_as_geos_would_clip_it(
    shapes: list[shapely.Geometry | None],
) -> None:
    drawn = seen(shapes)
    for n, one in enumerate(shapes):
        check(one, drawn.get(n))


@settings(max_examples=60)
@given(st.lists(st.one_of(stars(), archipelagos()), min_size=1, max_size=4))
def test_exteriors_turn_one_way_and_holes_the_other(shapes: list[shapely.Geometry]) -> None:
    for rings in paths(tile_of(shapes)):
        areas = [twice_area(one) for one in rings]
        assert areas[0] > 0
        assert 0 not in areas


def test_a_square_with_a_hole_is_drawn_corner_by_corner() -> None:
    square = box(10, 20, 110, 220).difference(box(30, 40, 50, 60))
    (rings,) = paths(tile_of([square]))
    assert [twice_area(one) for one in rings] == [2 * 100 * 200, -2 * 20 * 20]
    assert {tuple(one) for one in rings[0]} == {(10, 20), (110, 20), (110, 220), (10, 220)}
    assert {tuple(one) for one in rings[1]} == {(30, 40), (50, 40), (50, 60), (30, 60)}


def test_what_holds_the_whole_tile_is_its_margin_and_a_hole_that_does_is_nothing() -> None:
    (drawn,) = seen([WIDE]).values()
    assert drawn.equals(SQUARE)
    around = WIDE.difference(box(-100, -100, 4200, 4200))
    assert tile_of([around]) == b""
    pierced = WIDE.difference(box(1000, 1000, 2000, 3000))
    (drawn,) = seen([pierced]).values()
    assert drawn.area == SQUARE.area - 1000 * 2000


def test_a_comb_that_leaves_four_times_is_cut_at_the_margin() -> None:
    teeth = [box(-500, n * 1000, 2000, n * 1000 + 300) for n in range(4)]
    comb = shapely.union_all([*teeth, box(1900, 0, 2000, 3300)])
    (drawn,) = seen([comb]).values()
    assert whole(drawn).symmetric_difference(comb.intersection(SQUARE)).area == 0


def test_a_line_that_leaves_and_comes_back_is_two_lines() -> None:
    line = shapely.LineString([(100, 100), (100, -500), (900, -500), (900, 100), (900, 4160)])
    (drawn,) = seen([line]).values()
    assert drawn.equals(
        shapely.MultiLineString([[(100, 100), (100, -64)], [(900, -64), (900, 4160)]])
    )
    along = [shapely.LineString([(-64, -10), (-64, 10)]), shapely.LineString([(-65, 0), (-65, 9)])]
    assert [len(one) for one in paths(tile_of(along))] == [1]  # the margin's edge belongs to it


def test_parts_of_one_feature_stay_one_feature() -> None:
    islands = [
        box(n * 1000, 0, n * 1000 + 500, 500).difference(box(n * 1000 + 9, 9, n * 1000 + 99, 99))
        for n in range(-1, 6)
    ]
    (one,) = decoded(tile_of([shapely.MultiPolygon(islands)]))
    assert one.shape.geom_type == "MultiPolygon"
    # The first ends at -500, beyond the margin; of the sixth 160 units are left; the seventh
    # begins at 5000.
    assert [len(part.interiors) for part in one.shape.geoms] == [1] * 5
    assert one.shape.area == 4 * (500 * 500 - 90 * 90) + 160 * 500 - 90 * 90


def test_what_is_smaller_than_a_unit_stays_as_one() -> None:
    assert seen([box(10.1, 20.1, 10.3, 20.3)])[0].equals(box(10, 20, 11, 21))
    assert seen([shapely.LineString([(7.1, 7.1), (7.2, 7.3)])])[0].equals(
        shapely.LineString([(7, 7), (8, 7)])
    )
    (rings,) = paths(tile_of([box(4095.6, 4095.6, 4095.8, 4095.8)]))
    assert [twice_area(one) for one in rings] == [2]


@pytest.mark.parametrize(("dx", "dy"), [(100, 0), (0, 100), (-100, 37), (30, -90), (-80, -80)])
def test_what_is_long_and_thinner_than_a_unit_stays_as_long(dx: int, dy: int) -> None:
    sliver = shapely.Polygon([(500, 500), (500 + dx, 500 + dy), (500.2, 500.2)])
    drawn = seen([sliver])[0]
    assert drawn.is_valid
    assert drawn.hausdorff_distance(sliver) < 1.5
    across = shapely.LineString([(-500, 60.2), (5000, 60.3)]).buffer(0.05, cap_style="flat")
    drawn = seen([across])[0]
    assert drawn.equals(box(-64, 60, 4160, 61))


def test_many_islands_of_nothing_are_each_seen_and_below_zoom_ten_one_of_them() -> None:
    crumbs = shapely.MultiPolygon([box(n * 9, 0.1, n * 9 + 0.1, 0.2) for n in range(300)])
    assert seen([crumbs])[0].area == 300
    assert seen([crumbs], tile=(9, 398, 193))[0].area == 1
    threads = shapely.MultiLineString([[(n * 9, 5), (n * 9 + 0.1, 5)] for n in range(300)])
    assert seen([threads])[0].length == 1


def test_nothing_stands_for_what_only_passes_by() -> None:
    beyond = [
        box(-80, -80, -65, 5000),
        shapely.Polygon([(-70, -9000), (-9000, -70), (-9000, -9000)]),  # around the corner
        box(-200, -200, 4300, 4300).exterior.buffer(5),
        shapely.Point(-64.1, 0),
        shapely.LineString([(-70, 90), (-70, 5000), (5000, 5000)]),
    ]
    assert tile_of(beyond) == b""


def test_of_a_collection_the_surface_is_drawn_and_of_nothing_nothing() -> None:
    mixed = shapely.GeometryCollection(
        [shapely.Point(5, 5), shapely.MultiPolygon([box(10, 10, 20, 20), box(30, 30, 40, 40)])]
    )
    assert seen([None, mixed, shapely.GeometryCollection(), shapely.Point()])[1].area == 200
    assert Shapes.of(np.array([None, shapely.Point()])).kind.tolist() == [0, 0]
    assert tile_of([]) == tile_of([None, shapely.Polygon()]) == b""
    assert tile_of([None] * 3, tile=(3, 6, 3)) == b""


def test_a_tile_is_of_this_world_and_the_same_each_time() -> None:
    shapes = [box(n, n, n + 50.5, n + 70.2) for n in range(50)]
    assert tile_of(shapes) == tile_of(shapes)
    for wrong in ((3, 8, 0), (3, 0, 8), (-1, 0, 0), (3, -1, 0)):
        with pytest.raises(OutOfRangeError):
            encode("it", [part(shapes)], *wrong)
    assert TILE[0] >= 10


def test_shapes_in_degrees_are_those_of_the_plane_cut_where_it_ends():
    shapes = np.array([shapely.box(100, 40, 101, 41), shapely.Point(-7, 89), None,
                       shapely.box(10, 80, 20, 90)])  # fmt: skip
    flat = Shapes.of_degrees(shapes)
    assert flat.kind.tolist() == [3, 0, 0, 3]
    west, south, east, north = flat.bounds[0]
    assert (west, east) == pytest.approx(np.radians([100, 101]) * 6378137)
    # Snyder 1987, eq. 7-2, of a sphere.
    assert south == pytest.approx(6378137 * np.log(np.tan(np.pi / 4 + np.radians(40) / 2)))
    assert flat.xy[:, 1].max() == pytest.approx(
        6378137 * np.log(np.tan(np.pi / 4 + np.radians(85.05) / 2))
    )
    assert north < flat.bounds[3][3]


@settings(max_examples=100)
@given(st.lists(st.sampled_from(AREAS), min_size=1, max_size=8))
def test_areas_alone_are_laid_out_as_areas_among_others(areas: list[object]) -> None:
    alone = Shapes.of(np.array(areas, dtype=object))
    among = Shapes.of(np.array([*areas, shapely.Point(1, 2)], dtype=object))
    pieces, corners = int(among.first_piece[-2]), int(among.first_xy[-2])
    assert alone.kind.tolist() == among.kind[:-1].tolist()
    assert alone.first_piece.tolist() == among.first_piece[:-1].tolist()
    assert alone.first_xy.tolist() == among.first_xy[: pieces + 1].tolist()
    assert alone.hole.tolist() == among.hole[:pieces].tolist()
    assert alone.xy.tolist() == among.xy[:corners].tolist()
    assert np.array_equal(alone.bounds, among.bounds[:-1], equal_nan=True)
