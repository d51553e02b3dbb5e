"""A raster back to a GeoTIFF, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window
from sqlalchemy import Connection

from layers.errors import BadFileError
from layers.export.files import beside, check_place
from layers.rasters.store import Raster, blocks, find

_SUFFIXES = {".tif", ".tiff"}


def export(
    connection: Connection,
    name: str,
    path: Path | str,
    *,
    told: Callable[[int], None] = lambda _: None,
) -> Raster:
    """Write a raster to a GeoTIFF, a row of blocks at a time; ``told`` hears of each row's pixels.

    A file that is there is replaced, when the new one is whole. Raises NoSuchRasterError,
    BadFileError.
    """
    target = Path(path)
    check_place(target)
    if target.suffix.lower() not in _SUFFIXES:
        raise BadFileError(f"{target.name}: rasters are written as GeoTIFF: name it .tif")
    raster = find(connection, name)
    with beside(target, target.suffix) as draft:
        _write(connection, raster, draft, told)
    return raster


def _write(
    connection: Connection, raster: Raster, draft: Path, told: Callable[[int], None]
) -> None:
    side = raster.block
    across = range(-(-raster.width // side))
    with rasterio.open(
        draft, "w", driver="GTiff", width=raster.width, height=raster.height, count=1,
        dtype=raster.dtype, crs=raster.crs, transform=raster.transform, nodata=raster.nodata,
        tiled=True, blockxsize=side, blockysize=side, compress="deflate", BIGTIFF="IF_SAFER",
    ) as file:  # fmt: skip
        file.scales, file.offsets = (raster.scale,), (raster.shift,)
        if raster.unit is not None:
            file.units = (raster.unit,)
        for row in range(-(-raster.height // side)):
            height = raster.shape(row, 0)[0]
            strip = np.full((height, raster.width), raster.fill, dtype=raster.dtype)
            for _, col, values in blocks(connection, raster, range(row, row + 1), across):
                strip[:, col * side : col * side + values.shape[1]] = values
            file.write(strip, 1, window=Window(0, row * side, raster.width, height))
            told(strip.size)
