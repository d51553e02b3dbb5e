"""Data in and out: layers from files and to files, cells drawn, fixes taken in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import geopandas as gpd
import pandas as pd
import typer
from layers.load import Report
from layers.load import load as load_file
from sqlalchemy import Connection, Engine

from api.database import migrated
from api.intake import files
from api.settings import read_settings
from geo import grids
from layers import export as exporting
from layers import frames, places
from layers.db.engine import SYSTEM, acting
from layers.errors import BadFileError
from layers.region import Region
from layers.units import enrolment

_MAP = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OURS=THEIRS", help="a column's name in the file"),
]


def register(app: typer.Typer) -> None:
    """Add load, export, grid and ingest."""
    app.command()(load)
    app.command()(export)
    app.command("grid")(draw_grid)
    app.command()(ingest)


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """``NAME=VALUE`` options as a mapping."""
    found: dict[str, str] = {}
    for item in given or []:
        name, equals, value = item.partition("=")
        if not (name and equals and value):
            raise typer.BadParameter(f"{item!r}: write NAME=VALUE", param_hint=option)
        found[name.strip()] = value.strip()
    return found


def load(
    layer: Annotated[str, typer.Argument(help="grids, settlements, roads, fences, …")],
    file: Annotated[Path, typer.Argument()],
    mapping: _MAP = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="COLUMN=VALUE", help="for all rows")
    ] = None,
    crs: Annotated[str | None, typer.Option(help="where the file declares none: EPSG:…")] = None,
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
            lowest_level=region.lowest_level,
            levels=region.level_names,
        )
    _print(report)


def _print(report: Report) -> None:
    typer.echo(
        f"{report.layer}: {report.read} read, {report.inserted} new, {report.updated} updated"
    )
    for line in report.repaired:
        typer.echo(f"repaired: {line}")
    if report.dropped_columns:
        typer.echo(f"dropped columns: {', '.join(report.dropped_columns)}")


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


def draw_grid(
    size_m: Annotated[
        float, typer.Option("--size-m", min=1, help="side of a square, or its area's root")
    ],
    area: Annotated[
        Path | None, typer.Option(help="a file with the area; default: the top level of the grids")
    ] = None,
    within: Annotated[str | None, typer.Option(help="id of a grid to draw in")] = None,
    shape: Annotated[str, typer.Option(help="square or hexagon")] = "square",
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
        ground = gpd.read_parquet(area) if area.suffix == ".parquet" else gpd.read_file(area)
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


def ingest(
    file: Annotated[Path, typer.Argument(help=".csv, .gpx or .parquet with fixes")],
    unit: Annotated[
        str | None, typer.Option(help="whose fixes, where the file does not say")
    ] = None,
    mapping: _MAP = None,
    enrol: Annotated[
        str | None, typer.Option(metavar="KIND", help="enrol the units that the file names")
    ] = None,
    max_gap: Annotated[
        float | None, typer.Option(metavar="S", min=1, help="with --enrol: their max_gap_s")
    ] = None,
) -> None:
    """Take fixes from a file; units that are not enrolled are refused unless --enrol KIND."""
    if max_gap is not None and enrol is None:
        raise typer.BadParameter("it goes with --enrol KIND", param_hint="--max-gap")
    settings = read_settings()
    region = Region.read(settings.region_file)
    read = files.read(file, unit=unit, mapping=pairs(mapping, "--map"))
    with migrated(settings) as engine:
        if enrol is not None:
            _enrol_missing(engine, read.fixes, enrol, max_gap, region)
        receipt = files.store_frame(engine, SYSTEM, read.fixes, region, settings, label=file.name)
    typer.echo(
        f"{file}: {receipt.accepted} accepted, {receipt.duplicate} duplicate, "
        f"{receipt.refused} refused, {len(receipt.quarantined)} quarantined, "
        f"{receipt.breaches} breaches"
    )
    if receipt.quarantined:
        reasons = pd.Series([q.reason for q in receipt.quarantined]).value_counts()
        typer.echo("quarantined: " + ", ".join(f"{n} {reason}" for reason, n in reasons.items()))
    if read.dropped:
        typer.echo(f"dropped columns: {', '.join(read.dropped)}")
    if receipt.refused:
        typer.echo("refused: their units are not enrolled; --enrol KIND enrols them", err=True)
        raise typer.Exit(1)


def _enrol_missing(
    engine: Engine, fixes: pd.DataFrame, kind: str, max_gap_s: float | None, region: Region
) -> None:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        named = sorted({str(u) for u in fixes["unit"].dropna().unique()})
        there = set(enrolment.units(connection, named).index)
        new = [
            enrolment.Enrolment(unit=u, kind=kind, max_gap_s=max_gap_s)
            for u in named
            if u not in there
        ]
        if new:
            enrolment.enrol(connection, new, region)
            typer.echo(f"{len(new)} units enrolled as {kind}")
