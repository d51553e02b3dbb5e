"""Spells that are kept: of hours, local days and months that are over, so that a window is read.

A spell is a matter of the fixes within it, so it is good for as long as their versions, the grids
and the units are what they were; one that is not is passed over by readers, and made anew by the
keeper. Nothing is to be told of a change: what is kept can only be late, never wrong.
"""

from __future__ import annotations

import hashlib
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, text

from geo.coverage.lattice import Lattice
from geo.coverage.paths import Path
from geo.coverage.rows import Ints
from geo.coverage.spells import Seen, Spell
from geo.coverage.tally import coalesced
from layers import versions
from layers.coverage.grounds import Grounds
from layers.coverage.making import folded, spells_between
from layers.coverage.moments import HOUR_US, midnight
from layers.coverage.packing import LAYOUT, packed, unpacked
from layers.coverage.question import Question
from layers.coverage.survey import Survey
from layers.coverage.units import Units
from layers.db.engine import SYSTEM, acting, raw
from layers.fixes import dropping
from layers.fixes.plain import micros, moment
from layers.region import Region

#: Fixes that come so soon after an hour or day is over are waited for.
_AFTER_US = 120_000_000
#: Before any fix.
_FIRST_US = micros(datetime(1800, 1, 1, tzinfo=UTC))
_LONGEST_DAY_US = 26 * HOUR_US
#: Hours are kept of so many days, and those before as days.
_HOURS_OF_DAYS = 2
_GOOD = f"""
SELECT begins, ends, units, ways FROM coverage_spells
WHERE begins >= %s AND ends <= %s AND basis = %s AND version = {versions.OF_ROW}
ORDER BY begins, ends DESC
"""
_KEEP = text(
    "INSERT INTO coverage_spells (begins, ends, basis, version, units, ways, content) VALUES"
    " (:begins, :ends, :basis, :version, :units, :ways, :content)"
    " ON CONFLICT (begins, ends) DO UPDATE SET basis = excluded.basis, version = excluded.version,"
    " units = excluded.units, ways = excluded.ways, content = excluded.content"
)


def swaths_m(region: Region) -> dict[str, Mapping[str, float]]:
    """The swaths that ground is kept for, by name: each kind's own, and those that are one for
    all."""
    own = {word: kind.swath_m or region.swath_m for word, kind in region.kinds.items()}
    found: dict[str, Mapping[str, float]] = {"": own}
    for swath_m in region.kept_swaths_m:
        alike = dict.fromkeys(own, swath_m)
        if alike not in found.values():
            found[f"{swath_m:g}/"] = alike
    return found


def label_of(region: Region, question: Question) -> str | None:
    """Before which words the ground that a question asks for is kept; None: it is not."""
    if question.by not in {None, "mode"}:
        return None
    asked = question.swaths_m(region)
    return next((label for label, own in swaths_m(region).items() if own == asked), None)


def basis(region: Region, grounds: Grounds) -> str:
    """What spells are made by, beside fixes and units."""
    told = repr((LAYOUT, grounds.digest, str(region.timezone), swaths_m(region)))
    return hashlib.blake2b(told.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A spell and when it was."""

    start_us: int
    end_us: int
    spell: Spell


@dataclass(frozen=True, kw_only=True, eq=False)
class Good:
    """When the spells of a window are that are as if they were made now."""

    spans_us: Sequence[tuple[int, int]]  #: by beginning, the longer ones first

    @classmethod
    def none(cls) -> Good:
        """There are none."""
        return cls(spans_us=[])

    @classmethod
    def read(cls, connection: Connection, units: Units, by: str, window_us: Ints) -> Good:
        """Those between two moments."""
        begins, ends = map(moment, window_us.tolist())
        ways = lru_cache(lambda numbers: units.ways(np.array(numbers, dtype=np.int64)))
        with raw(connection).cursor(binary=True) as cursor:
            rows: Any = cursor.execute(_GOOD.encode(), [begins, ends, by]).fetchall()
        return cls(spans_us=[
            (micros(row_begins), micros(row_ends)) for row_begins, row_ends, numbers, told in rows
            if ways(tuple(numbers)) == told
        ])  # fmt: skip

    def within(self, start_us: int, end_us: int) -> Iterator[tuple[int, int]]:
        """The longest ones between two moments, one after another."""
        at_us = start_us
        for n in range(bisect_left(self.spans_us, (start_us,)), len(self.spans_us)):
            begin_us, until_us = self.spans_us[n]
            if begin_us >= end_us:
                return
            if begin_us >= at_us and until_us <= end_us:
                yield begin_us, until_us
                at_us = until_us


def kept(connection: Connection, survey: Survey, good: Good) -> Iterator[Kept]:
    """The good spells within a survey's window, one after another; what they hold for it."""
    lattices = {plots.lattice for plots, _ in survey.plots}
    names = {survey.label + kind for kind in survey.swaths_m}

    def wanted(word: str, lattice: Lattice) -> bool:
        return word in names and lattice in lattices

    for span_us in good.within(survey.start_us, survey.end_us):
        spell = unpacked(_content(connection, *span_us), wanted)
        yield Kept(start_us=span_us[0], end_us=span_us[1], spell=spell)


def _content(connection: Connection, start_us: int, end_us: int) -> bytes:
    with raw(connection).cursor(binary=True) as cursor:  # as text, megabytes would be twice that
        row: Any = cursor.execute(
            b"SELECT content FROM coverage_spells WHERE begins = %s AND ends = %s",
            [moment(start_us), moment(end_us)],
        ).fetchone()
    content: bytes = row[0]
    return content


def keep_up(
    engine: Engine,
    region: Region,
    *,
    now: datetime | None = None,
    patience_s: float = 60.0,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Make the spells that are missing or not good any more, the newest first; how many were made.

    Ends after about ``patience_s``, or when it is ``stopping``; the next run goes on. Two at once
    do the same work twice, and harm nothing.
    """
    until = time.monotonic() + patience_s
    now_us, made = micros(now or datetime.now(UTC)), 0
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        _forget(connection, now_us, region)
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        by, units = basis(region, Grounds.read(connection)), Units.read(connection)
        good = set(Good.read(connection, units, by, np.array([_FIRST_US, now_us])).spans_us)
        due = list(_due(connection, region, now_us))
    for start_us, end_us in due:
        if (start_us, end_us) in good:
            continue
        if time.monotonic() > until or stopping():
            break
        with acting(engine, SYSTEM, "patrolgrid_read") as connection:
            row = _row(connection, region, start_us, end_us)
        with acting(engine, SYSTEM, "patrolgrid_write") as connection:
            connection.execute(_KEEP, row)
        made += 1
    return made


def _row(connection: Connection, region: Region, start_us: int, end_us: int) -> dict[str, object]:
    """A spell as it is kept."""
    grounds, units = Grounds.read(connection), Units.read(connection)
    by = basis(region, grounds)
    spell = _made(connection, region, grounds, units, by, start_us, end_us)
    numbers = np.unique(spell.edges.unit).astype(np.int64)  # whoever has a fix has an edge
    hours = start_us // HOUR_US, -(-end_us // HOUR_US) - 1
    return {
        "begins": moment(start_us), "ends": moment(end_us), "basis": by,
        "version": versions.of_hours(connection, *hours), "units": numbers.tolist(),
        "ways": units.ways(numbers), "content": packed(spell),
    }  # fmt: skip


def _made(
    connection: Connection, region: Region, grounds: Grounds, units: Units, by: str,
    start_us: int, end_us: int,
) -> Spell:  # fmt: skip
    """The spell from one moment to another, with the ground of all swaths that are kept: of the
    shorter ones that are kept, and of the fixes where there is none."""
    first, *others = (
        Survey(
            grounds=grounds, units=units, zone=region.timezone, start_us=start_us, end_us=end_us,
            level=None, swaths_m=own, by="mode", label=label,
        )
        for label, own in swaths_m(region).items()
    )  # fmt: skip

    def see(path: Path) -> Seen:
        found = first.see(path)
        swept = dict(found.swept)
        for other in others:
            swept |= other.swept(path, np.array([start_us, end_us]))
        return replace(found, swept=swept)

    def spells() -> Iterator[Spell]:
        at_us, good = start_us, Good.read(connection, units, by, np.array([start_us, end_us]))
        for begin_us, until_us in good.within(start_us, end_us):
            yield from spells_between(connection, first, at_us, begin_us, see)
            yield unpacked(_content(connection, begin_us, until_us))
            at_us = until_us
        yield from spells_between(connection, first, at_us, end_us, see)

    spell = folded(spells(), first, see)
    if end_us - start_us <= _LONGEST_DAY_US:
        return spell
    # Nobody asks a month for its hours.
    pieces = coalesced(spell.seen.sorted().pieces)
    return replace(spell, seen=replace(spell.seen, pieces=pieces))


def _due(connection: Connection, region: Region, now_us: int) -> Iterator[tuple[int, int]]:
    """The hours, local days and months that are over and of which there may be fixes: those of
    which others are made first, of each the newest first."""
    zone, ends_us = region.timezone, now_us - _AFTER_US
    today = moment(now_us).astimezone(zone).date()
    recent_us = midnight(today - timedelta(days=_HOURS_OF_DAYS - 1), zone)
    first_hour, last_hour = -(-recent_us // HOUR_US), ends_us // HOUR_US
    for hour in range(last_hour - 1, first_hour - 1, -1):
        yield hour * HOUR_US, (hour + 1) * HOUR_US
    days = _days(connection)
    for day in sorted(days, reverse=True):
        start_us, end_us = midnight(day, zone), midnight(day + timedelta(days=1), zone)
        if end_us <= ends_us:
            yield start_us, end_us
    for first in sorted({day.replace(day=1) for day in days}, reverse=True):
        start_us = midnight(first, zone)
        end_us = midnight((first + timedelta(days=31)).replace(day=1), zone)
        if end_us <= ends_us:
            yield start_us, end_us


def _days(connection: Connection) -> set[date]:
    """The local days of which there may be fixes."""
    days: set[date] = set()
    for one in dropping.partitions(connection):
        begins = one.start.date() - timedelta(days=1)  # a local day may begin in the UTC day before
        days.update(begins + timedelta(days=n) for n in range((one.end - one.start).days + 2))
    return days


def _forget(connection: Connection, now_us: int, region: Region) -> None:
    """Delete the hours of days that are kept as a whole by now; days are kept for short windows."""
    today = moment(now_us).astimezone(region.timezone).date()
    edge_us = midnight(today - timedelta(days=_HOURS_OF_DAYS), region.timezone)
    connection.execute(
        text(
            "DELETE FROM coverage_spells h WHERE h.ends < :edge AND h.ends - h.begins <="
            " interval '1 hour' AND EXISTS (SELECT FROM"
            " coverage_spells d WHERE d.begins <= h.begins AND d.ends >= h.ends"
            " AND (d.begins, d.ends) <> (h.begins, h.ends))"
        ),
        {"edge": moment(edge_us)},
    )
