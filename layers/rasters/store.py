"""Rasters in the database: what there is, and blocks of values in and out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from sqlalchemy import Connection, RowMapping, text

from layers.errors import NoSuchRasterError
from layers.places import Bounds

Values = NDArray[Any]

_COLUMNS = "name, crs, a, c, e, f, width, height, block, dtype, nodata, scale, shift, unit, digest"


@dataclass(frozen=True, kw_only=True)
class Raster:
    """A raster as it was loaded; its values stand in blocks of their own."""

    name: str
    crs: str  #: WKT
    transform: Affine  #: from column and row of a pixel's corner to x and y of ``crs``
    width: int  #: pixels
    height: int
    block: int  #: pixels of a block's side
    dtype: str  #: numpy's name
    nodata: float | None  #: what stands where there is no value (so does NaN)
    scale: float  #: a value is scale · what stands there + shift
    shift: float
    unit: str | None  #: of the values
    digest: bytes  #: of all the above and every value

    @property
    def bounds(self) -> Bounds:
        """Least x, least y, most x, most y in ``crs``."""
        t = self.transform
        y = sorted((t.f, t.f + t.e * self.height))
        return t.c, y[0], t.c + t.a * self.width, y[1]

    @property
    def bbox(self) -> Bounds | None:
        """West, south, east, north in degrees; west > east across 180°; None if it has none."""
        crs = CRS.from_wkt(self.crs)
        west, south, east, north = self.bounds
        if crs.is_geographic:
            if east - west >= 360:
                return -180.0, south, 180.0, north
            return _wrapped(west), south, _wrapped(east), north
        move = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        found = move.transform_bounds(west, south, east, north)
        return found if all(map(math.isfinite, found)) else None

    def shape(self, row: int, col: int) -> tuple[int, int]:
        """Rows and columns of a block: those at the edges are smaller."""
        return (
            min(self.block, self.height - row * self.block),
            min(self.block, self.width - col * self.block),
        )

    def missing(self, values: Values) -> NDArray[np.bool_]:
        """Where there is no value."""
        found = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
        if self.nodata is not None:
            found |= values == values.dtype.type(self.nodata) if self._fits else False
        return found

    @property
    def fill(self) -> Any:
        """What a block that is not there is full of."""
        return self.nodata if self.nodata is not None and self._fits else 0

    @property
    def _fits(self) -> bool:
        """Whether nodata can stand in the blocks at all: files may declare what cannot."""
        kind = np.dtype(self.dtype)
        if self.nodata is None or kind.kind == "f":
            return True
        limits = np.iinfo(kind)
        return self.nodata.is_integer() and limits.min <= self.nodata <= limits.max


def _wrapped(lon: float) -> float:
    return lon if -180 <= lon <= 180 else (lon + 180) % 360 - 180


def listed(connection: Connection) -> list[Raster]:
    """Every raster that there is, by name."""
    rows = connection.execute(text(f"SELECT {_COLUMNS} FROM rasters ORDER BY name")).mappings()
    return [_raster(row) for row in rows]


def find(connection: Connection, name: str) -> Raster:
    """The raster of that name. Raises NoSuchRasterError."""
    query = text(f"SELECT {_COLUMNS} FROM rasters WHERE name = :name")
    row = connection.execute(query, {"name": name}).mappings().one_or_none()
    if row is None:
        raise NoSuchRasterError(
            f"there is no raster {name!r}: load one with `patrolgrid load {name} FILE.tif`"
        )
    return _raster(row)


def _raster(row: RowMapping) -> Raster:
    given = dict(row)
    a, c, e, f = (given.pop(name) for name in ("a", "c", "e", "f"))
    return Raster(transform=Affine(a, 0, c, 0, e, f), **given)


def put(connection: Connection, raster: Raster) -> None:
    """Write a raster's row; its blocks are there already or follow in this transaction."""
    t = raster.transform
    given = {name: getattr(raster, name) for name in _COLUMNS.split(", ") if len(name) > 1}
    marks = ", ".join(f":{name}" for name in _COLUMNS.split(", "))
    connection.execute(
        text(f"INSERT INTO rasters ({_COLUMNS}) VALUES ({marks})"),
        {**given, "a": t.a, "c": t.c, "e": t.e, "f": t.f},
    )


def packed(values: Values) -> bytes:
    """A block as it is stored."""
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    found: bytes = pa.compress(little.tobytes(), codec="zstd", asbytes=True)
    return found


def blocks(
    connection: Connection, raster: Raster, rows: range, cols: range
) -> Iterator[tuple[int, int, Values]]:
    """The blocks of these rows and columns of blocks that are there: row, column, values."""
    query = text(
        "SELECT block_row, block_col, data FROM raster_blocks WHERE raster = :name"
        " AND block_row BETWEEN :top AND :bottom AND block_col BETWEEN :left AND :right"
        " ORDER BY block_row, block_col"
    )
    given = {"name": raster.name, "top": rows.start, "bottom": rows.stop - 1, "left": cols.start,
             "right": cols.stop - 1}  # fmt: skip
    dtype = np.dtype(raster.dtype).newbyteorder("<")
    with connection.execute(query, given, execution_options={"yield_per": 32}) as result:
        for row, col, data in result:
            shape = raster.shape(row, col)
            size = shape[0] * shape[1] * dtype.itemsize
            content = pa.decompress(data, decompressed_size=size, codec="zstd")
            values = np.frombuffer(content, dtype=dtype).reshape(shape)
            yield row, col, values.astype(dtype.newbyteorder("="), copy=False)
