"""Rasters in and out: what ``load`` and ``export`` do for elevation, speed and land cover."""

from __future__ import annotations

from pathlib import Path

import typer

from api.database import migrated
from api.progress import progress
from api.settings import read_settings
from layers import rasters
from layers.db.engine import SYSTEM, acting

NAMES = rasters.NAMES


def load_raster(
    name: str,
    file: Path,
    *,
    crs: str | None = None,
    band: int | None = None,
    nodata: float | None = None,
) -> None:
    """Load a raster from a GeoTIFF in the place of the one that is there, and tell what it is."""
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_write") as connection,
        progress() as bar,
    ):
        task = bar.add_task(f"reading {file.name}", total=None)
        done = rasters.load(
            connection, name, file, crs=crs, band=band, nodata=nodata,
            told=lambda pixels, total: bar.update(task, completed=pixels, total=total),
        )  # fmt: skip
    raster = done.raster
    unit = f" {raster.unit}" if raster.unit else ""
    what = "unchanged" if done.is_unchanged else "loaded"
    typer.echo(
        f"{name}: {raster.width} x {raster.height} pixels {what}, {done.missing} without a value,"
        f" from {done.least:g} to {done.most:g}{unit}"
    )


def export_raster(name: str, file: Path) -> None:
    """Write a raster to a GeoTIFF as it was loaded."""
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_read") as connection,
        progress() as bar,
    ):
        found = rasters.find(connection, name)
        task = bar.add_task(f"writing {file.name}", total=found.width * found.height)
        rasters.export(connection, name, file, told=lambda pixels: bar.advance(task, pixels))
    typer.echo(f"{file}: {found.width} x {found.height} pixels of {name}")
