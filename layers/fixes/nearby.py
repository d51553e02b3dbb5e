"""Where units may have met a polygon, told by the boxes around their fixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo import breaches
from layers.fixes import boxes, stretches
from layers.fixes.boxes import SPAN_US
from layers.fixes.plain import moment
from layers.fixes.read import CONTEXT

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: A day of boxes is looked at at once.
_SPANS = 96
_BEFORE, _BOX, _AFTER = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Window:
    """A span of time in microseconds since 1970, its end not in it."""

    start_us: int
    end_us: int

    @property
    def times(self) -> tuple[datetime, datetime]:
        """The same as times."""
        return moment(self.start_us), moment(self.end_us)


@dataclass(frozen=True, kw_only=True)
class Near:
    """Stretches of units, by unit and time, each column one array.

    One of no length stands for the leg across its moment.
    """

    of: Ints  #: the unit's position
    from_us: Ints
    to_us: Ints

    def take(self, at: Ints | slice) -> Near:
        """Some of them."""
        return Near(of=self.of[at], from_us=self.from_us[at], to_us=self.to_us[at])


@dataclass(frozen=True, kw_only=True)
class _Entries:
    """Boxes by unit and time, and around the fixes beside the window."""

    of: Ints
    kind: Ints
    span: Ints
    bounds: Floats  #: (4, n): west, south, east, north

    def take(self, at: Ints | Bools) -> _Entries:
        """Some of them."""
        return _Entries(
            of=self.of[at], kind=self.kind[at], span=self.span[at], bounds=self.bounds[:, at]
        )


def near(
    connection: Connection, area: breaches.Fences, units: pd.DataFrame, window: Window
) -> Near:
    """The stretches of the window in which units may meet the polygon.

    ``units``: unit_no, max_gap_s; their positions name them. Stretches of a unit neither overlap
    nor touch; none begins or ends outside of the window.
    """
    unit_no = units["unit_no"].to_numpy(np.int64)
    if not len(unit_no):
        return _joined(np.empty((0, 3), dtype=np.int64))
    gap_us = units["max_gap_s"].to_numpy(float) * 1e6
    first, past = window.start_us // SPAN_US, -(-window.end_us // SPAN_US)
    # A leg that takes no longer than this ends at most so many spans after that in which it began.
    reach = np.minimum(np.ceil(gap_us / SPAN_US), past - first + 1).astype(np.int64)
    beside = _beside(connection, unit_no, window)
    parts = _parts(connection, unit_no, beside, first, past, int(reach.max()))
    found = [_in_part(part, area, reach, window, begun) for part, begun in parts]
    return _joined(np.concatenate([np.empty((0, 3), dtype=np.int64), *found]))


def _beside(connection: Connection, unit_no: Ints, window: Window) -> _Entries:
    """A box around the few fixes of each unit before the window, and one for those after."""
    start, end = (np.full(len(unit_no), us) for us in (window.start_us, window.end_us))
    most = CONTEXT * len(unit_no)
    sides = (
        stretches.read(connection, unit_no, start, start, most=most, after=0),
        stretches.read(connection, unit_no, end, end, most=most, before=0),
    )
    count = len(unit_no)
    nth = np.r_[sides[0].nth, sides[1].nth + count]
    time_us, lon, lat = (
        np.r_[getattr(sides[0], name), getattr(sides[1], name)]
        for name in ("time_us", "lon", "lat")
    )
    if not len(nth):
        return _Entries(of=nth, kind=nth, span=nth, bounds=np.empty((4, 0)))
    which, first = np.unique(nth, return_index=True)
    last = np.r_[first[1:], len(nth)] - 1
    before = which < count
    low, high = np.minimum.reduceat, np.maximum.reduceat
    return _Entries(
        of=which % count,
        kind=np.where(before, _BEFORE, _AFTER),
        span=np.where(before, time_us[last], time_us[first]) // SPAN_US,
        bounds=np.stack([low(lon, first), low(lat, first), high(lon, first), high(lat, first)]),
    )


def _parts(
    connection: Connection, unit_no: Ints, beside: _Entries, first: int, past: int, reach: int
) -> Iterator[tuple[_Entries, int]]:
    """The entries of a day at a time, with those before it that legs may come from."""
    by_number = np.argsort(unit_no)
    size = max(_SPANS, reach)
    for begun in range(first, past, size):
        end = min(begun + size, past)
        read = boxes.read(connection, max(begun - reach, first), end)
        read = read.take(np.isin(read.unit_no, unit_no))
        at = by_number[np.searchsorted(unit_no[by_number], read.unit_no)]
        kinds = ([_BEFORE] if begun == first else []) + ([_AFTER] if end == past else [])
        ours = beside.take(np.isin(beside.kind, kinds))
        bounds = np.stack([read.west, read.south, read.east, read.north])
        part = _Entries(
            of=np.r_[at, ours.of],
            kind=np.r_[np.full(len(at), _BOX), ours.kind],
            span=np.r_[read.span, ours.span],
            bounds=np.hstack([bounds, ours.bounds]),
        )
        yield part.take(np.lexsort((part.span, part.kind, part.of))), begun


def _in_part(
    part: _Entries, area: breaches.Fences, reach: Ints, window: Window, begun: int
) -> Ints:
    """Rows of unit, from and to: where boxes, or two in a row together, may meet the polygon."""
    new = (part.kind != _BOX) | (part.span >= begun)
    own = breaches.may_be_in(area, *part.bounds)
    start, end = window.start_us, window.end_us
    from_us = np.where(part.kind == _AFTER, end, part.span * SPAN_US)
    to_us = np.where(part.kind == _BEFORE, start, from_us + SPAN_US)
    found = [np.stack([part.of, from_us, to_us])[:, own & new]]
    step = 1
    while True:
        of, span = part.of, part.span
        legs = (of[step:] == of[:-step]) & (span[step:] - span[:-step] <= reach[of[step:]])
        a = np.flatnonzero(legs)
        if not len(a):
            break
        b = a + step
        # Not those that are read as one anyway.
        asked = new[b] & ~(own[a] & own[b] & (span[b] <= span[a] + 1))
        a, b = a[asked], b[asked]
        low = np.minimum(part.bounds[:2, a], part.bounds[:2, b])
        high = np.maximum(part.bounds[2:, a], part.bounds[2:, b])
        meet = breaches.may_be_in(area, *low, *high)
        a, b = a[meet], b[meet]
        across = np.where(part.kind[a] == _BEFORE, start, (span[a] + 1) * SPAN_US)
        across = np.where(part.kind[b] == _AFTER, end, across)
        found.append(np.stack([of[a], across, across]))
        step += 1
    rows = np.hstack(found).T
    rows[:, 1:] = np.clip(rows[:, 1:], start, end)
    return rows


def _joined(rows: Ints) -> Near:
    """Rows of unit, from and to as stretches; those that touch are one."""
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    of, from_us, to_us = rows.T
    if not len(of):
        return Near(of=of, from_us=from_us, to_us=to_us)
    begins = np.r_[True, of[1:] != of[:-1]]
    # The furthest end so far in the unit: units are told apart by moving each beyond the last.
    shift = np.cumsum(begins) * (int(to_us.max()) - int(from_us.min()) + 1)
    furthest = np.maximum.accumulate(to_us + shift) - shift
    begins[1:] |= from_us[1:] > furthest[:-1]
    last = np.r_[np.flatnonzero(begins)[1:], len(of)] - 1
    return Near(of=of[begins], from_us=from_us[begins], to_us=furthest[last])
