"""Tokens: make, list, revoke; and the link that signs a person in to the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer
from sqlalchemy import Engine

from api.database import migrated
from api.links import page_url, sign_in_link
from api.settings import read_settings
from layers.access import tokens
from layers.db.engine import SYSTEM, acting
from layers.errors import NoSuchUnitError

app = typer.Typer(help="API tokens and sign-in links.", no_args_is_help=True, add_completion=False)


@app.command()
def create(
    scope: Annotated[
        list[str], typer.Option(help="read, ingest, plan or admin; may be given several times")
    ],
    note: Annotated[str | None, typer.Option(help="what it is for")] = None,
    days: Annotated[float | None, typer.Option(min=0, help="days until it expires")] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="with --scope ingest: a device's, for this unit alone"),
    ] = None,
) -> None:
    """Print a new token, and nothing else; it is shown this once.

    With --unit, what to enter into Traccar Client, OsmAnd or OwnTracks is told on standard error.
    """
    named = [part.strip() for given in scope for part in given.split(",") if part.strip()]
    if unit is not None and set(named) != {"ingest"}:
        raise typer.BadParameter("it goes with --scope ingest alone", param_hint="--unit")
    settings = read_settings()
    with migrated(settings) as engine:
        if unit is not None:
            _check_enrolled(engine, unit)
        with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
            made = tokens.create(
                connection,
                named,
                kind="api" if unit is None else "device",
                note=note,
                lifetime=None if days is None else timedelta(days=days),
                unit=unit,
            )
    typer.echo(made.secret)
    if unit is not None:
        typer.echo(_to_enter(page_url(settings), made.secret), err=True)


def _check_enrolled(engine: Engine, unit: str) -> None:
    # Imported when it is needed: it brings a second of pandas with it.
    from layers.units import enrolment  # noqa: PLC0415

    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        if enrolment.units(connection, [unit]).empty:
            raise NoSuchUnitError(f"{unit}: no such unit is enrolled; POST /api/units enrols one")


def _to_enter(service: str, secret: str) -> str:
    """What goes into the apps."""
    return (
        f"Traccar Client, URL of the server: {service}/ingest/osmand?token={secret}\n"
        f"OsmAnd, online tracking: {service}/ingest/osmand?token={secret}"
        "&lat={0}&lon={1}&timestamp={2}&altitude={4}&bearing={6}\n"
        f"OwnTracks, mode HTTP, URL: {service}/ingest/owntracks?token={secret}\n"
        "PATROLGRID_PUBLIC_URL says where phones find the service. Who has such an address can send"
        " as the unit: it is a secret."
    )


@app.command("list")
def list_() -> None:
    """List tokens: id, scopes, when made, last used and ended; never their secrets."""
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_gate") as connection,
    ):
        for token in tokens.list_tokens(connection):
            used = f"{token.last_used_at:%Y-%m-%d %H:%M}Z" if token.last_used_at else "never"
            state = "revoked" if token.revoked_at else "valid"
            of = f"unit {token.unit}  " if token.unit else ""
            typer.echo(
                f"{token.id}  {state:8}{','.join(token.scopes):24}made {token.created_at:%Y-%m-%d}"
                f"  last used {used}  {of}{token.note or ''}".rstrip()
            )


@app.command()
def revoke(token_id: Annotated[str, typer.Argument(help="as `token list` shows it")]) -> None:
    """End a token now."""
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_gate") as connection,
    ):
        tokens.revoke(connection, token_id)
    typer.echo(f"{token_id} is revoked")


@app.command()
def link(
    scope: Annotated[list[str] | None, typer.Option(help="rights on the page")] = None,
) -> None:
    """Print a link that signs a browser in to the page; it lasts PATROLGRID_LINK_MINUTES."""
    settings = read_settings()
    with migrated(settings) as engine, acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        typer.echo(sign_in_link(connection, settings, scopes=scope or ["admin"]))
