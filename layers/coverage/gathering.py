"""What units did over a window, gathered from the spells that are kept and from the fixes."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from geo.coverage.spells import Seen, Spell
from layers.coverage.keeping import kept
from layers.coverage.making import folded, spells_between
from layers.coverage.reached import Done, Reached, unheard
from layers.coverage.reading import beside
from layers.coverage.survey import Survey


def gathered(
    connection: Connection, survey: Survey, basis: str | None, done: Done = unheard
) -> Seen:
    """All that a survey's window has; ``basis``: of the spells that are kept for it, if any are."""
    reached = Reached(done, survey.start_us, survey.end_us, len(survey.units.number))
    spells = folded(_spells(connection, survey, basis, reached), survey, survey.see)
    return spells.ended(survey.pace, survey.see)


def _spells(
    connection: Connection, survey: Survey, basis: str | None, reached: Reached
) -> Iterator[Spell]:
    """The spells of a window, and of the few fixes before and after it, in the order of time."""
    around = beside(connection, survey.units.number, survey.start_us, survey.end_us).fixes()
    before = around.time_us < survey.start_us
    yield Spell.of(around.take(before), survey.pace, survey.see)
    at_us = survey.start_us
    reached.until(at_us)
    for one in () if basis is None else kept(connection, survey, basis):
        yield from reached.over(spells_between(connection, survey, at_us, one.start_us, survey.see))
        yield one.spell
        at_us = one.end_us
        reached.until(at_us)
    yield from reached.over(spells_between(connection, survey, at_us, survey.end_us, survey.see))
    reached.until(survey.end_us)
    yield Spell.of(around.take(~before), survey.pace, survey.see)
