"""Polygons that touch themselves after clipping and rounding and could not be taken apart: mended
by GEOS, as the format wants them valid (specification 2.1, section 4.3.4.4)."""

from __future__ import annotations

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from geo.tiles.cutting import cut
from geo.tiles.shapes import Shapes
from geo.tiles.wire import CLOSE

Bytes = NDArray[np.uint8]
Indices = NDArray[np.int64]


def mended(
    commands: Bytes, ends: Indices, doubtful: NDArray[np.bool_], step: int
) -> tuple[Bytes, Indices]:
    """The commands of features, and where each one's end, with all polygons valid.

    Of those that are ``doubtful`` GEOS tells whether they are, and mends them. Coordinates are
    whole multiples of ``step`` units, and stay so. Of a polygon of which that leaves nothing a
    square of one step stays.
    """
    perhaps = np.flatnonzero(doubtful)
    if not len(perhaps):
        return commands, ends
    given = _polygons(commands, ends, perhaps)
    bad = np.flatnonzero(~shapely.is_valid(given))
    if not len(bad):
        return commands, ends
    broken = given[bad]
    areas = shapely.make_valid(broken, method="structure", keep_collapsed=False)
    # What is hardly wider than a step is so along its outline, or rounding took pieces of it.
    outline = shapely.boundary(broken)
    thin = shapely.area(areas) < 0.75 * step * shapely.length(outline)
    around = shapely.buffer(outline[thin], 0.75 * step, quad_segs=1, join_style="bevel")
    areas[thin] = shapely.union(areas[thin], around)
    whole = shapely.set_precision(areas, step)
    lost = shapely.is_empty(whole)
    x, y = shapely.bounds(broken[lost])[:, :2].T
    whole[lost] = shapely.box(x, y, x + step, y + step)
    # What is cut has its north up.
    shapes = Shapes.of(shapely.transform(whole, lambda xy: xy * (1, -1)))
    made, made_ends, _ = cut(
        np.arange(len(bad)), shapes.kind, shapes.first_piece, shapes.first_xy, shapes.hole,
        shapes.xy, shapes.bounds, 0.0, 0.0, 1.0, -np.inf, np.inf, step, np.inf,
    )  # fmt: skip
    return _with(commands, ends, perhaps[bad], made, made_ends)


def _polygons(commands: Bytes, ends: Indices, some: Indices) -> NDArray[np.object_]:
    """Some of the features, as geometries in units with y down."""
    xy, ring, feature, twice_area = _read(commands, ends, some)
    rings = shapely.linearrings(xy, indices=ring)
    # Holes run the other way round, and follow the exterior that they are in.
    exterior = twice_area > 0
    parts = shapely.polygons(rings, indices=np.cumsum(exterior) - 1)
    return np.asarray(shapely.multipolygons(parts, indices=feature[exterior]))


@njit(cache=True, nogil=True)
def _varint(data: np.ndarray, at: int) -> tuple[int, int]:
    """A varint's value, and where the next one begins."""
    value, shift = np.int64(0), np.int64(0)
    while data[at] > 0x7F:
        value |= np.int64(data[at] & 0x7F) << shift
        shift += 7
        at += 1
    return int(value | np.int64(data[at]) << shift), at + 1


@njit(cache=True, nogil=True)
def _rings(data: np.ndarray, at: int, end: int, xy: np.ndarray, stops: np.ndarray) -> int:
    """A polygon's coordinates, each ring closed, into ``xy``, and where each ring ends into
    ``stops``: how many rings."""
    count = rings = begin = 0
    x, y = np.int64(0), np.int64(0)
    while at < end:
        word, at = _varint(data, at)
        if word == CLOSE:
            xy[count] = xy[begin]
            count += 1
            stops[rings] = begin = count
            rings += 1
            continue
        for _ in range(word >> 3):
            across, at = _varint(data, at)
            down, at = _varint(data, at)
            x += (across >> 1) ^ -(across & 1)
            y += (down >> 1) ^ -(down & 1)
            xy[count, 0], xy[count, 1] = x, y
            count += 1
    return rings


@njit(cache=True, nogil=True)
def _read(
    commands: np.ndarray, ends: np.ndarray, some: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates of ``some`` features, and the ring that each is of; of each ring the feature, as
    its place in ``some``, and twice its area."""
    most = 0
    for n in some:  # a coordinate takes two bytes, a ring's end one
        most += ends[n + 1] - ends[n]
    xy = np.empty((most, 2), dtype=np.int64)
    ring, stops = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    feature, area = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    used = rings = 0
    for place in range(len(some)):
        n = some[place]
        there = _rings(commands, ends[n], ends[n + 1], xy[used:], stops)
        begin = 0
        for r in range(there):
            feature[rings], area[rings] = place, 0
            for k in range(used + begin, used + stops[r]):
                ring[k] = rings
                if k + 1 < used + stops[r]:
                    area[rings] += xy[k, 0] * xy[k + 1, 1] - xy[k + 1, 0] * xy[k, 1]
            begin = stops[r]
            rings += 1
        used += begin
    return xy[:used].astype(np.float64), ring[:used], feature[:rings], area[:rings]


@njit(cache=True, nogil=True)
def _with(
    commands: np.ndarray, ends: np.ndarray, some: np.ndarray, made: np.ndarray, stops: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Commands with those of ``some`` features replaced."""
    out = np.empty(len(commands) + len(made), dtype=np.uint8)
    out_ends = np.zeros(len(ends), dtype=np.int64)
    used = next_one = 0
    for n in range(len(ends) - 1):
        if next_one < len(some) and some[next_one] == n:
            new = made[stops[next_one] : stops[next_one + 1]]
            next_one += 1
        else:
            new = commands[ends[n] : ends[n + 1]]
        out[used : used + len(new)] = new
        used += len(new)
        out_ends[n + 1] = used
    return out[:used], out_ends
