"""Times as nearly every program writes them in RFC 3339, in compiled code; as ``quick`` reads."""

from __future__ import annotations

from typing import Any

from numba import njit

from api.intake.decimals import is_digit

_ZERO, _MINUS, _PLUS, _DOT, _COLON, _BLANK, _TEE, _ZULU = b"0-+.: TZ"
#: Years of which all dates are alike in every reader.
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_MOST_OFFSET_HOURS = 14


@njit(cache=True, nogil=True)
def moment(text: Any, at: int) -> tuple[int, int]:
    """The time that begins at ``at`` of a text that goes on for 40 bytes, in microseconds since
    1970, and the place behind it; -1 for what is not plain."""
    day, at = _day(text, at)
    hour, minute, second = _two(text, at + 1), _two(text, at + 4), _two(text, at + 7)
    between = (text[at] == _TEE or text[at] == _BLANK) and text[at + 3] == text[at + 6] == _COLON
    inside = 0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60
    if at < 0 or not between or not inside:
        return 0, -1
    time_us = (((day * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000
    at += 9
    if text[at] == _DOT:
        begin, part = at + 1, 100_000
        at = begin
        while is_digit(text[at]) and at < begin + 6:
            time_us += (text[at] - _ZERO) * part
            part //= 10
            at += 1
        if at == begin:
            return 0, -1
    offset_us, at = _zone(text, at)
    return time_us - offset_us, at


@njit(cache=True, nogil=True)
def _day(text: Any, at: int) -> tuple[int, int]:
    """Days from 1970 to a date (Gregorian; years from March on, leap days last)."""
    century, in_century = _two(text, at), _two(text, at + 2)
    year, month, day = century * 100 + in_century, _two(text, at + 5), _two(text, at + 8)
    plain = (
        century >= 0 and in_century >= 0 and text[at + 4] == _MINUS and text[at + 7] == _MINUS
        and _FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12
    )  # fmt: skip
    if not plain or not 1 <= day <= _days_in(year, month):
        return 0, -1
    if month <= 2:
        year, month = year - 1, month + 12
    before = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5
    return before - 719_468 + day - 1, at + 10


@njit(cache=True, nogil=True)
def _zone(text: Any, at: int) -> tuple[int, int]:
    """What Z or +08:00 adds, in microseconds, and the place behind it, or -1."""
    if text[at] == _ZULU:
        return 0, at + 1
    hours, minutes = _two(text, at + 1), _two(text, at + 4)
    signed = text[at] == _PLUS or text[at] == _MINUS
    if (
        not signed
        or text[at + 3] != _COLON
        or not (0 <= hours <= _MOST_OFFSET_HOURS and 0 <= minutes < 60)
    ):
        return 0, -1
    offset_us = (hours * 60 + minutes) * 60_000_000
    return (-offset_us if text[at] == _MINUS else offset_us), at + 6


@njit(cache=True, nogil=True)
def _two(text: Any, at: int) -> int:
    """Two digits as a number, or -1."""
    if is_digit(text[at]) and is_digit(text[at + 1]):
        return int(text[at] - _ZERO) * 10 + int(text[at + 1] - _ZERO)
    return -1


@njit(cache=True, nogil=True)
def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
