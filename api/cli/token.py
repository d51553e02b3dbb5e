"""Tokens: make, list, revoke; and the link that signs a person in to the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from api.database import migrated
from api.links import sign_in_link
from api.settings import read_settings
from layers.access import tokens
from layers.db.engine import SYSTEM, acting

app = typer.Typer(help="API tokens and sign-in links.", no_args_is_help=True, add_completion=False)


@app.command()
def create(
    scope: Annotated[
        list[str], typer.Option(help="read, ingest, plan or admin; may be given several times")
    ],
    note: Annotated[str | None, typer.Option(help="what it is for")] = None,
    days: Annotated[float | None, typer.Option(min=0, help="days until it expires")] = None,
) -> None:
    """Print a new token, and nothing else; it is shown this once."""
    named = [part.strip() for given in scope for part in given.split(",") if part.strip()]
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_gate") as connection,
    ):
        made = tokens.create(
            connection, named, note=note, lifetime=None if days is None else timedelta(days=days)
        )
    typer.echo(made.secret)


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
            typer.echo(
                f"{token.id}  {state:8}{','.join(token.scopes):24}made {token.created_at:%Y-%m-%d}"
                f"  last used {used}  {token.note or ''}".rstrip()
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
