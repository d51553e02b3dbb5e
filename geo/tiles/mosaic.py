"""Polygons of about a pixel, by the thousand: who has each pixel, and few who stand for many."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.wire import CLOSE, LINE_TO, MOST_BYTES, MOVE_TO, put, put_step, roomy

#: Units of a tile to a pixel, for a tile that is drawn at 512 pixels.
PIXEL = 8
#: Pixels of a tile's side, and of its margin on either side.
SIDE, EDGE = 512, 8
_ROW = SIDE + 2 * EDGE
#: So few are counted more quickly than they are sorted.
_FEW = 36
#: Pixels that one strip may run along.
_STRIP = 64


@njit(cache=True, nogil=True)
def owners(
    chosen: np.ndarray, first_piece: np.ndarray, first_xy: np.ndarray, xy: np.ndarray,
    bounds: np.ndarray, west: float, north: float, units_per_m: float, all_touched: bool,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Which of the polygons ``chosen`` has each pixel (-1: none), and whether it holds its middle.

    A polygon that holds a pixel's middle goes before one that only touches it; the last one wins.
    With ``all_touched`` a polygon has every pixel that it touches, else only one that holds no
    middle does. (528, 528): rows from the north, the margin of the tile included.
    """
    out = np.full((_ROW, _ROW), -1, dtype=np.int64)
    full = np.zeros((_ROW, _ROW), dtype=np.bool_)
    flips = np.zeros((_ROW + 1, _ROW + 1), dtype=np.bool_)
    per_m = units_per_m / PIXEL
    for feature in chosen:
        box = bounds[feature]
        left, right = (box[0] - west) * per_m + EDGE, (box[2] - west) * per_m + EDGE
        top, bottom = (north - box[3]) * per_m + EDGE, (north - box[1]) * per_m + EDGE
        begin, end = first_piece[feature], first_piece[feature + 1]
        first, last = max(0, int(np.ceil(left - 0.5))), min(_ROW - 1, int(np.floor(right - 0.5)))
        above, below = max(0, int(np.ceil(top - 0.5))), min(_ROW - 1, int(np.floor(bottom - 0.5)))
        held = False
        if first <= last and above <= below:
            for piece in range(begin, end):
                _flip(
                    flips, first_xy[piece], first_xy[piece + 1], xy, west, north, per_m,
                    first, last, above, below,
                )  # fmt: skip
            held = _fill(out, full, flips, feature, first, last, above, below)
        if held and not all_touched:
            continue
        west_column, east_column = int(np.floor(left)), int(np.floor(right))
        north_row, south_row = int(np.floor(top)), int(np.floor(bottom))
        if east_column - west_column + south_row - north_row <= 1:
            # One pixel, or two side by side: a polygon touches every side of its box.
            _touch(out, full, north_row, west_column, feature)
            _touch(out, full, south_row, east_column, feature)
            continue
        for piece in range(begin, end):
            _trace(out, full, feature, first_xy[piece], first_xy[piece + 1], xy, west, north, per_m)
    return out, full


@njit(cache=True, nogil=True)
def _flip(
    flips: np.ndarray, begin: int, end: int, xy: np.ndarray,
    west: float, north: float, per_m: float, first: int, last: int, above: int, below: int,
) -> None:  # fmt: skip
    """Mark where a ring crosses the line of middles of each row: from there on in is out."""
    u, v = (xy[begin, 0] - west) * per_m + EDGE, (north - xy[begin, 1]) * per_m + EDGE
    line = int(np.ceil(v - 0.5))  # the first row whose middle is not above
    for k in range(begin + 1, end):
        a, b = (xy[k, 0] - west) * per_m + EDGE, (north - xy[k, 1]) * per_m + EDGE
        next_line = int(np.ceil(b - 0.5))
        if next_line == line:  # as most do: it crosses none
            u, v = a, b
            continue
        for row in range(max(above, min(line, next_line)), min(below + 1, max(line, next_line))):
            column = int(np.ceil(u + (a - u) * ((row + 0.5 - v) / (b - v)) - 0.5))
            if column <= last:
                flips[row, max(first, column)] ^= True
        u, v, line = a, b, next_line


@njit(cache=True, nogil=True)
def _fill(
    out: np.ndarray, full: np.ndarray, flips: np.ndarray, feature: int,
    first: int, last: int, above: int, below: int,
) -> bool:  # fmt: skip
    """Give a polygon the pixels that are in by the even-odd rule; whether there are any."""
    held = False
    for row in range(above, below + 1):
        inside = False
        for column in range(first, last + 1):
            if flips[row, column]:
                inside = not inside
                flips[row, column] = False
            if inside:
                out[row, column] = feature
                full[row, column] = held = True
    return held


@njit(cache=True, nogil=True)
def _trace(
    out: np.ndarray, full: np.ndarray, feature: int, begin: int, end: int, xy: np.ndarray,
    west: float, north: float, per_m: float,
) -> None:  # fmt: skip
    """Give a polygon the pixels that a ring runs through, where nobody holds their middles."""
    u, v = (xy[begin, 0] - west) * per_m + EDGE, (north - xy[begin, 1]) * per_m + EDGE
    column, row = int(np.floor(u)), int(np.floor(v))
    _touch(out, full, row, column, feature)
    for k in range(begin + 1, end):
        a, b = (xy[k, 0] - west) * per_m + EDGE, (north - xy[k, 1]) * per_m + EDGE
        next_column, next_row = int(np.floor(a)), int(np.floor(b))
        east, south = next_column > column, next_row > row
        # From side to side (Amanatides and Woo 1987): every pixel that the edge runs through.
        while column != next_column or row != next_row:
            if row == next_row or column == next_column:
                across = row == next_row
            else:
                across = (column + east - u) / (a - u) < (row + south - v) / (b - v)
            if across:
                column += 1 if east else -1
            else:
                row += 1 if south else -1
            _touch(out, full, row, column, feature)
        u, v, column, row = a, b, next_column, next_row


@njit(cache=True, nogil=True)
def _touch(out: np.ndarray, full: np.ndarray, row: int, column: int, feature: int) -> None:
    if 0 <= row < _ROW and 0 <= column < _ROW and not full[row, column]:
        out[row, column] = feature


@njit(cache=True, nogil=True)
def how_many(owner: np.ndarray, features: int) -> int:
    """How many owners there are, of so many features."""
    seen = np.zeros(features, dtype=np.bool_)
    count = 0
    for name in owner.ravel():
        if name >= 0 and not seen[name]:
            seen[name] = True
            count += 1
    return count


@njit(cache=True, nogil=True)
def blocks(owner: np.ndarray, block: int) -> int:
    """How many blocks of ``block`` by ``block`` pixels somebody has a pixel of."""
    of = (np.arange(_ROW) + _shift(block)) // block
    seen = np.zeros((of[-1] + 1, of[-1] + 1), dtype=np.bool_)
    for row in range(_ROW):
        for column in range(_ROW):
            if owner[row, column] >= 0:
                seen[of[row], of[column]] = True
    return int(seen.sum())


@njit(cache=True, nogil=True)
def _shift(block: int) -> int:
    """How many pixels of the first block lie beyond the margin: blocks begin with the tile."""
    return (block - EDGE % block) % block


@njit(cache=True, nogil=True)
def fewer(owner: np.ndarray, block: int) -> np.ndarray:
    """Pixels given to the owner that has most of their block of ``block`` by ``block`` pixels.

    What nobody has, nobody gets. Blocks lie as the tile does, so that neighbours' meet.
    """
    out = np.full_like(owner, -1)
    seen = np.empty(block * block, dtype=np.int64)
    for top in range(-_shift(block), _ROW, block):
        for left in range(-_shift(block), _ROW, block):
            count = 0
            rows = range(max(0, top), min(_ROW, top + block))
            columns = range(max(0, left), min(_ROW, left + block))
            for row in rows:
                for column in columns:
                    if owner[row, column] >= 0:
                        seen[count] = owner[row, column]
                        count += 1
            if not count:
                continue
            winner = _most(seen, count)
            for row in rows:
                for column in columns:
                    if owner[row, column] >= 0:
                        out[row, column] = winner
    return out


@njit(cache=True, nogil=True)
def _most(seen: np.ndarray, count: int) -> int:
    """The number that stands most often among the first ``count``, the lowest of equals."""
    ordered = np.sort(seen[:count]) if count > _FEW else seen
    winner, best, run = ordered[0], 0, 0
    for n in range(count):
        if count > _FEW:
            run = run + 1 if n and ordered[n] == ordered[n - 1] else 1
        else:
            run = 0
            for m in range(count):
                run += ordered[m] == ordered[n]
        if run > best or (run == best and ordered[n] < winner):
            winner, best = ordered[n], run
    return winner


@njit(cache=True, nogil=True)
def rectangles(owner: np.ndarray, full: np.ndarray) -> np.ndarray:
    """What stands for the pixels of each owner: (n, 5) owner, left, top, right, bottom in units.

    Pixels whose middles are held: runs of a row, made longer downwards as long as the row below
    has the same run. Pixels that are touched: a strip an eighth of a pixel wide along each run of
    them, beside their middles, so that whoever draws what is touched draws it, and whoever draws
    by middles does not.
    """
    out = np.empty((1024, 5), dtype=np.int64)
    count = 0
    above = np.full(_ROW, -1, dtype=np.int64)  # by its left end: the rectangle that ends above
    for row in range(_ROW):
        top = (row - EDGE) * PIXEL
        here = np.full(_ROW, -1, dtype=np.int64)
        left = 0
        while left < _ROW:
            name, held = owner[row, left], full[row, left]
            right = left + 1
            while right < _ROW and owner[row, right] == name and full[row, right] == held:
                right += 1
            if held:
                one = above[left]
                if one >= 0 and out[one, 0] == name and out[one, 3] == (right - EDGE) * PIXEL:
                    out[one, 4] = top + PIXEL
                    here[left] = one
                else:
                    here[left] = count
                    out = _longer(out, count)
                    out[count, 0], out[count, 1] = name, (left - EDGE) * PIXEL
                    out[count, 2], out[count, 3] = top, (right - EDGE) * PIXEL
                    out[count, 4] = top + PIXEL
                    count += 1
            left = right
        above = here
        left = 0
        while left < _ROW:
            if owner[row, left] < 0 or full[row, left]:
                left += 1
                continue
            # Through what is held anyway, up to the last one that is not.
            end = right = left + 1
            while right < _ROW and right - left < _STRIP and owner[row, right] >= 0:
                right += 1
                if not full[row, right - 1]:
                    end = right
            out = _longer(out, count)
            out[count, 0], out[count, 1] = owner[row, left], (left - EDGE) * PIXEL + 2
            out[count, 2], out[count, 3] = top + 2, (end - 1 - EDGE) * PIXEL + 3
            out[count, 4] = top + 3
            count += 1
            left = end
    return out[:count]


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
