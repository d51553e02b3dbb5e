"""Days whose fixes are kept for an investigation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from api.cli.options import moment
from api.database import migrated
from api.settings import read_settings
from layers.db.engine import SYSTEM, acting
from layers.fixes import holds, retention
from layers.region import Region

app = typer.Typer(
    help="Days whose fixes are kept, whatever the retention.",
    no_args_is_help=True,
    add_completion=False,
)

_DAY = "such as 2026-03-01"
Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help=_DAY)]


@app.command()
def place(
    first: Day,
    last: Day,
    reason: Annotated[str, typer.Option(help="for what they are kept")],
    until: Annotated[str | None, typer.Option(help="when it ends by itself; RFC 3339")] = None,
) -> None:
    """Keep the fixes of the days from FIRST to LAST (both included; the region's time zone)."""
    settings = read_settings()
    zone = Region.read(settings.region_file).timezone
    ends = moment(until, "--until")
    with (
        migrated(settings) as engine,
        acting(engine, SYSTEM, "patrolgrid_write") as connection,
    ):
        made = holds.place(
            connection, first.date(), last.date(), reason=reason, by=SYSTEM.name, timezone=zone,
            until=ends,
        )  # fmt: skip
        edge = retention.edge(connection)
    typer.echo(_line(made))
    if edge is not None and made.starts_at < edge:
        typer.echo(f"fixes before {edge.date()} may be gone: what was dropped does not come back")


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="also those that are over")] = False,
) -> None:
    """List holds: id, days, reason, by whom, until when."""
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_read") as connection,
    ):
        now = None if everything else datetime.now(UTC)
        for hold in holds.listed(connection, limit=1_000_000, in_force_at=now):
            typer.echo(_line(hold))


@app.command()
def release(number: Annotated[int, typer.Argument(help="as `hold list` shows it")]) -> None:
    """End a hold: its days go with the next run of retention; it stays in the history."""
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_write") as connection,
    ):
        typer.echo(_line(holds.release(connection, number, by=SYSTEM.name)))


def _line(hold: holds.Hold) -> str:
    ends = "until it is released" if hold.until is None else f"until {hold.until:%Y-%m-%d %H:%M}Z"
    if hold.released_at is not None:
        ends = f"released {hold.released_at:%Y-%m-%d %H:%M}Z by {hold.released_by}"
    return (
        f"{hold.id}  {hold.first_day} to {hold.last_day}  {hold.reason}  by {hold.placed_by}"
        f" {hold.placed_at:%Y-%m-%d %H:%M}Z  {ends}"
    )
