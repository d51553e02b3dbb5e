"""Bytes of the tile format, written by compiled code: varints and geometry commands."""

from __future__ import annotations

import numpy as np
from numba import njit

# A command's number and count, as one integer (specification 2.1, section 4.3.1).
MOVE_TO, LINE_TO, CLOSE = 1, 2, 15
#: Bytes that a command with its count, or a coordinate's step, may take.
MOST_BYTES = 5


@njit(cache=True, nogil=True)
def roomy(out: np.ndarray, used: int, more: int) -> np.ndarray:
    """``out``, or a longer copy of it where ``more`` bytes would not fit behind ``used``."""
    if used + more <= len(out):
        return out
    longer = np.empty(2 * (used + more), dtype=np.uint8)
    longer[:used] = out[:used]
    return longer


@njit(cache=True, nogil=True)
def put(out: np.ndarray, used: int, value: int) -> int:
    """Write a varint; where the next byte goes."""
    while value > 0x7F:
        out[used] = value & 0x7F | 0x80
        value >>= 7
        used += 1
    out[used] = value
    return used + 1


@njit(cache=True, nogil=True)
def put_step(out: np.ndarray, used: int, step: int) -> int:
    """Write a signed step, zigzag."""
    return put(out, used, (step << 1) ^ (step >> 63))


@njit(cache=True, nogil=True)
def size(value: int) -> int:
    """Bytes of a varint."""
    length = 1
    while value > 0x7F:
        value >>= 7
        length += 1
    return length


@njit(cache=True, nogil=True)
def rounded(value: float, step: int) -> int:
    """The nearest multiple of a step; half way, the higher one."""
    return int(np.floor(value / step + 0.5)) * step
