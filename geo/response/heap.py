"""A binary heap of (time, item) in two arrays, for compiled code; stale items may stay in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.response.compiled import compiled


class Heap(NamedTuple):
    """``size[0]`` items are in use; ``with_room`` gives a larger one."""

    keys: NDArray[np.float64]
    items: NDArray[np.int32]
    size: NDArray[np.int64]


@compiled
def push(heap: Heap, key: float, item: int) -> None:
    """Put an item in; there must be room."""
    keys, items, k = heap.keys, heap.items, heap.size[0]
    heap.size[0] += 1
    while k > 0:
        parent = (k - 1) >> 1
        if keys[parent] <= key:
            break
        keys[k], items[k] = keys[parent], items[parent]
        k = parent
    keys[k], items[k] = key, item


@compiled
def pop(heap: Heap) -> tuple[float, int]:
    """Take the earliest out."""
    keys, items = heap.keys, heap.items
    first, what = keys[0], items[0]
    heap.size[0] -= 1
    n = heap.size[0]
    key, item, k = keys[n], items[n], 0
    while True:
        child = 2 * k + 1
        if child >= n:
            break
        if child + 1 < n and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[k], items[k] = keys[child], items[child]
        k = child
    keys[k], items[k] = key, item
    return first, what


@compiled
def with_room(heap: Heap, room: int) -> Heap:
    """The heap, or a copy twice as large when it could not take ``room`` more."""
    n = heap.size[0]
    if n + room <= heap.keys.size:
        return heap
    keys = np.empty(2 * heap.keys.size + room)
    items = np.empty(keys.size, dtype=np.int32)
    keys[:n], items[:n] = heap.keys[:n], heap.items[:n]
    return Heap(keys, items, heap.size)
