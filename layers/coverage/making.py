"""Spells made of stored fixes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy import Connection

from geo.coverage.spells import See, Seen, Spell
from layers.coverage.reading import Packed, inside
from layers.coverage.survey import Survey

#: Batches of fixes that are worked on at once.
_JOBS = os.cpu_count() or 1
#: So many more may wait for that, so that reading goes on meanwhile: each takes some megabytes.
_AHEAD = 2 * _JOBS + 4
#: So many spells are joined at a time: each may hold some megabytes of swept ground.
_TOGETHER = 16


def spells_between(
    connection: Connection, survey: Survey, start_us: int, end_us: int, see: See
) -> Generator[Spell, None, None]:
    """The spells of the fixes from one moment to another, in the order of time; some are made while
    more are read."""

    def spell(packed: Packed) -> Spell:
        return Spell.of(packed.fixes(), survey.pace, see)

    if start_us >= end_us:  # as between spells that follow each other
        return
    with ThreadPoolExecutor(_JOBS) as pool:
        busy: deque[Future[Spell]] = deque()
        for packed in inside(connection, survey.units, start_us, end_us):
            busy.append(pool.submit(spell, packed))
            if len(busy) > _AHEAD:
                yield busy.popleft().result()
        while busy:
            yield busy.popleft().result()


def folded(spells: Iterable[Spell], survey: Survey, see: See) -> Spell:
    """Spells in the order of time (those of other units between) as one, never many at once."""
    return Spell.joined(_few(spells, survey, see), survey.pace, see)


def concluded(spells: Iterable[Spell], survey: Survey) -> list[Seen]:
    """All that such spells come to that no others are around, never many at once."""
    return Spell.concluded(_few(spells, survey, survey.see), survey.pace, survey.see)


def _few(spells: Iterable[Spell], survey: Survey, see: See) -> list[Spell]:
    """The same spells, the earlier ones joined where they are many."""
    held: list[Spell] = []
    for one in spells:
        held.append(one)
        if len(held) == _TOGETHER:
            held = [Spell.joined(held, survey.pace, see)]
    return held
