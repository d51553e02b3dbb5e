"""What a walk reads and writes: the law, the path, one step of it, and room to work in."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import DTypeLike, NDArray

from geo.breaches.places import MOST_TODO
from geo.breaches.records import RECORD

#: Calls that hand on whole rooms of arrays cost more than what they do: they are written in place.
inlined = njit(cache=True, inline="always")

#: What a fence version wants of the walk.
INSIDES, ABSENCES, CROSSINGS = 1, 2, 3
_ROOM = 4096

RULE = np.dtype(
    [
        ("wants", "u1"), ("has_heir", "u1"), ("margin_m", "f8"),
        ("from_us", "i8"), ("to_us", "i8"),
        ("heir_of", "i4"),  # the version before, -1 without
        ("span0", "i4"), ("span1", "i4"),  # in ``starts`` and ``ends`` of the law
        ("edge0", "i4"), ("edge1", "i4"),
    ],
    align=True,
)  # fmt: skip


#: Of a fence while walking, side by side, for memory is read so much at once.
MARK = np.dtype(
    {
        "names": ["on", "here", "done", "run", "run_of", "slot", "odd"],
        "formats": ["i8", "i8", "i8", "i8", "i4", "i4", "u1"],
        "offsets": [0, 8, 16, 24, 32, 36, 40],
        "itemsize": 64,
        # on: the step at which the unit is on its boundary
        # here: the step at which it is strictly inside
        # done: the step at which its visit held, began or ended
        # run: the step of its stretches, and run_of their position in ``runs``
        # slot: where in ``now`` its visit is, -1 if none
    },
    align=True,
)


class Law(NamedTuple):
    """Fence versions as the walk takes them."""

    fences: NDArray[np.void]  #: RULE
    starts: NDArray[np.int64]  #: the spans in force and active, sorted by fence
    ends: NDArray[np.int64]
    edits_us: NDArray[np.int64]  #: when versions come into force, sorted …
    edits: NDArray[np.int32]  #: … and which
    asked: NDArray[np.bool_]  #: (kinds of units, fences) whether it speaks of them
    heard: NDArray[np.bool_]  #: by fence: it speaks of all kinds
    guards: NDArray[np.int32]  #: the fences that want absences, by kind of unit …
    guard_starts: NDArray[np.int64]  #: … those of kind k are guard_starts[k]:guard_starts[k + 1]


class Path(NamedTuple):
    """The fixes to walk, by unit and time, and their legs."""

    starts: NDArray[np.int64]  #: the fixes of unit u are starts[u]:starts[u + 1]
    kind: NDArray[np.int64]  #: of each unit: its row in ``asked``
    time_us: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]  #: stated or typical
    is_leg: NDArray[np.bool_]
    piece: NDArray[np.int32]  #: of a leg that bends: the first of its pieces; else 0
    pieces: NDArray[np.float64]  #: (n, 4) x0, y0, x1, y1; row 0 is room for a straight leg
    heads: NDArray[np.float64]
    tails: NDArray[np.float64]
    going: NDArray[np.bool_]  #: of each unit: its first fix was walked before
    inside: NDArray[np.int32]  #: fences that units begin inside of, by unit …
    inside_starts: NDArray[np.int64]  #: … those of unit u are inside_starts[u]:inside_starts[u + 1]


class Step(NamedTuple):
    """From one fix to the next."""

    fix: int
    before_us: int
    now_us: int
    is_leg: bool
    lon0: float
    lat0: float
    lon1: float
    lat1: float
    piece0: int
    piece1: int


class Room(NamedTuple):
    """What is written on while walking; each by fence but where told.

    After a walk it may be used for another past the same fences: no slot is taken, and stamps go
    on counting.
    """

    clock: NDArray[np.int64]  #: the last stamp
    now: NDArray[np.void]  #: RECORD: the unit's visits that last, a blank and one to pass with
    marks: NDArray[np.void]  #: MARK
    found: NDArray[np.int32]
    runs: NDArray[np.int64]  #: (n, 2) in ``edges``
    fence_of_run: NDArray[np.int32]
    cuts: NDArray[np.int64]  #: (n, 2) in the stretches of a leg
    edges: NDArray[np.int32]
    stamps: NDArray[np.int64]  #: by edge
    stretches: NDArray[np.float64]  #: (n, 2) of a leg
    places: NDArray[np.float64]  #: on a piece
    todo: NDArray[np.int64]  #: squares of the tree


@inlined
def heard(law, kind, f):
    """Whether a fence speaks of a kind of unit."""
    return law.heard[f] or law.asked[kind, f]


def still(given: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """An array as the walk was compiled for: of this type, in one piece, only to be read.

    For any other kind of array it would be compiled anew, which takes half a minute.
    """
    kept = np.ascontiguousarray(given, dtype=dtype).view()
    kept.setflags(write=False)
    return kept


def _in_lines(count: int, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Zeroed records that each begin at a multiple of their size."""
    room = np.zeros((count + 1) * dtype.itemsize, np.uint8)
    off = -room.ctypes.data % dtype.itemsize
    return room[off : off + count * dtype.itemsize].view(dtype)


def room_for(fences: int, edges: int) -> Room:
    """Room for a walk; zeroed pages cost nothing until they are touched."""
    marks = _in_lines(fences, MARK)
    marks["slot"] = -1
    return Room(
        clock=np.zeros(1, np.int64),
        now=np.zeros(fences + 2, RECORD),
        marks=marks,
        found=np.empty(2 * fences + 1, np.int32),
        runs=np.empty((fences + 1, 2), np.int64),
        fence_of_run=np.empty(fences + 1, np.int32),
        cuts=np.empty((fences + 1, 2), np.int64),
        edges=np.empty(edges + 1, np.int32),
        stamps=np.zeros(edges, np.int64),
        stretches=np.empty((_ROOM, 2)),
        places=np.empty(_ROOM),
        todo=np.empty(MOST_TODO, np.int64),
    )
