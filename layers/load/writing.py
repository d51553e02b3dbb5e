"""Rows into the table: what depends on what is stored, and leaving out what it refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, any_, func, select

from geo.rings import Rings
from layers import places
from layers.errors import BadFeatureError
from layers.load import chainage, leftovers, neighbours
from layers.load import parents as parents_of
from layers.load.findings import Findings
from layers.load.plan import Plan
from layers.places import Layer, Written, orphans
from layers.places.judged import Geometries


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What is about to be stored; a row of the file has several where it is a line in parts."""

    ids: list[str]
    columns: Mapping[str, Sequence[Any]]
    geometries: Geometries
    owner: list[int]  #: the file's row
    rings: Rings | None = None  #: of the geometries, where they are known

    def without(self, gone: set[str]) -> Rows:
        """The rows whose ids are none of these."""
        kept = [n for n, feature_id in enumerate(self.ids) if feature_id not in gone]
        return Rows(
            ids=[self.ids[n] for n in kept],
            columns={name: [values[n] for n in kept] for name, values in self.columns.items()},
            geometries=self.geometries[kept],
            owner=[self.owner[n] for n in kept],
        )


def settle(
    connection: Connection,
    plan: Plan,
    row_word: str,
    findings: Findings,
    lowest_level: str,
    rows: Rows,
) -> Rows:
    """Levels, chainages and neighbours: what follows from other rows, or from what is stored."""
    split = 0
    if len(set(rows.owner)) < len(rows.owner):
        split = sum(count > 1 for count in Counter(rows.owner).values())
    if split:
        rows_are = f"1 {row_word} has" if split == 1 else f"{split} {row_word}s have"
        findings.note(f"{rows_are} several parts, each a feature of its own: ID, ID-2, …")
    leftovers.note(connection, plan.layer, rows.ids, findings)
    columns = dict(rows.columns)
    geometries, rings = rows.geometries, rows.rings
    if plan.layer.name == "grids":
        there = _there(connection, plan.layer, rows.ids)
        columns["level"] = _levels(there, rows.ids, columns.get("level"), lowest_level)
        parents = columns.get("parent") or _parents(there, rows.ids)
        fitted = neighbours.fit(connection, rows.ids, parents, columns["level"], geometries, rings)
        findings.repair_all({rows.owner[n]: what for n, what in fitted.cut.items()})
        findings.notes.extend(fitted.notes)
        geometries, outside = parents_of.fit(connection, rows.ids, parents, fitted.geometries)
        findings.repair_all({rows.owner[n]: what for n, what in outside.items()})
        if outside or fitted.changed:
            rings = None
    if plan.layer.geometries == ("LineString",):
        starts_km = _measured(plan.layer, rows, columns.get("chainage_start_km"), split, findings)
        if starts_km is not None:
            columns["chainage_start_km"] = starts_km
    return Rows(ids=rows.ids, columns=columns, geometries=geometries, owner=rows.owner, rings=rings)


def _measured(
    layer: Layer,
    rows: Rows,
    starts_km: Sequence[float] | None,
    split: int,
    findings: Findings,
) -> Sequence[float] | None:
    """The chainages of a border; what speaks against the order of lines in parts is told."""
    is_border = layer.name == "border"
    if split:
        what = "the chainage runs on from there" if is_border else "is the order right?"
        jumps = chainage.jumps(rows.ids, rows.owner, rows.geometries)
        findings.notes.extend(chainage.told(jumps, what))
    if not is_border or (starts_km is None and not split):
        return None
    running = chainage.running(rows.owner, starts_km, rows.geometries)
    if starts_km is not None:
        overlaps = chainage.overlaps(rows.ids, rows.owner, running, rows.geometries)
        findings.notes.extend(overlaps)
    return running


def write(
    connection: Connection,
    of: Layer,
    rows: Rows,
    findings: Findings,
    *,
    levels: Sequence[str],
    skip_bad: bool,
    dry_run: bool,
    advance: Callable[[int], None],
) -> Written:
    """Store rows; with ``skip_bad`` those are left out that contradict others or what is stored.

    ``advance`` is told how many were sent. With ``dry_run`` nothing stays. Raises BadFeatureError.
    """
    outer = connection.begin_nested()
    try:
        while True:
            sent = 0

            def tell(count: int) -> None:
                nonlocal sent
                sent += count
                advance(sent)

            try:
                written = places.put(
                    connection, of, rows.ids, rows.columns, rows.geometries,
                    levels=levels, rings=rows.rings, bars_readers=not dry_run, advance=tell,
                )  # fmt: skip
                break
            except BadFeatureError as error:
                rows = _left(rows, error, findings, skip_bad=skip_bad)
        if of.name == "grids":
            findings.notes.extend(
                orphans.note(connection, rows.ids, rows.columns, rows.geometries, order=levels)
            )
    except BaseException:
        outer.rollback()
        raise
    if dry_run:
        outer.rollback()
    else:
        outer.commit()
    return written


def refuse(rows: Rows, error: BadFeatureError, findings: Findings) -> set[int]:
    """Refuse the file's rows that are at fault, each for its own reason; which these are."""
    by_id = dict(zip(rows.ids, rows.owner, strict=True))
    at_fault = [feature_id for feature_id in error.features if feature_id in by_id]
    for feature_id in at_fault:
        findings.refuse(by_id[feature_id], error.reasons.get(feature_id, str(error)))
    # A row in parts goes as a whole.
    return {by_id[feature_id] for feature_id in at_fault}


def _left(rows: Rows, error: BadFeatureError, findings: Findings, *, skip_bad: bool) -> Rows:
    """The rows but for those at fault. Raises what was raised where that does not help."""
    at_fault = set(error.features) & set(rows.ids)
    if not skip_bad or not at_fault:
        raise error
    owners = refuse(rows, error, findings)
    left = rows.without({i for i, row in zip(rows.ids, rows.owner, strict=True) if row in owners})
    if not left.ids:
        told = findings.refused
        raise BadFeatureError(f"every row is refused ({len(told)}), such as {told[0]}") from error
    return left


def _there(
    connection: Connection, layer: Layer, ids: Sequence[str]
) -> dict[str, tuple[str, str | None]]:
    """Level and parent of the grids that are there."""
    table = layer.table
    if not connection.execute(select(select(table.c.id).exists())).scalar_one():
        return {}
    query = select(table.c.id, table.c.level, table.c.parent)
    # One text of all ids: a driver takes seconds over an array of 200,000. None holds a line end.
    query = query.where(table.c.id == any_(func.string_to_array("\n".join(ids), "\n")))
    return {row.id: (row.level, row.parent) for row in connection.execute(query)}


def _levels(
    there: Mapping[str, tuple[str, str | None]],
    ids: Sequence[str],
    levels: Sequence[str | None] | None,
    lowest_level: str,
) -> list[str]:
    """The level of each grid: its own; where the file has no such column, the one it has."""
    if levels is not None:
        return [level or lowest_level for level in levels]
    return [there[i][0] if i in there else lowest_level for i in ids]


def _parents(there: Mapping[str, tuple[str, str | None]], ids: Sequence[str]) -> list[str | None]:
    """The parent that each grid has already."""
    return [there[i][1] if i in there else None for i in ids] if there else [None] * len(ids)
