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
    order = _by_place(place, keep, places)
    return Stays(
        target=place[order].astype(np.int64), begin_us=begin_us[order], end_us=end_us[order]
    ), unit[order]


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
def _by_place(place: NDArray[np.int32], keep: NDArray[np.bool_], places: int) -> Ints:
    """The order by place, of what is kept, and as it is within each."""
    at = np.zeros(places + 1, np.int64)
    for k in range(len(place)):
        at[place[k] + 1] += keep[k]
    at = np.cumsum(at)
    order = np.empty(at[-1], np.int64)
    for k in range(len(place)):
        if keep[k]:
            order[at[place[k]]] = k
            at[place[k]] += 1
    return order
