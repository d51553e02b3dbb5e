"""The plan in the terminal: how it is kept, where to go next, and its duties."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from api.cli.options import MOMENT, moment
from api.cli.words import counted
from api.database import migrated
from api.settings import read_settings
from geo.plan import STATES
from layers import export as exporting
from layers import plan
from layers.db.engine import SYSTEM, acting
from layers.errors import BadFileError
from layers.plan import Duty, Kept, duties
from layers.region import Region

app = typer.Typer(
    help="What is to be visited how often, whether it is, and where to go next.",
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    start: Annotated[
        str | None, typer.Option("--from", help=f"count periods since; {MOMENT}; default: 28 days")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help=f"as known then; {MOMENT}")] = None,
    duty: Annotated[str | None, typer.Option(help="one duty alone")] = None,
    limit: Annotated[int, typer.Option("--next", min=0, help="places to go next")] = 20,
    out: Annotated[
        Path | None, typer.Option(help="write .geojson, .gpkg, .fgb, .parquet, .csv")
    ] = None,
) -> None:
    """How the plan is kept, and where to go next, the worst first."""
    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    region = Region.read(settings.region_file)
    until = moment(end, "--to") or datetime.now(UTC)
    since = moment(start, "--from") or until - timedelta(days=28)
    if since >= until:
        raise typer.BadParameter("it lies after --to", param_hint="--from")
    with migrated(settings) as engine, acting(engine, SYSTEM, "patrolgrid_read") as connection:
        kept = plan.answer(connection, region, start=since, end=until, duty=duty)
    if not kept.duties:
        typer.echo("the plan has no duties: `patrolgrid plan add --help` says how to add one")
        return
    if out is not None:
        exporting.write(kept.targets, out)
        typer.echo(f"{out}: {counted(len(kept.targets), 'place')}")
    _print(kept, limit)


@app.command("list")
def list_() -> None:
    """List the duties, one JSON object a line, as `plan load` takes them."""
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_read") as connection,
    ):
        for duty in duties.listed(connection):
            typer.echo(json.dumps(_told(duty), ensure_ascii=False))


@app.command()
def add(
    identity: Annotated[str, typer.Argument(metavar="ID")],
    rounds: Annotated[int, typer.Option(min=1, max=100, help="in each period, at least")] = 1,
    per: Annotated[plan.Per, typer.Option(help="the period")] = "day",
    layer: Annotated[plan.Visited, typer.Option(help="what is visited")] = "grids",
    level: Annotated[str | None, typer.Option(help="of grids; default: the lowest")] = None,
    kind: Annotated[str | None, typer.Option(help="only of this kind")] = None,
    only: Annotated[list[str] | None, typer.Option("--id", help="only these, by id")] = None,
    name: Annotated[str | None, typer.Option(help="what people call it")] = None,
    hours: Annotated[
        str | None, typer.Option(help="when visits count, such as 22:00-06:00")
    ] = None,
    days: Annotated[str | None, typer.Option(help="on which they begin, such as mon,tue")] = None,
    apart_s: Annotated[float, typer.Option(help="visits that are closer are one round")] = 1_800,
    stay_s: Annotated[float, typer.Option(help="a shorter visit does not count")] = 0,
    within_m: Annotated[float, typer.Option(help="of a checkpoint or post")] = 100,
) -> None:
    """Take a duty into the plan, or change the one with that ID."""
    duty = Duty(
        id=identity, rounds=rounds, per=per, layer=layer, level=level, kind=kind,
        ids=tuple(only) if only else None, name=name, active=_active(hours, days),
        apart_s=apart_s, stay_s=stay_s, within_m=within_m,
    )  # fmt: skip
    typer.echo(counted(_put([duty]), "duty", "duties"))


@app.command()
def load(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Take duties from a file, a JSON object a line or a list of them: all or none."""
    typer.echo(counted(_put([duties.read(one) for one in _objects(file)]), "duty", "duties"))


@app.command()
def remove(identity: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Take a duty out of the plan."""
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_write") as connection,
    ):
        duties.remove(connection, identity)
    typer.echo(f"{identity}: removed")


def _put(given: list[Duty]) -> int:
    settings = read_settings()
    region = Region.read(settings.region_file)
    with migrated(settings) as engine, acting(engine, SYSTEM, "patrolgrid_write") as connection:
        return len(duties.put(connection, given, region, by=SYSTEM.name))


def _active(hours: str | None, days: str | None) -> dict[str, Any] | None:
    if hours is None and days is None:
        return None
    span: dict[str, Any] = {}
    if hours is not None:
        begins, dash, ends = hours.partition("-")
        if not dash:
            raise typer.BadParameter(
                f"{hours!r}: give hours such as 22:00-06:00", param_hint="--hours"
            )
        span |= {"from": begins.strip(), "to": ends.strip()}
    if days is not None:
        span["days"] = [day.strip() for day in days.split(",")]
    return {"weekly": [span]}


def _objects(file: Path) -> list[dict[str, Any]]:
    try:
        content = file.read_text(encoding="utf-8").strip()
        found = (
            json.loads(content) if content.startswith("[")
            else [json.loads(line) for line in content.splitlines() if line.strip()]
        )  # fmt: skip
    except ValueError as error:
        raise BadFileError(f"{file}: this is no JSON ({error}): give an object a line") from error
    if not found or not all(isinstance(one, dict) for one in found):
        raise BadFileError(f"{file}: there is no duty in it: give a JSON object a line")
    return found


def _told(duty: Duty) -> dict[str, object]:
    """What of a duty is not as it is by default."""
    every = {name: getattr(duty, name) for name in Duty.__dataclass_fields__}
    usual = Duty(id="")
    return {
        name: value for name, value in every.items()
        if name in {"id", "layer", "rounds", "per"} or value != getattr(usual, name)
    }  # fmt: skip


def _print(kept: Kept, limit: int) -> None:
    console = Console(width=None if Console().is_terminal else 120, highlight=False)
    table = Table("duty", *STATES, box=None, pad_edge=False)
    for duty in kept.duties:
        table.add_row(duty.name or duty.id, *(str(n) for n in kept.counts(duty.id).values()))
    console.print(table)
    following = kept.next.head(limit)
    if len(following) == 0:
        return
    console.print(f"\nnext, the worst first ({len(following)} of {len(kept.next)}):")
    table = Table("place", "duty", "state", "rounds", "last visit", box=None, pad_edge=False)
    for row in following.itertuples():
        names = (row.name_en, row.name, row.target)
        last = f"none since {kept.looked_from:%Y-%m-%d}"
        if row.last_visit == row.last_visit:
            last = f"{row.last_visit:%Y-%m-%d %H:%M}Z"
        table.add_row(
            next(str(n) for n in names if isinstance(n, str)), row.duty, row.state,
            f"{row.rounds} of {row.required}", last,
        )  # fmt: skip
    console.print(table)
