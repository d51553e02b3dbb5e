"""What a unit does at fences, as records of compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit

#: Of records: a stay inside, a stay outside a keep_in fence, a stretch of a leg inside an area, a
#: crossing of a line; and that a visit was on when its fence version ended.
STAY, ABSENCE, PASSAGE, CROSSING, EDIT = 1, 2, 3, 4, 5
MISSING = np.iinfo(np.int64).min  #: NaT

#: A visit that lasts, or a part of one. Times are microseconds since 1970 in UTC.
RECORD = np.dtype(
    [
        ("unit", "i4"), ("fence", "i4"),
        ("kind", "u1"),
        ("silent", "u1"),  # only remembered: a stay inside a keep_in fence
        ("open", "u1"),  # a part in force is on
        ("whole", "u1"),  # the part began with the visit
        ("seen", "u1"),  # a fix lies in the part
        ("confirmed", "u1"),  # one lies in it by more than its accuracy
        ("to_right", "u1"),  # of a crossing
        ("nth", "i4"),  # of several visits on one leg
        ("span", "i4"),  # the span in force that is on, or the next one
        ("key_us", "i8"), ("key_nth", "i4"),  # which visit it is of
        ("begun_us", "i8"),  # the visit itself, whatever is in force
        ("at_us", "i8"), ("earliest_us", "i8"), ("latest_us", "i8"), ("fix_us", "i8"),  # the part
        ("lon", "f8"), ("lat", "f8"),
        ("exit_us", "i8"), ("exit_earliest_us", "i8"), ("exit_latest_us", "i8"),
        ("exit_fix_us", "i8"),
        ("until_us", "i8"),  # its end, or the last fix while it lasts
        ("unknown_us", "i8"),
        # What the caller has told of the part: its number for it (0: nothing yet), and these two.
        ("breach", "i8"), ("told_unknown_us", "i8"), ("told_confirmed", "u1"),
    ],
    align=True,
)  # fmt: skip


@njit(cache=True)
def put(rows, count, record):
    """Append a copy; what is beyond the room is only counted. Returns the new count."""
    if count < len(rows):
        rows[count] = record
    return count + 1


@njit(cache=True)
def first_ending_after(ends, first, last, moment):
    """Position of the first of sorted ``ends[first:last]`` that is after a moment."""
    while first < last:
        middle = (first + last) // 2
        if ends[middle] <= moment:
            first = middle + 1
        else:
            last = middle
    return first
