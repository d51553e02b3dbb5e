"""Answers in the terminal: coverage and response."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import typer

from api.cli.options import MOMENT, moment
from api.cli.words import counted
from api.database import migrated
from api.settings import read_settings
from layers import coverage, response
from layers import export as exporting
from layers.db.engine import SYSTEM, acting
from layers.fixes import retention
from layers.region import Region

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("coverage")
def show_coverage(
    start: Annotated[str | None, typer.Option("--from", help=f"{MOMENT}; default: 7 days")] = None,
    end: Annotated[str | None, typer.Option("--to", help=MOMENT)] = None,
    level: Annotated[str | None, typer.Option(help="default: the region's lowest")] = None,
    swath_m: Annotated[float | None, typer.Option("--swath-m", min=0.1)] = None,
    out: Annotated[
        Path | None, typer.Option(help="write .geojson, .gpkg, .fgb, .parquet, .csv")
    ] = None,
) -> None:
    """How much of each grid was patrolled, when last, by how many."""
    settings = read_settings()
    region = Region.read(settings.region_file)
    until = moment(end, "--to") or datetime.now(UTC)
    since = moment(start, "--from") or until - timedelta(days=7)
    if since >= until:
        raise typer.BadParameter("it lies after --to", param_hint="--from")
    with migrated(settings) as engine, acting(engine, SYSTEM, "patrolgrid_read") as connection:
        asked = coverage.Question(
            start=since, end=until, level=level or region.lowest_level, swath_m=swath_m
        )
        found = coverage.answer(connection, region, asked)
        edge = retention.edge(connection)
    if edge is not None and since < edge:
        typer.echo(f"fixes before {edge.date()} were dropped, but for held days: figures of that"
                   " time are too small", err=True)  # fmt: skip
    if out is not None:
        exporting.write(found.grids, out)
        typer.echo(f"{out}: {counted(len(found.grids), 'grid')}")
    else:
        _print_table(found.grids)
    typer.echo(
        "totals: " + ", ".join(f"{name} {_figure(value)}" for name, value in found.totals.items())
    )


def _figure(value: float) -> str:
    """A whole number whole, others to a tenth."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"


def _print_table(grids: gpd.GeoDataFrame) -> None:
    """The grids with their figures, most covered first."""
    heads = f"{'share':>8}{'hours':>10}{'km':>10}{'unknown h':>11}{'visits':>8}"
    typer.echo(f"{'grid':28}{heads}  last visit")
    for i, row in grids.sort_values("visited_share", ascending=False).iterrows():
        names = (row["name_en"], row["name"], i)
        name = next(str(n) for n in names if isinstance(n, str))[:26]
        last = f"{row['last_visit']:%Y-%m-%d %H:%M}Z" if row["visits"] else "never"
        typer.echo(
            f"{name:28}{row['visited_share']:8.1%}{row['patrol_s'] / 3600:10.2f}"
            f"{row['patrol_m'] / 1000:10.1f}{row['unknown_s'] / 3600:11.2f}"
            f"{row['visits']:8d}  {last}"
        )


@app.command("response")
def show_response(
    lon: Annotated[float, typer.Option(min=-180, max=180)],
    lat: Annotated[float, typer.Option(min=-90, max=90)],
    minutes: Annotated[str, typer.Option(help="comma-separated")] = "1,3,5",
    mode: Annotated[str, typer.Option(help="how help travels")] = "vehicle",
    out: Annotated[Path | None, typer.Option(help="write the areas to a file")] = None,
) -> None:
    """Who can be where within so many minutes of a place."""
    settings = read_settings()
    region = Region.read(settings.region_file)
    try:
        steps = sorted({float(part) for part in minutes.split(",")})
    except ValueError:
        raise typer.BadParameter("give numbers, such as 1,3,5", param_hint="--minutes") from None
    origin = response.Sources(ids=["place"], lon=np.array([lon]), lat=np.array([lat]))
    with migrated(settings) as engine, acting(engine, SYSTEM, "patrolgrid_read") as connection:
        found = response.areas(connection, region, origin, minutes=steps, mode=mode)
    for row in found.bands.itertuples():
        typer.echo(f"{row.minutes:g} min: {row.area_m2 / 1e6:.3f} km²")
    if np.isfinite(found.road_m):
        typer.echo(f"nearest road: {found.road_m:.0f} m")
    if found.note:
        typer.echo(found.note)
    if out is not None:
        exporting.write(found.bands.assign(mode=mode), out)
        typer.echo(f"{out}: {counted(len(found.bands), 'area')}")
