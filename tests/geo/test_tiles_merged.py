"""Below zoom 10: features that stand for others say so, and are not far from their own place."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely

from geo.tiles import MERGED, Fields, Part, Shapes, encode
from tests.geo.tile_words import Seen, decoded, metres

LOW, QUICK = (5, 25, 11), (6, 50, 22)
PIXEL = 8


def tile_of(units: np.ndarray, tile: tuple[int, int, int]) -> list[Seen]:
    """Features of a tile, given in its units; their ids are their numbers."""
    ids = [str(n) for n in range(len(units))]
    part = Part(
        shapes=Shapes.of(metres(units, tile)),
        fields=Fields.of(ids, {"name": [f"No. {n}" for n in ids]}),
        found=np.arange(len(units)),
    )
    body = encode("it", [part], *tile)
    assert len(body) < 500_000
    return decoded(body)


def given(kind: str, count: int = 40_000) -> np.ndarray:
    """Very many small features all over a tile."""
    rng = np.random.default_rng(4)
    at = rng.uniform(0, 4080, (count, 2))
    if kind == "points":
        return shapely.points(at)
    if kind == "roads":
        return shapely.linestrings(np.stack([at, at + rng.uniform(-9, 9, at.shape)], axis=1))
    side = math.isqrt(count // 4)
    at = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) * 20.4
    count = len(at)
    turn = np.sort(rng.uniform(0, 2 * np.pi, (count, 9)), axis=1)
    reach = rng.uniform(4, 9, (count, 9, 1))
    return shapely.polygons(at[:, None] + reach * np.stack([np.cos(turn), np.sin(turn)], axis=2))


@pytest.mark.parametrize("tile", [LOW, QUICK])
@pytest.mark.parametrize("kind", ["areas", "roads", "points"])
def test_what_is_drawn_together_says_for_how_many_it_stands_near_its_own_place(
    kind: str, tile: tuple[int, int, int]
) -> None:
    units = given(kind)
    drawn = tile_of(units, tile)
    # One that has pixels only of features that begin beside them counts as one more.
    told = sum(one.properties.get(MERGED, 1) for one in drawn)
    assert len(units) <= told < 1.02 * len(units)
    assert max(one.properties.get(MERGED, 1) for one in drawn) >= 5
    assert all(one.properties[MERGED] >= 2 for one in drawn if MERGED in one.properties)
    for one in drawn:
        west, south, east, north = units[int(one.properties["id"])].bounds
        far = 16 * PIXEL
        reach = shapely.box(west - far, south - far, east + far, north + far)
        assert reach.covers(one.shape)
        assert one.properties["name"] == f"No. {one.properties['id']}"


def test_of_points_in_one_pixel_the_first_says_how_many_there_are() -> None:
    units = shapely.points(np.repeat(np.arange(4, 4000, PIXEL), 30), 100)
    drawn = tile_of(units[:15_000], LOW)
    assert {one.properties[MERGED] for one in drawn} == {30}
    assert [one.id for one in drawn] == list(range(0, 15_000, 30))[: len(drawn)]


def test_features_that_stand_for_themselves_alone_say_nothing() -> None:
    few = given("areas", 500)
    assert not any(MERGED in one.properties for one in tile_of(few, LOW))
    large = shapely.box(100, 100, 1100, 2100)
    (one,) = (one for one in tile_of(np.array([large, *given("areas")]), LOW) if one.id == 0)
    assert MERGED not in one.properties


@pytest.mark.parametrize("tile", [LOW, QUICK])
def test_no_polygon_of_a_merged_feature_meets_another_of_it(tile: tuple[int, int, int]) -> None:
    shapes = [one.shape for one in tile_of(given("areas"), tile)]
    assert shapely.is_valid(shapes).all()
