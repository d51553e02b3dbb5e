"""Rasters in and out: what ``load`` and ``export`` do for elevation, speed and land cover."""

from __future__ import annotations

from pathlib import Path

import typer

from api.cli.reports import write_report
from api.database import migrated
from api.progress import progress
from api.settings import read_settings
from layers import rasters
from layers.db.engine import SYSTEM, acting
from layers.errors import BadFileError

NAMES = rasters.NAMES


def load_raster(
    name: str,
    file: Path,
    *,
    crs: str | None = None,
    band: int | None = None,
    nodata: float | None = None,
    dry_run: bool = False,
    report: Path | None = None,
) -> None:
    """Load a raster from a GeoTIFF in the place of the one that is there, and tell what it is.

    With ``dry_run`` nothing stays; ``report`` gets what was found, or refused, as JSON.
    """
    try:
        done = _loaded(name, file, crs, band, nodata, dry_run=dry_run)
    except BadFileError as error:
        write_report(report, {"refused": [str(error)]})
        raise
    raster = done.raster
    unit = f" {raster.unit}" if raster.unit else ""
    what = "unchanged" if done.is_unchanged else "loaded"
    write_report(
        report,
        {
            "layer": name, "file": file.name, "width": raster.width, "height": raster.height,
            "crs": raster.crs, "unit": raster.unit, "missing": done.missing, "least": done.least,
            "most": done.most, "is_unchanged": done.is_unchanged, "dry_run": dry_run,
            "refused": [],
        },
    )  # fmt: skip
    typer.echo(
        f"{name}: {raster.width} x {raster.height} pixels {what}, {done.missing} without a value,"
        f" from {done.least:g} to {done.most:g}{unit}"
        f"{' (dry run: nothing was stored)' if dry_run else ''}"
    )


def _loaded(
    name: str,
    file: Path,
    crs: str | None,
    band: int | None,
    nodata: float | None,
    *,
    dry_run: bool,
) -> rasters.Loaded:
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_write") as connection,
        progress() as bar,
    ):
        task = bar.add_task(f"reading {file.name}", total=None)
        savepoint = connection.begin_nested()
        done = rasters.load(
            connection, name, file, crs=crs, band=band, nodata=nodata,
            told=lambda pixels, total: bar.update(task, completed=pixels, total=total),
        )  # fmt: skip
        if dry_run:
            savepoint.rollback()
        else:
            savepoint.commit()
    return done


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
