"""Fixes as nearly every program writes them in JSON, straight into columns, in compiled code.

It takes what leaves no doubt (plain names, times and numbers in objects without anything within
them) and nothing of a body in which one thing is otherwise: that is for ``records``, which reads
the same and says what is wrong. Other threads go on meanwhile: it holds no lock of Python's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from api.intake import values
from api.intake.decimals import number
from api.intake.instants import moment
from layers.fixes.batch import NO_TIME, NOBODY, NUMBERS, Batch, Names

#: Columns by their number: NUMBERS in their order, then these.
_TIME, _UNIT, _PATROL, _OTHER = 7, 8, 9, 10
_KEYS = [key.encode() for key in (*NUMBERS, "time", "unit", "patrol_id")]
_KEY_BYTES = np.frombuffer(b"".join(_KEYS), dtype=np.uint8)
_KEY_ENDS = np.cumsum([0, *map(len, _KEYS)])
#: A fix with a unit, a time and a place is longer; memory is taken for no more of them.
_LEAST_BYTES = 32
#: Names that many others are in the way of are told apart elsewhere.
_MOST_PROBES = 64
#: As what so many identifiers are read is remembered, of no more bytes each.
_MOST_KNOWN, _SHORT_BYTES = 16_384, 64
_NOT_PLAIN = -1
#: Zeros after a body: whatever is looked for, nothing is found there.
_PADDING = bytes(64)

_QUOTE, _BACKSLASH, _COMMA, _COLON, _OPEN, _CLOSE, _LIST, _LIST_END = b'"\\,:{}[]'
_BLANK, _TAB, _LINE, _RETURN = b" \t\n\r"
_FNV, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_NULL, _TRUE, _FALSE = (np.frombuffer(w, dtype=np.uint8) for w in (b"null", b"true", b"false"))
_READY = threading.Event()


def warm() -> None:
    """Compile, a few seconds on a machine that has never done it; until then nothing is plain."""
    example = b'[{"unit":"u","time":"2026-03-02T04:05:06.5+08:00","lon":1.5,"x":null}]'
    for lines, text in ((False, example), (True, example[1:-1])):
        _read(text, lines=lines)
    _READY.set()


def fixes(body: bytes, *, lines: bool) -> Batch | None:
    """The batch in a body of UTF-8: an array of objects, or (``lines``) an object a line.

    None where anything in it is not plain.
    """
    return _read(body, lines=lines) if _READY.is_set() else None


def _read(body: bytes, *, lines: bool) -> Batch | None:
    text = np.frombuffer(body + _PADDING, dtype=np.uint8)
    most = int(np.count_nonzero(text == _OPEN))
    if not most or most * _LEAST_BYTES > len(body):
        return None
    numbers = np.full((len(NUMBERS), most), np.nan)
    time_us = np.full(most, NO_TIME)
    codes = np.full((2, most), NOBODY)
    spans = np.empty((2, most, 2), dtype=np.int64)
    counts = np.zeros(2, dtype=np.int64)
    rows = _scan(text, len(body), lines, (numbers, time_us, codes, spans, counts))
    if rows == _NOT_PLAIN:
        return None

    def named(column: int, read: Callable[[bytes], str | None]) -> Names:
        """Names that differ by the blanks around them only are one."""
        found = spans[column, : counts[column]]
        begins, ends = found[:, 0].tolist(), found[:, 1].tolist()
        texts = list(map(read, map(body.__getitem__, map(slice, begins, ends))))
        plain = [text for text in texts if text is not None]
        if len(set(plain)) == len(texts):
            return Names(codes=codes[column, :rows], names=plain)
        known = Names.of(texts)
        return Names(codes=np.append(known.codes, NOBODY)[codes[column, :rows]], names=known.names)

    longest = np.diff(spans[0, : counts[0]]).max(initial=0)
    return Batch(
        unit=named(0, _known_identifier if longest <= _SHORT_BYTES else _identifier),
        time_us=time_us[:rows],
        patrol_id=named(1, _patrol),
        fault=Names.none(rows),
        **dict(zip(NUMBERS, numbers[:, :rows], strict=True)),
    )


def _identifier(name: bytes) -> str | None:
    return values.identifier(name.decode())


#: Units send again and again.
_known_identifier = lru_cache(_MOST_KNOWN)(_identifier)


def _patrol(name: bytes) -> str | None:
    return values.patrol(name.decode())


@njit(cache=True, nogil=True)
def _scan(text: Any, length: Any, lines: Any, into: Any) -> Any:
    """Fill in the columns; the number of rows, or _NOT_PLAIN."""
    most = len(into[1])
    slots = 16
    while slots < 2 * most:
        slots *= 2
    tables = np.full((2, slots), -1, dtype=np.int32)
    at = _blanks(text, 0, False)
    if not lines:
        if text[at] != _LIST:
            return _NOT_PLAIN
        at = _blanks(text, at + 1, False)
    row = 0
    while at < length:
        if row == most or text[at] != _OPEN:
            return _NOT_PLAIN
        at = _object(text, at + 1, lines, row, into, tables)
        if at < 0:
            return _NOT_PLAIN
        row += 1
        at, more = _after(text, at, length, lines)
        if at < 0:
            return _NOT_PLAIN
        if not more:
            return row
    return _NOT_PLAIN


@njit(cache=True, nogil=True)
def _after(text: Any, at: Any, length: Any, lines: Any) -> Any:
    """Where the next object begins, and whether there is one; -1 for what may not be there."""
    if lines:
        while text[at] == _BLANK or text[at] == _TAB or text[at] == _RETURN:
            at += 1
        if at < length and text[at] != _LINE:
            return -1, False
        at = _blanks(text, at, False)
        return at, at < length
    at = _blanks(text, at, False)
    if text[at] == _COMMA:
        return _blanks(text, at + 1, False), True
    if text[at] != _LIST_END or _blanks(text, at + 1, False) != length:
        return -1, False
    return length, False


@njit(cache=True, nogil=True)
def _object(text: Any, at: Any, lines: Any, row: Any, into: Any, tables: Any) -> Any:
    """Read an object from behind its brace; the place behind it, or -1. The last of a key counts,
    as in every reader."""
    numbers, time_us, codes, spans, counts = into
    at = _blanks(text, at, lines)
    if text[at] == _CLOSE:
        return at + 1
    while True:
        column, at = _key(text, at, lines)
        if column < 0:
            return -1
        if column < _TIME:
            numbers[column, row], at = _number_or_null(text, at)
        elif column == _TIME:
            time_us[row], at = _time_or_null(text, at)
        elif column < _OTHER:
            which = column - _UNIT
            codes[which, row], at = _name_or_null(text, at, which, spans, counts, tables)
        else:
            at = _passed_over(text, at)
        if at < 0:
            return -1
        at = _blanks(text, at, lines)
        if text[at] != _COMMA:
            return at + 1 if text[at] == _CLOSE else -1
        at = _blanks(text, at + 1, lines)


@njit(cache=True, nogil=True)
def _key(text: Any, at: Any, lines: Any) -> Any:
    """The number of the column that a key names, and where its value begins; -1 for no key."""
    if text[at] != _QUOTE:
        return -1, at
    end = _end(text, at + 1)
    if end < 0:
        return -1, at
    colon = _blanks(text, end + 1, lines)
    if text[colon] != _COLON:
        return -1, at
    return _column(text, at + 1, end), _blanks(text, colon + 1, lines)


@njit(cache=True, nogil=True)
def _blanks(text: Any, at: Any, lines: Any) -> Any:
    """The first place from ``at`` that is no blank; a line ends no blank where ``lines``."""
    while (
        text[at] == _BLANK
        or text[at] == _TAB
        or (not lines and (text[at] == _LINE or text[at] == _RETURN))
    ):
        at += 1
    return at


@njit(cache=True, nogil=True)
def _end(text: Any, at: Any) -> Any:
    """Where a text without escapes ends, or -1."""
    while text[at] != _QUOTE:
        if text[at] < _BLANK or text[at] == _BACKSLASH:
            return -1
        at += 1
    return at


@njit(cache=True, nogil=True)
def _hash(text: Any, begin: Any, end: Any) -> Any:
    """FNV-1a."""
    found = _FNV
    for at in range(begin, end):
        found = (found ^ np.uint64(text[at])) * _FNV_PRIME
    return found


@njit(cache=True, nogil=True)
def _same(text: Any, at: Any, other: Any, begin: Any, length: Any) -> Any:
    for n in range(length):  # noqa: SIM110  compiled
        if text[at + n] != other[begin + n]:
            return False
    return True


@njit(cache=True, nogil=True)
def _column(text: Any, begin: Any, end: Any) -> Any:
    """The number of the column that a key names."""
    length = end - begin
    for n in range(_OTHER):
        first = _KEY_ENDS[n]
        if _KEY_ENDS[n + 1] - first == length and _same(text, begin, _KEY_BYTES, first, length):
            return n
    return _OTHER


@njit(cache=True, nogil=True)
def _word(text: Any, at: Any, word: Any) -> Any:
    """The place behind a word that stands at ``at``, or -1."""
    return at + len(word) if _same(text, at, word, 0, len(word)) else -1


@njit(cache=True, nogil=True)
def _number_or_null(text: Any, at: Any) -> Any:
    if text[at] == _NULL[0]:
        return np.nan, _word(text, at, _NULL)
    return number(text, at)


@njit(cache=True, nogil=True)
def _name_or_null(text: Any, at: Any, which: Any, spans: Any, counts: Any, tables: Any) -> Any:
    """The number of a name among those met before, by its bytes; and the place behind it, or -1."""
    if text[at] == _NULL[0]:
        return NOBODY, _word(text, at, _NULL)
    if text[at] != _QUOTE:
        return NOBODY, -1
    begin = at + 1
    end = _end(text, begin)
    if end < 0:
        return NOBODY, -1
    table = tables[which]
    last = len(table) - 1
    slot = np.int64(_hash(text, begin, end) & np.uint64(last))
    for _ in range(_MOST_PROBES):
        known = table[slot]
        if known < 0:
            table[slot] = known = counts[which]
            spans[which, known, 0], spans[which, known, 1] = begin, end
            counts[which] += 1
            return known, end + 1
        first, length = spans[which, known, 0], spans[which, known, 1] - spans[which, known, 0]
        if length == end - begin and _same(text, begin, text, first, length):
            return known, end + 1
        slot = (slot + 1) & last
    return NOBODY, -1


@njit(cache=True, nogil=True)
def _passed_over(text: Any, at: Any) -> Any:
    """The place behind a value that nobody asked for, or -1."""
    if text[at] == _QUOTE:
        end = _end(text, at + 1)
        return end + 1 if end >= 0 else -1
    for word in (_NULL, _TRUE, _FALSE):
        if text[at] == word[0]:
            return _word(text, at, word)
    return number(text, at)[1]


@njit(cache=True, nogil=True)
def _time_or_null(text: Any, at: int) -> tuple[int, int]:
    if text[at] == _NULL[0]:
        return NO_TIME, _word(text, at, _NULL)
    found, end = moment(text, at + 1)
    plain = text[at] == _QUOTE and end >= 0 and text[end] == _QUOTE
    return found, (end + 1 if plain else -1)
