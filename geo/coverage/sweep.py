"""Swept ground: the share of each cell within half a swath of the legs, a union and never a sum."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.coverage.ground import Floats, Ints, polygon_edges
from geo.coverage.inputs import checked_cells, checked_legs, checked_swath, lines_near
from geo.coverage.rows import measure, stamp, unite
from geo.coverage.walk import chords
from geo.earth import Geometries, Plane
from geo.errors import WrongGeometryError

#: Turn of the plane's axes, so that straight roads and section lines do not lie along rows.
_TURN_RAD = 0.5
#: Rows to a swath, and rows across a cell, at least.
_ROWS_A_SWATH, _ROWS_A_CELL = 32, 256
#: Cells further apart than this are measured on planes of their own (0.03 % at 300 km).
_BLOCK_DEG = 6.0
#: Metres in a degree of latitude, at least.
_DEGREE_M = 110_500.0


def visited_share(cells: gpd.GeoDataFrame, legs: pd.DataFrame, *, swath_m: float) -> pd.Series:
    """Share (0-1) of each cell's area within ``swath_m / 2`` metres of the legs, like ``cells``.

    ``cells``: polygons, any declared CRS, index = id. ``legs``: the frame of ``geo.tracks.legs``;
    gaps cover nothing, a unit that stands covers a disc, a leg outside a cell covers what it
    reaches of it. Within 0.2 percentage points of the geodesic union for swaths of 50 m to 5 km
    and cells of 0.1 to 5,000 km². Raises WrongGeometryError for a cell as wide as the world.
    """
    ordered, rows, swath = checked_cells(cells), checked_legs(legs), checked_swath(swath_m)
    share = pd.Series(shares(ordered.geometry.to_numpy(), rows, swath), index=ordered.index)
    return share.reindex(cells.index).rename("visited_share")


def shares(polygons: Geometries, rows: pd.DataFrame, swath_m: float) -> Floats:
    """``visited_share`` of checked polygons and legs."""
    legs = rows[rows["is_leg"].to_numpy(dtype=bool)]
    out = np.zeros(len(polygons))
    if legs.empty or not len(polygons):
        return out
    step_m = _steps_m(polygons, swath_m)
    for group in _groups(polygons, step_m):
        out[group] = _group_shares(polygons[group], legs, swath_m / 2, float(step_m[group].min()))
    return out


def _steps_m(polygons: Geometries, swath_m: float) -> Floats:
    """How far apart a cell's rows may lie: by its breadth (the side, of a square) and the swath."""
    bounds = shapely.bounds(polygons)
    squeeze = np.cos(np.radians((bounds[:, 1] + bounds[:, 3]) / 2))
    area = shapely.area(polygons) * squeeze * _DEGREE_M**2
    # lengths in degrees overstate: about the mean of both axes' scales is enough here
    around = shapely.length(polygons) * np.sqrt(squeeze) * _DEGREE_M
    breadth = np.maximum(4 * area / around, np.sqrt(area) / 4)
    return np.asarray(np.minimum(breadth / _ROWS_A_CELL, swath_m / _ROWS_A_SWATH))


def _groups(polygons: Geometries, step_m: Floats) -> list[Ints]:
    """Cells that are measured together: near each other, steps within a factor of 4."""
    bounds = shapely.bounds(polygons)
    middle = (bounds[:, :2] + bounds[:, 2:]) / 2
    low, high = middle.min(axis=0), middle.max(axis=0)
    blocks = np.zeros(middle.shape)
    if (high - low).max() > 1.5 * _BLOCK_DEG:
        blocks = np.floor((middle - low) / _BLOCK_DEG)
    size = np.floor(np.log2(step_m / step_m.min()) / 2)
    _, group = np.unique(np.column_stack((blocks, size)), axis=0, return_inverse=True)
    return [np.flatnonzero(group.ravel() == g) for g in range(group.max() + 1)]


def _group_shares(polygons: Geometries, legs: pd.DataFrame, r_m: float, step_m: float) -> Floats:
    """Shares of cells on one plane, with rows ``step_m`` apart."""
    bounds = shapely.total_bounds(polygons)
    lines = _lines_within(legs, bounds, r_m)
    if not len(lines):
        return np.zeros(len(polygons))
    plane = Plane.equal_area(bounds, rotation_rad=_TURN_RAD)
    edges, owner = polygon_edges(plane.project(polygons))
    if not np.isfinite(edges).all():
        raise WrongGeometryError(
            "cells: one reaches to the other side of the earth, past any plane: leave it out"
        )
    cell_first = np.searchsorted(owner, np.arange(len(polygons) + 1)).astype(np.int64)
    base = float(edges[:, 1].min()) - step_m
    count = int((float(edges[:, 1].max()) - base) / step_m) + 2
    ends = [np.column_stack(plane.forward(lines[:, c], lines[:, c + 1])) for c in (0, 2)]
    flat = np.hstack(ends)
    flat = flat[_near(flat, edges, cell_first, r_m)]
    row, reach = stamp(flat, r_m, base, step_m, count)
    swept, area = measure(edges, cell_first, base, step_m, unite(row, reach, count)).T
    return np.clip(swept / area, 0.0, 1.0)


def _near(flat: Floats, edges: Floats, cell_first: Ints, r_m: float) -> NDArray[np.bool_]:
    """Which segments (n, 4) may come within ``r_m`` of a cell's box, by tiles of the plane."""
    if not len(flat):
        return np.zeros(0, dtype=bool)
    low = np.minimum.reduceat(edges[:, :2], cell_first[:-1])
    high = np.maximum.reduceat(edges[:, :2], cell_first[:-1])
    reach_m = r_m + np.hypot(flat[:, 2] - flat[:, 0], flat[:, 3] - flat[:, 1]).max() / 2
    corner = low.min(axis=0) - reach_m
    extent = high.max(axis=0) + reach_m - corner
    tile_m = max(reach_m / 2, float(extent.max()) / 2000)
    wanted = np.zeros((extent // tile_m).astype(int) + 1, dtype=bool)
    begin = ((low - reach_m - corner) // tile_m).astype(int)
    end = ((high + reach_m - corner) // tile_m).astype(int) + 1
    for a, b in zip(begin, end, strict=True):
        wanted[a[0] : b[0], a[1] : b[1]] = True
    x, y = (((flat[:, :2] + flat[:, 2:]) / 2 - corner) // tile_m).astype(np.int64).T
    near = (x >= 0) & (x < wanted.shape[0]) & (y >= 0) & (y < wanted.shape[1])
    near[near] = wanted[x[near], y[near]]
    return near


def _lines_within(legs: pd.DataFrame, bounds: NDArray[np.float64], r_m: float) -> Floats:
    """Chords of the legs whose bounds come within ``r_m`` of ``bounds``, in degrees."""
    west, south, east, north = bounds
    lines = lines_near(legs, (west + east) / 2)
    pieces, _, _ = chords(lines, legs["length_m"].to_numpy(dtype=float))
    high_lat = min(89.0, max(abs(south), abs(north)) + r_m / _DEGREE_M)
    dy = r_m / _DEGREE_M
    dx = dy / math.cos(math.radians(high_lat))
    low, high = np.minimum(pieces[:, :2], pieces[:, 2:]), np.maximum(pieces[:, :2], pieces[:, 2:])
    near = (high[:, 0] >= west - dx) & (low[:, 0] <= east + dx)
    near &= (high[:, 1] >= south - dy) & (low[:, 1] <= north + dy)
    return pieces[near]
