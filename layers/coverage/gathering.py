"""What units did over a window, gathered from the spells that are kept and from the fixes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from sqlalchemy import Connection

from geo.coverage.lattice import Lattice
from geo.coverage.rows import Ints
from geo.coverage.spells import Seen, Spell, in_order
from geo.coverage.swept import Swept
from geo.coverage.walk import Pieces
from layers.coverage.beside import Beside
from layers.coverage.keeping import Good, kept
from layers.coverage.making import concluded, spells_between
from layers.coverage.reached import Done, Reached, unheard
from layers.coverage.survey import Survey

#: Of so many units and parts of a window what is beside them is read at once.
_AT_ONCE = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """What units did over a window."""

    survey: Survey  #: of that window
    pieces: Pieces  #: by unit and time; nobody else has them
    swept: Sequence[tuple[tuple[str, Lattice], Swept]]  #: by who swept it, in any number of parts


def gathered(
    connection: Connection, survey: Survey, basis: str | None, done: Done = unheard
) -> Gathered:
    """All that a survey's window has; ``basis``: of the spells that are kept for it, if any are."""
    edges_us = np.array([survey.start_us, survey.end_us])
    (found,) = in_parts(connection, survey, edges_us, basis, done)
    return found


def in_parts(
    connection: Connection, survey: Survey, edges_us: Ints, basis: str | None, done: Done
) -> Iterator[Gathered]:
    """The same of each part of the window, one after another, between ``edges_us`` (ascending, the
    window's ends the first and the last)."""
    units = survey.units
    good = Good.none() if basis is None else Good.read(connection, units, basis, edges_us[[0, -1]])
    reached = Reached(done, survey.start_us, survey.end_us, len(units.number))
    together = max(1, _AT_ONCE // max(len(units.number), 1))
    for first in range(0, len(edges_us) - 1, together):
        own_us = edges_us[first : first + together + 1]
        beside = Beside.read(connection, units.number, own_us)
        for start_us, end_us in pairwise(own_us.tolist()):
            part = replace(survey, start_us=start_us, end_us=end_us)
            yield _part(part, concluded(_spells(connection, part, good, beside, reached), part))


def _part(survey: Survey, seen: Sequence[Seen]) -> Gathered:
    pieces = in_order([one.pieces for one in seen])
    swept = [item for one in seen for item in one.swept.items()]
    return Gathered(survey=survey, pieces=pieces, swept=swept)


def _spells(
    connection: Connection, survey: Survey, good: Good, beside: Beside, reached: Reached
) -> Iterator[Spell]:
    """The spells of a window, and of the few fixes before and after it, in the order of time."""
    at_us = survey.start_us
    yield Spell.whole(beside.before(at_us))
    reached.until(at_us)
    for one in kept(connection, survey, good):
        yield from reached.over(spells_between(connection, survey, at_us, one.start_us, survey.see))
        yield one.spell
        at_us = one.end_us
        reached.until(at_us)
    yield from reached.over(spells_between(connection, survey, at_us, survey.end_us, survey.see))
    reached.until(survey.end_us)
    yield Spell.whole(beside.after(survey.end_us))
