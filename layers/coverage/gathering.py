"""What units did over a window, gathered from the spells that are kept and from the fixes."""

from __future__ import annotations

from sqlalchemy import Connection

from geo.coverage.spells import Seen, Spell
from layers.coverage.keeping import kept
from layers.coverage.making import spells_between
from layers.coverage.reading import beside
from layers.coverage.survey import Survey


def gathered(connection: Connection, survey: Survey, basis: str | None) -> Seen:
    """All that a survey's window has; ``basis``: of the spells that are kept for it, if any are."""
    spells: list[Spell] = []
    at_us = survey.start_us
    for one in () if basis is None else kept(connection, survey, basis):
        spells.extend(spells_between(connection, survey, at_us, one.start_us, survey.see))
        spells.append(one.spell)
        at_us = one.end_us
    spells.extend(spells_between(connection, survey, at_us, survey.end_us, survey.see))
    around = beside(connection, survey.units.number, survey.start_us, survey.end_us).fixes()
    before = around.time_us < survey.start_us
    sides = (around.take(before), around.take(~before))
    spells.extend(Spell.of(side, survey.pace, survey.see) for side in sides)
    return Spell.joined(spells, survey.pace, survey.see).ended(survey.pace, survey.see)
