"""The rings of many polygons as flat arrays, and figures of them at machine speed."""

from __future__ import annotations

import functools
import math
import secrets
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import shapely
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]

_POLYGON, _MULTIPOLYGON = 3, 6
_HAS_SRID = 0x20000000
#: Bytes of a multipolygon's head with its SRID, of a part's, of a ring's, and of a vertex.
_MULTI, _PART, _RING, _VERTEX = 13, 9, 4, 16
_CHUNK = 10_000
#: Another one in every process, so that nobody can make a file of places that look the same.
_SEED = np.uint64(secrets.randbits(64))


@dataclass(frozen=True, kw_only=True)
class Rings:
    """Every ring of some polygons, in their order."""

    xy: Floats  #: (vertices, 2); a ring's last vertex repeats its first
    start: Ints  #: (rings + 1,) where each ring's vertices begin, and the end
    owner: Ints  #: (rings,) the polygon that each is of
    hole: Bools  #: (rings,)

    @classmethod
    def of(cls, polygons: NDArray[np.object_]) -> Rings:
        """Those of polygons and multipolygons; what is neither, None among them, has none."""
        kept = np.flatnonzero(np.isin(shapely.get_type_id(polygons), (_POLYGON, _MULTIPOLYGON)))
        counts = shapely.get_num_coordinates(polygons[kept]).astype(np.int64)
        xy = np.empty((int(counts.sum()), 2))
        start, owner, hole = [np.zeros(1, np.int64)], [kept[:0]], [np.zeros(0, np.bool_)]
        # A part of them at a time takes little memory.
        for begin in range(0, len(kept), _CHUNK):
            some = kept[begin : begin + _CHUNK]
            ends, place, holes = _rings(
                polygons[some], counts[begin : begin + _CHUNK], xy[start[-1][-1] :]
            )
            start.append(ends + start[-1][-1])
            owner.append(some[place])
            hole.append(holes)
        return cls(
            xy=xy, start=np.concatenate(start),
            owner=np.concatenate(owner), hole=np.concatenate(hole),
        )  # fmt: skip

    def part(self, start: int, end: int) -> Rings:
        """Those of the polygons from ``start`` to before ``end``, which are numbered from 0."""
        first, last = np.searchsorted(self.owner, (start, end))
        begin = self.start[first : last + 1]
        return Rings(
            xy=self.xy[begin[0] : begin[-1]],
            start=begin - begin[0],
            owner=self.owner[first:last] - start,
            hole=self.hole[first:last],
        )

    def moved(self, xy: Floats) -> Rings:
        """The same rings with other coordinates."""
        return Rings(xy=xy, start=self.start, owner=self.owner, hole=self.hole)

    @functools.cached_property
    def loose(self) -> Ints:
        """``loose_edges`` of all of them."""
        return loose_edges(self)

    def misturned(self) -> Ints:
        """The polygons of which an exterior runs clockwise, or a hole does not."""
        clockwise = _signed(self.xy, self.start) < 0
        return np.unique(self.owner[clockwise != self.hole])

    def ewkb(self, polygons: int, srid: int) -> tuple[Bytes, Ints]:
        """Each of so many polygons as a multipolygon in PostGIS's EWKB, one after the other, and
        where each begins, and the end. Every one must have a ring."""
        vertices = np.diff(self.start)
        length = np.where(self.hole, 0, _PART) + _RING + _VERTEX * vertices
        begin = np.zeros(polygons + 1, dtype=np.int64)
        np.cumsum(_MULTI + np.bincount(self.owner, length, minlength=polygons), out=begin[1:])
        data = np.empty(begin[-1], dtype=np.uint8)
        xy = np.ascontiguousarray(self.xy).view(np.uint8).ravel()
        first = np.searchsorted(self.owner, np.arange(polygons + 1))
        _write(data, begin, first, xy, self.start, self.hole, srid)
        return data, begin

    def signed_sums(self, values: Floats, polygons: int) -> Floats:
        """For each of so many polygons the values of its exteriors less those of its holes."""
        return np.bincount(
            self.owner, np.where(self.hole, -values, values), minlength=polygons
        ).astype(float)


def _rings(polygons: NDArray[np.object_], counts: Ints, xy: Floats) -> tuple[Ints, Ints, Bools]:
    """Write the coordinates of polygons, of so many each; where each ring ends, its polygon, and
    whether it is a hole."""
    single = (shapely.get_type_id(polygons) == _POLYGON) & (counts > 0)
    if (single & (shapely.get_num_interior_rings(polygons) == 0)).all():
        xy[: counts.sum()] = shapely.get_coordinates(polygons)
        return np.cumsum(counts), np.arange(len(polygons)), np.zeros(len(polygons), np.bool_)
    # Parsing the standard's bytes takes half the time of asking GEOS for each ring.
    wkb = shapely.to_wkb(polygons, output_dimension=2, byte_order=1)
    together = pa.array(wkb, pa.large_binary()).buffers()
    begin = np.frombuffer(together[1], dtype=np.int64)[: len(polygons)]
    return _read(np.frombuffer(together[2], dtype=np.uint8), begin, xy.view(np.uint8).ravel())


@njit(cache=True, nogil=True)
def _word(data: Bytes, at: int) -> int:
    return int(
        np.int64(data[at]) | np.int64(data[at + 1]) << 8
        | np.int64(data[at + 2]) << 16 | np.int64(data[at + 3]) << 24
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _count(data: Bytes, begin: Ints) -> int:
    """Rings of geometries in WKB (little-endian, two dimensions)."""
    rings = 0
    for n in range(len(begin)):
        at, parts = begin[n], 1
        if _word(data, at + 1) == _MULTIPOLYGON:
            parts = _word(data, at + 5)
            at += 9
        for _ in range(parts):
            own = _word(data, at + 5)
            at += _PART
            rings += own
            for _ in range(own):
                at += _RING + _VERTEX * _word(data, at)
    return rings


@njit(cache=True, nogil=True)
def _read(data: Bytes, begin: Ints, xy: Bytes) -> tuple[Ints, Ints, Bools]:
    """Coordinates as bytes, which WKB has at any place, not only at multiples of eight; where each
    ring ends, its polygon, and whether it is a hole."""
    rings = _count(data, begin)
    end, place, hole = (
        np.empty(rings, np.int64),
        np.empty(rings, np.int64),
        np.empty(rings, np.bool_),
    )
    ring = out = 0
    for n in range(len(begin)):
        at, parts = begin[n], 1
        if _word(data, at + 1) == _MULTIPOLYGON:
            parts = _word(data, at + 5)
            at += 9
        for _ in range(parts):
            own = _word(data, at + 5)
            at += _PART
            for r in range(own):
                length = _VERTEX * _word(data, at)
                at += _RING
                xy[out : out + length] = data[at : at + length]
                out += length
                at += length
                end[ring], place[ring], hole[ring] = out // _VERTEX, n, r > 0
                ring += 1
    return end, place, hole


@njit(cache=True, nogil=True)
def _put_word(data: Bytes, at: int, word: int) -> None:
    for k in range(4):
        data[at + k] = (word >> 8 * k) & 0xFF


@njit(cache=True, nogil=True)
def _write(
    data: Bytes, begin: Ints, first: Ints, xy: Bytes, start: Ints, hole: Bools, srid: int
) -> None:
    """Multipolygons in EWKB (little-endian, two dimensions); ``first`` ring of each polygon."""
    for n in range(len(begin) - 1):
        data[begin[n]] = 1
        _put_word(data, begin[n] + 1, _MULTIPOLYGON | _HAS_SRID)
        _put_word(data, begin[n] + 5, srid)
        at, part, parts, own = begin[n] + _MULTI, 0, 0, 0
        for r in range(first[n], first[n + 1]):
            if not hole[r]:
                part, own = at, 0
                parts += 1
                data[part] = 1
                _put_word(data, part + 1, _POLYGON)
                at += _PART
            own += 1
            _put_word(data, part + 5, own)
            points = start[r + 1] - start[r]
            _put_word(data, at, points)
            at += _RING
            length = _VERTEX * points
            data[at : at + length] = xy[_VERTEX * start[r] : _VERTEX * start[r] + length]
            at += length
        _put_word(data, begin[n] + 9, parts)


@njit(cache=True, nogil=True)
def _signed(xy: Floats, start: Ints) -> Floats:
    """Twice each ring's area in the plane of its coordinates, negative where it runs clockwise."""
    found = np.zeros(len(start) - 1)
    for r in range(len(start) - 1):
        x, y = xy[start[r], 0], xy[start[r], 1]
        total = 0.0
        for k in range(start[r], start[r + 1] - 1):
            total += (xy[k, 0] - x) * (xy[k + 1, 1] - y) - (xy[k + 1, 0] - x) * (xy[k, 1] - y)
        found[r] = total
    return found


@njit(cache=True, nogil=True)
def _mixed(word: np.uint64) -> np.uint64:
    """Every bit of the word in every bit of another (Steele, Lea and Flood 2014, SplitMix64)."""
    word = (word ^ word >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ word >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return word ^ word >> np.uint64(31)


@njit(cache=True, nogil=True)
def _corner(bits: Words, k: int, turn: np.uint64) -> np.uint64:
    """A vertex as one word: the same for the same place of the same group."""
    x, y, minus_0 = bits[k, 0], bits[k, 1], np.uint64(1) << np.uint64(63)
    if x == minus_0:
        x = np.uint64(0)
    if y == minus_0:
        y = np.uint64(0)
    return _mixed(_mixed(x ^ turn) + y)


@njit(cache=True, nogil=True)
def _loose(bits: Words, start: Ints, group: Ints, seed: np.uint64, slots: int) -> Bools:
    key = np.zeros(slots, np.uint64)
    #: How often each edge was seen in one direction (low) and the other (high), up to 3.
    seen = np.zeros(slots, np.uint8)
    mask = np.uint64(slots - 1)
    found = np.zeros(len(bits), np.bool_)
    place = np.empty(len(bits), np.int32)
    for r in range(len(start) - 1):
        # In another group each corner is another.
        turn = _mixed(np.uint64(group[r]) + seed)
        b = _corner(bits, start[r], turn)
        for k in range(start[r], start[r + 1] - 1):
            a, b = b, _corner(bits, k + 1, turn)
            edge = a + b
            at = (edge ^ edge >> np.uint64(31)) & mask
            while seen[at] and key[at] != edge:
                at = (at + np.uint64(1)) & mask
            key[at] = edge
            place[k] = at
            if a < b:
                seen[at] += seen[at] & 3 < 3
            else:
                seen[at] += (seen[at] >> 2 < 3) << 2
    for r in range(len(start) - 1):
        for k in range(start[r], start[r + 1] - 1):
            found[k] = seen[place[k]] != 5
    return found


def loose_edges(rings: Rings, group: Ints | None = None) -> Ints:
    """The vertices from which an edge goes that not just one other ring has in the opposite
    direction; with a ``group`` of each ring, no other ring of its group."""
    bits = np.ascontiguousarray(rings.xy).view(np.uint64)
    of = np.zeros(len(rings.owner), dtype=np.int64) if group is None else group
    # Neighbours share most edges, so that a third of the slots are taken; five eighths at most.
    slots = 1 << max(5 * len(rings.xy) // 4, 8).bit_length()
    return np.flatnonzero(_loose(bits, rings.start, of, _SEED, slots))


@njit(cache=True, nogil=True)
def strips(xy: Floats, start: Ints, e2: float, few: Floats, many: Floats, short: float) -> Floats:
    """For each ring the integral of Snyder's q over 2 (``geo.earth``) over longitude, unsigned.

    ``few`` and ``many`` are rows of nodes and weights for edges shorter and longer than
    ``short`` (radians of latitude).
    """
    found = np.zeros(len(start) - 1)
    for r in range(len(start) - 1):
        total = 0.0
        for k in range(start[r], start[r + 1] - 1):
            lat = math.radians(xy[k, 1])
            d_lat = math.radians(xy[k + 1, 1]) - lat
            d_lon = math.radians(xy[k + 1, 0]) - math.radians(xy[k, 0])
            rule = few if abs(d_lat) < short else many
            strip = 0.0
            for n in range(rule.shape[1]):
                sine = math.sin(lat + d_lat * rule[0, n])
                x = e2 * sine * sine
                series = 1 + x * (1 / 3 + x * (1 / 5 + x * (1 / 7 + x * (1 / 9 + x / 11))))
                strip += (1 - e2) / 2 * sine * (1 / (1 - x) + series) * rule[1, n]
            total += strip * d_lon
        found[r] = abs(total)
    return found
