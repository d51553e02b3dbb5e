"""Paths: what units did as arrays of places, each with the step that led to it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from geo import earth
from geo.coverage.rows import Floats, Ints
from geo.tracks import Track

Found = TypeVar("Found")
#: What led to a place: nothing that is known of, a leg, or a gap.
BEGIN, LEG, GAP = 0, 1, 2
#: How far a chord in longitude and latitude may leave its geodesic, in metres.
_SAGITTA_M = 0.001
#: Up to here the curve of a geodesic is a parabola in longitude and latitude, to that sagitta.
_PARABOLA_M = 2_000.0
#: Shorter legs bend less than ``_SAGITTA_M`` up to 80° of latitude.
_STRAIGHT_M = 90.0
_EARTH_M = 6.371e6
#: A chord of a plane, 300 km from its middle, leaves its geodesic by 0.2 m at most.
_FLAT_M = 20_000.0


class Path(NamedTuple):
    """Places by unit and time, each column one array; of several units after one another."""

    unit: NDArray[np.int32]
    time_us: Ints  #: microseconds since 1970, UTC
    lon: Floats
    lat: Floats
    kind: NDArray[np.uint8]  #: of the step to this place: BEGIN, LEG or GAP
    length_um: Ints  #: of that leg, in micrometres: sums of them are exact; 0 of gaps
    patrol: NDArray[np.int32]  #: of that step; 0 without


class Bends(NamedTuple):
    """The places between both ends of long legs, so that each chord keeps to its geodesic."""

    step: Ints  #: ascending: legs that bend
    first: Ints  #: their places are ``first[n]:first[n + 1]``, evenly along the leg
    lon: Floats
    lat: Floats


def of_legs(rows: pd.DataFrame) -> Path:
    """The path of a frame of legs and gaps, sorted by unit and start (``checked_legs``)."""
    unit = pd.factorize(rows["unit"])[0].astype(np.int32)
    start, end = _micros(rows["start"]), _micros(rows["end"])
    ends = rows[["lon0", "lat0", "lon1", "lat1"]].to_numpy(dtype=float)
    goes_on = np.zeros(len(rows), dtype=bool)
    goes_on[1:] = (unit[1:] == unit[:-1]) & (start[1:] == end[:-1])
    goes_on[1:] &= (ends[1:, :2] == ends[:-1, 2:]).all(axis=1)
    # every row ends in a place; one that does not go on from the row before begins in one, too
    at = np.cumsum(1 + ~goes_on) - 1
    begins = at[~goes_on] - 1
    size = len(rows) + len(begins)
    row = np.empty(size, dtype=np.int64)
    row[at], row[begins] = np.arange(len(rows)), np.flatnonzero(~goes_on)
    opens = np.zeros(size, dtype=bool)
    opens[begins] = True
    is_leg = rows["is_leg"].to_numpy(dtype=bool)
    length_um = np.where(is_leg, np.rint(rows["length_m"].to_numpy(dtype=float) * 1e6), 0)
    return Path(
        unit=unit[row],
        time_us=np.where(opens, start[row], end[row]),
        lon=np.where(opens, ends[row, 0], ends[row, 2]),
        lat=np.where(opens, ends[row, 1], ends[row, 3]),
        kind=np.where(opens, BEGIN, np.where(is_leg, LEG, GAP)[row]).astype(np.uint8),
        length_um=np.where(opens, 0, length_um[row]).astype(np.int64),
        patrol=np.where(opens, 0, 1 + pd.factorize(rows["patrol"])[0][row]).astype(np.int32),
    )


def of_track(track: Track, patrol: NDArray[np.int32]) -> Path:
    """The path of a track; ``patrol``: of the step to each of its fixes, 0 without."""
    return Path(
        unit=track.unit.astype(np.int32), time_us=track.time_us, lon=track.lon, lat=track.lat,
        kind=np.where(track.is_leg, LEG, np.where(track.follows, GAP, BEGIN)).astype(np.uint8),
        length_um=np.where(track.is_leg, np.rint(track.step_m * 1e6), 0).astype(np.int64),
        patrol=patrol,
    )  # fmt: skip


def _micros(times: pd.Series) -> Ints:
    return times.dt.tz_convert("UTC").dt.as_unit("us").astype("int64").to_numpy()


def some(path: Path, wanted: NDArray[np.generic]) -> Path:
    """Some places of a path, of whole units or runs of them."""
    return Path(*(column[wanted] for column in path))


def during(path: Path, spans: Ints) -> Path:
    """The steps of a path that lie, at least in part, in spans of time (n, 2; ascending)."""
    step = np.flatnonzero(path.kind != BEGIN)
    # Of a step that ends in no span the next one that begins may still begin before it does.
    after = np.searchsorted(spans[:, 1], path.time_us[step - 1], side="right")
    begins = np.r_[spans[:, 0], np.iinfo(np.int64).max][after]
    kept = step[begins < path.time_us[step]]
    at = np.unique(np.r_[kept - 1, kept])
    found = some(path, at)
    follows = np.zeros(len(path.kind), dtype=bool)
    follows[kept] = True
    return found._replace(kind=np.where(follows[at], found.kind, BEGIN).astype(np.uint8))


def near(path: Path, lon: float) -> Path:
    """The path in the turn of longitude nearest to ``lon``, no leg of it around the world."""
    turned = path.lon + 360 * np.round((lon - path.lon) / 360)
    jumps = np.flatnonzero((path.kind != BEGIN)[1:] & (np.abs(np.diff(turned)) > 180)) + 1
    if not len(jumps):
        return path if np.array_equal(turned, path.lon) else path._replace(lon=turned)
    # a leg over the far side of the earth: its unit goes on in the next turn
    step = np.zeros(len(turned))
    step[jumps] = -360 * np.sign(turned[jumps] - turned[jumps - 1])
    turns = np.cumsum(step)
    begins = np.maximum.accumulate(np.where(path.kind == BEGIN, np.arange(len(turned)), 0))
    return path._replace(lon=turned + turns - turns[begins])


@njit(cache=True, nogil=True)
def _bending(path: Path, on_plane: bool) -> tuple[Ints, Ints]:
    """The legs that need several chords, and how many each."""
    kind, length_um, lats = path.kind, path.length_um, path.lat
    step, count, m = np.empty(64, np.int64), np.empty(64, np.int64), 0
    least_um = int(1e6 * (_FLAT_M if on_plane else _STRAIGHT_M))
    for n in range(len(kind)):
        if length_um[n] <= least_um or kind[n] != LEG:
            continue
        length_m = length_um[n] / 1e6
        chords = length_m / _FLAT_M
        if not on_plane:
            lat = min(89.0, max(abs(lats[n]), abs(lats[n - 1])))
            steep = max(np.tan(np.radians(lat)), 0.1)
            chords = length_m * np.sqrt(steep / (8 * _EARTH_M * _SAGITTA_M))
        if chords > 1:
            if m == len(step):
                step, count = np.append(step, step), np.append(count, count)
            step[m], count[m] = n, int(np.ceil(chords))
            m += 1
    return step[:m].copy(), count[:m].copy()


def bends(path: Path, *, on_plane: bool = False) -> Bends:
    """Where the legs of a path are to be bent: one of length L leaves its chord in longitude and
    latitude by about L² tan(lat) / 8R, and one on a plane by much less."""
    step, count = _bending(path, on_plane)
    inner = count - 1
    first = np.r_[0, np.cumsum(inner)]
    leg = np.repeat(step, inner)
    part = (np.arange(first[-1]) - np.repeat(first[:-1], inner) + 1) / np.repeat(count, inner)
    lon, lat = _parabola(path, leg, part)
    far = np.flatnonzero(path.length_um[leg] > _PARABOLA_M * 1e6)
    if len(far):
        at = leg[far]
        lon[far], lat[far] = earth.interpolate(
            path.lon[at - 1], path.lat[at - 1], path.lon[at], path.lat[at], part[far]
        )
        # in the turn of longitude that the leg begins in
        lon[far] += 360 * np.round((path.lon[at - 1] - lon[far]) / 360)
    return Bends(step=step, first=first, lon=lon, lat=lat)


def _parabola(path: Path, leg: Ints, part: Floats) -> tuple[Floats, Floats]:
    """Places at fractions of short legs: the geodesic's equations on a sphere, second order."""
    lon0, lat0 = path.lon[leg - 1], path.lat[leg - 1]
    turn, rise = np.radians(path.lon[leg] - lon0), np.radians(path.lat[leg] - lat0)
    middle = np.radians(np.clip((lat0 + path.lat[leg]) / 2, -89.9, 89.9))
    arc = part * (1 - part)
    return (
        lon0 + np.degrees(part * turn - arc * np.tan(middle) * turn * rise),
        lat0 + np.degrees(part * rise + arc * np.sin(middle) * np.cos(middle) * turn**2 / 2),
    )


#: So many places of a path, or one unit's, are one piece of work.
_PART = 400_000


def by_threads(path: Path, work: Callable[[int, int], Found]) -> list[Found]:
    """What ``work`` finds of parts of a path (from place to place), whole units each."""
    if len(path.unit) <= _PART:
        return [work(0, len(path.unit))]
    heads = np.flatnonzero(np.r_[True, path.unit[1:] != path.unit[:-1]])
    near = np.searchsorted(heads, np.arange(_PART, len(path.unit), _PART), side="right")
    cuts = [0, *np.unique(heads[near - 1]).tolist(), len(path.unit)]
    parts = [(a, b) for a, b in itertools.pairwise(cuts) if a < b]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(lambda part: work(*part), parts))
