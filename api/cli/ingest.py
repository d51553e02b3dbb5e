"""Fixes taken in from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from sqlalchemy import Engine

from api.cli.options import Mapping, pairs
from api.database import migrated
from api.intake import files
from api.settings import read_settings
from layers.db.engine import SYSTEM, acting
from layers.region import Region
from layers.units import enrolment

app = typer.Typer()


@app.command()
def ingest(
    file: Annotated[Path, typer.Argument(help=".csv, .gpx or .parquet with fixes")],
    unit: Annotated[
        str | None, typer.Option(help="whose fixes, where the file does not say")
    ] = None,
    mapping: Mapping = None,
    enrol: Annotated[
        str | None, typer.Option(metavar="KIND", help="enrol the units that the file names")
    ] = None,
    max_gap: Annotated[
        float | None, typer.Option(metavar="S", min=1, help="with --enrol: their max_gap_s")
    ] = None,
) -> None:
    """Take fixes from a file; units that are not enrolled are refused unless --enrol KIND."""
    if max_gap is not None and enrol is None:
        raise typer.BadParameter("it goes with --enrol KIND", param_hint="--max-gap")
    settings = read_settings()
    region = Region.read(settings.region_file)
    read = files.read(file, unit=unit, mapping=pairs(mapping, "--map"))
    with migrated(settings) as engine:
        if enrol is not None:
            _enrol_missing(engine, read.fixes, enrol, max_gap, region)
        receipt = files.store_frame(engine, SYSTEM, read.fixes, region, settings, label=file.name)
    typer.echo(
        f"{file}: {receipt.accepted} accepted, {receipt.duplicate} duplicate, "
        f"{receipt.refused} refused, {len(receipt.quarantined)} quarantined, "
        f"{receipt.breaches} breaches"
    )
    if receipt.quarantined:
        reasons = pd.Series([q.reason for q in receipt.quarantined]).value_counts()
        typer.echo("quarantined: " + ", ".join(f"{n} {reason}" for reason, n in reasons.items()))
    if read.dropped:
        typer.echo(f"dropped columns: {', '.join(read.dropped)}")
    if receipt.refused:
        typer.echo("refused: their units are not enrolled; --enrol KIND enrols them", err=True)
        raise typer.Exit(1)


def _enrol_missing(
    engine: Engine, fixes: pd.DataFrame, kind: str, max_gap_s: float | None, region: Region
) -> None:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        named = sorted({str(u) for u in fixes["unit"].dropna().unique()})
        there = set(enrolment.units(connection, named).index)
        new = [
            enrolment.Enrolment(unit=u, kind=kind, max_gap_s=max_gap_s)
            for u in named
            if u not in there
        ]
        if new:
            enrolment.enrol(connection, new, region)
            typer.echo(f"{len(new)} units enrolled as {kind}")
