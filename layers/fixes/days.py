"""The days that have a partition of ``fixes``: made before the first fix of each."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import Connection, Engine, text

#: Of each database the days (since 1970) that this process knows to have one. Retention drops
#: partitions, but takes no fix of their days any more before it does.
_MADE: weakref.WeakKeyDictionary[Engine, set[int]] = weakref.WeakKeyDictionary()


def unmade(engine: Engine, days: Iterable[int]) -> list[int]:
    """Those of ``days`` that may have no partition."""
    made = _MADE.get(engine, set())
    return [day for day in days if day not in made]


def make(connection: Connection, days: Iterable[int]) -> None:
    """Make the partitions of days; in a transaction of its own, as it locks."""
    connection.execute(
        text(
            "SELECT ensure_fix_partition(day) FROM unnest(CAST(:days AS date[])) day ORDER BY day"
        ),
        {"days": [date(1970, 1, 1) + timedelta(days=day) for day in days]},
    )


def note(engine: Engine, days: Iterable[int]) -> None:
    """Remember that these are made, and committed."""
    _MADE.setdefault(engine, set()).update(days)


def forget(engine: Engine) -> None:
    """Nothing is known of this database any more."""
    _MADE.pop(engine, None)
