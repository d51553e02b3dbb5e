"""Tiles in few words: shapes in the units of one tile, and what another decoder reads in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mapbox_vector_tile
import numpy as np
import shapely
from mapbox_vector_tile.Mapbox import vector_tile_pb2

from geo.earth import tile_bounds_3857
from geo.tiles import EXTENT, MARGIN, Fields, Part, Shapes, encode

TILE = (12, 3185, 1550)
#: What a tile draws: itself and its margin, in units.
SQUARE = shapely.box(-MARGIN, -MARGIN, EXTENT + MARGIN, EXTENT + MARGIN)


def metres(
    shapes: Sequence[shapely.Geometry | None], tile: tuple[int, int, int] = TILE
) -> np.ndarray:
    """Shapes in units of ``tile`` (y down) as Web Mercator metres."""
    west, _, east, north = tile_bounds_3857(*tile)
    unit_m = (east - west) / EXTENT
    given = np.empty(len(shapes), dtype=object)
    given[:] = shapes
    return shapely.transform(given, lambda xy: np.array([west, north]) + xy * [unit_m, -unit_m])


def part(
    shapes: Sequence[shapely.Geometry | None],
    *,
    tile: tuple[int, int, int] = TILE,
    ids: Sequence[str] | None = None,
    group: np.ndarray | None = None,
    **columns: Sequence[object],
) -> Part:
    """Shapes in units as features 0, 1, 2, …"""
    names = [str(n) for n in range(len(shapes))] if ids is None else ids
    return Part(
        shapes=Shapes.of(metres(shapes, tile)),
        fields=Fields.of(names, columns),
        found=np.arange(len(shapes)),
        group=group,
    )


def tile_of(
    shapes: Sequence[shapely.Geometry | None], tile: tuple[int, int, int] = TILE, **more: Any
) -> bytes:
    """The bytes of a tile of one layer, ``it``."""
    return encode("it", [part(shapes, tile=tile, **more)], *tile)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A feature as another decoder reads it."""

    id: int
    shape: shapely.Geometry
    properties: dict[str, Any]


def decoded(tile: bytes) -> list[Seen]:
    """The features of the layer ``it``, in their order."""
    layers = mapbox_vector_tile.decode(tile, default_options={"y_coord_down": True})
    return [
        Seen(
            id=one["id"],
            shape=shapely.from_geojson(json.dumps(one["geometry"])),
            properties=one["properties"],
        )
        for one in (layers["it"]["features"] if layers else [])
    ]


def seen(shapes: Sequence[shapely.Geometry | None], **more: Any) -> dict[int, shapely.Geometry]:
    """What is drawn of each shape."""
    return {one.id: one.shape for one in decoded(tile_of(shapes, **more))}


def paths(tile: bytes) -> list[list[np.ndarray]]:
    """The paths of each feature as they stand in the message: (points, 2)."""
    message = vector_tile_pb2.tile()
    message.ParseFromString(tile)
    return [_paths(list(one.geometry)) for layer in message.layers for one in layer.features]


def _paths(commands: list[int]) -> list[np.ndarray]:
    found: list[list[tuple[int, int]]] = []
    x = y = at = 0
    while at < len(commands):
        kind, count = commands[at] & 7, commands[at] >> 3
        at += 1
        for _ in range(count if kind != 7 else 0):
            x += commands[at] >> 1 ^ -(commands[at] & 1)
            y += commands[at + 1] >> 1 ^ -(commands[at + 1] & 1)
            at += 2
            if kind == 1:
                found.append([])
            found[-1].append((x, y))
    return [np.array(path) for path in found]


def twice_area(path: np.ndarray) -> int:
    """Twice the area of a ring by the surveyor's formula, as the specification has it."""
    x, y = path.T
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
