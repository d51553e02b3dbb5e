"""Whether what a column holds is what its header was taken for: a guess must refuse no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, any_, func, select

from layers.load import conventions, identity, parse, persons
from layers.load.conventions import Levels
from layers.load.findings import Findings
from layers.load.plan import Plan
from layers.load.source import Source
from layers.places import LAYERS
from layers.places.columns import is_missing

#: What a column is, most of its values tell; one that is wrong is refused as ever.
_MOST = 0.5


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
    trial = _trial(source)
    known = parse.without_unknown(plan, {ours: values})[ours]
    tidied = conventions.tidy(plan.layer, {ours: known}, levels, trial)[ours]
    parsed = parse.column(plan, ours, tidied, trial)
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


def _trial(source: Source) -> Findings:
    """Findings that are told of the column alone."""
    return Findings(len(source.geometries), source.where)


def _no_ids(source: Source, values: Sequence[Any], anyway: str) -> str | None:
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
