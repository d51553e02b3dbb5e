"""Answers in the terminal: coverage and response."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import pandas as pd
import typer
from sqlalchemy import Connection

from api.cli.options import MOMENT, moment
from api.cli.words import counted
from api.database import migrated
from api.progress import progress
from api.settings import read_settings
from layers import coverage, response
from layers import export as exporting
from layers.coverage import Bin, Every, Measured, Part, Question
from layers.db.engine import SYSTEM, acting
from layers.fixes import retention
from layers.region import Region

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("coverage")
def show_coverage(
    start: Annotated[str | None, typer.Option("--from", help=f"{MOMENT}; default: 7 days")] = None,
    end: Annotated[str | None, typer.Option("--to", help=MOMENT)] = None,
    level: Annotated[str | None, typer.Option(help="default: the region's lowest")] = None,
    swath_m: Annotated[
        float | None, typer.Option("--swath-m", min=0.1, help="default: each kind's own")
    ] = None,
    by: Annotated[Part | None, typer.Option(help="the same part by part, too")] = None,
    every: Annotated[
        Every | None, typer.Option(help="over time: days, weeks and months are the region's")
    ] = None,
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
        asked = Question(
            start=since, end=until, level=level or region.lowest_level, swath_m=swath_m, by=by
        )
        found = _measured(connection, region, asked, every)
        edge = retention.edge(connection)
    if edge is not None and since < edge:
        typer.echo(f"fixes before {edge.date()} were dropped, but for held days: figures of that"
                   " time are too small", err=True)  # fmt: skip
    if out is not None:
        exporting.write(
            coverage.series_table(found, by) if every else coverage.table(found[0].measured, by),
            out,
        )
        typer.echo(f"{out}: {counted(len(found[0].measured.grids), 'grid')}"
                   + (f", {counted(len(found), every)}" if every else ""))  # fmt: skip
    elif every:
        _print_series(found, region)
    else:
        _print_table(found[0].measured.grids)
        if by:
            _print_parts(found[0].measured)
    _print_totals(found, asked, region)


def _measured(
    connection: Connection, region: Region, asked: Question, every: Every | None
) -> list[Bin]:
    """The window's parts, or all of it as one, with a bar while it is computed."""
    with progress() as bar:
        task = bar.add_task("measuring", total=None)

        def done(parts: int, of: int) -> None:
            bar.update(task, completed=parts, total=of)

        if every is not None:
            return list(coverage.series(connection, region, asked, every, done))
        found = coverage.answer(connection, region, asked, done)
    return [Bin(start=asked.start, end=asked.end, measured=found)]


def _print_totals(found: Sequence[Bin], asked: Question, region: Region) -> None:
    """The totals of all of the window, as far as they add up, and by which swath it was seen."""
    totals = dict(found[0].measured.totals)
    if len(found) > 1:
        every = [one.measured.totals for one in found]
        totals = {
            name: sum(one[name] for one in every) for name in totals if name.endswith(("_s", "_m"))
        }
    widths = set(asked.swaths_m(region).values())
    told = [f"{name} {_figure(value)}" for name, value in totals.items()]
    told.append(f"swath {widths.pop():g} m" if len(widths) == 1 else "each kind's own swath")
    kept = found[0].measured.swept == "kept"
    typer.echo("totals: " + ", ".join(told) + (", kept up" if kept else ", computed"))


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


_SUMS = f"{'share':>8}{'hours':>10}{'km':>10}{'unknown h':>11}{'grids':>8}"


def _print_parts(found: Measured) -> None:
    """All grids together, part by part."""
    typer.echo(f"{'part':28}{_SUMS}")
    for word, figures in found.parts.items():
        typer.echo(f"{word or '(none)':28}{_sums(found, figures)}")


def _print_series(found: Sequence[Bin], region: Region) -> None:
    """All grids together, time after time, in the region's own."""
    typer.echo(f"{f'from ({region.timezone})':28}{_SUMS}")
    for one in found:
        begins = f"{one.start.astimezone(region.timezone):%Y-%m-%d %H:%M}"
        typer.echo(f"{begins:28}{_sums(one.measured, one.measured.grids)}")
        for word, figures in one.measured.parts.items():
            typer.echo(f"{'  ' + (word or '(none)'):28}{_sums(one.measured, figures)}")


def _sums(found: Measured, figures: pd.DataFrame) -> str:
    """Figures of all grids of a level: the share of their ground, and how many were visited."""
    area_m2 = found.grids["area_m2"].to_numpy(dtype=float)
    seen_m2 = float(figures["visited_share"].to_numpy() @ area_m2)
    share = seen_m2 / float(area_m2.sum()) if len(area_m2) else 0.0
    hours, km = figures["patrol_s"].sum() / 3600, figures["patrol_m"].sum() / 1000
    unknown, visited = figures["unknown_s"].sum() / 3600, int((figures["visits"] > 0).sum())
    return f"{share:8.1%}{hours:10.2f}{km:10.1f}{unknown:11.2f}{visited:8d}"


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
