"""Visits at successive versions of one fence are one visit: they get one key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo.breaches.fences import Fences
from geo.breaches.records import ABSENCE, EDIT, PASSAGE, STAY

_SIDE = np.zeros(8, dtype=np.int64)
_SIDE[ABSENCE] = 1


def link(
    rows: NDArray[np.void], lasting: NDArray[np.void], fences: Fences
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Give what was on when a version ended and what was on when the next began one key.

    Rows of kind EDIT say which visit was on when the version before ended; they are left out.
    """
    edited = rows["kind"] == EDIT
    if not edited.any():
        return rows, lasting
    marks, rows = rows[edited], rows[~edited]
    heirs = {int(fences.heir_of[f]): int(f) for f in np.flatnonzero(fences.heir_of >= 0)}
    order = np.argsort(fences.to_us[marks["fence"]], kind="stable")
    keys: dict[tuple[int, int, int], tuple[int, int]] = {}
    for mark in marks[order]:
        unit, side = int(mark["unit"]), int(mark["silent"] >> 1)
        own = keys.get((unit, int(mark["fence"]), side))
        if own is None or mark["begun_us"] > fences.from_us[mark["fence"]]:
            own = int(mark["key_us"]), int(mark["key_nth"])
        keys.setdefault((unit, heirs[int(mark["fence"])], side), own)
    for found in (rows, lasting):
        _give(found, keys, fences)
    return rows, lasting


def _give(
    found: NDArray[np.void],
    keys: dict[tuple[int, int, int], tuple[int, int]],
    fences: Fences,
) -> None:
    began_before = found["begun_us"] <= fences.from_us[found["fence"]]
    kinds = np.isin(found["kind"], (STAY, ABSENCE, PASSAGE))
    for i in np.flatnonzero(began_before & kinds & (fences.heir_of[found["fence"]] >= 0)):
        one = found[i]
        key = keys.get((int(one["unit"]), int(one["fence"]), int(_SIDE[one["kind"]])))
        if key is not None:
            found["key_us"][i], found["key_nth"][i] = key
