"""Who is meant by a name: units by their identifiers, locked and enrolled."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine

from layers.db import arrays
from layers.db.engine import raw
from layers.errors import LayersError
from layers.standings.block import Ints
from layers.standings.store import Standings, lock, remembered

#: The place of who is not enrolled.
NOBODY = -1
#: By database the numbers of the units that were asked for.
_NUMBERS: weakref.WeakKeyDictionary[Engine, dict[str, int]] = weakref.WeakKeyDictionary()


class MovedError(LayersError):
    """A name that was remembered means another unit now: begin the transaction again."""


def enlist(connection: Connection, names: Sequence[str]) -> tuple[Standings, Ints]:
    """Lock the blocks of the enrolled among ``names``; where each stands, or NOBODY.

    Raises MovedError.
    """
    numbers = _numbers(connection, names)
    known = np.flatnonzero(numbers != NOBODY)
    standings = lock(connection, numbers[known])
    places = np.full(len(names), NOBODY, dtype=np.int64)
    if not len(known):
        return standings, places
    places[known] = standings.places(numbers[known])
    ids, enrolled = standings.told("ids"), standings.told("enrolled")
    held = _NUMBERS[connection.engine]
    at = places[known]
    meant = enrolled[at] & (ids[at] == np.array(names, dtype=object)[known])
    wrong = known[~meant].tolist()
    if wrong:
        for k in wrong:
            held.pop(names[k], None)
        raise MovedError(f"{names[wrong[0]]} is another unit now")
    return standings, places


def peek(engine: Engine, names: Sequence[str]) -> tuple[Standings, Ints] | None:
    """What this process remembers of units: as ``enlist``, but nothing is locked or read.

    Others may have changed them since. None where it does not remember all that are known by name,
    or of half of the names does not know whose they are.
    """
    held = _NUMBERS.get(engine, {})
    numbers = np.array([held.get(name, NOBODY) for name in names], dtype=np.int64)
    known = np.flatnonzero(numbers != NOBODY)
    if 2 * len(known) < len(names):
        return None
    standings = remembered(engine, numbers[known])
    if standings is None:
        return None
    places = np.full(len(names), NOBODY, dtype=np.int64)
    places[known] = standings.places(numbers[known])
    return standings, places


def _numbers(connection: Connection, names: Sequence[str]) -> Ints:
    """The number of each name's unit; NOBODY of who is not enrolled."""
    held = _NUMBERS.setdefault(connection.engine, {})
    strange = [name for name in names if name not in held]
    if strange:
        rows: Any = raw(connection).execute(
            "SELECT id, unit_no FROM units WHERE disenrolled_at IS NULL AND id = ANY(%s)",
            [arrays.texts(strange)],
            binary=True,
        )
        held.update(rows.fetchall())
    return np.array([held.get(name, NOBODY) for name in names], dtype=np.int64)
