"""Finished tiles, by what they are of; a change takes out those in which it shows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import shapely

from geo.earth import MERCATOR_HALF_M
from geo.tiles.encoding import EXTENT, MARGIN, wide_bounds
from layers.tiles.hearing import EVERYTHING, Change
from layers.tiles.log import touches
from layers.versions import DataVersion

_Of = TypeVar("_Of")
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
    beside: int = 0  #: large layers that are drawn into the same tile elsewhere, such as coverage


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
        self._by_layers: dict[tuple[str, ...], set[Key]] = {}
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
            self._by_layers.setdefault(key.layers, set()).add(key)
            self.bytes += size
            while self.bytes > self._most_bytes:
                self._drop(next(iter(self._tiles)))

    def forget(self, changes: Sequence[Change]) -> int:
        """Take out the tiles in which one of these changes shows; how many these were."""
        by_layer: dict[str, list[Change]] = {}
        for change in changes:
            by_layer.setdefault(change.layer, []).append(change)
        with self._lock:
            before = len(self._tiles)
            for layer, own in by_layer.items():
                for key in list(self._tiles) if layer == EVERYTHING else self._where(layer, own):
                    self._drop(key)
            return before - len(self._tiles)

    def _where(self, layer: str, changes: Sequence[Change]) -> set[Key]:
        """The kept tiles that changes of a layer meet, and those with what is made from it.

        What is made from a layer says something of the whole of it, so no place bounds that.
        """
        places = [change.place for change in changes if change.place is not None]
        anywhere = len(places) < len(changes)
        found: set[Key] = set()
        within: set[tuple[str, ...]] = set()  # whose tiles lose only those that a place meets
        for names, keys in self._by_layers.items():
            touched = {name for name in names if touches(changes[0], name)}
            if touched - {layer} or (touched and anywhere):
                found |= keys
            elif touched:
                within.add(names)
        if within and places:
            # Part by part: what overlaps itself, as before and after do, is no polygon to a
            # predicate.
            parts = shapely.get_parts(np.array(places, dtype=object))
            parts = parts[~shapely.is_empty(parts)]
            for z, tiles in self._by_zoom.items():
                for place in _met(parts, z, tiles, within):
                    found.update(key for key in tiles[place] if key.layers in within)
        return found

    def _drop(self, key: Key) -> None:
        if self._tiles.pop(key, None) is None:
            return
        self.bytes -= self._sizes.pop(key)
        _take_out(self._by_layers, key.layers, key)
        _take_out(self._by_zoom[key.z], (key.x, key.y), key)
        if not self._by_zoom[key.z]:
            del self._by_zoom[key.z]


def _take_out(index: dict[_Of, set[Key]], of: _Of, key: Key) -> None:
    index[of].discard(key)
    if not index[of]:
        del index[of]


def _met(
    parts: np.ndarray, z: int, tiles: Mapping[tuple[int, int], set[Key]],
    layers: Collection[tuple[str, ...]],
) -> Iterator[tuple[int, int]]:  # fmt: skip
    """Which of these tiles of a zoom, margin included, places meet: those of ``layers``."""
    within = [
        place for place in _near(parts, z, tiles)
        if any(key.layers in layers for key in tiles[place])
    ]  # fmt: skip
    if not within:
        return
    boxes = shapely.STRtree(shapely.box(*np.array([wide_bounds(z, x, y) for x, y in within]).T))
    for n in np.unique(boxes.query(parts, predicate="intersects")[1]):
        yield within[n]


def _near(
    parts: np.ndarray, z: int, tiles: Mapping[tuple[int, int], set[Key]]
) -> Collection[tuple[int, int]]:
    """Which of these tiles the boxes of places meet, or some more."""
    count = 1 << z
    size_m = 2 * MERCATOR_HALF_M / count
    margin_m = size_m * MARGIN / EXTENT * 1.001  # rounding; the boxes themselves are exact
    west, south, east, north = shapely.bounds(parts).T
    # Columns and rows of the first tile of each, and of the last.
    starts = np.stack([west + MERCATOR_HALF_M, MERCATOR_HALF_M - north]) - margin_m
    ends = np.stack([east + MERCATOR_HALF_M, MERCATOR_HALF_M - south]) + margin_m
    left, top = np.maximum(np.floor(starts / size_m).astype(np.int64), 0)
    right, bottom = np.minimum(np.floor(ends / size_m).astype(np.int64), count - 1)
    wide, high = np.maximum(right - left + 1, 0), np.maximum(bottom - top + 1, 0)
    if (wide * high).sum() > len(tiles):
        # Fewer tiles are kept than are there: all of them within the box of all the places.
        at = np.array(list(tiles))
        there = (at >= [left.min(), top.min()]) & (at <= [right.max(), bottom.max()])
        return [(x, y) for x, y in at[there.all(axis=1)].tolist()]
    return {
        (x, y)
        for x0, x1, y0, y1 in zip(
            *(one.tolist() for one in (left, right, top, bottom)), strict=True
        )
        for x in range(x0, x1 + 1)
        for y in range(y0, y1 + 1)
        if (x, y) in tiles
    }
