"""By what a coverage answer is known: equal for equal figures, whatever else has changed."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, text

from layers import versions
from layers.coverage.beside import beside
from layers.coverage.moments import HOUR_US
from layers.coverage.question import Question
from layers.coverage.units import Units
from layers.fixes.plain import micros, moment


def known(connection: Connection, question: Question) -> str:
    """A digest of all that coverage of a window is computed from.

    That is the fixes of its hours, those beside it that decide its legs, the units and the grids: a
    fix elsewhere moves the version of all fixes, and leaves this.
    """
    start_us, end_us = micros(question.start), micros(question.end)
    told = hashlib.blake2b(digest_size=16)
    told.update(versions.read(connection, ["grids", "units"]).data_version.encode())
    # Whole hours by their versions, the rest of an hour by what there is of it.
    first, last = -(-start_us // HOUR_US), end_us // HOUR_US
    if first <= last:
        told.update(versions.of_hours(connection, first, last - 1).encode())
        told.update(_sum(connection, start_us, first * HOUR_US).encode())
        told.update(_sum(connection, last * HOUR_US, end_us).encode())
    else:
        told.update(_sum(connection, start_us, end_us).encode())
    around = beside(connection, Units.read(connection).number, start_us, end_us)
    for number, rows in sorted(zip(around.units, around.rows, strict=True)):
        told.update(number.to_bytes(4, "big") + len(rows).to_bytes(4, "big") + rows)
    return told.hexdigest()


def _sum(connection: Connection, start_us: int, end_us: int) -> str:
    """What says of some fixes which they are, in any order."""
    if start_us == end_us:
        return ""
    row = connection.execute(
        text(
            "SELECT count(*), sum(hash_record_extended("
            "  ROW(f.unit_no, f.time, f.lon, f.lat, f.patrol_no), 0))"
            " FROM fixes f WHERE f.time >= :start AND f.time < :end"
        ),
        {"start": moment(start_us), "end": moment(end_us)},
    ).one()
    return repr(tuple(row))
