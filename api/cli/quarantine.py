"""Fixes that were not believed: looked at, and released."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from api.cli.words import counted
from api.database import migrated
from api.http.answers import encode
from api.settings import read_settings
from layers.db.engine import SYSTEM, acting
from layers.fixes import quarantine
from layers.fixes.release import release as let_through
from layers.region import Region

app = typer.Typer(help="Fixes that were not believed.", no_args_is_help=True, add_completion=False)

Unit = Annotated[str | None, typer.Option(help="only of this unit")]
Reason = Annotated[str | None, typer.Option(help="only with this reason, as too_inaccurate")]
_MOST = 10_000


@app.command("list")
def list_(
    unit: Unit = None,
    reason: Reason = None,
    released: Annotated[bool, typer.Option(help="also those that were released")] = False,
    limit: Annotated[int, typer.Option(min=1, max=_MOST)] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="a JSON object a line")] = False,
) -> None:
    """List fixes that were not believed: id, unit, time, place, reason."""
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_read") as connection,
    ):
        rows = quarantine.listed(
            connection, unit=unit, reason=reason, released=None if released else False, limit=limit
        )
    for row in rows:
        if as_json:
            typer.echo(encode(dict(row)))
            continue
        told = json.loads(encode(dict(row)))
        let = f"  released by {told['released_by']}" if told["released_at"] else ""
        typer.echo(
            f"{told['id']}  {told['unit']}  {told['time'] or 'no time'}"
            f"  {told['lon']},{told['lat']}  {told['reason']}{let}"
        )


@app.command()
def release(
    ids: Annotated[list[int] | None, typer.Argument(help="as `quarantine list` shows them")] = None,
    unit: Unit = None,
    reason: Reason = None,
) -> None:
    """Believe fixes after all, as if they came now; exit code 1 when one cannot be."""
    if bool(ids) == bool(unit or reason):
        raise typer.BadParameter("give ids, or --unit and --reason", param_hint="IDS")
    settings = read_settings()
    region = Region.read(settings.region_file)
    with migrated(settings) as engine:
        if not ids:
            with acting(engine, SYSTEM, "patrolgrid_read") as connection:
                rows = quarantine.listed(
                    connection, unit=unit, reason=reason, released=False, limit=_MOST
                )
            ids = [int(str(row["id"])) for row in rows]
        done = let_through(
            engine, SYSTEM, ids, region, clock_skew_s=settings.clock_skew_s,
            retention_days=settings.kept_days(region.retention_days),
        )  # fmt: skip
    for one in done.refused:
        typer.echo(f"{one.id}: not released: {one.detail}", err=True)
    again = f", {len(done.already)} released before" if done.already else ""
    typer.echo(
        f"{counted(len(done.released), 'fix', 'fixes')} released{again},"
        f" {counted(done.breaches, 'change')} of breaches"
    )
    if done.refused:
        raise typer.Exit(1)
