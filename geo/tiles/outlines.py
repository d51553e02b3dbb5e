"""The outlines of what owners show of the pixels of a tile, by compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.crossing import EDGE, PIXEL, ROW
from geo.tiles.ribbons import DEEP_ALONE, HEIGHT, depth_of, ribbon, straight, walk_back
from geo.tiles.sampling import COVERED, HELD, UNSURE
from geo.tiles.wire import CLOSE, LINE_TO, MOST_BYTES, MOVE_TO, put, put_step, roomy

#: Corners of the outlines in a row, at most, and rings.
_CORNERS, _RINGS = 8 * ROW, ROW
#: From a row's upper side to the upper edge of what is drawn in it, in units.
_INSET = PIXEL - HEIGHT


@njit(cache=True, nogil=True)
def outlines(
    owner: np.ndarray, shown: np.ndarray, price: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rings that show of each pixel what is to be seen: whose, where each one ends, and corners.

    Rectangles where an owner has rows of whole pixels one below the other, else ``ribbons``;
    ``price`` (528, 3) is theirs, of each row. Rings (n), ends (n + 1) and corners (m, 2) in units
    of the tile.
    """
    corners = np.empty((_CORNERS * ROW, 2), dtype=np.int32)
    names, ends = np.empty(_RINGS * ROW, dtype=np.int64), np.empty(_RINGS * ROW + 1, dtype=np.int64)
    ends[0] = rings = 0
    way, cost = np.empty((ROW, 33), dtype=np.uint8), np.empty((3, 4, 4), dtype=np.float64)
    deep, marks = np.empty(2 * ROW + 1, dtype=np.int64), np.empty((_CORNERS, 2), dtype=np.int64)
    extra, more = np.zeros(ROW), np.zeros(ROW)
    here, below = _runs(owner[0], shown[0]), _runs(owner[0], shown[0])
    begun = np.full(ROW, -1, dtype=np.int64)  # by left end: where whole runs of this row began
    nothing = np.zeros(ROW, dtype=np.uint8)
    for row in range(ROW):
        under = shown[row + 1] if row + 1 < ROW else nothing
        below = _runs(owner[row + 1], under) if row + 1 < ROW else np.zeros(ROW, dtype=np.int64)
        next_begun = np.full(ROW, -1, dtype=np.int64)
        more[:] = 0
        left = 0
        while left < ROW:
            if not here[left]:
                left += 1
                continue
            whole, right = here[left] > 0, abs(here[left])
            if whole:
                top = begun[left] if begun[left] >= 0 else row
                if below[left] == right and owner[row + 1, left] == owner[row, left]:
                    next_begun[left] = top
                else:
                    names[rings] = owner[row, left]
                    depth = PIXEL
                    for column in range(left, right):
                        depth = min(depth, _depth(owner, under, row, left, column))
                    ends[rings + 1] = _box(
                        corners, ends[rings], shown[row], depth, top, row, left, right, more
                    )
                    rings += 1
            else:
                _depths(owner, under, row, left, right, deep)
                ribbon(
                    shown[row, left:right], deep, extra[left:right], price[row], way, cost
                )  # fmt: skip
                used = walk_back(way, right - left, marks)
                more_rings = _hang(
                    corners, ends, rings, marks[:used], deep, shown[row], row, left, more
                )
                names[rings:more_rings] = owner[row, left]
                rings = more_rings
            left = right
        begun, here = next_begun, below
        extra, more = more, extra
    return names[:rings].copy(), ends[: rings + 1].copy(), corners[: ends[rings]].copy()


@njit(cache=True, nogil=True)
def _runs(owner: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Where each owner's run in a row ends, by where it begins; negative where not all is full.

    A run goes on over pixels that show nothing, but does not end with them.
    """
    out = np.zeros(ROW, dtype=np.int64)
    left = 0
    while left < ROW:
        if not shown[left]:
            left += 1
            continue
        right, whole = left + 1, _full(shown[left])
        at = right
        while at < ROW and (not shown[at] or owner[at] == owner[left]):
            at += 1
            if shown[at - 1]:
                whole = whole and at - 1 == right and _full(shown[right])
                right = at
        out[left] = right if whole else -right
        left = right
    return out


@njit(cache=True, nogil=True)
def runs_of(owner: np.ndarray, shown: np.ndarray, wide: int) -> int:
    """About how many runs there are in all rows, of owners (1) or blocks ``wide`` pixels wide."""
    count = 0
    for row in range(ROW):
        before = -1
        for column in range(ROW):
            if shown[row, column]:
                here = owner[row, column] if wide == 1 else (column - EDGE % wide + wide) // wide
                count += here != before
                before = here
    return count


@njit(cache=True, nogil=True)
def _full(look: int) -> bool:
    return look & HELD != 0 and look & (COVERED | UNSURE) != 0


@njit(cache=True, nogil=True)
def _depth(owner: np.ndarray, under: np.ndarray, row: int, left: int, column: int) -> int:
    """How deep the owner at ``left`` may hang above a pixel of the row below.

    What shows nothing is not touched; nor is what the same owner has there, as polygons of one
    feature may not share an edge (specification 2.1, section 4.3.3.3).
    """
    if column < 0 or column >= ROW or not under[column]:
        return DEEP_ALONE
    return HEIGHT if owner[row + 1, column] == owner[row, left] else PIXEL


@njit(cache=True, nogil=True)
def _depths(
    owner: np.ndarray, under: np.ndarray, row: int, left: int, right: int, deep: np.ndarray
) -> None:
    """How deep a ribbon may hang at sides and middles."""
    before = _depth(owner, under, row, left, left - 1)
    for column in range(left, right):
        here = _depth(owner, under, row, left, column)
        deep[2 * (column - left)] = min(before, here)
        deep[2 * (column - left) + 1] = before = here
    deep[2 * (right - left)] = min(before, _depth(owner, under, row, left, right))


@njit(cache=True, nogil=True)
def _box(
    corners: np.ndarray, used: int, shown: np.ndarray, depth: int,
    top: int, row: int, left: int, right: int, more: np.ndarray,
) -> int:  # fmt: skip
    """A rectangle over whole rows, so deep in the last one."""
    west, east = _west(shown, left), _east(shown, right)
    north = (top - EDGE) * PIXEL + _INSET
    south = (row - EDGE) * PIXEL + _INSET + depth
    corners[used, 0], corners[used, 1] = west, north
    corners[used + 1, 0], corners[used + 1, 1] = east, north
    corners[used + 2, 0], corners[used + 2, 1] = east, south
    corners[used + 3, 0], corners[used + 3, 1] = west, south
    more[left:right] = 4 * max(0, depth - HEIGHT)
    return used + 4


@njit(cache=True, nogil=True)
def _west(shown: np.ndarray, left: int) -> int:
    """Where what begins with a pixel begins, in units: not on the edge of one that is empty."""
    return (left - EDGE) * PIXEL + (left > 0 and not shown[left - 1])


@njit(cache=True, nogil=True)
def _east(shown: np.ndarray, right: int) -> int:
    """Where what ends before a pixel ends, in units."""
    return (right - EDGE) * PIXEL - (right < ROW and not shown[right])


@njit(cache=True, nogil=True)
def _hang(
    corners: np.ndarray, ends: np.ndarray, rings: int, marks: np.ndarray, deep: np.ndarray,
    shown: np.ndarray, row: int, left: int, more: np.ndarray,
) -> int:  # fmt: skip
    """The rings of the ribbons that ``marks`` tell; how many rings there are then.

    What hangs into the row below adds to ``more``. From the right to the left: positive, as y
    runs down.
    """
    used = first = ends[rings]
    north = (row - EDGE) * PIXEL + _INSET
    for n in range(len(marks)):
        half, kind = marks[n]
        column = left + half // 2
        x = (column - EDGE) * PIXEL + half % 2 * PIXEL // 2
        if kind == -1:
            corners[used, 0], corners[used, 1] = _east(shown, column), north
            used, first = used + 1, used
        elif kind == -2:
            used = _corner(corners, first, used, _west(shown, column), north)
            rings += 1
            ends[rings] = used
        else:
            depth = depth_of(kind, deep[half])
            if marks[n - 1, 1] == -1:
                x = _east(shown, column)
            elif marks[n + 1, 1] == -2:
                x = _west(shown, column)
            elif half % 2 == 0 and marks[n - 1, 0] > half > marks[n + 1, 0]:
                east = depth_of(marks[n - 1, 1], deep[half + 1])
                west = depth_of(marks[n + 1, 1], deep[half - 1])
                if straight(west, depth, east):
                    continue
            used = _corner(corners, first, used, x, north + depth)
            if half % 2:
                east = depth_of(marks[n - 1, 1], deep[half + 1])
                west = depth_of(marks[n + 1, 1], deep[half - 1])
                more[column] = (
                    max(0, east - HEIGHT) + 2 * max(0, depth - HEIGHT) + max(0, west - HEIGHT)
                )
    return rings


@njit(cache=True, nogil=True)
def _corner(corners: np.ndarray, first: int, used: int, x: int, y: int) -> int:
    """Append a corner of the ring that begins at ``first``, unless it is nothing new."""
    if corners[used - 1, 0] == x and corners[used - 1, 1] == y:
        return used
    if used - first > 1:
        dx, dy = (
            corners[used - 1, 0] - corners[used - 2, 0],
            corners[used - 1, 1] - corners[used - 2, 1],
        )
        ex, ey = x - corners[used - 1, 0], y - corners[used - 1, 1]
        if dx * ey == dy * ex and dx * ex + dy * ey > 0:  # on a straight way
            used -= 1
    corners[used, 0], corners[used, 1] = x, y
    return used + 1


@njit(cache=True, nogil=True)
def drawn(
    names: np.ndarray, order: np.ndarray, ends: np.ndarray, corners: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Owners, their geometry commands one after another, and where each one's end.

    ``names``, ``ends`` and ``corners`` are ``outlines``; ``order`` is by owner.
    """
    chosen = np.empty(len(names), dtype=np.int64)
    stops = np.zeros(len(names) + 1, dtype=np.int64)
    out = np.empty(3 * len(corners) + 1024, dtype=np.uint8)
    used = count = at_x = at_y = 0
    for n, ring in enumerate(order):
        if n == 0 or names[ring] != chosen[count - 1]:
            chosen[count] = names[ring]
            count += 1
            at_x = at_y = 0
        begin, end = ends[ring], ends[ring + 1]
        out = roomy(out, used, MOST_BYTES * (2 * (end - begin) + 3))
        used = put(out, used, 1 << 3 | MOVE_TO)
        for k in range(begin, end):
            if k == begin + 1:
                used = put(out, used, (end - begin - 1) << 3 | LINE_TO)
            used = put_step(out, used, corners[k, 0] - at_x)
            used = put_step(out, used, corners[k, 1] - at_y)
            at_x, at_y = corners[k, 0], corners[k, 1]
        used = put(out, used, CLOSE)
        stops[count] = used
    return chosen[:count], out[:used], stops[: count + 1]
