"""Which features a tile draws: all from zoom 10 on; below, none too many and no pixel dark."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
import rasterio.features
import shapely
from shapely import box

from geo.earth import tile_bounds_3857
from geo.tiles import EXTENT, Fields, Part, Shapes, encode
from tests.geo.tile_words import decoded, metres, tile_of

LOW, EAST = (5, 25, 11), (5, 26, 11)
PIXEL = 8
INSIDE = box(0, 0, 4095, 4095)


def many(
    units: np.ndarray,
    *,
    tile: tuple[int, int, int] = LOW,
    group: bool = False,
    classes: int = 5,
    columns: int = 1,
) -> bytes:
    """A tile of very many features, which are given in units of LOW."""
    shapes = Shapes.of(metres(units, LOW))
    west, south, east, north = tile_bounds_3857(*tile)
    reach_m = (east - west) / 64
    at = shapes.bounds
    across = (at[:, 0] <= east + reach_m) & (at[:, 2] >= west - reach_m)
    found = np.flatnonzero(across & (at[:, 1] <= north + reach_m) & (at[:, 3] >= south - reach_m))
    ids = [f"feature-{n}" for n in range(len(units))]
    part = Part(
        shapes=shapes,
        fields=Fields.of(
            ids,
            {f"name{column}": [f"No. {n}" for n in range(len(units))] for column in range(columns)},
        ),
        found=found,
        group=np.arange(len(units), dtype=np.int32) % classes if group else None,
    )
    tile_bytes = encode("it", [part], *tile)
    assert tile_bytes == encode("it", [part], *tile)
    return tile_bytes


def pixels(shapes: list[shapely.Geometry]) -> set[tuple[int, int]]:
    """The pixels in which vertices of shapes lie, or the middles of dashes' eighths."""
    fine = shapely.segmentize(np.array(shapes, dtype=object), 2.0)
    return {tuple(at) for at in np.floor(shapely.get_coordinates(fine) / PIXEL).astype(int)}


def roads(rng: np.random.Generator, count: int, length: float, spread: float) -> np.ndarray:
    """Winding roads of six points."""
    turn = rng.uniform(0, 7, (count, 1)) + rng.normal(0, 0.4, (count, 6)).cumsum(axis=1)
    steps = np.stack([np.cos(turn), np.sin(turn)], axis=2) * length / 6
    return shapely.linestrings(rng.uniform(0, spread, (count, 1, 2)) + steps.cumsum(axis=1))


def moved(shapes: np.ndarray, east: float) -> np.ndarray:
    """Shapes that many units further east."""
    return shapely.transform(shapes, lambda xy: xy + np.array([east, 0]))


def test_from_zoom_ten_on_every_feature_is_there() -> None:
    rng = np.random.default_rng(1)
    at = rng.uniform(0, 4000, (12_000, 2))
    units = np.concatenate([
        shapely.box(*at[:6000].T, *(at[:6000] + 3).T), shapely.points(at[6000:9000]),
        shapely.linestrings(np.stack([at[9000:], at[9000:] + 5], axis=1)),
    ])  # fmt: skip
    assert len(decoded(tile_of(units, tile=(10, 800, 380)))) == 12_000
    assert len(decoded(tile_of(units, tile=(9, 400, 190)))) == 12_000  # within the budget still


def test_from_zoom_seven_on_corners_are_rounded_to_more_than_a_unit_only_for_want_of_room() -> None:
    rng = np.random.default_rng(9)
    rings = shapely.points(rng.uniform(100, 4000, (1_000, 2)))
    round_ones = shapely.buffer(rings, 40, quad_segs=8)  # 33,000 vertices
    for zoom, odd in ((8, True), (6, False)):
        tile = (zoom, 50 << zoom - 6, 22 << zoom - 6)
        corners = shapely.get_coordinates([one.shape for one in decoded(tile_of(round_ones, tile))])
        assert (corners % 2 == 1).any() == odd


def test_below_it_the_largest_stay_as_they_are() -> None:
    rng = np.random.default_rng(2)
    at = rng.uniform(0, 4000, (20_000, 2))
    tiny = shapely.box(*at.T, *(at + 3).T)
    large = [
        box(100, 100, 1100, 2100),
        box(1500, 200, 1600, 260).difference(box(1520, 220, 1540, 240)),
    ]
    drawn = {one.properties["id"]: one.shape for one in decoded(many(np.array([*large, *tiny])))}
    assert drawn["feature-0"].equals(large[0])
    assert drawn["feature-1"].equals(large[1])
    assert 1000 < len(drawn) < 2100


@pytest.mark.parametrize(("length", "spread"), [(4, 4096), (60, 4096)])
def test_a_tile_of_200_000_roads_is_small_and_draws_them_all(length: float, spread: float) -> None:
    units = roads(np.random.default_rng(3), 200_000, length, spread)
    tile = many(units, columns=9)
    assert len(tile) < 500_000
    assert (_drawn(one.shape for one in decoded(tile)) == _drawn(units)).mean() >= 0.98


def test_a_tile_of_200_000_points_each_in_a_pixel_of_its_own_is_small_and_has_them_all() -> None:
    at = np.stack(np.meshgrid(np.arange(448), np.arange(447)), axis=-1).reshape(-1, 2)
    units = shapely.points(at[:200_000] * (512 / 448) * PIXEL + 1)
    tile = many(units, columns=9)
    assert len(tile) < 500_000
    assert (_drawn(one.shape for one in decoded(tile)) == _drawn(units)).mean() >= 0.98


@pytest.mark.parametrize("group", [False, True])
def test_where_even_the_pixels_are_too_many_those_that_are_drawn_are_spread_evenly(
    group: bool,
) -> None:
    at = np.stack(np.meshgrid(np.arange(512), np.arange(512)), axis=-1).reshape(-1, 2)
    tile = many(shapely.points(at * PIXEL + 4), columns=9, group=group)
    assert 450_000 < len(tile) < 500_000
    drawn = _drawn(one.shape for one in decoded(tile))
    blocks = drawn.reshape(16, 32, 16, 32).mean(axis=(1, 3))
    assert 0.7 < blocks.min() < blocks.max() < 0.9


def test_roads_of_many_classes_stay_apart_with_fewer_names_each() -> None:
    units = roads(np.random.default_rng(7), 60_000, 6, 300)
    tile = many(units, columns=9, group=True, classes=12)
    assert len(tile) < 500_000
    of = np.array([int(one.properties["id"][8:]) % 12 for one in decoded(tile)])
    # Each covers nearly all of these 38 by 38 pixels by itself, and had 1,000 names and more.
    assert set(np.bincount(of) > 50) == {True}
    assert len(of) < 12 * 320


def _drawn(shapes: Iterable[shapely.Geometry]) -> np.ndarray:
    """Drawn by GDAL at 512 pixels a side."""
    there = [one for one in shapes if not one.is_empty]
    return rasterio.features.rasterize(
        there, out_shape=(512, 512), transform=rasterio.Affine(8, 0, 0, 0, 8, 0)
    )


def test_many_roads_run_through_the_pixels_that_each_runs_through() -> None:
    units = roads(np.random.default_rng(3), 30_000, 5, 1000)
    shapes = [one.shape for one in decoded(many(units))]
    assert len(shapes) <= 1_200
    lit = pixels(list(shapely.intersection(shapes, INSIDE)))
    # Edges are of less than a pixel: there is nothing between their ends.
    meant = {tuple(at) for at in np.floor(shapely.get_coordinates(units) / PIXEL)}
    meant = {at for at in meant if min(at) >= 0}
    assert lit == meant


def test_roads_of_each_class_stay_apart_as_long_as_there_is_room() -> None:
    units = roads(np.random.default_rng(4), 60_000, 6, 500)
    drawn = decoded(many(units, group=True))
    classes = [
        [one for one in drawn if int(one.properties["id"][8:]) % 5 == level] for level in range(5)
    ]
    # Each class covers most of these 62 by 62 pixels by itself.
    for of_class in classes:
        assert len(pixels([one.shape for one in of_class])) > 0.8 * 62**2
    crowded = many(roads(np.random.default_rng(4), 200_000, 4, 4096), group=True)
    assert len(crowded) < 500_000


def test_few_points_are_one_a_pixel_and_many_share_the_pixels_out() -> None:
    rng = np.random.default_rng(5)
    few = rng.uniform(0, 480, (60_000, 2))
    drawn = decoded(many(shapely.points(few)))
    for one in drawn:
        at = few[int(one.properties["id"][8:])]
        assert one.shape.equals(shapely.Point(np.floor(at / 2 + 0.5) * 2))  # steps of two units
    stand_in = few[[int(one.properties["id"][8:]) for one in drawn]]
    assert len(np.unique(np.floor(stand_in / PIXEL), axis=0)) == len(drawn) == 60 * 60
    points = rng.uniform(0, 4095, (200_000, 2))
    tile = many(shapely.points(points))
    assert len(tile) < 500_000
    shapes = [one.shape for one in decoded(tile)]
    assert len(shapes) <= 1_200
    lit_pixels = {tuple(at) for at in np.floor(shapely.get_coordinates(shapes) / PIXEL)}
    assert lit_pixels == {tuple(at) for at in np.floor(points / PIXEL)}


def test_fences_of_both_kinds_are_drawn_as_what_they_are() -> None:
    rng = np.random.default_rng(6)
    at = rng.uniform(0, 1000, (30_000, 2))
    areas = shapely.box(*at.T, *(at + 4).T)
    lines = roads(rng, 30_000, 5, 1000)
    units = np.concatenate([areas, moved(lines, 2000)])
    drawn = [one.shape for one in decoded(many(units))]
    west = [one for one in drawn if shapely.get_dimensions(one) == 2]
    east = [one for one in drawn if shapely.get_dimensions(one) == 1]
    assert len(west) + len(east) == len(drawn)
    assert max(one.bounds[2] for one in west) < 1100
    assert min(one.bounds[0] for one in east) > 1900
    for side in (west, east):
        assert len(pixels(side)) > 0.9 * 125**2


@pytest.mark.parametrize("kind", ["areas", "roads", "points"])
def test_neighbouring_tiles_light_the_same_pixels_along_their_edge(kind: str) -> None:
    rng = np.random.default_rng(8)
    at = rng.uniform([3900, 0], [4300, 1200], (12_000, 2))
    units = {
        "areas": shapely.box(*at.T, *(at + rng.uniform(1, 30, (12_000, 2))).T),
        "roads": moved(roads(rng, 12_000, 7, 300), 3950),
        "points": shapely.points(at),
    }[kind]
    lit = []
    for tile, offset in ((LOW, 0), (EAST, EXTENT)):
        shapes = np.array([one.shape for one in decoded(many(units, tile=tile))])
        lit.append(_burnt(moved(shapes, offset - EXTENT)))
    assert lit[0].any()
    assert (lit[0] == lit[1]).mean() > 0.98


def _burnt(shapes: np.ndarray) -> np.ndarray:
    """Drawn by GDAL: 6 pixels on either side of the edge, which is at 0."""
    return rasterio.features.rasterize(
        list(shapes), out_shape=(160, 12), all_touched=False,
        transform=rasterio.Affine(8, 0, -48, 0, 8, 0),
    )  # fmt: skip
