"""Dropping fixes that are older than they are kept: whole partitions, beside readers and writers.

The steps can be broken off anywhere (the power may go) and are taken up by the next run: the edge
moves first and is committed; then each partition is detached and dropped by itself. One run at a
time; a hold that is placed meanwhile waits for the partition under way, and keeps what is left.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, text

from layers import versions
from layers.db.engine import SYSTEM, acting, raw
from layers.fixes import boxes, holds, retention

logger = logging.getLogger("patrolgrid.retention")

_PARTITIONS = """
SELECT c.relname, i.inhrelid IS NOT NULL AND NOT i.inhdetachpending AS attached,
       coalesce(i.inhdetachpending, false) AS pending,
       c.reltuples::bigint AS fixes, pg_total_relation_size(c.oid) AS bytes
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.relnamespace = 'patrolgrid'::regnamespace AND c.relkind = 'r'
  AND c.relname ~ '^fixes_([0-9]{4}|[0-9]{6}|[0-9]{8})$'
ORDER BY c.relname
"""
_LOCK_TIMEOUT_S = 5
_TRIES = 6


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A table of fixes of a day, or of long ago of a month or year."""

    name: str
    start: datetime  #: UTC
    end: datetime
    attached: bool  #: else it is on its way out
    pending: bool  #: detaching was broken off
    fixes: int  #: as the planner estimates them; 0 where it never looked
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What retention does at an edge."""

    edge: datetime
    drop: list[Partition] = field(default_factory=list)
    thin: list[Partition] = field(default_factory=list)  #: some of their fixes are deleted
    held: list[Partition] = field(default_factory=list)  #: kept by holds, wholly or in part

    @property
    def thinned(self) -> list[tuple[datetime, datetime]]:
        """From when to when the partitions are that are thinned."""
        return [(one.start, one.end) for one in self.thin]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run did."""

    edge: datetime
    moved: bool  #: whether the edge moved
    dropped: list[str]
    deleted: int  #: fixes deleted out of partitions that stay
    quarantined: int  #: fixes deleted from quarantine
    held: int  #: partitions that holds keep
    left: list[str]  #: partitions that were in use for too long: the next run's


def partitions(connection: Connection) -> list[Partition]:
    """Every partition of fixes by name, also those that are on their way out."""
    found = []
    for row in connection.execute(text(_PARTITIONS)):
        start, end = _span(row.relname)
        found.append(
            Partition(
                name=row.relname, start=start, end=end, attached=row.attached,
                pending=row.pending, fixes=max(row.fixes, 0), size_bytes=row.bytes,
            )
        )  # fmt: skip
    return found


def _span(name: str) -> tuple[datetime, datetime]:
    digits = name.removeprefix("fixes_")
    first = date(int(digits[:4]), int(digits[4:6] or 1), int(digits[6:] or 1))
    if len(digits) == 8:
        past = first + timedelta(days=1)
    elif len(digits) == 6:
        past = (first + timedelta(days=31)).replace(day=1)
    else:
        past = first.replace(year=first.year + 1)
    return _midnight(first), _midnight(past)


def _hours(spans: Sequence[tuple[datetime, datetime]]) -> list[int]:
    """The hours (since 1970, UTC) of spans of whole days."""
    return [
        hour
        for start, end in spans
        for hour in range(int(start.timestamp()) // 3600, int(end.timestamp()) // 3600)
    ]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def plan(connection: Connection, now: datetime, retention_days: float) -> Plan:
    """What a run would do at ``now``; nothing is changed."""
    edge = retention.edge_due(now, retention_days)
    stored = retention.edge(connection)
    edge = edge if stored is None else max(edge, stored)
    spans = _kept_spans(connection, now)
    made = Plan(edge=edge)
    for one in partitions(connection):
        if one.start >= edge:
            continue
        kept = any(start < one.end and end > one.start for start, end in spans)
        if kept:
            made.held.append(one)
        if one.end <= edge and not kept:
            made.drop.append(one)
        elif one.end - one.start > timedelta(days=1) and one.attached:
            made.thin.append(one)
    return made


def _kept_spans(connection: Connection, now: datetime) -> list[tuple[datetime, datetime]]:
    """What holds keep, in whole days of UTC: the days of partitions."""
    spans = []
    for hold in holds.listed(connection, limit=1_000_000, in_force_at=now):
        start = _midnight(hold.starts_at.astimezone(UTC).date())
        last = hold.ends_at.astimezone(UTC) - timedelta(microseconds=1)
        spans.append((start, _midnight(last.date()) + timedelta(days=1)))
    return spans


def drop(engine: Engine, *, retention_days: float, now: datetime | None = None) -> Outcome | None:
    """Drop what is older than ``retention_days``; None where another run is at it.

    Each partition waits a few seconds at a time for who uses it, and keeps nobody waiting.
    """
    moment = now or datetime.now(UTC)
    with _alone(engine) as turn:
        if turn is None:
            return None
        with acting(engine, SYSTEM, "patrolgrid_write") as connection:
            due = plan(connection, moment, retention_days)
            moved = retention.move_edge(connection, due.edge)
            quarantined = _forget_quarantined(connection, due.edge, moment)
            if moved or quarantined:
                versions.bump_fixes(connection, [])
        dropped, left = _drop_each(engine, turn, moment, retention_days)
        deleted = _thin(engine, due, moment)
        _forget_boxes(engine, due.edge, moment)
        if dropped or deleted:
            with acting(engine, SYSTEM, "patrolgrid_write") as connection:
                # Again: an answer between the two was read beside the dropping.
                versions.bump_fixes(connection, _hours([*map(_span, dropped), *due.thinned]))
        if moved or dropped or deleted:
            _forget_spells(engine, due.edge)
    made = Outcome(
        edge=due.edge, moved=moved, dropped=dropped, deleted=deleted, quarantined=quarantined,
        held=len(due.held), left=left,
    )  # fmt: skip
    if moved or dropped or deleted or left:
        logger.info(
            "fixes before %s: %d partitions dropped, %d fixes deleted beside, %d partitions held,"
            " %d left for the next run", made.edge.date(), len(dropped), deleted, made.held,
            len(left),
        )  # fmt: skip
    return made


@contextlib.contextmanager
def _alone(engine: Engine) -> Iterator[psycopg.Connection[tuple[object, ...]] | None]:
    """A connection outside of transactions, as the tables' owner; None: another run is at it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        turn = raw(connection)
        name = "hashtext('patrolgrid retention run')"
        if not turn.execute(f"SELECT pg_try_advisory_lock({name})".encode()).fetchone()[0]:  # type: ignore[index]
            yield None
            return
        try:
            turn.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT_S}s'".encode())
            turn.execute(b"SET statement_timeout = 0")
            yield turn
        finally:
            with contextlib.suppress(psycopg.Error):  # gone, and its locks with it
                turn.execute(b"SELECT pg_advisory_unlock_all()")
            connection.invalidate()  # its settings are nobody else's


def _drop_each(
    engine: Engine,
    turn: psycopg.Connection[tuple[object, ...]],
    moment: datetime,
    retention_days: float,
) -> tuple[list[str], list[str]]:
    """Drop partition by partition, looking at the holds before each; names dropped and left."""
    dropped: list[str] = []
    while True:
        turn.execute(f"SELECT pg_advisory_lock({holds.TURN})".encode())
        try:
            with acting(engine, SYSTEM, "patrolgrid_read") as connection:
                due = plan(connection, moment, retention_days)
            # One that detaches must be done with before the next can.
            going = sorted(due.drop, key=lambda one: not one.pending)
            back = [one for one in due.held if not one.attached]
            if back:
                _take_back(turn, back[0])
            elif not going:
                return dropped, []
            elif _gone(turn, going[0]):
                dropped.append(going[0].name)
            else:
                return dropped, [one.name for one in going]
        finally:
            turn.execute(f"SELECT pg_advisory_unlock({holds.TURN})".encode())


def _take_back(turn: psycopg.Connection[tuple[object, ...]], one: Partition) -> None:
    """Attach a partition again that was on its way out when a hold was placed on it."""
    if one.pending:
        turn.execute(_finish(one).encode())
    turn.execute(
        f"ALTER TABLE patrolgrid.fixes ATTACH PARTITION patrolgrid.{one.name}"
        f" FOR VALUES FROM ('{one.start.isoformat()}') TO ('{one.end.isoformat()}')".encode()
    )


def _finish(one: Partition) -> str:
    return f"ALTER TABLE patrolgrid.fixes DETACH PARTITION patrolgrid.{one.name} FINALIZE"


def _gone(turn: psycopg.Connection[tuple[object, ...]], one: Partition) -> bool:
    """Detach and drop a partition; False where others used it all the time."""
    steps: Sequence[str] = [f"DROP TABLE patrolgrid.{one.name}"]
    if one.attached:
        detach = f"ALTER TABLE patrolgrid.fixes DETACH PARTITION patrolgrid.{one.name} CONCURRENTLY"
        steps = [detach, *steps]
    if one.pending:
        steps = [_finish(one), *steps]
    for step in steps:
        for attempt in range(_TRIES):
            try:
                turn.execute(step.encode())
                break
            except LockNotAvailable:
                # Broken off while it waited for readers: what is left of it is to finish.
                if _is_pending(turn, one):
                    step = _finish(one)  # noqa: PLW2901
                time.sleep(0.1 * attempt)
        else:
            return False
    return True


def _is_pending(turn: psycopg.Connection[tuple[object, ...]], one: Partition) -> bool:
    found = turn.execute(
        "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass(%s)",
        (f"patrolgrid.{one.name}",),
    ).fetchone()
    return found is not None and bool(found[0])


def _thin(engine: Engine, due: Plan, moment: datetime) -> int:
    """Delete what is older out of partitions of months and years that stay; how many fixes."""
    deleted = 0
    for one in due.thin:
        with acting(engine, SYSTEM, "patrolgrid_write") as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({holds.TURN})"))
            spans = _kept_spans(connection, moment)
            gone = connection.execute(
                text(
                    "DELETE FROM fixes WHERE time >= :start AND time < least(:end, :edge)"
                    " AND NOT EXISTS (SELECT FROM unnest(CAST(:starts AS timestamptz[]),"
                    "  CAST(:ends AS timestamptz[])) AS h (a, z) WHERE time >= a AND time < z)"
                ),
                {
                    "start": one.start, "end": one.end, "edge": due.edge,
                    "starts": [start for start, _ in spans], "ends": [end for _, end in spans],
                },
            )  # fmt: skip
            deleted += gone.rowcount
    return deleted


def _forget_boxes(engine: Engine, edge: datetime, moment: datetime) -> None:
    """Delete the boxes around fixes that are gone: they say where units were."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({holds.TURN})"))
        spans = _kept_spans(connection, moment)
        # A day that was in use, or was held a moment ago, is whole.
        days = [one for one in partitions(connection) if one.end - one.start <= timedelta(days=1)]
        spans += [(one.start, one.end) for one in days]
        boxes.forget(connection, edge, spans)


def _forget_spells(engine: Engine, edge: datetime) -> None:
    """What coverage and the plan were read from goes with its fixes; of days that holds keep it is
    made anew."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        for table in ("coverage_spells", "visit_days"):
            connection.execute(text(f"DELETE FROM {table} WHERE begins < :edge"), {"edge": edge})


def _forget_quarantined(connection: Connection, edge: datetime, moment: datetime) -> int:
    """Delete from quarantine what came before the edge, and is of no day that is held."""
    connection.execute(text(f"SELECT pg_advisory_xact_lock({holds.TURN})"))
    gone = connection.execute(
        text(
            "DELETE FROM quarantine q WHERE q.received_at < :edge AND NOT EXISTS"
            f" (SELECT FROM holds h WHERE {holds.IN_FORCE.replace('released_at', 'h.released_at')}"
            "  AND (q.received_at >= h.starts_at AND q.received_at < h.ends_at"
            "   OR q.time >= h.starts_at AND q.time < h.ends_at))"
        ),
        {"edge": edge, "now": moment},
    )
    return gone.rowcount
