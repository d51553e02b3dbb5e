"""Fixes taken in from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from sqlalchemy import Engine

from api.cli.options import Mapping, pairs
from api.cli.words import counted
from api.database import migrated
from api.intake import files
from api.settings import read_settings
from layers.db.engine import SYSTEM, acting
from layers.region import Region
from layers.units import enrolment

app = typer.Typer(add_completion=False)

_MOST_UNIT_CHARACTERS = 200
_DEGREES = "give degrees, such as 104.2 and 41.58; are they metres, or the wrong columns?"
#: What to do about fixes that were not believed, by the reason.
HINTS = {
    "ragged_row": "it has more or fewer cells than the header: mend the row",
    "no_time": "give times with a date and a zone, such as 2026-11-22T06:00:00Z",
    "not_a_number": f"lon or lat is no number: {_DEGREES}",
    "latitude_out_of_range": "are lon and lat swapped? --map lon=… --map lat=…",
    "longitude_out_of_range": f"lon is beyond 180: {_DEGREES}",
    "zero_zero": "the tracker had no position yet and wrote 0, 0: leave such rows out",
    "in_the_future": "is the zone of the times right, and the tracker's clock?",
    "too_old": "it is before 1900 or PATROLGRID_RETENTION_DAYS: are the years right?",
    "negative_accuracy": "accuracy_m is metres, from 0: is it the right column?",
    "too_inaccurate": "accuracy_m is beyond the worst that the region file believes of the kind",
    "conflicting_fix": "another fix of the unit at the same moment is somewhere else",
}
_NO_HINT = "GET /api/quarantine tells more"


@app.command()
def ingest(
    file: Annotated[
        Path,
        typer.Argument(help="CSV, GPX, GeoJSON, JSON, NDJSON, Arrow or Parquet"),
    ],
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
    if enrol is not None:
        region.kind(enrol)
    read = files.read(file, unit=unit, mapping=pairs(mapping, "--map"))
    with migrated(settings) as engine:
        if enrol is not None:
            _enrol_missing(engine, read.fixes, enrol, max_gap, region)
        receipt = files.store_frame(engine, SYSTEM, read.fixes, region, settings, label=file.name)
    typer.echo(
        f"{file}: {receipt.accepted} accepted, {receipt.duplicate} duplicate, "
        f"{receipt.refused} refused, {len(receipt.quarantined)} quarantined, "
        f"{counted(receipt.breaches, 'breach', 'breaches')}"
    )
    reasons = pd.Series([q.reason for q in receipt.quarantined], dtype="str").value_counts()
    if len(reasons):
        typer.echo("quarantined: " + ", ".join(f"{n} {reason}" for reason, n in reasons.items()))
    if read.dropped:
        typer.echo(f"dropped columns: {', '.join(read.dropped)}")
    # Beside what was good a doubt is a remark; where nothing was, it is why the command failed.
    nothing = len(reasons) > 0 and not receipt.accepted + receipt.duplicate
    for reason in reasons.index:
        typer.echo(f"{reason}: {HINTS.get(reason, _NO_HINT)}", err=nothing)
    if receipt.refused:
        typer.echo(f"refused: {_why_refused(read.fixes, receipt.refused, enrol)}", err=True)
    if receipt.refused or nothing:
        raise typer.Exit(1)


def _enrol_missing(
    engine: Engine, fixes: pd.DataFrame, kind: str, max_gap_s: float | None, region: Region
) -> None:
    """Enrol the units that have a fix with a time and a place; others are a slip of the file."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        named = sorted(set(fixes["unit"][_nameable(fixes) & _placed(fixes)]))
        there = set(enrolment.units(connection, named).index)
        new = [
            enrolment.Enrolment(unit=u, kind=kind, max_gap_s=max_gap_s)
            for u in named
            if u not in there
        ]
        if new:
            enrolment.enrol(connection, new, region)
            typer.echo(f"{counted(len(new), 'unit')} enrolled as {kind}")


def _nameable(fixes: pd.DataFrame) -> pd.Series:
    """Whether each fix names a unit that could be enrolled."""
    return fixes["unit"].notna() & (fixes["unit"].str.len() <= _MOST_UNIT_CHARACTERS)


def _placed(fixes: pd.DataFrame) -> pd.Series:
    """Whether each fix has a time, and a place on the earth."""
    return fixes["time"].notna() & fixes["lon"].between(-180, 180) & fixes["lat"].between(-90, 90)


def _why_refused(fixes: pd.DataFrame, refused: int, enrol: str | None) -> str:
    """Why fixes were refused and what to do, in one line."""
    nameless = int((~_nameable(fixes)).sum())
    why = []
    if refused > nameless:
        why.append(
            "their units are not enrolled; --enrol KIND enrols them"
            if enrol is None
            else f"{counted(refused - nameless, 'row')} of units that have no row with a time and a"
            " place on the earth: these were not enrolled"
        )
    if nameless:
        have = "has" if nameless == 1 else "have"
        why.append(
            f"{counted(nameless, 'row')} {have} no unit, or a name that cannot be one: name it in"
            " the file, or with --unit"
        )
    return "; ".join(why)
