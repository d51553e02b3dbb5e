"""Breaches decided again from the stored fixes."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from sqlalchemy import Engine

from api.cli.options import MOMENT, moment
from api.cli.words import counted
from api.database import migrated
from api.http.answers import encode
from api.progress import progress
from api.settings import read_settings
from layers.breaches.rejudging import Change, Scope, judge_again, units_of
from layers.db.engine import SYSTEM, acting
from layers.region import Region

app = typer.Typer(help="Breaches.", no_args_is_help=True, add_completion=False)

_CHANGES = ("opened", "amended", "closed", "withdrawn")


@app.callback()
def group() -> None:
    """Breaches decided again from the stored fixes."""


@app.command("recompute")
def recompute(
    unit: Annotated[list[str] | None, typer.Option(help="only these units")] = None,
    fence: Annotated[str | None, typer.Option(help="only by this fence (its id)")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help=f"only what overlaps; {MOMENT}")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help=MOMENT)] = None,
    rows: Annotated[bool, typer.Option("--list", help="each breach that changes")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
    yes: Annotated[bool, typer.Option("--yes", "--apply", help="change what is told")] = False,
) -> None:
    """Judge stored fixes by all fences again: say what would change, and change it if you say so.

    Without --yes nothing is changed before you are asked on a terminal; elsewhere nothing is.
    """
    scope = Scope(
        units=unit or None, fence=fence, start=moment(start, "--from"), end=moment(end, "--to")
    )
    if scope.start and scope.end and scope.start >= scope.end:
        raise typer.BadParameter("it lies after --to", param_hint="--from")
    settings = read_settings()
    region = Region.read(settings.region_file)
    with migrated(settings) as engine:
        found = _judged(engine, region, scope, apply=yes)
        _tell(found, applied=yes, rows=rows, as_json=as_json)
        asks = sys.stdin.isatty() and sys.stdout.isatty() and not as_json
        if yes or not found or not asks:
            return
        typer.confirm("change what is told?", abort=True)
        _tell(_judged(engine, region, scope, apply=True), applied=True, rows=False, as_json=False)


def _judged(engine: Engine, region: Region, scope: Scope, *, apply: bool) -> list[Change]:
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        units = units_of(connection, scope)
    with progress() as bar:
        task = bar.add_task("judging" if apply else "looking", total=len(units))
        return list(
            judge_again(
                engine, region, units, scope, now=datetime.now(UTC), apply=apply,
                done=lambda count: bar.advance(task, count),
            )
        )  # fmt: skip


def _tell(found: list[Change], *, applied: bool, rows: bool, as_json: bool) -> None:
    total = Counter(one.change for one in found)
    by = {"fence": Counter(one.fence for one in found), "unit": Counter(one.unit for one in found)}
    if as_json:
        told: dict[str, object] = {
            "applied": applied,
            **{change: total[change] for change in _CHANGES},
            **{f"by_{word}": dict(sorted(counts.items())) for word, counts in by.items()},
        }
        if rows:
            told["changes"] = [asdict(one) for one in found]
        typer.echo(encode(told))
        return
    if rows:
        for one in found:
            out = f"{one.exited_at:%Y-%m-%dT%H:%M:%SZ}" if one.exited_at else "open"
            typer.echo(
                f"{one.change:10}{one.breach or 'new'}  {one.unit}  {one.fence}"
                f"  {one.entered_at:%Y-%m-%dT%H:%M:%SZ} to {out}"
            )
    for word, counts in by.items():
        for name, count in counts.most_common():
            typer.echo(f"{word} {name}: {counted(count, 'change')}")
    typer.echo(
        f"{'changed' if applied else 'would change'}: "
        + ", ".join(f"{total[change]} {change}" for change in _CHANGES)
    )
