"""Data in and out: layers from files and to files, cells drawn, fixes taken in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import geopandas as gpd
import pyarrow as pa
import typer
from pyogrio.errors import DataSourceError
from sqlalchemy import Connection

from api.cli.options import Mapping, pairs
from api.database import migrated
from api.settings import read_settings
from geo import grids
from layers import export as exporting
from layers import frames, places
from layers.db.engine import SYSTEM, acting
from layers.errors import BadFileError
from layers.load import Report
from layers.load import load as load_file
from layers.region import Region

app = typer.Typer(no_args_is_help=True)
Shape = Literal["square", "hexagon"]


@app.command()
def load(
    layer: Annotated[str, typer.Argument(help="grids, settlements, roads, fences, …")],
    file: Annotated[Path, typer.Argument()],
    mapping: Mapping = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="COLUMN=VALUE", help="for all rows")
    ] = None,
    crs: Annotated[str | None, typer.Option(help="where the file declares none: EPSG:…")] = None,
    layer_name: Annotated[str | None, typer.Option(help="which of the file's layers")] = None,
) -> None:
    """Load a layer from a file: all rows or none; loading again updates by id."""
    settings = read_settings()
    region = Region.read(settings.region_file)
    with migrated(settings) as engine, acting(engine, SYSTEM, "patrolgrid_write") as connection:
        report = load_file(
            connection,
            layer,
            file,
            mapping=pairs(mapping, "--map"),
            settings=pairs(setting, "--set"),
            crs=crs,
            source_layer=layer_name,
            lowest_level=region.lowest_level,
            levels=region.level_names,
        )
    _print(report)


def _print(report: Report) -> None:
    typer.echo(
        f"{report.layer}: {report.read} read, {report.inserted} new, {report.updated} updated, "
        f"{report.unchanged} unchanged"
    )
    for line in report.notes:
        typer.echo(f"note: {line}")
    for line in report.repaired:
        typer.echo(f"repaired: {line}")
    if report.dropped_columns:
        typer.echo(f"dropped columns: {', '.join(report.dropped_columns)}")


@app.command()
def export(
    layer: Annotated[str, typer.Argument()],
    file: Annotated[Path, typer.Argument(help=".geojson, .gpkg, .fgb, .parquet or .csv")],
) -> None:
    """Write a layer to a file."""
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_read") as connection,
    ):
        count = exporting.export(connection, layer, file)
    typer.echo(f"{file}: {count} features of {layer}")


@app.command("grid")
def draw_grid(
    size_m: Annotated[
        float, typer.Option("--size-m", min=1, help="side of a square, or its area's root")
    ],
    area: Annotated[
        Path | None, typer.Option(help="a file with the area; default: the top level of the grids")
    ] = None,
    within: Annotated[str | None, typer.Option(help="id of a grid to draw in")] = None,
    shape: Annotated[Shape, typer.Option(help="of a cell")] = "square",
    level: Annotated[str | None, typer.Option(help="default: the region's lowest")] = None,
    prefix: Annotated[str, typer.Option(help="of the cells' ids")] = "cell",
    out: Annotated[Path | None, typer.Option(help="write a file and load nothing")] = None,
) -> None:
    """Draw square or hexagonal cells over an area and load them as grids."""
    settings = read_settings()
    region = Region.read(settings.region_file)
    with migrated(settings) as engine, acting(engine, SYSTEM, "patrolgrid_write") as connection:
        ground = _ground(connection, area, within)
        cells = grids.draw(ground, shape=shape, size_m=size_m, prefix=prefix)
        cells["level"] = level or region.lowest_level
        cells["parent"] = within
        if out is not None:
            exporting.write(cells, out)
            typer.echo(f"{out}: {len(cells)} cells")
            return
        report = places.put_frame(connection, "grids", cells, levels=region.level_names)
    typer.echo(f"grids: {len(cells)} cells drawn, {report.inserted} new, {report.updated} updated")


def _ground(connection: Connection, area: Path | None, within: str | None) -> gpd.GeoDataFrame:
    if area is not None:
        if not area.is_file():
            raise BadFileError(f"{area}: there is no such file")
        try:
            ground = gpd.read_parquet(area) if area.suffix == ".parquet" else gpd.read_file(area)
        except (DataSourceError, pa.ArrowException, ValueError):
            ground = None
        if not isinstance(ground, gpd.GeoDataFrame):
            raise BadFileError(f"{area}: no polygons can be read from it: give a vector file")
        if ground.crs is None:
            raise BadFileError(f"{area}: it declares no CRS: set it before drawing")
        return ground.to_crs(4326)
    found = frames.places(connection, "grids")
    chosen = found.loc[found.index == within] if within else found[found["parent"].isna()]
    if chosen.empty:
        raise BadFileError(
            f"there is no grid {within}" if within else "there are no grids yet: give --area FILE"
        )
    return chosen
