"""Swept ground: which points of a lattice were within half a swath of legs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from geo.coverage import paths
from geo.coverage.ground import polygon_edges
from geo.coverage.lattice import TILE, Lattice, lattices
from geo.coverage.paths import Path
from geo.coverage.rows import Flags, Floats, Ints, Stretches, stretches
from geo.coverage.stamping import NONE, OFFSETS, WORDS, Area, Words, count_between
from geo.coverage.sweeping import SHORT_M, Sight, sweep
from geo.earth import Geometries, area_m2
from geo.errors import WrongGeometryError

#: What two tiles' columns may differ by.
_WIDE = 1 << 24
#: Buckets across a group of cells, by which legs far from them are passed over.
_BUCKETS = 1_000
#: Polygons up to here are whole on their plane.
_WIDE_DEG = 30.0
#: Metres in a degree of latitude, at least.
_DEGREE_M = 110_500.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Swept:
    """Points of a lattice, by tiles: union them, count them."""

    lattice: Lattice
    tile: NDArray[np.int64]  #: (n) row * 2^24 + column of tiles with bits, ascending
    bits: Words  #: (n, TILE, WORDS)

    @classmethod
    def none(cls, lattice: Lattice) -> Swept:
        """No ground at all."""
        return cls(
            lattice=lattice, tile=np.empty(0, np.int64),
            bits=np.empty((0, TILE, WORDS), np.uint64),
        )  # fmt: skip

    @classmethod
    def union(cls, lattice: Lattice, several: Sequence[Swept]) -> Swept:
        """The ground that any of them swept."""
        some = [one for one in several if len(one.tile)]
        if len(some) < 2:
            return some[0] if some else cls.none(lattice)
        tile, at = np.unique(np.concatenate([one.tile for one in some]), return_inverse=True)
        bits = np.zeros((len(tile), TILE, WORDS), np.uint64)
        begin = 0
        for one in some:
            _unite(bits, at[begin : begin + len(one.tile)], one.bits)
            begin += len(one.tile)
        return cls(lattice=lattice, tile=tile, bits=bits)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Swept) and self.lattice == other.lattice
            and np.array_equal(self.tile, other.tile) and np.array_equal(self.bits, other.bits)
        )  # fmt: skip

    __hash__ = None  # type: ignore[assignment]

    @property
    def area(self) -> Area:
        """Where the tiles are."""
        return _area(self.tile)


@dataclass(frozen=True, kw_only=True, eq=False)
class Plots:
    """Cells on a lattice."""

    lattice: Lattice
    edges: Floats  #: (n, 4) in steps of the lattice; each cell's edges together
    cell_first: Ints  #: cell c has the edges ``cell_first[c:c + 2]``
    tile: NDArray[np.int64]  #: the tiles that the cells meet, as those of ``Swept``
    _sights: dict[float, Sight] = field(default_factory=dict)  #: by swath in metres

    @classmethod
    def of(cls, lattice: Lattice, polygons: Geometries) -> Plots:
        """Polygons in degrees. Raises WrongGeometryError for one as wide as the world."""
        flat = lattice.plane.project(polygons)
        edges, owner = polygon_edges(flat)
        if not np.isfinite(edges).all() or _torn(polygons, flat):
            raise WrongGeometryError(
                "cells: one reaches to the other side of the earth, past any plane: leave it out"
            )
        edges = edges / lattice.step_m - 0.5
        cell_first = np.searchsorted(owner, np.arange(len(polygons) + 1)).astype(np.int64)
        return cls(
            lattice=lattice, edges=edges, cell_first=cell_first, tile=_met(edges, cell_first)
        )

    def sweep(self, path: Path, swath_m: float, cuts: Ints, taken: Flags | None = None) -> Swept:
        """The ground of these cells' tiles within ``swath_m / 2`` of the legs of a path.

        ``cuts``: ascending microseconds; legs are cut at each of them, and what is before the
        first or after the last is left out, as is what is between two that are not ``taken``.
        """
        if not len(path.lon):
            return Swept.none(self.lattice)
        bends, disc = paths.bends(path, on_plane=True), self.lattice.disc
        area = self._area
        if swath_m not in self._sights:
            self._sights[swath_m] = self._sight(swath_m / 2)
        sight = self._sights[swath_m]
        r = swath_m / 2 / self.lattice.step_m
        taken = np.ones(len(cuts), dtype=bool) if taken is None else taken

        def part(begin: int, end: int) -> Swept:
            own = area._replace(slot=np.where(area.slot < 0, area.slot, -2 - area.slot))
            which, bits = sweep(
                path, begin, end, bends, cuts, taken, disc, self.lattice.step_m, r, own, sight
            )
            order = np.argsort(which)
            order = order[bits[order].any(axis=(1, 2))]
            return Swept(lattice=self.lattice, tile=self.tile[which[order]], bits=bits[order])

        return Swept.union(self.lattice, paths.by_threads(path, part))

    def _sight(self, r_m: float) -> Sight:
        """Where short legs may come within ``r_m`` of a tile."""
        row, column = _places(self.tile)
        middle_m = (np.column_stack((column, row)) + 0.5) * (TILE * self.lattice.step_m)
        lon, lat = self.lattice.plane.inverse(*middle_m.T)
        reach_m = r_m + SHORT_M + TILE * self.lattice.step_m
        high = np.clip(np.abs(lat) + reach_m / _DEGREE_M, 0, 89.0)
        dy = np.full(len(lat), reach_m / _DEGREE_M)
        dx = dy / np.cos(np.radians(high))
        west, south = float((lon - dx).min()), float((lat - dy).min())
        width, height = (float(np.ptp(np.r_[v - d, v + d])) for v, d in ((lon, dx), (lat, dy)))
        size = max(width, height) / _BUCKETS
        columns, rows = int(width / size) + 2, int(height / size) + 2
        # corners of boxes about the tiles, summed up: where a sum is above zero there is a box
        corners_at = np.zeros((rows + 1, columns + 1), dtype=np.int64)
        i0, i1 = ((lon - dx - west) / size).astype(int), ((lon + dx - west) / size).astype(int) + 1
        j0, j1 = (
            ((lat - dy - south) / size).astype(int),
            ((lat + dy - south) / size).astype(int) + 1,
        )
        for i, j, value in ((i0, j0, 1), (i1, j0, -1), (i0, j1, -1), (i1, j1, 1)):
            np.add.at(corners_at, (j, i), value)
        near = np.cumsum(np.cumsum(corners_at, axis=0), axis=1)[:-1, :-1] > 0
        return Sight(west, south, size, near)

    @cached_property
    def _area(self) -> Area:
        return _area(self.tile)

    @cached_property
    def _points(self) -> Stretches:
        """The points of each cell."""
        return stretches(self.edges, self.cell_first, OFFSETS)

    def shares(self, swept: Swept) -> Floats:
        """The part (0-1) of each cell's points that was swept; NaN of one without a point."""
        inside, found = _counts(self._points, swept.area, swept.bits).T
        with np.errstate(invalid="ignore"):
            return np.asarray(found / inside)


def plots_of(polygons: Geometries, swath_m: float) -> list[tuple[Plots, Ints]]:
    """Polygons in degrees on the lattices for a swath (or wider): each with its polygons."""
    return [(Plots.of(lattice, polygons[own]), own) for lattice, own in lattices(polygons, swath_m)]


def _torn(polygons: Geometries, flat: Geometries) -> bool:
    """Whether a plane shows a polygon otherwise than it is: only those are looked at that are
    wide."""
    bounds = shapely.bounds(polygons)
    wide = np.flatnonzero((bounds[:, 2:] - bounds[:, :2]).max(axis=1) > _WIDE_DEG)
    return bool(len(wide)) and not np.allclose(
        shapely.area(flat[wide]), area_m2(polygons[wide]), rtol=0.02
    )


def _places(tile: NDArray[np.int64]) -> tuple[Ints, Ints]:
    """Rows and columns of tiles."""
    column = tile % _WIDE
    column = np.where(column >= _WIDE // 2, column - _WIDE, column)
    return (tile - column) // _WIDE, column


def _area(tile: NDArray[np.int64]) -> Area:
    if not len(tile):
        return Area(0, 0, np.full((0, 0), NONE, np.int64))
    row, column = _places(tile)
    slot = np.full((np.ptp(row) + 1, np.ptp(column) + 1), NONE, np.int64)
    slot[row - row.min(), column - column.min()] = np.arange(len(tile))
    return Area(int(column.min()), int(row.min()), slot)


def _met(edges: Floats, cell_first: Ints) -> NDArray[np.int64]:
    """The tiles that the boxes of cells meet."""
    low = np.minimum(edges[:, :2], edges[:, 2:])
    high = np.maximum(edges[:, :2], edges[:, 2:])
    begin = np.floor(np.minimum.reduceat(low, cell_first[:-1]) / TILE).astype(np.int64)
    end = np.floor(np.maximum.reduceat(high, cell_first[:-1]) / TILE).astype(np.int64) + 1
    first, last = begin.min(axis=0), end.max(axis=0)
    met = np.zeros(tuple((last - first)[::-1]), dtype=bool)
    _fill(met, begin - first, end - first)
    row, column = np.nonzero(met)
    return np.sort((row + first[1]) * _WIDE + column + first[0])


@njit(cache=True, nogil=True)
def _fill(met: Flags, begin: Ints, end: Ints) -> None:
    """Sets boxes (column, row) of a grid, the ends left out."""
    for n in range(len(begin)):
        met[begin[n, 1] : end[n, 1], begin[n, 0] : end[n, 0]] = True


@njit(cache=True, nogil=True)
def _counts(held: Stretches, area: Area, bits: Words) -> Ints:
    """How many points each cell holds, and how many of them are set (cells, 2)."""
    out = np.zeros((len(held.first) - 1, 2), np.int64)
    for cell in range(len(out)):
        for n in range(held.first[cell], held.first[cell + 1]):
            row, a, b = int(held.row[n]), int(held.begin[n]), int(held.last[n])
            out[cell, 0] += b - a + 1
            out[cell, 1] += count_between(a, b, row, area, bits)
    return out


@njit(cache=True, nogil=True)
def _unite(bits: Words, at: Ints, more: Words) -> None:
    """Sets in the tiles ``at`` what is set in ``more``."""
    for n in range(len(at)):
        for line in range(TILE):
            for word in range(WORDS):
                bits[at[n], line, word] |= more[n, line, word]
