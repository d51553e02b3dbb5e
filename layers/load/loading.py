"""From a file to a layer: all rows or none, and a report of what was done to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from sqlalchemy import Connection, Text, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from geo import earth
from layers import places
from layers.errors import BadFeatureError, BadFileError, BadValueError
from layers.load import formats, identity, place
from layers.load.plan import Plan
from layers.load.source import Source
from layers.places import Layer, shapes
from layers.places.columns import Column, is_missing, shown


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a load did."""

    layer: str
    file: str
    read: int  #: rows of the file
    inserted: int  #: features that are new
    updated: int  #: features that were there and are different now
    unchanged: int  #: features that were there and are the same
    dropped_columns: list[str] = field(default_factory=list)  #: of the file; nothing of them kept
    repaired: list[str] = field(default_factory=list)  #: what was wrong in which row, and mended
    notes: list[str] = field(default_factory=list)  #: what else one should know


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """What is about to be stored."""

    ids: list[str]
    columns: dict[str, Sequence[Any]]
    geometries: shapes.Geometries
    repaired: list[str]
    notes: list[str]


def load(
    connection: Connection,
    name: str,
    path: Path | str,
    *,
    mapping: Mapping[str, str] | None = None,
    settings: Mapping[str, object] | None = None,
    crs: str | None = None,
    lowest_level: str = "cell",
    levels: Sequence[str] = (),
    source_layer: str | None = None,
) -> Report:
    """Load a layer from a file; a feature whose id is there is changed.

    ``mapping`` is our column (also ``id``; in CSV ``lon``, ``lat``, ``wkt``) → the file's;
    ``settings`` is our column → its value in all rows; ``crs`` is that of a file that declares
    none; ``levels`` are those that grids may have, highest first; ``source_layer`` picks one of
    a file's layers. Columns that are not ours are not read. Polygons that are not valid are
    repaired and reported. Raises NoSuchLayerError, and BadFileError that names the file, what
    is wrong and where; nothing is changed then.
    """
    of = places.layer(name)
    of.check_writable()
    file = Path(path)
    plan = Plan.of(
        of, mapping=mapping or {}, settings=settings or {}, crs=crs, source_layer=source_layer
    )
    source = _source(file, plan)
    try:
        rows = _rows(connection, file, plan, source, lowest_level)
        written = places.put(connection, of, rows.ids, rows.columns, rows.geometries, levels=levels)
    except BadFeatureError as error:
        raise BadFileError(f"{file.name}: {error}") from error
    return Report(
        layer=of.name,
        file=file.name,
        read=len(source.geometries),
        inserted=written.inserted,
        updated=written.updated,
        unchanged=written.unchanged,
        dropped_columns=source.dropped,
        repaired=rows.repaired,
        notes=[*source.notes, *rows.notes],
    )


def ground(
    connection: Connection,
    path: Path | str,
    *,
    crs: str | None = None,
    source_layer: str | None = None,
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """The polygons of a file, in EPSG:4326 and valid, and what was repaired; nothing is stored.

    Reads what ``load`` reads, as it does. Raises BadFileError.
    """
    file = Path(path)
    plan = Plan.of(
        places.layer("grids"), mapping={}, settings={}, crs=crs, source_layer=source_layer
    )
    source = _source(file, plan)
    where = _where(source, _given_ids(source.columns.get("id"), source.feature_ids))
    try:
        settled = _settled(connection, file, plan, source, where)
    except BadFeatureError as error:
        raise BadFileError(f"{file.name}: {error}") from error
    return gpd.GeoDataFrame(geometry=settled.geometries, crs=earth.LONLAT), settled.repaired


def _source(file: Path, plan: Plan) -> Source:
    source = formats.of(file).read(file, plan)
    if not len(source.geometries):
        raise BadFileError(f"{file.name}: it has no {source.row_word}s: give a file with some")
    return source


def _settled(
    connection: Connection, file: Path, plan: Plan, source: Source, where: shapes.Where
) -> shapes.Settled:
    """The source's geometries as they are stored. Raises BadFeatureError, BadFileError."""
    shapes.check_present(source.geometries, where)
    degrees = place.to_degrees(
        file.name, source.geometries, place.crs_of(file.name, source.crs, plan.crs)
    )
    settled = shapes.settle(plan.layer, degrees, where)
    place.check_axes(file.name, settled.geometries, places.extent(connection))
    closed = [f"{where(row)}: a ring was not closed" for row in source.closed]
    return replace(settled, repaired=closed + settled.repaired)


def _rows(
    connection: Connection, file: Path, plan: Plan, source: Source, lowest_level: str
) -> _Rows:
    """The source's rows, judged and tidied. Raises BadFeatureError, BadFileError."""
    columns = dict(source.columns)
    given = _given_ids(columns.pop("id", None), source.feature_ids)
    where = _where(source, given)
    settled = _settled(connection, file, plan, source, where)
    repaired = settled.repaired
    parsed = _parse(plan, columns, len(source.geometries), where)
    notes = []
    if given is None:
        made = identity.made(plan.layer, source.geometries, columns)
        ids = made.ids
        repaired += [f"{where(b)}: repeats {where(a)}, kept once" for b, a in made.repeats]
        keep = ~np.isin(settled.owner, [row for row, _ in made.repeats])
        notes.append("the file has no ids: made from content; name its own with --map id=…")
    else:
        ids, keep = identity.given(given, where), np.ones(len(settled.owner), dtype=bool)
    owner = settled.owner[keep].tolist()
    ids = _part_ids(ids, owner)
    identity.check_unique(ids, owner, where)
    spread: dict[str, Sequence[Any]] = {
        name: [values[row] for row in owner] for name, values in parsed.items()
    }
    kept = settled.geometries[keep]
    split = len({owner[n] for n in range(1, len(owner)) if owner[n] == owner[n - 1]})
    if split:
        rows_are = f"1 {source.row_word} has" if split == 1 else f"{split} {source.row_word}s have"
        notes.append(f"{rows_are} several parts, each a feature of its own: ID, ID-2, …")
    if plan.layer.name == "grids":
        spread["level"] = _levels(connection, plan.layer, ids, spread.get("level"), lowest_level)
    if plan.layer.name == "border" and ("chainage_start_km" in spread or split):
        spread["chainage_start_km"] = _chainage(owner, spread.get("chainage_start_km"), kept)
    return _Rows(ids=ids, columns=spread, geometries=kept, repaired=repaired, notes=notes)


def _given_ids(*candidates: Sequence[Any] | None) -> Sequence[Any] | None:
    """The first of some columns that says anything."""
    for values in candidates:
        if values is not None and not all(map(is_missing, values)):
            return values
    return None


def _where(source: Source, given: Sequence[Any] | None) -> shapes.Where:
    def where(row: int) -> str:
        feature_id = None if given is None else given[row]
        named = "" if is_missing(feature_id) else f" (id {shown(str(feature_id))})"
        return f"{source.row_word} {row + 1}{named}"

    return where


def _parse(
    plan: Plan, columns: Mapping[str, Sequence[Any]], rows: int, where: shapes.Where
) -> dict[str, list[Any]]:
    """Every column that is given or set, its values checked. Raises BadFeatureError."""
    parsed: dict[str, list[Any]] = {}
    for name, column in plan.layer.columns.items():
        if name in columns:
            parsed[name] = _parse_column(column, columns[name], where)
        elif name in plan.settings:
            parsed[name] = [plan.settings[name]] * rows
        elif column.needed and name != "level":
            raise BadFeatureError(f"it has no column {name!r}: --map {name}=… or --set {name}=…")
    return parsed


def _parse_column(column: Column, values: Sequence[Any], where: shapes.Where) -> list[Any]:
    known: dict[Any, Any] = {}
    out: list[Any] = []
    for row, value in enumerate(values):
        if column.name == "level" and is_missing(value):
            out.append(None)
            continue
        try:
            # Few distinct values make up most columns; JSON objects cannot be keys.
            if isinstance(value, str | int | bool):
                key = (type(value), value)
                if key not in known:
                    known[key] = column.parse(value)
                out.append(known[key])
            else:
                out.append(column.parse(value))
        except BadValueError as error:
            raise BadFeatureError(f"{where(row)}: {error}") from error
    return out


def _part_ids(ids: Sequence[str], owner: Sequence[int]) -> list[str]:
    """A row's id for its first part, ``id-2`` for its second, and so on."""
    parts: dict[int, int] = {}
    out = []
    for row in owner:
        parts[row] = parts.get(row, 0) + 1
        out.append(ids[row] if parts[row] == 1 else f"{ids[row]}-{parts[row]}")
    return out


def _levels(
    connection: Connection,
    layer: Layer,
    ids: Sequence[str],
    levels: Sequence[str | None] | None,
    lowest_level: str,
) -> list[str]:
    """The level of each grid: its own; where the file has no such column, the one it has."""
    if levels is not None:
        return [level or lowest_level for level in levels]
    table = layer.table
    query = select(table.c.id, table.c.level)
    query = query.where(table.c.id == any_(literal(list(ids), ARRAY(Text))))
    there = {row.id: row.level for row in connection.execute(query)}
    return [there.get(feature_id, lowest_level) for feature_id in ids]


def _chainage(
    owner: Sequence[int], starts_km: Sequence[float] | None, lines: shapes.Geometries
) -> list[float]:
    """Where each part starts: after the parts before it in its row."""
    out: list[float] = []
    ends_km: dict[int, float] = {}
    for n, (row, length_m) in enumerate(zip(owner, earth.length_m(lines), strict=True)):
        start_km = ends_km.get(row, starts_km[n] if starts_km is not None else 0.0)
        out.append(start_km)
        ends_km[row] = start_km + float(length_m) / 1000
    return out
