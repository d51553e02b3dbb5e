"""Options that several commands share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

Mapping = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OURS=THEIRS", help="a column's name in the file"),
]

Crs = Annotated[str | None, typer.Option(help="where the file declares none: EPSG:…")]
LayerName = Annotated[str | None, typer.Option(help="which of the file's layers")]


MOMENT = "RFC 3339, such as 2026-11-22T06:00:00Z"


def moment(given: str | None, option: str) -> datetime | None:
    """The moment that ``option`` names, in UTC; None without it."""
    if given is None:
        return None
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter(f"{given!r}: write {MOMENT}", param_hint=option) from None
    if found.tzinfo is None:
        raise typer.BadParameter(f"{given!r} has no time zone: write {MOMENT}", param_hint=option)
    return found.astimezone(UTC)


def pairs(given: list[str] | None, option: str, *, empty: bool = False) -> dict[str, str]:
    """``NAME=VALUE`` options as a mapping; with ``empty`` a value may be nothing."""
    found = lists(given, option, empty=empty)
    for name, values in found.items():
        if len(set(values)) > 1:
            raise typer.BadParameter(
                f"{name} is given twice, as {values[0]!r} and {values[1]!r}: choose one",
                param_hint=option,
            )
    return {name: values[0] for name, values in found.items()}


def lists(given: list[str] | None, option: str, *, empty: bool = False) -> dict[str, list[str]]:
    """``NAME=VALUE`` options as a mapping; a name that is given again has several values."""
    found: dict[str, list[str]] = {}
    for item in given or []:
        name, equals, value = item.partition("=")
        if not (name and equals and (value or empty)):
            raise typer.BadParameter(f"{item!r}: write NAME=VALUE", param_hint=option)
        found.setdefault(name.strip(), []).append(value.strip())
    return found
