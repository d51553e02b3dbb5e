"""The region file: check it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.settings import read_settings
from layers.region import Region

app = typer.Typer(help="The region's TOML file.", no_args_is_help=True, add_completion=False)


@app.callback()
def group() -> None:
    """The region's TOML file."""


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="default: the one that PATROLGRID_REGION names")
    ] = None,
) -> None:
    """Read a region file and say what it holds, or what is wrong with it."""
    path = file or read_settings().region_file
    region = Region.read(path)
    levels = " > ".join(level.word for level in region.levels)
    typer.echo(f"{path}: in order; {region.timezone}; levels {levels}; {len(region.kinds)} kinds")
