"""Stays at places as they are counted: what was cut where a day ends is one."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.plan.rounds import Ints, Stays


def merged(
    place: NDArray[np.int32], unit: NDArray[np.int32], begin_us: Ints, end_us: Ints, places: int
) -> tuple[Stays, NDArray[np.int32]]:
    """Stays of units at places 0 to ``places`` - 1, by beginning, as they are without cuts: a stay
    that begins when and where its unit's last one ended is one with it. By place and beginning, and
    with them the units."""
    end_us = end_us.copy()
    keep = _one(place, unit, begin_us, end_us, int(unit.max(initial=-1)) + 1)
    target, begin, end, own = _by_place(place, unit, begin_us, end_us, keep, places)
    return Stays(target=target, begin_us=begin, end_us=end), own


@njit(cache=True, nogil=True)
def _one(
    place: NDArray[np.int32], unit: NDArray[np.int32], begin_us: Ints, end_us: Ints, units: int
) -> NDArray[np.bool_]:
    """Which stays begin what they are of; ``end_us`` of these becomes that of the whole."""
    keep = np.ones(len(place), np.bool_)
    last = np.full(units, -1)
    for k in range(len(place)):
        before = last[unit[k]]
        if before >= 0 and place[before] == place[k] and end_us[before] == begin_us[k]:
            end_us[before] = end_us[k]
            keep[k] = False
        else:
            last[unit[k]] = k
    return keep


@njit(cache=True, nogil=True)
def _by_place(
    place: NDArray[np.int32], unit: NDArray[np.int32], begin_us: Ints, end_us: Ints,
    keep: NDArray[np.bool_], places: int,
) -> tuple[Ints, Ints, Ints, NDArray[np.int32]]:  # fmt: skip
    """What is kept by place, and as it is within each."""
    at = np.zeros(places + 1, np.int64)
    for k in range(len(place)):
        at[place[k] + 1] += keep[k]
    at = np.cumsum(at)
    target, begin, end = (
        np.empty(at[-1], np.int64), np.empty(at[-1], np.int64), np.empty(at[-1], np.int64)
    )  # fmt: skip
    own = np.empty(at[-1], np.int32)
    for k in range(len(place)):
        if keep[k]:
            n = at[place[k]]
            target[n], begin[n], end[n], own[n] = place[k], begin_us[k], end_us[k], unit[k]
            at[place[k]] += 1
    return target, begin, end, own
