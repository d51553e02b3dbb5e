"""Boxes around the stored fixes of each unit in each quarter of an hour.

They tell where a unit may have been without reading its fixes. A box may be wider than the fixes,
by up to a 128th of a degree and by those that others took the place of; it never loses one. Every
fix that is stored must be in one: ``grow`` belongs to the transaction that stores it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from layers.db import arrays
from layers.db.engine import raw
from layers.standings import SLOTS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
#: How much time a box is of.
SPAN_US = 900_000_000
#: Units in a row of the table, those of a block of standings; and what stands for a unit without
#: a fix there.
_SLOTS, _NOBODY = SLOTS, 32_767
#: Powers of two: a degree times this is exact, so that rounding is outward. Coarse enough that a
#: unit on the move leaves its box only now and then, and most batches have nothing to write.
_PER_DEGREE = 128
_SIDES = 4
_WIDE = _SLOTS * _SIDES
# An array's binary form: head of 20 bytes, then a length before each value.
_SENT = np.dtype(
    [("span", ">i8"), ("head", "V20"), ("bounds", [("length", ">i4"), ("value", ">i2")], _WIDE)]
)


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """Boxes by unit and time, in degrees; each column one array."""

    unit_no: Ints
    span: Ints  #: which quarter of an hour since 1970
    west: Floats
    south: Floats
    east: Floats
    north: Floats

    def take(self, at: NDArray[np.bool_]) -> Boxes:
        """Some of them."""
        return Boxes(**{name: column[at] for name, column in vars(self).items()})


def grow(connection: Connection, unit_no: Ints, time_us: Ints, lon: Floats, lat: Floats) -> None:
    """Let the boxes hold these fixes (degrees), in any order.

    The units must be locked.
    """
    put(raw(connection), unit_no, time_us, lon, lat)


def put(
    connection: psycopg.Connection[Any], unit_no: Ints, time_us: Ints, lon: Floats, lat: Floats
) -> None:
    """``grow`` by the connection beneath."""
    if not len(unit_no):
        return
    key, bounds = _rows(unit_no, time_us, lon, lat)
    connection.execute(
        "INSERT INTO fix_boxes AS b (block, begins, bounds)"
        f" SELECT block, begins, (%s)[{_WIDE} * n - {_WIDE - 1} : {_WIDE} * n]::smallint[]"
        " FROM unnest(%s, %s) WITH ORDINALITY k (block, begins, n)"
        # In one order, so that batches wait for each other and never deadlock.
        " ORDER BY block, begins"
        " ON CONFLICT (block, begins) DO UPDATE"
        " SET bounds = lesser_bounds(b.bounds, excluded.bounds)"
        " WHERE lesser_bounds(b.bounds, excluded.bounds) <> b.bounds",
        [
            arrays.int4(bounds.reshape(-1)), arrays.int4(key // _SPANS),
            arrays.times((key % _SPANS - _SPANS // 2) * SPAN_US),
        ],
    )  # fmt: skip


# Rows are sorted by block and time, so a key is both of them in one number.
_SPANS = 1 << 32


def _rows(unit_no: Ints, time_us: Ints, lon: Floats, lat: Floats) -> tuple[Ints, NDArray[np.int64]]:
    """The rows of the table that fixes touch, sorted, and what they ask of the bounds there."""
    span = time_us // SPAN_US + _SPANS // 2
    key, of = np.unique(unit_no // _SLOTS * _SPANS + span, return_inverse=True)
    bounds = np.full((len(key), _SIDES, _SLOTS), _NOBODY, dtype=np.int64)
    slot = of * _WIDE + unit_no % _SLOTS
    flat = bounds.reshape(-1)
    for side, value in enumerate((lon, lat, -lon, -lat)):
        low = np.floor(value * _PER_DEGREE).astype(np.int64)
        np.minimum.at(flat, slot + side * _SLOTS, low)
    return key, bounds.reshape(len(key), _WIDE)


def read(connection: Connection, first: int, past: int) -> Boxes:
    """The boxes of the spans from ``first`` until before ``past``, by unit and time."""
    start, end = (arrays.times(np.array([span * SPAN_US])) for span in (first, past))
    with raw(connection).cursor(binary=True) as cursor:
        cursor.execute(
            f"SELECT block, string_agg(int8send({_NUMBER}) || array_send(bounds), '')"
            " FROM fix_boxes WHERE begins >= (%s)[1] AND begins < (%s)[1] GROUP BY block",
            [start, end],
        )
        found: list[Any] = cursor.fetchall()
    parts = [_of_block(block, np.frombuffer(sent, _SENT)) for block, sent in found]
    rows = np.concatenate(parts) if parts else np.empty((0, 6), dtype=np.int64)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    west, south, east, north = (rows[:, 2:] / _PER_DEGREE).T
    return Boxes(
        unit_no=rows[:, 0], span=rows[:, 1], west=west, south=south, east=-east, north=-north
    )


def first(connection: Connection) -> datetime | None:
    """About when the oldest stored fix is of: its quarter of an hour; None without any."""
    found: datetime | None = connection.execute(text(
        "SELECT min(b.begins) FROM (SELECT DISTINCT unit_no / 16 AS block FROM units) u,"
        " LATERAL (SELECT begins FROM fix_boxes WHERE block = u.block ORDER BY begins LIMIT 1) b"
    )).scalar_one()  # fmt: skip
    return found


def forget(
    connection: Connection, before: datetime, but: Sequence[tuple[datetime, datetime]]
) -> None:
    """Delete the boxes of all times before a moment, but for some spans of time."""
    connection.execute(
        text(
            "DELETE FROM fix_boxes WHERE begins < :before AND NOT EXISTS"
            " (SELECT FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))"
            "  AS h (a, z) WHERE begins >= a AND begins < z)"
        ),
        {"before": before, "starts": [a for a, _ in but], "ends": [z for _, z in but]},
    )


_NUMBER = f"(extract(epoch FROM begins)::bigint / {SPAN_US // 1_000_000})"


def _of_block(block: int, sent: NDArray[np.void]) -> NDArray[np.int64]:
    """Rows of unit_no, span and the four bounds."""
    bounds = sent["bounds"]["value"].astype(np.int64).reshape(len(sent), _SIDES, _SLOTS)
    row, slot = np.nonzero(bounds[:, 0] != _NOBODY)
    span = sent["span"].astype(np.int64)[row]
    return np.column_stack([block * _SLOTS + slot, span, bounds[row, :, slot]])
