"""Chainages of lines in parts: they run on from part to part, and what speaks against that is told.

The parts are taken in the file's order and direction. Where one does not begin at the end of the
one before, order, direction or the file may be wrong; nothing of that is corrected here.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from geo import earth
from layers.places.judged import Geometries

Floats = NDArray[np.float64]
#: Parts whose ends are nearer than this meet.
_MEET_M = 1.0
#: A survey and a drawing of it differ by so much, of a length and at least.
_SHARE, _LEAST_KM = 0.01, 0.1
_MOST_TOLD = 5


def running(
    owner: Sequence[int], starts_km: Sequence[float] | None, lines: Geometries
) -> list[float]:
    """Where each part starts: after the parts before it in its row."""
    out: list[float] = []
    ends_km: dict[int, float] = {}
    for n, (row, length_m) in enumerate(zip(owner, earth.length_m(lines), strict=True)):
        start_km = ends_km.get(row, starts_km[n] if starts_km is not None else 0.0)
        out.append(start_km)
        ends_km[row] = start_km + float(length_m) / 1000
    return out


def jumps(ids: Sequence[str], owner: Sequence[int], lines: Geometries) -> list[str]:
    """Parts of one row of which the second does not begin where the first ends, in words."""
    rows = np.asarray(owner)
    first = np.flatnonzero(rows[1:] == rows[:-1])
    if not len(first):
        return []
    start = shapely.get_coordinates(shapely.get_point(lines, 0))
    end = shapely.get_coordinates(shapely.get_point(lines, -1))
    gap_m = _apart_m(end[first], start[first + 1])
    ways = {
        "turned round it would begin": _apart_m(end[first], end[first + 1]),
        "with the part before it turned round it would begin": _apart_m(
            start[first], start[first + 1]
        ),
    }
    found = []
    for n in np.flatnonzero(gap_m > _MEET_M).tolist():
        a, b = int(first[n]), int(first[n]) + 1
        how, least_m = min(((how, float(m[n])) for how, m in ways.items()), key=lambda one: one[1])
        hint = f"; {how} {least_m:,.0f} m from there" if least_m < gap_m[n] else ""
        found.append(
            f"{ids[b]!r} begins {gap_m[n]:,.0f} m from the end of {ids[a]!r} at {end[a][0]:.5f},"
            f" {end[a][1]:.5f}{hint}"
        )
    return found


def told(found: Sequence[str], what: str) -> list[str]:
    """Jumps as notes: the first few, with ``what`` follows from them."""
    more = len(found) - _MOST_TOLD
    lines = [f"{one}: {what}" for one in found[:_MOST_TOLD]]
    return [*lines, f"{more} more parts begin elsewhere"] if more > 0 else lines


def overlaps(
    ids: Sequence[str], owner: Sequence[int], starts_km: Sequence[float], lines: Geometries
) -> list[str]:
    """Notes on rows that by their length end beyond where the next one is said to start."""
    lengths_km = earth.length_m(lines) / 1000
    begins: dict[int, tuple[float, str]] = {}
    length_km: dict[int, float] = {}
    for row, feature_id, start_km, length in zip(owner, ids, starts_km, lengths_km, strict=True):
        begins.setdefault(row, (start_km, feature_id))
        length_km[row] = length_km.get(row, 0.0) + float(length)
    rows = sorted(begins, key=lambda row: begins[row])
    found = []
    for one, after in itertools.pairwise(rows):
        (start_km, name), (next_km, next_name) = begins[one], begins[after]
        beyond_km = start_km + length_km[one] - next_km
        if beyond_km > max(_LEAST_KM, _SHARE * length_km[one]):
            found.append(
                f"{name!r} starts at km {start_km:g} and is {length_km[one]:.1f} km long, so that"
                f" it ends {beyond_km:.1f} km beyond km {next_km:g}, where {next_name!r} starts:"
                " is chainage_start_km right?"
            )
    more = len(found) - _MOST_TOLD
    kept = found[:_MOST_TOLD]
    return [*kept, f"{more} more starts contradict lengths"] if more > 0 else kept


def _apart_m(a: Floats, b: Floats) -> Floats:
    """Geodesic metres between places, pair by pair."""
    return earth.geodesic_m(a[:, 0], a[:, 1], b[:, 0], b[:, 1])
