"""What changed in the layers, and taking the last change back."""

from __future__ import annotations

from typing import Annotated

import typer

from api.database import migrated
from api.settings import read_settings
from layers import places
from layers.db.engine import SYSTEM, acting
from layers.places import history as past
from layers.region import Region

app = typer.Typer(help="Changes of the layers.", no_args_is_help=True, add_completion=False)

LayerName = Annotated[str, typer.Argument(metavar="LAYER", help="such as grids")]
FeatureId = Annotated[str | None, typer.Argument(metavar="[ID]", help="of one feature")]


@app.command("history")
def history(
    layer: LayerName,
    feature_id: FeatureId = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="lines at most")] = 20,
) -> None:
    """Say what changed in a layer, or of one feature: newest first."""
    with (
        migrated(read_settings()) as engine,
        acting(engine, SYSTEM, "patrolgrid_read") as connection,
    ):
        if feature_id is None:
            for done in past.of_layer(connection, layer, limit=limit):
                typer.echo(f"{_head(done)}  {_counts(done)}{_named(done)}{_tail(done)}")
        else:
            for one in past.of_feature(connection, layer, feature_id, limit=limit):
                changed = f": {', '.join(one.changed)}" if one.changed else ""
                typer.echo(f"{_head(one)}  {one.what}{changed}{_tail(one)}")


@app.command("undo")
def undo(layer: LayerName, feature_id: FeatureId = None) -> None:
    """Take back the last change of a layer, a load too, or of one feature; again: the next."""
    settings = read_settings()
    levels = Region.read(settings.region_file).level_names
    with migrated(settings) as engine, acting(engine, SYSTEM, "patrolgrid_write") as connection:
        if feature_id is None:
            done = places.undo_layer(connection, layer, levels=levels)
        else:
            done = places.undo_feature(connection, layer, feature_id, levels=levels)
    typer.echo(f"set {done.undoes} ({done.how}) is undone by set {done.set_no}")
    for name, rows in done.layers.items():
        typer.echo(f"{name}: {_counts(rows)}")


def _head(one: past.Change | past.Summary) -> str:
    return f"{one.set_no:>6}  {one.made_at:%Y-%m-%d %H:%M:%S}Z  {one.made_by or '-'}  {one.how}"


def _tail(one: past.Change | past.Summary) -> str:
    of = f" (of set {one.undoes})" if one.undoes is not None else ""
    return f"{of} (undone)" if one.undone else of


def _counts(rows: past.Summary | places.Rows) -> str:
    counts = {"new": rows.created, "changed": rows.changed, "deleted": rows.deleted}
    return ", ".join(f"{n} {word}" for word, n in counts.items() if n) or "nothing"


def _named(done: past.Summary) -> str:
    more = done.created + done.changed + done.deleted > len(done.features)
    return f": {', '.join(done.features)}{', …' if more else ''}"
