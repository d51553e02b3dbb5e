"""Breaches decided again from the stored fixes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from api.database import migrated
from api.settings import read_settings
from layers import breaches
from layers.db.engine import SYSTEM, acting
from layers.errors import LayersError
from layers.region import Region

app = typer.Typer(help="Breaches.", no_args_is_help=True, add_completion=False)


@app.callback()
def group() -> None:
    """Breaches decided again from the stored fixes."""


@app.command("recompute")
def recompute(
    unit: Annotated[list[str] | None, typer.Option(help="only these units")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="change what is told")] = False,
) -> None:
    """Judge all fixes by all fences again; without --apply only say what would change."""
    settings = read_settings()
    region = Region.read(settings.region_file)
    with migrated(settings) as engine:
        try:
            with acting(engine, SYSTEM, "patrolgrid_write") as connection:
                changes = breaches.recompute(connection, region, now=datetime.now(UTC), units=unit)
                if not apply and changes.total:
                    raise _OnlyLookedError
        except _OnlyLookedError:
            pass
    typer.echo(
        f"{'changed' if apply else 'would change'}: {changes.opened} opened, {changes.amended}"
        f" amended, {changes.closed} closed, {changes.withdrawn} withdrawn"
    )


class _OnlyLookedError(LayersError):
    """What was decided is rolled back: it was only to be looked at."""
