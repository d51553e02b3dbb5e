"""Pixels of many polygons as rectangles, quickly."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.crossing import EDGE, PIXEL, ROW
from geo.tiles.wire import CLOSE, LINE_TO, MOST_BYTES, MOVE_TO, put, put_step, roomy


@njit(cache=True, nogil=True)
def rectangles(owner: np.ndarray, full: np.ndarray) -> np.ndarray:
    """What stands for the pixels of each owner: (n, 5) owner, left, top, right, bottom in units.

    Pixels whose middles are held: runs of a row, made longer downwards as long as the row below
    has the same run; one that ends on others of its owner ends an eighth of a pixel before them.
    Pixels that are touched: a strip an eighth of a pixel wide along each run of
    them, beside their middles, so that whoever draws what is touched draws it, and whoever draws
    by middles does not.
    """
    out = np.empty((1024, 5), dtype=np.int64)
    count = 0
    above = np.full(ROW, -1, dtype=np.int64)  # by its left end: the rectangle that ends above
    for row in range(ROW):
        top = (row - EDGE) * PIXEL
        here = np.full(ROW, -1, dtype=np.int64)
        left = 0
        while left < ROW:
            name, held = owner[row, left], full[row, left]
            right = left + 1
            while right < ROW and owner[row, right] == name and full[row, right] == held:
                right += 1
            if held:
                one = above[left]
                if one >= 0 and out[one, 0] == name and out[one, 3] == (right - EDGE) * PIXEL:
                    here[left] = one
                else:
                    one = here[left] = count
                    out = _longer(out, count)
                    out[count, 0], out[count, 1] = name, (left - EDGE) * PIXEL
                    out[count, 2], out[count, 3] = top, (right - EDGE) * PIXEL
                    count += 1
                out[one, 4] = top + PIXEL - _shares_edge(owner, full, row, left, right)
            left = right
        above = here
        left = 0
        while left < ROW:
            if owner[row, left] < 0 or full[row, left]:
                left += 1
                continue
            right = left + 1
            while right < ROW and owner[row, right] == owner[row, left] and not full[row, right]:
                right += 1
            out = _longer(out, count)
            out[count, 0], out[count, 1] = owner[row, left], (left - EDGE) * PIXEL + 2
            out[count, 2], out[count, 3] = top + 2, (right - 1 - EDGE) * PIXEL + 3
            out[count, 4] = top + 3
            count += 1
            left = right
    return out[:count]


@njit(cache=True, nogil=True)
def _shares_edge(owner: np.ndarray, full: np.ndarray, row: int, left: int, right: int) -> bool:
    """Whether the run of a row from ``left`` to ``right`` lies on others of its owner, not on the
    same: polygons of one feature may not share an edge (specification 2.1, section 4.3.3.3)."""
    if row + 1 == ROW:
        return False
    name, count = owner[row, left], 0
    for column in range(left, right):
        count += owner[row + 1, column] == name and full[row + 1, column]
    if 0 < count == right - left:
        for column in (left - 1, right):
            if 0 <= column < ROW and owner[row + 1, column] == name and full[row + 1, column]:
                return True
    return 0 < count < right - left


@njit(cache=True, nogil=True)
def _longer(out: np.ndarray, count: int) -> np.ndarray:
    if count < len(out):
        return out
    longer = np.empty((2 * count, 5), dtype=np.int64)
    longer[:count] = out
    return longer


@njit(cache=True, nogil=True)
def drawn(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Owners, their geometry commands one after another, and where each one's end.

    ``boxes`` are ``rectangles``, ordered by owner.
    """
    chosen = np.empty(len(boxes), dtype=np.int64)
    ends = np.zeros(len(boxes) + 1, dtype=np.int64)
    out = np.empty(1024, dtype=np.uint8)
    used = count = at_x = at_y = 0
    for n in range(len(boxes)):
        if n == 0 or boxes[n, 0] != boxes[n - 1, 0]:
            chosen[count] = boxes[n, 0]
            count += 1
            at_x = at_y = 0
        left, top, right, bottom = boxes[n, 1], boxes[n, 2], boxes[n, 3], boxes[n, 4]
        out = roomy(out, used, MOST_BYTES * 12)
        used = put(out, used, 1 << 3 | MOVE_TO)
        used = put_step(out, used, left - at_x)
        used = put_step(out, used, top - at_y)
        used = put(out, used, 3 << 3 | LINE_TO)
        for dx, dy in ((right - left, 0), (0, bottom - top), (left - right, 0)):
            used = put_step(out, used, dx)
            used = put_step(out, used, dy)
        used = put(out, used, CLOSE)
        at_x, at_y = left, bottom
        ends[count] = used
    return chosen[:count], out[:used], ends[: count + 1]
