"""A raster from a GeoTIFF: all of it or nothing, a few blocks at a time."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from psycopg import sql
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window
from sqlalchemy import Connection, text

from layers import versions
from layers.db.engine import raw
from layers.errors import BadFileError
from layers.load import place
from layers.load.source import check_file, declared_crs
from layers.rasters.kinds import KINDS, RasterKind
from layers.rasters.store import Raster, Values, packed, put

MOST_PIXELS = 2_000_000_000
_BLOCK = 256
#: What is read at once: a row of blocks, so many pixels of it.
_ACROSS = 8192
_DTYPES = {"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(kw_only=True)
class _Seen:
    """What the values were, so far."""

    digest: Any = field(default_factory=hashlib.sha256)
    valued: int = 0  #: pixels with a value
    least: float = math.inf
    most: float = -math.inf


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a load did."""

    raster: Raster
    missing: int  #: pixels without a value
    least: float  #: of the values, in their unit
    most: float
    is_unchanged: bool  #: the same raster was there already


def load(
    connection: Connection,
    name: str,
    path: Path | str,
    *,
    crs: str | None = None,
    band: int | None = None,
    nodata: float | None = None,
    told: Callable[[int, int], None] = lambda _, __: None,
) -> Loaded:
    """Load the raster ``name`` (elevation, speed or land_cover) from a GeoTIFF.

    It takes the place of one that is there. ``crs`` and ``nodata`` are for a file that declares
    none, ``band`` (from 1) for one with several; ``told`` hears how many pixels of how many are in.
    Values are kept as they stand, in the file's CRS and pixels. Raises BadFileError that says
    what is wrong and where; nothing is changed then.
    """
    file = Path(path)
    _check(file)
    try:
        with (
            warnings.catch_warnings(),
            # However a file is cut, GDAL holds no more of it than this.
            rasterio.Env(GDAL_CACHEMAX=64),
        ):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(file, driver="GTiff") as source:
                number = _band(file, source, band)
                raster = _described(file, source, KINDS[name], number, crs, nodata)
                return _stored(connection, file, source, raster, number, told)
    except (RasterioError, OSError) as error:
        raise BadFileError(
            f"{file.name}: it cannot be read as GeoTIFF ({_said(error)}): fetch it again"
        ) from error


def _check(file: Path) -> None:
    check_file(file)
    with file.open("rb") as opened:
        if not opened.read(4).startswith(_TIFF):
            raise BadFileError(f"{file.name}: it is no GeoTIFF: rasters are loaded from GeoTIFF")


def _said(error: Exception) -> str:
    cause = error.__cause__ or error
    return (str(cause).splitlines() or [type(cause).__name__])[0][:120]


def _band(file: Path, source: Any, band: int | None) -> int:
    if band is None and source.count > 1:
        raise BadFileError(
            f"{file.name}: it has {source.count} bands: say which with --band 1 to {source.count}"
        )
    number = band or 1
    if not 1 <= number <= source.count:
        raise BadFileError(f"{file.name}: it has no band {number}: there are {source.count}")
    return number


def _described(
    file: Path, source: Any, kind: RasterKind, band: int, crs: str | None, nodata: float | None
) -> Raster:
    """The raster as the file's header says it is. Raises BadFileError."""
    _check_ground(file, source)
    dtype = str(source.dtypes[band - 1])
    if dtype not in _DTYPES or (kind.is_classes and dtype.startswith("float")):
        wanted = "whole numbers" if kind.is_classes else "real numbers"
        raise BadFileError(f"{file.name}: its values are {dtype}: write {wanted} of 8 to 32 bits")
    scale, shift = float(source.scales[band - 1]), float(source.offsets[band - 1])
    if not (math.isfinite(scale) and math.isfinite(shift)) or scale == 0:
        raise BadFileError(f"{file.name}: its scale {scale:g} or offset {shift:g} is no number")
    if kind.is_classes and (scale, shift) != (1, 0):
        raise BadFileError(f"{file.name}: its classes have a scale: write them as they are")
    return Raster(
        name=kind.name,
        crs=_crs(file, source, crs),
        transform=source.transform,
        width=source.width,
        height=source.height,
        block=_BLOCK,
        dtype=dtype,
        nodata=_nodata(file, source, band, nodata),
        scale=scale,
        shift=shift,
        unit=_unit(file, source.units[band - 1], kind),
        digest=b"",
    )


def _check_ground(file: Path, source: Any) -> None:
    """Raise BadFileError unless the file says where it lies, straight, and is not too large."""
    t = source.transform
    if t.is_identity:
        raise BadFileError(
            f"{file.name}: it does not say where it lies: write it with a geotransform"
        )
    if t.b or t.d or not (t.a > 0 and t.e) or not all(map(math.isfinite, t)):
        raise BadFileError(
            f"{file.name}: it is rotated or mirrored: make it north up with gdalwarp"
        )
    if source.width * source.height > MOST_PIXELS:
        raise BadFileError(
            f"{file.name}: it has {source.width} x {source.height} pixels, more than"
            f" {MOST_PIXELS}: cut out your region, or make its pixels larger"
        )


def _crs(file: Path, source: Any, given: str | None) -> str:
    said = source.crs.to_wkt() if source.crs else None
    found = place.crs_of(file.name, declared_crs(file, said), given)
    return said or str(found.to_wkt())


def _nodata(file: Path, source: Any, band: int, given: float | None) -> float | None:
    declared = source.nodatavals[band - 1]
    if declared is not None and given is not None and not _same(declared, given):
        raise BadFileError(
            f"{file.name}: it declares nodata {declared:g}: --nodata is for files that declare none"
        )
    if MaskFlags.per_dataset in source.mask_flag_enums[band - 1]:
        raise BadFileError(f"{file.name}: it has a mask: write it with a nodata value instead")
    return float(declared) if declared is not None else given


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _unit(file: Path, said: str | None, kind: RasterKind) -> str | None:
    if said and kind.unit and said.strip().lower() not in kind.units:
        raise BadFileError(f"{file.name}: its unit is {said[:40]!r}: write it in {kind.unit}")
    return kind.unit


def _stored(
    connection: Connection,
    file: Path,
    source: Any,
    raster: Raster,
    band: int,
    told: Callable[[int, int], None],
) -> Loaded:
    """Put the raster in the place of the one that is there, if it is another."""
    # Two loads of a raster wait for each other.
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"load {raster.name}"}
    )
    there = connection.execute(
        text("SELECT digest FROM rasters WHERE name = :name"), {"name": raster.name}
    ).scalar_one_or_none()
    savepoint = connection.begin_nested()
    try:
        connection.execute(text("DELETE FROM rasters WHERE name = :name"), {"name": raster.name})
        seen = _copied(connection, file, source, raster, band, told)
        made = replace(raster, digest=seen.digest.digest())
        is_unchanged = there == made.digest
        if not is_unchanged:
            put(connection, made)
    except BaseException:
        savepoint.rollback()
        raise
    if is_unchanged:
        savepoint.rollback()
    else:
        savepoint.commit()
        versions.bump(connection, raster.name)
    return Loaded(
        raster=made, missing=raster.width * raster.height - seen.valued, least=seen.least,
        most=seen.most, is_unchanged=is_unchanged,
    )  # fmt: skip


def _copied(
    connection: Connection,
    file: Path,
    source: Any,
    raster: Raster,
    band: int,
    told: Callable[[int, int], None],
) -> _Seen:
    """Copy every block that has a value. Raises BadFileError."""
    seen = _Seen()
    seen.digest.update(repr(replace(raster, digest=b"")).encode())
    into = sql.SQL("COPY raster_blocks (raster, block_row, block_col, data) FROM STDIN")
    done = 0
    with raw(connection).cursor() as cursor, cursor.copy(into) as copy:
        for row, col, values in _read(source, raster, band):
            # Its place, too: a block that moves is another raster.
            seen.digest.update(b"%d %d " % (row, col))
            seen.digest.update(values.tobytes())
            if _judge(file, raster, row, col, values, seen):
                copy.write_row((raster.name, row, col, packed(values)))
            done += values.size
            told(done, raster.width * raster.height)
    if not seen.valued:
        raise BadFileError(f"{file.name}: it has no values, only nodata: is it the right band?")
    return seen


def _read(source: Any, raster: Raster, band: int) -> Iterator[tuple[int, int, Values]]:
    """Block row, block column and values of every block."""
    for top in range(0, raster.height, _BLOCK):
        height = min(_BLOCK, raster.height - top)
        for left in range(0, raster.width, _ACROSS):
            width = min(_ACROSS, raster.width - left)
            strip = source.read(band, window=Window(left, top, width, height))
            for start in range(0, width, _BLOCK):
                block = np.ascontiguousarray(strip[:, start : start + _BLOCK])
                yield top // _BLOCK, (left + start) // _BLOCK, block


def _judge(file: Path, raster: Raster, row: int, col: int, values: Values, seen: _Seen) -> bool:
    """Whether a block has to be stored. Raises BadFileError for what is no value of its kind."""
    missing = raster.missing(values)
    if not missing.all():
        real = values[~missing].astype(np.float64) * raster.scale + raster.shift
        seen.valued += real.size
        seen.least, seen.most = min(seen.least, real.min()), max(seen.most, real.max())
        kind = KINDS[raster.name]
        if kind.least is not None and kind.most is not None:
            outside = ~missing & ~_within(values, raster, kind.least, kind.most)
            if outside.any():
                raise BadFileError(_beyond(file, raster, row, col, values, outside))
        return True
    # NaN beside a nodata that is another number has to come back as NaN.
    return raster.nodata is None or bool((values != raster.fill).any())


def _within(values: Values, raster: Raster, least: float, most: float) -> Any:
    real = values.astype(np.float64) * raster.scale + raster.shift
    return (real >= least) & (real <= most)


def _beyond(file: Path, raster: Raster, row: int, col: int, values: Values, outside: Values) -> str:
    first = tuple(int(n) for n in np.argwhere(outside)[0])
    x, y = raster.transform @ (col * _BLOCK + first[1] + 0.5, row * _BLOCK + first[0] + 0.5)
    kind, stored = KINDS[raster.name], values[first]
    value = float(stored) * raster.scale + raster.shift
    return (
        f"{file.name}: at x {x:.8g}, y {y:.8g} it is {value:g}: {kind.name} is from {kind.least:g}"
        f" to {kind.most:g} {kind.unit}; if that means no value, say --nodata {float(stored):g}"
    )
