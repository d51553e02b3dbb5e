"""Spells made of stored fixes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from sqlalchemy import Connection

from geo.coverage.spells import See, Spell
from layers.coverage.moments import midnights
from layers.coverage.reading import Packed, inside
from layers.coverage.survey import Survey

#: Batches of fixes that are worked on at once.
_JOBS = os.cpu_count() or 1


def spells_between(
    connection: Connection, survey: Survey, start_us: int, end_us: int, see: See
) -> Iterator[Spell]:
    """The spells of the fixes from one moment to another; some are made while more are read."""

    def spell(packed: Packed) -> Spell:
        return Spell.of(packed.fixes(), survey.pace, see)

    days = midnights(start_us, end_us, survey.zone)
    with ThreadPoolExecutor(_JOBS) as pool:
        busy: set[Future[Spell]] = set()
        for packed in inside(connection, survey.units, days):
            busy.add(pool.submit(spell, packed))
            while len(busy) > _JOBS:
                done, busy = wait(busy, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        yield from (one.result() for one in wait(busy).done)
