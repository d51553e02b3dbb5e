"""Columns of fixes, quickly: as ``values`` reads them, one by one only where it must be so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from api.intake import values
from layers.fixes.batch import NO_TIME, NOBODY, Names

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: How a name is read: ``values.identifier`` or ``values.patrol``.
Reader = Callable[[object], str | None]

#: Where the digits of 2026-03-02T04:05:06 stand, and what stands between them.
_DIGITS = (0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18)
_BETWEEN = {4: b"-", 7: b"-", 13: b":", 16: b":"}
_SECONDS_END = 19
#: Years of which all dates are alike in every reader.
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_MOST_OFFSET_HOURS = 14


def named(given: Sequence[object], read: Reader) -> Names:
    """The names in ``given``, which can be keys; each different value is read once."""
    different = dict.fromkeys(given)
    texts = Names.of([read(value) for value in different])
    code = dict(zip(different, texts.codes.tolist(), strict=True))
    codes = np.fromiter(map(code.__getitem__, given), dtype=np.int64, count=len(given))
    return Names(codes=codes, names=texts.names)


def names_of(texts: pa.Array, read: Reader) -> Names:
    """The names in an Arrow array of texts or whole numbers; nulls are missing."""
    coded = texts if pa.types.is_dictionary(texts.type) else pc.dictionary_encode(texts)
    known = Names.of([read(value) for value in coded.dictionary.to_pylist()])
    places = np.append(known.codes, NOBODY)
    codes = coded.indices.cast(pa.int64()).fill_null(len(known.codes)).to_numpy()
    return Names(codes=places[codes], names=known.names)


def numbers_of(texts: pa.StringArray) -> Floats:
    """Numbers that stand in texts, as ``values.number`` reads each."""
    try:
        found = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        found = np.full(len(texts), np.nan)
    # Arrow also reads inf and nan; and refuses a column for one text that is no number.
    odd = np.flatnonzero(~np.isfinite(found))
    if odd.size:
        found = found.copy()
        found[odd] = [values.number(text) for text in texts.take(pa.array(odd)).to_pylist()]
    return np.asarray(found, dtype=np.float64)


def times_of(texts: pa.StringArray) -> Ints:
    """RFC 3339 times in UTC, as ``values.micros`` reads each."""
    found = np.full(len(texts), NO_TIME)
    if not len(texts):
        return found
    offsets, letters = _letters(texts)
    lengths = np.diff(offsets)
    for length in np.unique(lengths):
        if _SECONDS_END < length <= _SECONDS_END + 13:
            rows = np.flatnonzero(lengths == length)
            _read(found, letters, offsets, rows, int(length))
    odd = np.flatnonzero(found == NO_TIME)
    if odd.size:
        found[odd] = values.micros(texts.take(pa.array(odd)).to_pylist())
    return found


def _letters(texts: pa.StringArray) -> tuple[Ints, NDArray[np.uint8]]:
    """Where each text begins and ends, and the bytes of them all."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return ends.astype(np.int64), np.frombuffer(data or b"", dtype=np.uint8)


def _read(found: Ints, letters: NDArray[np.uint8], offsets: Ints, rows: Ints, length: int) -> None:
    """Fill in the times of ``rows``, whose texts have one length, where they are plain."""
    places = offsets[rows] + np.arange(length)[:, np.newaxis]
    text = letters[places]  # a row a letter, so that each step runs along the memory
    zulu = text[-1] == ord("Z")
    for is_zulu, zone in ((True, 1), (False, 6)):
        alike = zulu == is_zulu
        fraction = length - _SECONDS_END - zone
        if alike.any() and (fraction == 0 or 2 <= fraction <= 7):
            ours = text if alike.all() else text[:, alike]
            time_us, plain = _moments(ours, fraction, zone)
            found[rows[alike][plain]] = time_us[plain]


def _moments(text: NDArray[np.uint8], fraction: int, zone: int) -> tuple[Ints, Bools]:
    """Times of columns of letters, and which of them are written plainly."""
    digits = text - ord("0")
    plain = (digits[list(_DIGITS)] < 10).all(axis=0)
    for place, letter in _BETWEEN.items():
        plain &= text[place] == ord(letter)
    plain &= (text[10] == ord("T")) | (text[10] == ord(" "))
    year, month, day, hour, minute, second = (
        _number(digits, *span) for span in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
    )
    plain &= (year >= _FIRST_YEAR) & (year <= _LAST_YEAR) & (month >= 1) & (month <= 12)
    plain &= (hour < 24) & (minute < 60) & (second < 60)
    begins = np.where(plain, (year - 1970) * 12 + month - 1, 0)
    first = begins.view("datetime64[M]").astype("datetime64[D]").view(np.int64)
    next_first = (begins + 1).view("datetime64[M]").astype("datetime64[D]").view(np.int64)
    plain &= (day >= 1) & (day <= next_first - first)
    time_us = (((first + day - 1) * 24 + hour) * 60 + minute) * 60 + second
    time_us *= 1_000_000
    if fraction:
        plain &= text[_SECONDS_END] == ord(".")
        plain &= (digits[_SECONDS_END + 1 : _SECONDS_END + fraction] < 10).all(axis=0)
        part = _number(digits, _SECONDS_END + 1, _SECONDS_END + fraction)
        time_us += part * 10 ** (7 - fraction)
    if zone == 6:
        offset_us, understood = _offset(text[-6:], digits[-6:])
        time_us -= offset_us
        plain &= understood
    return time_us, plain


def _offset(text: NDArray[np.uint8], digits: NDArray[np.uint8]) -> tuple[Ints, Bools]:
    """What +08:00 adds, in microseconds, and where it is so written."""
    sign = np.where(text[0] == ord("-"), -1, 1)
    plain = ((text[0] == ord("+")) | (text[0] == ord("-"))) & (text[3] == ord(":"))
    plain &= (digits[[1, 2, 4, 5]] < 10).all(axis=0)
    hours, minutes = _number(digits, 1, 3), _number(digits, 4, 6)
    plain &= (hours <= _MOST_OFFSET_HOURS) & (minutes < 60)
    return sign * (hours * 60 + minutes) * 60_000_000, plain


def _number(digits: NDArray[np.uint8], start: int, end: int) -> Ints:
    found = digits[start].astype(np.int64)
    for place in range(start + 1, end):
        found = found * 10 + digits[place]
    return found
