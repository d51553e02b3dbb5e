"""A part of a raster as an array, in its own pixels; and the value at a place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from sqlalchemy import Connection

from layers.errors import BadQueryError
from layers.places import Bounds
from layers.rasters.kinds import KINDS
from layers.rasters.store import Raster, Values, blocks, find

MOST_PIXELS = 100_000_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some pixels of a raster, none of them moved."""

    stored: Values  #: (rows, columns) as they stand in the file, of its type
    missing: NDArray[np.bool_]  #: where there is no value
    transform: Affine  #: from column and row of a pixel's corner to x and y of ``crs``
    crs: str  #: WKT
    unit: str | None  #: of ``values``
    scale: float
    shift: float

    @property
    def values(self) -> NDArray[np.float64]:
        """(rows, columns) in the raster's unit; NaN where there is none."""
        found = self.stored.astype(np.float64) * self.scale + self.shift
        found[self.missing] = np.nan
        return found


def read(
    connection: Connection,
    name: str,
    bounds: Bounds | None = None,
    *,
    crs: str = "EPSG:4326",
) -> Part:
    """The pixels of a raster that ``bounds`` touch; only their blocks are read.

    ``bounds`` is least x, least y, most x, most y in ``crs``; in degrees west > east crosses 180°,
    and a raster from 0° to 360° is met either way. None: all of it. Where they do not meet, the
    arrays have no pixels. Raises NoSuchRasterError, BadQueryError.
    """
    raster = find(connection, name)
    box = raster.bounds if bounds is None else _native(raster, bounds, crs)
    rows, cols = _pixels(raster, box)
    if len(rows) * len(cols) > MOST_PIXELS:
        raise BadQueryError(
            f"{name}: that is {len(rows)} x {len(cols)} pixels: ask for {MOST_PIXELS} at most"
        )
    stored = _stored(connection, raster, rows, cols)
    return Part(
        stored=stored,
        missing=raster.missing(stored),
        transform=raster.transform @ Affine.translation(cols.start, rows.start),
        crs=raster.crs,
        unit=raster.unit,
        scale=raster.scale,
        shift=raster.shift,
    )


def at(connection: Connection, name: str, lon: float, lat: float) -> float | int | None:
    """The value of the pixel that a place (degrees) lies in; None where there is none.

    A whole number in a raster of classes. Raises NoSuchRasterError.
    """
    raster = find(connection, name)
    x, y = Transformer.from_crs("EPSG:4326", raster.crs, always_xy=True).transform(lon, lat)
    if not (math.isfinite(x) and math.isfinite(y)):
        return None
    if CRS.from_wkt(raster.crs).is_geographic:
        west, _, east, _ = _turned(raster, (x, y, x, y))
        x = west if west == east else x
    col, row = (math.floor(part) for part in ~raster.transform @ (x, y))
    if not (0 <= col < raster.width and 0 <= row < raster.height):
        return None
    stored = _stored(connection, raster, range(row, row + 1), range(col, col + 1))
    if raster.missing(stored)[0, 0]:
        return None
    if KINDS[name].is_classes:
        return int(stored[0, 0])
    return float(stored[0, 0]) * raster.scale + raster.shift


def _native(raster: Raster, bounds: Bounds, crs: str) -> Bounds:
    """``bounds`` in the raster's CRS. Raises BadQueryError for what are no bounds."""
    own, given = CRS.from_wkt(raster.crs), CRS.from_user_input(crs)
    west, south, east, north = bounds
    crosses = given.is_geographic and west > east
    if not all(map(math.isfinite, bounds)) or south > north or (west > east and not crosses):
        raise BadQueryError("bounds: give least x, least y, most x, most y")
    if own.is_geographic and given.is_geographic:
        return _turned(raster, (west, south, east + 360 if crosses else east, north))
    if not own.equals(given, ignore_axis_order=True):
        move = Transformer.from_crs(given, own, always_xy=True)
        bounds = move.transform_bounds(west, south, east, north)
    if not all(map(math.isfinite, bounds)):
        raise BadQueryError(f"bounds: they lie beyond what {own.name} can show")
    return bounds


def _turned(raster: Raster, box: Bounds) -> Bounds:
    """``box`` moved by whole turns to where it meets most of the raster."""
    least, _, most, _ = raster.bounds

    def met(turn: float) -> float:
        return min(box[2] + turn, most) - max(box[0] + turn, least)

    turn = max((0.0, 360.0, -360.0), key=met)
    return box[0] + turn, box[1], box[2] + turn, box[3]


def _pixels(raster: Raster, box: Bounds) -> tuple[range, range]:
    """Rows and columns of the pixels that ``box`` touches."""
    t = raster.transform
    cols = _span((box[0] - t.c) / t.a, (box[2] - t.c) / t.a, raster.width)
    low, high = sorted(((box[1] - t.f) / t.e, (box[3] - t.f) / t.e))
    rows = _span(low, high, raster.height)
    return rows, cols


def _span(low: float, high: float, size: int) -> range:
    # An edge that is computed back from pixels may miss its pixel by the last bits.
    first, last = math.floor(low + 1e-9), math.ceil(high - 1e-9)
    start = min(max(first, 0), size)
    return range(start, max(start, min(max(last, first + 1), size)))


def _stored(connection: Connection, raster: Raster, rows: range, cols: range) -> Values:
    out: Any = np.full((len(rows), len(cols)), raster.fill, dtype=raster.dtype)
    if not out.size:
        return out
    side = raster.block
    across = range(cols.start // side, (cols.stop - 1) // side + 1)
    down = range(rows.start // side, (rows.stop - 1) // side + 1)
    for row, col, values in blocks(connection, raster, down, across):
        top, left = row * side, col * side
        r0, r1 = max(top, rows.start), min(top + values.shape[0], rows.stop)
        c0, c1 = max(left, cols.start), min(left + values.shape[1], cols.stop)
        out[r0 - rows.start : r1 - rows.start, c0 - cols.start : c1 - cols.start] = values[
            r0 - top : r1 - top, c0 - left : c1 - left
        ]
    return out
