"""Polygons that touch themselves after clipping and rounding: found and slimmed by compiled code,
what is left mended by GEOS, as the format wants them valid (specification 2.1, section 4.3.4.4)."""

from __future__ import annotations

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from geo.tiles.cutting import cut
from geo.tiles.shapes import POLYGON, Shapes
from geo.tiles.wire import CLOSE, LINE_TO, MOST_BYTES, MOVE_TO, put, put_step

Bytes = NDArray[np.uint8]
Indices = NDArray[np.int64]

#: Of more coordinates GEOS tells sooner than holding each edge against each does.
_MOST = 300
_FAR = 2**30
#: So many corners at most are taken off a ring, before GEOS mends it.
_MOST_CORNERS = 16


def mended(
    kind: NDArray[np.uint8],
    commands: Bytes,
    ends: Indices,
    step: int,
    thin: float,
    *,
    all_of_them: bool,
) -> tuple[Bytes, Indices]:
    """The commands of features of these kinds, and where each one's end, with polygons valid.

    Coordinates are whole multiples of ``step`` units, and stay so. A ring that touches itself
    first loses corners that take ground thinner than ``thin`` units along; where that does not do,
    GEOS mends it, if it is to be ``all_of_them``: that takes a fifth of a millisecond each. Of a
    polygon of which that leaves nothing a square of one step stays.
    """
    commands, ends, touches = _slimmed(kind == POLYGON, commands, ends, thin)
    perhaps = np.flatnonzero(touches)
    if not len(perhaps) or not all_of_them:
        return commands, ends
    given = _polygons(commands, ends, perhaps)
    bad = np.flatnonzero(~shapely.is_valid(given))
    if not len(bad):
        return commands, ends
    areas = shapely.make_valid(given[bad], method="structure", keep_collapsed=False)
    whole = shapely.set_precision(areas, step)
    lost = shapely.is_empty(whole)
    x, y = shapely.bounds(given[bad[lost]])[:, :2].T
    whole[lost] = shapely.box(x, y, x + step, y + step)
    # What is cut has its north up.
    shapes = Shapes.of(shapely.transform(whole, lambda xy: xy * (1, -1)))
    made, made_ends = cut(
        np.arange(len(bad)), shapes.kind, shapes.first_piece, shapes.first_xy, shapes.hole,
        shapes.xy, shapes.bounds, 0.0, 0.0, 1.0, -np.inf, np.inf, step,
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
def _slimmed(
    polygon: np.ndarray, commands: np.ndarray, ends: np.ndarray, thin: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Commands with what is thinner than ``thin`` units taken off single rings that touch
    themselves, and where each feature's end; whether edges that do not follow each other may touch
    still.
    """
    touches = np.zeros(len(polygon), dtype=np.bool_)
    xy, stops = np.empty((_MOST, 2), dtype=np.int64), np.empty(_MOST, dtype=np.int64)
    box = np.empty((4, _MOST), dtype=np.int32)
    out, out_ends = np.empty(len(commands), dtype=np.uint8), np.zeros(len(ends), dtype=np.int64)
    used = 0
    for n in range(len(polygon)):
        begin, end = ends[n], ends[n + 1]
        done = used
        if polygon[n] and end > begin:
            rings = _rings(commands, begin, end, xy, stops)
            touches[n] = rings < 0 or _offender(xy, stops, rings, box) >= 0
            if touches[n] and rings == 1 and _slim(xy, stops, box, thin):
                done = _write(out, used, xy, stops[0] - 1)
                # It has fewer corners, but a longer step may take more bytes.
                touches[n] = done - used > end - begin
        if done == used or touches[n]:
            out[used : used + end - begin] = commands[begin:end]
            done = used + end - begin
        used = out_ends[n + 1] = done
    return out[:used], out_ends, touches


@njit(cache=True, nogil=True)
def _write(out: np.ndarray, used: int, xy: np.ndarray, count: int) -> int:
    """Write a ring's commands as far as there is room; where the next byte would go."""
    work = np.empty(MOST_BYTES * (2 * count + 3), dtype=np.uint8)
    size = put(work, 0, 1 << 3 | MOVE_TO)
    x = y = 0
    for k in range(count):
        if k == 1:
            size = put(work, size, (count - 1) << 3 | LINE_TO)
        size = put_step(work, size, xy[k, 0] - x)
        size = put_step(work, size, xy[k, 1] - y)
        x, y = xy[k, 0], xy[k, 1]
    size = put(work, size, CLOSE)
    room = min(size, len(out) - used)
    out[used : used + room] = work[:room]
    return used + size


@njit(cache=True, nogil=True)
def _slim(xy: np.ndarray, stops: np.ndarray, box: np.ndarray, thin: float) -> bool:
    """Take corners off a ring until it touches itself no more; whether that took nothing but
    triangles thinner than ``thin`` units, and left a ring that runs as it did."""
    for _ in range(_MOST_CORNERS):
        last = stops[0] - 1  # the first again
        pair = _offender(xy, stops, 1, box)
        if pair < 0:
            area = 0
            for k in range(last):
                area += xy[k, 0] * xy[k + 1, 1] - xy[k + 1, 0] * xy[k, 1]
            return area > 0
        if last < 4:
            return False
        thinnest, corner = thin, -1
        for k in (pair // _MOST, pair // _MOST + 1, pair % _MOST, pair % _MOST + 1):
            here = _thickness(xy, (k - 1) % last, k % last, (k + 1) % last)
            if here <= thinnest:
                thinnest, corner = here, k % last
        if corner < 0:
            return False
        for k in range(corner, last - 1):
            xy[k, 0], xy[k, 1] = xy[k + 1, 0], xy[k + 1, 1]
        xy[last - 1, 0], xy[last - 1, 1] = xy[0, 0], xy[0, 1]
        stops[0] = last
    return False


@njit(cache=True, nogil=True)
def _thickness(xy: np.ndarray, a: int, b: int, c: int) -> float:
    """The least height of a triangle."""
    area, longest = 0.0, 0.0
    area = abs(
        float((xy[b, 0] - xy[a, 0]) * (xy[c, 1] - xy[a, 1]))
        - float((xy[b, 1] - xy[a, 1]) * (xy[c, 0] - xy[a, 0]))
    )
    for p, q in ((a, b), (b, c), (c, a)):
        longest = max(longest, float(np.hypot(xy[p, 0] - xy[q, 0], xy[p, 1] - xy[q, 1])))
    return area / longest if longest else 0.0


@njit(cache=True, nogil=True)
def _offender(xy: np.ndarray, stops: np.ndarray, rings: int, box: np.ndarray) -> int:
    """Two edges that touch though they do not follow each other, or of which one folds back on
    the other, as first * ``_MOST`` + second; -1 where there are none."""
    folds = _folds(xy, stops, rings)
    return folds if folds >= 0 else _meet(xy, stops, rings, box)


@njit(cache=True, nogil=True)
def _folds(xy: np.ndarray, stops: np.ndarray, rings: int) -> int:
    """The first edge along which the next goes back, as ``_offender``."""
    begin = 0
    for r in range(rings):
        for k in range(begin, stops[r] - 1):
            after = k + 2 if k + 2 < stops[r] else begin + 1
            if _side(xy, k, k + 1, after) == 0 and not _goes_on(xy, k, k + 1, after):
                return k * _MOST + k
        begin = stops[r]
    return -1


@njit(cache=True, nogil=True)
def _meet(xy: np.ndarray, stops: np.ndarray, rings: int, box: np.ndarray) -> int:
    """The first two edges that do not follow each other and have anything in common, as
    ``_offender``: for certain, as numbers are whole, but for two of one straight line, of which
    only the boxes count."""
    west, east, north, south = box
    _bound(xy, stops, rings, box)
    count = stops[rings - 1]
    begin = 0
    for r in range(rings):
        for k in range(begin, stops[r] - 1):
            for m in range(k + 2, count - 1):
                if west[m] > east[k] or east[m] < west[k]:
                    continue
                if north[m] > south[k] or south[m] < north[k]:
                    continue
                if _side(xy, k, k + 1, m) * _side(xy, k, k + 1, m + 1) > 0:
                    continue
                if _side(xy, m, m + 1, k) * _side(xy, m, m + 1, k + 1) > 0:
                    continue
                if k > begin or m != stops[r] - 2:
                    return k * _MOST + m
        begin = stops[r]
    return -1


@njit(cache=True, nogil=True)
def _bound(xy: np.ndarray, stops: np.ndarray, rings: int, box: np.ndarray) -> None:
    """The boxes of edges; no edge goes from where a ring ends, and nothing meets that."""
    west, east, north, south = box
    for k in range(stops[rings - 1] - 1):
        west[k], east[k] = min(xy[k, 0], xy[k + 1, 0]), max(xy[k, 0], xy[k + 1, 0])
        north[k], south[k] = min(xy[k, 1], xy[k + 1, 1]), max(xy[k, 1], xy[k + 1, 1])
    for r in range(rings):
        west[stops[r] - 1], east[stops[r] - 1] = _FAR, -_FAR


@njit(cache=True, nogil=True)
def _side(xy: np.ndarray, a: int, b: int, c: int) -> int:
    """1 or -1 for the side of a to b on which c lies, 0 where on its line."""
    left = (xy[b, 0] - xy[a, 0]) * (xy[c, 1] - xy[a, 1])
    right = (xy[b, 1] - xy[a, 1]) * (xy[c, 0] - xy[a, 0])
    return int(left > right) - int(left < right)


@njit(cache=True, nogil=True)
def _goes_on(xy: np.ndarray, a: int, b: int, c: int) -> bool:
    """Whether the way a-b-c, all on one line, does not turn back."""
    across = (xy[b, 0] - xy[a, 0]) * (xy[c, 0] - xy[b, 0])
    return across + (xy[b, 1] - xy[a, 1]) * (xy[c, 1] - xy[b, 1]) > 0


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
    ``stops``: how many rings; -1 where there is no room for them."""
    count = rings = begin = 0
    x, y = np.int64(0), np.int64(0)
    while at < end:
        word, at = _varint(data, at)
        number = 1 if word == CLOSE else word >> 3
        if count + number > len(xy):
            return -1
        if word == CLOSE:
            xy[count] = xy[begin]
            begin = count + 1
            stops[rings] = begin
            rings += 1
        else:
            for k in range(count, count + number):
                across, at = _varint(data, at)
                down, at = _varint(data, at)
                x += (across >> 1) ^ -(across & 1)
                y += (down >> 1) ^ -(down & 1)
                xy[k, 0], xy[k, 1] = x, y
        count += number
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
