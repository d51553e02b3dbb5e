"""Which polygons have each pixel, and how much of it they cover, by compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.crossing import EDGE, PIXEL, ROW, through, touch

#: Samples along a pixel's side: an odd number, so that one is its middle.
_FINE = 5
_WHOLE = (1 << _FINE) - 1
#: A row of samples' sign that all pixels to the right are turned over, too.
_ON = 1 << _FINE
_MIDDLE = 1 << (_FINE * _FINE // 2)
#: Samples up to which less than half of a pixel is covered, and from which on more is; whoever
#: draws what is between sees this or that, by how finely the pixel is looked at.
_LESS, _MORE = 12, 13

#: What is to be seen of a pixel (added up): something touches it, has its middle, covers more
#: than half of it, or about half.
TOUCHED, HELD, COVERED, UNSURE = 1, 2, 4, 8


@njit(cache=True, nogil=True)
def owners(
    chosen: np.ndarray, first_piece: np.ndarray, first_xy: np.ndarray, xy: np.ndarray,
    bounds: np.ndarray, west: float, north: float, units_per_m: float,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Which of the polygons ``chosen`` has each pixel (-1: none), and what all show of it.

    A polygon has every pixel that it touches; one that holds a pixel's middle goes before one
    that only touches it; the last one wins. What shows is a sum of TOUCHED to UNSURE, by 25
    samples of the pixel. (528, 528): rows from the north, the margin of the tile included.
    """
    out = np.full((ROW, ROW), -1, dtype=np.int64)
    bits = np.zeros((ROW, ROW), dtype=np.uint32)
    flips = np.zeros((ROW * _FINE, ROW + 1), dtype=np.uint8)
    per_m = units_per_m / PIXEL
    for feature in chosen:
        box = bounds[feature]
        left, right = (box[0] - west) * per_m + EDGE, (box[2] - west) * per_m + EDGE
        top, bottom = (north - box[3]) * per_m + EDGE, (north - box[1]) * per_m + EDGE
        first, last = max(0, int(np.floor(left))), min(ROW - 1, int(np.floor(right)))
        above, below = max(0, int(np.floor(top))), min(ROW - 1, int(np.floor(bottom)))
        if first > last or above > below:
            continue
        # One pixel, or two side by side: a polygon touches every side of its box.
        simple = last - first + below - above <= 1
        for piece in range(first_piece[feature], first_piece[feature + 1]):
            _walk(
                out, bits, flips, feature, first_xy[piece], first_xy[piece + 1], xy,
                west, north, per_m, first, last, above, below, simple,
            )  # fmt: skip
        if simple:
            touch(out, bits, np.uint32(_MIDDLE), above, first, feature)
            touch(out, bits, np.uint32(_MIDDLE), below, last, feature)
        _fill(out, bits, flips, feature, first, last, above, below)
    return out, _shown(out, bits)


@njit(cache=True, nogil=True)
def _walk(
    out: np.ndarray, bits: np.ndarray, flips: np.ndarray, feature: int, begin: int, end: int,
    xy: np.ndarray, west: float, north: float, per_m: float,
    first: int, last: int, above: int, below: int, simple: bool,
) -> None:  # fmt: skip
    """Mark where a ring crosses the lines of samples, and give it the pixels it runs through."""
    u, v = (xy[begin, 0] - west) * per_m + EDGE, (north - xy[begin, 1]) * per_m + EDGE
    column, row = int(np.floor(u)), int(np.floor(v))
    line = int(np.ceil(v * _FINE - 0.5))  # the first line of samples that is not above
    least, most = above * _FINE, (below + 1) * _FINE
    if not simple:
        touch(out, bits, np.uint32(_MIDDLE), row, column, feature)
    for k in range(begin + 1, end):
        a, b = (xy[k, 0] - west) * per_m + EDGE, (north - xy[k, 1]) * per_m + EDGE
        next_line = int(np.ceil(b * _FINE - 0.5))
        if next_line != line:
            slope = (a - u) / (b - v)
            for fine in range(max(least, min(line, next_line)), min(most, max(line, next_line))):
                at = int(np.ceil((u + slope * ((fine + 0.5) / _FINE - v)) * _FINE - 0.5))
                _flip(flips, fine, at, first, last)
            line = next_line
        if not simple:
            column, row = through(out, bits, np.uint32(_MIDDLE), feature, u, v, a, b, column, row)
        u, v = a, b


@njit(cache=True, nogil=True)
def _flip(flips: np.ndarray, fine: int, at: int, first: int, last: int) -> None:
    """From sample ``at`` of a row of them on, in is out."""
    if at <= first * _FINE:
        flips[fine, first] ^= _WHOLE | _ON
    elif at < (last + 1) * _FINE:
        column = at // _FINE
        flips[fine, column] ^= (_WHOLE << (at - column * _FINE)) & _WHOLE | _ON


@njit(cache=True, nogil=True)
def _fill(
    out: np.ndarray, bits: np.ndarray, flips: np.ndarray, feature: int,
    first: int, last: int, above: int, below: int,
) -> None:  # fmt: skip
    """Add the samples that are in a polygon by the even-odd rule."""
    for row in range(above, below + 1):
        for fine in range(_FINE):
            line = flips[row * _FINE + fine]
            inside = 0
            for column in range(first, last + 1):
                turned = line[column]
                here = inside ^ (turned & _WHOLE)
                if turned:
                    line[column] = 0
                    if turned & _ON:
                        inside ^= _WHOLE
                if here:
                    bits[row, column] |= np.uint32(here << (fine * _FINE))
                    if fine == _FINE // 2 and here >> (_FINE // 2) & 1:
                        out[row, column] = feature


@njit(cache=True, nogil=True)
def _shown(out: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """What is to be seen of each pixel."""
    shown = np.zeros((ROW, ROW), dtype=np.uint8)
    for row in range(ROW):
        for column in range(ROW):
            if out[row, column] < 0:
                continue
            count, left = 0, bits[row, column]
            while left:
                left &= left - np.uint32(1)
                count += 1
            look = TOUCHED
            if bits[row, column] & np.uint32(_MIDDLE):
                look |= HELD
            if count >= _MORE:
                look |= COVERED
            elif count > _LESS:
                look |= UNSURE
            shown[row, column] = look
    return shown
