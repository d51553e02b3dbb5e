"""Layers from files: what was repaired, refused, noted and dropped."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal

import typer

from api.cli.options import Crs, LayerName, Mapping, lists, pairs
from api.cli.reports import check_target, write_report
from api.database import migrated
from api.progress import progress
from api.settings import Settings, read_settings
from layers.db.engine import SYSTEM, acting
from layers.errors import BadFileError
from layers.load import Progress, RefusedRowsError, Report
from layers.load import load as load_file
from layers.places import LAYERS
from layers.region import Region

app = typer.Typer(no_args_is_help=True, add_completion=False)

#: More of a kind fill the screen; --report has all of them.
MOST_LINES = 20


@app.command()
def load(
    layer: Annotated[str, typer.Argument(help="grids, settlements, roads, fences, …")],
    file: Annotated[Path, typer.Argument()],
    mapping: Mapping = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="COLUMN=VALUE", help="for all rows; COLUMN= leaves it out"),
    ] = None,
    unknown: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="what means missing; several are several"),
    ] = None,
    crs: Crs = None,
    datum: Annotated[
        Literal["gcj02", "bd09"] | None, typer.Option(help="that Chinese web maps are shifted by")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="of its texts: gbk, cp1251, …")] = None,
    time_zone: Annotated[str | None, typer.Option(help="of times that name none")] = None,
    dates: Annotated[
        Literal["day-first", "month-first"] | None, typer.Option(help="how to read 03/01/2026")
    ] = None,
    layer_name: LayerName = None,
    skip_bad: Annotated[bool, typer.Option(help="leave out rows that are refused")] = False,
    strict: Annotated[bool, typer.Option(help="refuse what would be repaired")] = False,
    dry_run: Annotated[bool, typer.Option(help="report, and store nothing")] = False,
    report: Annotated[Path | None, typer.Option(help="write the whole report as JSON")] = None,
    band: Annotated[int | None, typer.Option(help="of a GeoTIFF with several")] = None,
    nodata: Annotated[float | None, typer.Option(help="of a GeoTIFF that declares none")] = None,
) -> None:
    """Load a layer from a file: all rows or none; loading again updates by id.

    elevation, speed and land_cover are rasters, from GeoTIFF.
    """
    check_target(report)
    if layer not in LAYERS and layer in _rasters().NAMES:
        others = (mapping, setting, unknown, datum, encoding, time_zone, dates, layer_name)
        if any(others) or skip_bad or strict:
            raise typer.BadParameter(
                f"{layer} is a raster: it takes --crs, --band, --nodata, --dry-run and --report"
            )
        _rasters().load_raster(
            layer, file, crs=crs, band=band, nodata=nodata, dry_run=dry_run, report=report
        )
        return
    if band is not None or nodata is not None:
        names = ", ".join(_rasters().NAMES)
        raise typer.BadParameter(f"--band and --nodata are of rasters: {names}")
    settings = read_settings()
    region = Region.read(settings.region_file)
    asked = partial(
        load_file, name=layer, path=file, crs=crs, datum=datum, encoding=encoding,
        time_zone=time_zone, dates=dates, source_layer=layer_name, skip_bad=skip_bad,
        strict=strict, dry_run=dry_run, lowest_level=region.lowest_level,
        levels=region.level_names, level_titles=region.level_titles,
        mapping=pairs(mapping, "--map"), settings=pairs(setting, "--set", empty=True),
        unknown=lists(unknown, "--unknown"),
    )  # fmt: skip
    # A refusal is one line; who asks what would be is told all.
    done = _carried_out(asked, settings, report, tell_all=dry_run)
    write_report(report, dataclasses.asdict(done))
    _print(done)


def _rasters() -> ModuleType:
    """What rasters need, which takes time to import, is for those who load them."""
    from api.cli import rasters  # noqa: PLC0415

    return rasters


def _carried_out(
    asked: Callable[..., Report], settings: Settings, report: Path | None, *, tell_all: bool
) -> Report:
    """What a load did. A refusal is written to the report, too, and raised."""
    with (
        migrated(settings) as engine,
        acting(engine, SYSTEM, "patrolgrid_write") as connection,
        _bar() as bar,
    ):
        try:
            return asked(connection, progress=bar)
        except RefusedRowsError as error:
            found = {"refused": error.refused, "repaired": error.repaired, "notes": error.notes}
            write_report(report, found)
            if tell_all:
                _lines("refused", error.refused)
                _lines("would repair", error.repaired)
            raise
        except BadFileError as error:
            write_report(report, {"refused": [str(error)], "repaired": [], "notes": []})
            raise


@contextmanager
def _bar() -> Iterator[Progress]:
    """A bar with the step that a load is at."""
    with progress() as shown:
        task = shown.add_task("reading", total=None)

        def tell(step: str, done: int, rows: int) -> None:
            shown.update(task, description=step, completed=done, total=rows or None)

        yield tell


def _print(report: Report) -> None:
    refused = f", {len(report.refused)} refused" if report.refused else ""
    dry = " (dry run: nothing was stored)" if report.dry_run else ""
    typer.echo(
        f"{report.layer}: {report.read} read, {report.inserted} new, {report.updated} updated, "
        f"{report.unchanged} unchanged{refused}{dry}"
    )
    _lines("note", report.notes)
    _lines("repaired", report.repaired)
    _lines("refused", report.refused)
    if report.dropped_columns:
        typer.echo(f"dropped columns: {', '.join(report.dropped_columns)}")


def _lines(kind: str, lines: Sequence[str]) -> None:
    for line in lines[:MOST_LINES]:
        typer.echo(f"{kind}: {line}")
    if len(lines) > MOST_LINES:
        typer.echo(f"{kind}: … and {len(lines) - MOST_LINES} more (--report FILE has all)")
