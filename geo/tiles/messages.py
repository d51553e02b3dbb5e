"""Features and values of a layer's message, by compiled code (specification 2.1, section 4)."""

from __future__ import annotations

import numpy as np
from numba import njit

from geo.tiles.wire import put, roomy, size


@njit(cache=True, nogil=True)
def features(
    chosen: np.ndarray, kind: np.ndarray, numbers: np.ndarray, codes: np.ndarray,
    merged: np.ndarray, commands: np.ndarray, ends: np.ndarray,
    first_byte: np.ndarray, messages: np.ndarray, values_before: int, place: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, int, int]:  # fmt: skip
    """The layer's fields 2 (features) and 4 (values), how many features and how many values.

    ``commands`` and ``ends`` are what ``cut`` made of ``chosen``; what has none is left out.
    ``merged`` is the number of a value for the key after the columns', -1 for none.
    Values are numbered from ``values_before`` on, each once. ``place`` is for work: -1 for every
    value, and left so.
    """
    out = np.empty(len(commands) + 48 * len(chosen) + 64, dtype=np.uint8)
    values = np.empty(32 * len(chosen) + 64, dtype=np.uint8)
    columns = codes.shape[1]
    used = held = count = there = 0
    for n, feature in enumerate(chosen):
        length = ends[n + 1] - ends[n]
        if not length:
            continue
        there += 1
        tags = 0
        for column in range(columns):
            code = codes[feature, column]
            if code >= 0:
                if place[code] < 0:
                    place[code] = values_before + count
                    count += 1
                    values, held = _value(values, held, first_byte, messages, code)
                tags += size(column) + size(int(place[code]))
        tags += _size_of(columns, merged[n])
        number = np.int64(numbers[feature])
        body = (1 + size(int(number))) + 2 + (1 + size(int(length)) + length)
        if tags:
            body += 1 + size(tags) + tags
        out = roomy(out, used, body + 16)
        used = put(out, used, 2 << 3 | 2)
        used = put(out, used, body)
        used = put(out, used, 1 << 3)
        used = put(out, used, int(number))
        used = _tags(out, used, codes[feature], place, merged[n], tags)
        used = put(out, used, 3 << 3)
        used = put(out, used, kind[feature])
        used = put(out, used, 4 << 3 | 2)
        used = put(out, used, int(length))
        out[used : used + length] = commands[ends[n] : ends[n + 1]]
        used += length
    for feature in chosen:
        for code in codes[feature]:
            if code >= 0:
                place[code] = -1
    return out[:used], values[:held], there, count


@njit(cache=True, nogil=True)
def _size_of(key: int, value: int) -> int:
    """Bytes of a tag, of none without a value."""
    return size(key) + size(value) if value >= 0 else 0


@njit(cache=True, nogil=True)
def _value(
    values: np.ndarray, held: int, first_byte: np.ndarray, messages: np.ndarray, code: int
) -> tuple[np.ndarray, int]:
    """Append a value's message."""
    begin, end = first_byte[code], first_byte[code + 1]
    values = roomy(values, held, end - begin)
    values[held : held + end - begin] = messages[begin:end]
    return values, held + end - begin


@njit(cache=True, nogil=True)
def _tags(
    out: np.ndarray, used: int, codes: np.ndarray, place: np.ndarray, merged: int, length: int
) -> int:
    """Write a feature's tags: pairs of a key's and a value's number."""
    if not length:
        return used
    used = put(out, used, 2 << 3 | 2)
    used = put(out, used, length)
    for column in range(len(codes)):
        if codes[column] >= 0:
            used = put(out, used, column)
            used = put(out, used, int(place[codes[column]]))
    if merged >= 0:
        used = put(out, used, len(codes))
        used = put(out, used, merged)
    return used
