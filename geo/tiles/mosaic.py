"""Polygons of about a pixel, by the thousand: few that stand for many."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.crossing import EDGE, PIXEL, ROW

#: So few are counted more quickly than they are sorted.
_FEW = 36


@njit(cache=True, nogil=True)
def how_many(owner: np.ndarray, features: int) -> int:
    """How many owners there are, of so many features."""
    seen = np.zeros(features, dtype=np.bool_)
    count = 0
    for name in owner.ravel():
        if name >= 0 and not seen[name]:
            seen[name] = True
            count += 1
    return count


@njit(cache=True, nogil=True)
def blocks(owner: np.ndarray, wide: int, high: int) -> int:
    """How many blocks of ``wide`` by ``high`` pixels somebody has a pixel of."""
    across = (np.arange(ROW) + _shift(wide)) // wide
    along = (np.arange(ROW) + _shift(high)) // high
    seen = np.zeros((along[-1] + 1, across[-1] + 1), dtype=np.bool_)
    for row in range(ROW):
        for column in range(ROW):
            if owner[row, column] >= 0:
                seen[along[row], across[column]] = True
    return int(seen.sum())


@njit(cache=True, nogil=True)
def standing(
    owner: np.ndarray, chosen: np.ndarray, first_piece: np.ndarray, first_xy: np.ndarray,
    xy: np.ndarray, west: float, north: float, units_per_m: float,
) -> np.ndarray:  # fmt: skip
    """For how many of the features ``chosen`` each of all features stands.

    Whoever has the first pixel that a feature has a vertex in stands for it; a feature of which no
    vertex is on the tile or its margin counts nowhere.
    """
    counts = np.zeros(len(first_piece) - 1, dtype=np.int64)
    per_m = units_per_m / PIXEL
    for feature in chosen:
        begin = first_xy[first_piece[feature]]
        for k in range(begin, first_xy[first_piece[feature + 1]]):
            column = int(np.floor((xy[k, 0] - west) * per_m)) + EDGE
            row = int(np.floor((north - xy[k, 1]) * per_m)) + EDGE
            if 0 <= row < ROW and 0 <= column < ROW and owner[row, column] >= 0:
                counts[owner[row, column]] += 1
                break
    return counts


@njit(cache=True, nogil=True)
def _shift(block: int) -> int:
    """How many pixels of the first block lie beyond the margin: blocks begin with the tile."""
    return (block - EDGE % block) % block


@njit(cache=True, nogil=True)
def fewer(owner: np.ndarray, wide: int, high: int) -> np.ndarray:
    """Pixels given to the owner that has most of their block of ``wide`` by ``high`` pixels.

    What nobody has, nobody gets. Blocks lie as the tile does, so that neighbours' meet.
    """
    out = np.full_like(owner, -1)
    seen = np.empty(wide * high, dtype=np.int64)
    for top in range(-_shift(high), ROW, high):
        for left in range(-_shift(wide), ROW, wide):
            count = 0
            rows = range(max(0, top), min(ROW, top + high))
            columns = range(max(0, left), min(ROW, left + wide))
            for row in rows:
                for column in columns:
                    if owner[row, column] >= 0:
                        seen[count] = owner[row, column]
                        count += 1
            if not count:
                continue
            winner = _most(seen, count)
            for row in rows:
                for column in columns:
                    if owner[row, column] >= 0:
                        out[row, column] = winner
    return out


@njit(cache=True, nogil=True)
def _most(seen: np.ndarray, count: int) -> int:
    """The number that stands most often among the first ``count``, the lowest of equals."""
    ordered = np.sort(seen[:count]) if count > _FEW else seen
    winner, best, run = ordered[0], 0, 0
    for n in range(count):
        if count > _FEW:
            run = run + 1 if n and ordered[n] == ordered[n - 1] else 1
        else:
            run = 0
            for m in range(count):
                run += ordered[m] == ordered[n]
        if run > best or (run == best and ordered[n] < winner):
            winner, best = ordered[n], run
    return winner
