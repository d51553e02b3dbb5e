"""Layers to files, and cells drawn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import geopandas as gpd
import pandas as pd
import shapely
import typer
from sqlalchemy import Connection

from api.cli import rasters
from api.cli.options import Crs, LayerName
from api.cli.words import counted
from api.database import migrated
from api.progress import progress
from api.settings import read_settings
from geo import grids
from layers import export as exporting
from layers import frames, places
from layers.db.engine import SYSTEM, acting
from layers.errors import BadFeatureError, BadFileError
from layers.export import FORMATS
from layers.load import ground as read_ground
from layers.places import shapes
from layers.region import Region

app = typer.Typer(no_args_is_help=True, add_completion=False)
Shape = Literal["square", "hexagon"]


@app.command()
def export(
    layer: Annotated[str, typer.Argument(help="a layer, or a raster: elevation, …")],
    file: Annotated[
        Path, typer.Argument(help=".geojson, .geojsonl, .gpkg, .fgb, .parquet, .csv; .tif")
    ],
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees")] = None,
    level: Annotated[str | None, typer.Option(help="of grids")] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help=f"if not the suffix's: {', '.join(FORMATS)}")
    ] = None,
) -> None:
    """Write a layer to a file, whole or not at all."""
    if layer in rasters.NAMES:
        if bbox or level or format_name:
            raise typer.BadParameter(f"{layer} is a raster: it is written as it was loaded")
        rasters.export_raster(layer, file)
        return
    box = _box(bbox)
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_read") as connection,
        progress() as bar,
    ):
        total = exporting.count(connection, layer, bbox=box, level=level)
        task = bar.add_task(f"writing {file.name}", total=total)
        count = exporting.export(
            connection, layer, file, bbox=box, level=level, format_name=format_name,
            told=lambda written: bar.advance(task, written),
        )  # fmt: skip
    typer.echo(f"{file}: {counted(count, 'feature')} of {layer}")


def _box(given: str | None) -> tuple[float, ...] | None:
    """The edges of ``--bbox``; the layers judge them."""
    if given is None:
        return None
    try:
        return tuple(float(edge) for edge in given.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{given!r}: write west,south,east,north in degrees", param_hint="--bbox"
        ) from None


@app.command("grid")
def draw_grid(
    size_m: Annotated[
        float,
        typer.Option(
            "--size-m", min=1, help="side of a square; of a hexagon, between opposite sides"
        ),
    ],
    area: Annotated[
        Path | None, typer.Option(help="a file with the area; default: the top level of the grids")
    ] = None,
    within: Annotated[str | None, typer.Option(help="id of a grid to draw in")] = None,
    shape: Annotated[Shape, typer.Option(help="of a cell")] = "square",
    level: Annotated[str | None, typer.Option(help="default: the region's lowest")] = None,
    prefix: Annotated[str, typer.Option(help="of the cells' ids")] = "cell",
    out: Annotated[Path | None, typer.Option(help="write a file and load nothing")] = None,
    crs: Crs = None,
    layer_name: LayerName = None,
) -> None:
    """Draw square or hexagonal cells over an area and load them as grids."""
    if area is None and (crs or layer_name):
        raise typer.BadParameter(
            "it goes with --area FILE", param_hint="--crs" if crs else "--layer-name"
        )
    settings = read_settings()
    region = Region.read(settings.region_file)
    with migrated(settings) as engine, acting(engine, SYSTEM, "patrolgrid_write") as connection:
        ground = (
            _ground(connection, region, within, prefix)
            if area is None
            else _read(connection, area, crs, layer_name)
        )
        cells = grids.draw(ground, shape=shape, size_m=size_m, prefix=prefix)
        cells["level"] = level or region.lowest_level
        cells["parent"] = within
        if out is not None:
            exporting.write(cells, out)
            typer.echo(f"{out}: {counted(len(cells), 'cell')}")
            return
        _check_no_others(connection, cells, prefix)
        report = places.put_frame(connection, "grids", cells, levels=region.level_names)
    typer.echo(
        f"grids: {counted(len(cells), 'cell')} drawn, {report.inserted} new,"
        f" {report.updated} updated"
    )


def _read(
    connection: Connection, area: Path, crs: str | None, layer_name: str | None
) -> gpd.GeoDataFrame:
    """The polygons of a file; what had to be repaired is told."""
    ground, repaired = read_ground(connection, area, crs=crs, source_layer=layer_name)
    for line in repaired:
        typer.echo(f"repaired: {line}")
    return ground


def _ground(
    connection: Connection, region: Region, within: str | None, prefix: str
) -> gpd.GeoDataFrame:
    """One grid, or those of the highest level that there is but for the cells themselves."""
    found = frames.places(connection, "grids")
    if within:
        chosen = found.loc[found.index == within]
        if chosen.empty:
            raise BadFileError(f"there is no grid {within}: give the id of one, or --area FILE")
        return chosen
    top = found[found["parent"].isna() & ~_is_cell(found, prefix)]
    if top.empty:
        raise BadFileError("there are no grids to draw over: give --area FILE")
    # A level that the region file no longer names stands below all others.
    names = region.level_names
    rank = top["level"].map(lambda name: names.index(name) if name in names else len(names))
    return top[rank == rank.min()]


def _is_cell(stored: gpd.GeoDataFrame, prefix: str) -> pd.Series:
    """Whether each grid's id is that of a cell drawn with this prefix."""
    return pd.Series(
        stored.index.str.fullmatch(rf"{re.escape(prefix)}-r\d+-c\d+"), index=stored.index
    )


def _check_no_others(connection: Connection, cells: gpd.GeoDataFrame, prefix: str) -> None:
    """Raise BadFeatureError where cells of this prefix are stored that are none of these.

    Cells of two sizes or places under one prefix would lie on each other, half of them renewed.
    """
    stored = frames.places(connection, "grids")
    drawn = stored[_is_cell(stored, prefix)]
    settled = shapes.settle(places.layer("grids"), cells.geometry.to_numpy(), str).geometries
    new = dict(zip(cells.index, settled, strict=True))
    others = [
        feature_id
        for feature_id, there in drawn.geometry.items()
        if not shapely.equals_exact(there, new.get(feature_id), 0)
    ]
    if others:
        raise BadFeatureError(
            f"grids: {len(others)} of {counted(len(drawn), 'cell')} that are there with the prefix"
            f" {prefix!r} are others than these, such as {others[0]}: delete them, or choose"
            " another --prefix for cells elsewhere"
        )
