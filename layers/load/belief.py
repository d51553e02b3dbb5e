"""Whether what a column holds is what its header was taken for: a guess must refuse no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, any_, func, select

from layers.load import conventions, identity, parse
from layers.load.conventions import Levels
from layers.load.findings import Findings
from layers.load.plan import Plan
from layers.load.source import Source
from layers.places import LAYERS
from layers.places.columns import is_missing, text_of

#: Numbers and times are told from words by most of them; one that is wrong is refused as ever.
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
        why = _against(connection, plan, source, ours, levels)
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
    connection: Connection, plan: Plan, source: Source, ours: str, levels: Levels
) -> str | None:
    """What speaks against a guess, with what to do; None for nothing."""
    theirs = source.guessed[ours]
    anyway = f"--map {ours}={theirs} takes it all the same"
    values = source.columns[ours]
    if ours == "id":
        if source.feature_ids is not None:
            return f"the features have ids of their own; {anyway}"
        return _no_ids(values, anyway)
    column = plan.layer.columns[ours]
    trial = Findings(len(values), lambda row: f"{source.row_word} {row + 1}")
    tidied = conventions.tidy(plan.layer, {ours: values}, levels, trial)
    parse.column(plan, ours, tidied[ours], trial)
    least = 1.0 if column.kind in ("text", "boolean", "json") else _MOST
    if trial.fine.mean() < least:
        return f"{trial.refused[0]}; {anyway}"
    if column.refers is not None:
        return _no_reference(connection, plan, source, ours, column.refers, anyway)
    return None


def _no_ids(values: Sequence[Any], anyway: str) -> str | None:
    if any(map(is_missing, values)):
        return f"not every row has one; {anyway}"
    trial = Findings(len(values), str)
    ids = identity.given(values, trial)
    if not trial.fine.all() or len(set(ids)) < len(ids):
        return f"it says the same in several rows, or what can be no id; {anyway}"
    return None


def _no_reference(
    connection: Connection, plan: Plan, source: Source, ours: str, refers: str, anyway: str
) -> str | None:
    """Whether a column names what is neither in the file nor stored: names of parents, say."""
    named = {text_of(value) for value in source.columns[ours] if not is_missing(value)}
    if refers == plan.layer.name:
        own: Mapping[str, Sequence[Any]] = source.columns
        given = own.get("id") or source.feature_ids or ()
        named -= {text_of(value) for value in given if not is_missing(value)}
    table = LAYERS[refers].table
    query = select(table.c.id).where(
        table.c.id == any_(func.string_to_array("\n".join(named), "\n"))
    )
    missing = sorted(named - set(connection.execute(query).scalars()))
    return f"there is no {missing[0]!r} among the {refers}; {anyway}" if missing else None
