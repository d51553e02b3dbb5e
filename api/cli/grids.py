"""The stored hierarchy of grids: whether it holds, and what ground it leaves out."""

from __future__ import annotations

import typer

from api.cli.words import counted
from api.database import migrated
from api.settings import read_settings
from geo import grids
from layers import frames, places
from layers.db.engine import SYSTEM, acting
from layers.region import Region

app = typer.Typer(help="The hierarchy of grids.", no_args_is_help=True, add_completion=False)


@app.callback()
def group() -> None:
    """The hierarchy of grids."""


@app.command()
def check() -> None:
    """Print the faults of the stored grids, and the gaps that they leave; faults: exit code 1.

    Grids without a parent that lie on one of a higher level are told, with the parent that fits;
    they are no faults.
    """
    settings = read_settings()
    levels = Region.read(settings.region_file).level_names
    with (
        migrated(settings) as engine,
        acting(engine, SYSTEM, "patrolgrid_read") as connection,
    ):
        stored = frames.places(connection, "grids")
        faults = grids.check_hierarchy(stored)
        for message in faults["message"]:
            typer.echo(f"fault: {message}")
        # No faults: levels are loaded file by file, in any order.
        orphans = grids.orphans(stored, levels=levels)
        for message in orphans["message"]:
            typer.echo(f"warning: {message}")
        gaps, after = 0, None
        while True:
            page = places.gaps(connection, after=after)
            for one in page.features:
                told = one["properties"]
                typer.echo(
                    f"gap: {one['id']}: {told['area_m2']:,.0f} m² ({told['gap_share']:.1%}) of it"
                    " have no grid below"
                )
            gaps += len(page.features)
            after = page.next
            if after is None:
                break
    without = f"{len(orphans)} without a parent that may have one, " if len(orphans) else ""
    typer.echo(
        f"{counted(len(stored), 'grid')}, {counted(len(faults), 'fault')}, {without}"
        f"{counted(gaps, 'gap')}"
    )
    if len(faults):
        raise typer.Exit(1)
