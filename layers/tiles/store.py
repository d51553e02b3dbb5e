"""Finished tiles, by what they are of; a change takes out those in which it shows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from geo.earth import MERCATOR_HALF_M
from geo.tiles.encoding import EXTENT, MARGIN, wide_bounds
from layers.tiles.hearing import EVERYTHING, Change
from layers.tiles.log import touches
from layers.versions import DataVersion

#: What an entry takes beside its bytes.
_ENTRY_BYTES = 600


@dataclass(frozen=True, kw_only=True)
class Key:
    """Which tile, of which layers, for whom, and how it is compressed."""

    right: str
    layers: tuple[str, ...]
    z: int
    x: int
    y: int
    coding: str = ""  #: "", gzip, br or zstd


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A finished tile."""

    body: bytes  #: compressed as the key says
    etag: str  #: with its quotes; of content, right and coding
    version: DataVersion


class Store:
    """Finished tiles up to so many bytes; the one used longest ago makes room."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.bytes = 0
        self._tiles: OrderedDict[Key, Kept] = OrderedDict()
        self._sizes: dict[Key, int] = {}
        self._by_zoom: dict[int, dict[tuple[int, int], set[Key]]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tiles)

    def get(self, key: Key) -> Kept | None:
        """The finished tile, if there is one."""
        with self._lock:
            found = self._tiles.get(key)
            if found is not None:
                self._tiles.move_to_end(key)
            return found

    def put(self, key: Key, tile: Kept) -> None:
        """Keep a finished tile."""
        size = _ENTRY_BYTES + len(tile.body)
        if size > self._most_bytes:
            return
        with self._lock:
            self._drop(key)
            self._tiles[key] = tile
            self._sizes[key] = size
            self._by_zoom.setdefault(key.z, {}).setdefault((key.x, key.y), set()).add(key)
            self.bytes += size
            while self.bytes > self._most_bytes:
                self._drop(next(iter(self._tiles)))

    def forget(self, changes: Sequence[Change]) -> int:
        """Take out the tiles in which one of these changes shows; how many these were."""
        with self._lock:
            before = len(self._tiles)
            for change in changes:
                if change.layer == EVERYTHING:
                    gone = list(self._tiles)
                else:
                    gone = [key for key in self._where(change)
                            if any(touches(change, name) for name in key.layers)]  # fmt: skip
                for key in gone:
                    self._drop(key)
            return before - len(self._tiles)

    def _where(self, change: Change) -> list[Key]:
        """The kept tiles that a change's place meets, and those with what is made from its layer.

        What is made from a layer says something of the whole of it, so no place bounds that.
        """
        if change.place is None:
            return list(self._tiles)
        found = {
            key
            for key in self._tiles
            if any(name != change.layer and touches(change, name) for name in key.layers)
        }
        if not shapely.is_empty(change.place):
            for z, tiles in self._by_zoom.items():
                for place in _met(change.place, z, tiles):
                    found |= tiles[place]
        return list(found)

    def _drop(self, key: Key) -> None:
        if self._tiles.pop(key, None) is None:
            return
        self.bytes -= self._sizes.pop(key)
        tiles = self._by_zoom[key.z]
        tiles[key.x, key.y].discard(key)
        if not tiles[key.x, key.y]:
            del tiles[key.x, key.y]


def _met(
    place: shapely.Geometry, z: int, tiles: dict[tuple[int, int], set[Key]]
) -> Iterator[tuple[int, int]]:
    """Which of these tiles of a zoom, margin included, a place meets."""
    size_m = 2 * MERCATOR_HALF_M / (1 << z)
    margin_m = size_m * MARGIN / EXTENT * 1.001  # rounding; the boxes below are exact
    west, south, east, north = shapely.bounds(place)
    left = int((west - margin_m + MERCATOR_HALF_M) // size_m)
    right = int((east + margin_m + MERCATOR_HALF_M) // size_m)
    top = int((MERCATOR_HALF_M - north - margin_m) // size_m)
    bottom = int((MERCATOR_HALF_M - south + margin_m) // size_m)
    if (right - left + 1) * (bottom - top + 1) <= len(tiles):
        within = [
            (x, y)
            for x in range(left, right + 1)
            for y in range(top, bottom + 1)
            if (x, y) in tiles
        ]
    else:
        within = [(x, y) for x, y in tiles if left <= x <= right and top <= y <= bottom]
    if not within:
        return
    boxes = shapely.STRtree(shapely.box(*np.array([wide_bounds(z, x, y) for x, y in within]).T))
    # Part by part: what overlaps itself, as before and after do, is no polygon to a predicate.
    found = boxes.query(shapely.get_parts(place), predicate="intersects")[1]
    for n in np.unique(found):
        yield within[n]
