"""Whether what a column holds is what its header was taken for: a guess must refuse no file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, any_, func, select

from layers.load import conventions, headers, identity, parse, persons
from layers.load.conventions import Levels
from layers.load.findings import Findings
from layers.load.moments import ORDERS, Order
from layers.load.plan import Plan
from layers.load.source import Source
from layers.places import LAYERS
from layers.places.columns import Column, is_missing, shown

#: What a column is, most of its values tell; one that is wrong is refused as ever.
_MOST = 0.5
#: Numbers that are all as small are in another unit than ours: the most, and that unit.
_SMALL = {
    "bearing_deg": (2 * math.pi, "radians"),
    "fov_deg": (2 * math.pi, "radians"),
    "range_m": (10.0, "kilometres"),
}
#: As OpenStreetMap writes classes of roads: primary, living_street.
_CLASS = re.compile("[a-z]+(?:_[a-z]+)*")
_ANY_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, kw_only=True)
class Believed:
    """A source's columns but for the guesses that its values contradict."""

    columns: dict[str, Sequence[Any]]
    dropped: list[str]  #: the file's names of those
    notes: list[str]  #: what was read as what, and what was not


def believe(connection: Connection, plan: Plan, source: Source, levels: Levels) -> Believed:
    """The columns of ``source``; each that a word alone named is held against its values."""
    columns, notes = dict(source.columns), []
    against = {}
    for ours, theirs in source.guessed.items():
        why = _against(connection, plan, source, ours, levels, columns)
        if why:
            del columns[ours]
            against[theirs] = ours
            notes.append(f"column {theirs!r} was not read as {ours}: {why}")
    taken: dict[str, list[str]] = {}
    for ours, theirs in source.guessed.items():
        if ours in columns:
            taken.setdefault(theirs, []).append(ours)
    told = [f"column {theirs!r} read as {' and '.join(ours)}" for theirs, ours in taken.items()]
    dropped = [theirs for theirs in against if theirs not in taken]
    return Believed(columns=columns, dropped=dropped, notes=told + notes)


def _against(
    connection: Connection,
    plan: Plan,
    source: Source,
    ours: str,
    levels: Levels,
    believed: Mapping[str, Sequence[Any]],
) -> str | None:
    """What speaks against a guess, with what to do; None for nothing.

    ``believed`` are the columns that nothing spoke against so far; that of ids comes first.
    """
    theirs = source.guessed[ours]
    anyway = f"--map {ours}={theirs} takes it all the same"
    values = source.columns[ours]
    if ours == "id":
        if source.feature_ids is not None:
            return f"the features have ids of their own; {anyway}"
        return _no_ids(source, values, anyway)
    column = plan.layer.columns[ours]
    known = parse.without_unknown(plan, {ours: values})[ours]
    if odd := _in_another_unit(ours, known) or _no_class(theirs, known):
        return f"{odd}; {anyway}"
    tried = [_try(one, source, ours, known, levels) for one in _plans(plan, column)]
    parsed, trial = max(tried, key=lambda one: int(one[1].fine.sum()))
    # The values of a column that is nearly empty speak for themselves.
    present = [row for row, value in enumerate(known) if not is_missing(value)]
    if present and trial.fine[present].mean() < _MOST:
        return f"{trial.refused[0]}; {anyway}"
    if column.refers is not None:
        own: set[str] = set()
        if column.refers == plan.layer.name:
            given = identity.chosen(believed.get("id"), source.feature_ids) or ()
            own = set(identity.given(conventions.visible("id", given, trial), trial))
        named = {value for value in parsed if value is not None}
        return _no_reference(connection, named - own, column.refers, anyway)
    return None


def _plans(plan: Plan, column: Column) -> list[Plan]:
    """How the values may be read. Times without a zone, or with the day or the month first, are
    times: what is missing is asked for, as it is for a column that was mapped."""
    if column.kind != "time":
        return [plan]
    orders: Sequence[Order] = ORDERS if plan.dates is None else [plan.dates]
    return [replace(plan, zone=plan.zone or _ANY_ZONE, dates=order) for order in orders]


def _try(
    plan: Plan, source: Source, ours: str, known: Sequence[Any], levels: Levels
) -> tuple[list[Any], Findings]:
    """A column's values, and what speaks against which."""
    trial = _trial(source)
    tidied = conventions.tidy(plan.layer, {ours: known}, levels, trial)[ours]
    return parse.column(plan, ours, tidied, trial), trial


def _in_another_unit(ours: str, values: Sequence[Any]) -> str | None:
    """Whether numbers are too small for what our column is in; what they may be in."""
    if ours not in _SMALL:
        return None
    numbers = [number for value in values if (number := _number(value)) is not None]
    most, unit = _SMALL[ours]
    small = bool(numbers) and max(map(abs, numbers)) <= most
    # Bearings of 0, 1 and 5 degrees there may be.
    if not small or (unit == "radians" and all(map(float.is_integer, numbers))):
        return None
    return f"its values, up to {max(map(abs, numbers)):g}, look like {unit}"


def _no_class(theirs: str, values: Sequence[Any]) -> str | None:
    """What of a column that is called as OpenStreetMap's classes of roads is none: most of it."""
    present = [str(value) for value in values if not is_missing(value)]
    odd = [text for text in present if not _CLASS.fullmatch(text)]
    if headers.plain(theirs) not in headers.OSM_CLASS or len(odd) <= _MOST * len(present):
        return None
    return f"{shown(odd[0])} is no class of OpenStreetMap's"


def _number(value: Any) -> float | None:
    try:
        found = float(str(value).replace(",", "."))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _trial(source: Source) -> Findings:
    """Findings that are told of the column alone."""
    return Findings(len(source.geometries), source.where)


def _no_ids(source: Source, values: Sequence[Any], anyway: str) -> str | None:
    values = [value for row, value in enumerate(values) if row not in source.broken]
    if any(map(is_missing, values)):
        return f"not every row has one; {anyway}"
    trial = _trial(source)
    ids = identity.given(conventions.visible("id", values, trial), trial)
    if not trial.fine.all() or len(set(ids)) < len(ids):
        return f"it says the same in several rows, or what can be no id; {anyway}"
    persons.refuse("id", ids, trial)
    return f"{trial.refused[0]}; {anyway}" if trial.refused else None


def _no_reference(connection: Connection, named: set[str], refers: str, anyway: str) -> str | None:
    """Whether a column names what is not stored (nor in the file): names of parents, say."""
    table = LAYERS[refers].table
    query = select(table.c.id).where(
        table.c.id == any_(func.string_to_array("\n".join(named), "\n"))
    )
    missing = sorted(named - set(connection.execute(query).scalars()))
    return f"there is no {missing[0]!r} among the {refers}; {anyway}" if missing else None
