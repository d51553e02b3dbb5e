"""Decimal numbers as the doubles nearest to them, as Python's ``float`` has it, in compiled code.

D. Lemire, "Number parsing at a gigabyte per second", 2021 (arXiv:2101.11408): the digits times a
power of five of 128 bits. Small exponents alone are taken, of which the product always tells.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

#: Powers of ten are taken from -LARGEST to LARGEST.
LARGEST = 27
_MASK = (1 << 64) - 1


def _power_of_five(q: int) -> int:
    """The 128 leading bits of 5**q, of a reciprocal rounded up."""
    if q < 0:
        of = 5**-q
        return (1 << (of - 1).bit_length() + 127) // of + 1
    return 5**q << 128 - (5**q).bit_length()


_POWERS = [_power_of_five(q) for q in range(-LARGEST, LARGEST + 1)]
_HIGH = np.array([power >> 64 for power in _POWERS], dtype=np.uint64)
_LOW = np.array([power & _MASK for power in _POWERS], dtype=np.uint64)
_TENS = np.array([10.0**n for n in range(23)])

_U0, _U1, _U3, _U32 = np.uint64(0), np.uint64(1), np.uint64(3), np.uint64(32)
_HALF = np.uint64(0xFFFFFFFF)
_TOP = np.uint64(63)
#: Of the upper half of a product, the bits below those that a double and its rounding need.
_BELOW = np.uint64(0x1FF)
_HIDDEN = np.uint64(1 << 52)
_EXACT = np.uint64(1 << 53)
_U10, _MOST_DIGITS = np.uint64(10), 19
_ZERO, _MINUS, _PLUS, _DOT, _BIG_E, _SMALL_E = b"0-+.Ee"


@njit(cache=True, nogil=True)
def _product(a: Any, b: Any) -> Any:
    """The upper and the lower half of the product of two numbers of 64 bits."""
    a0, a1, b0, b1 = a & _HALF, a >> _U32, b & _HALF, b >> _U32
    low = a0 * b0
    cross = a1 * b0 + (low >> _U32)
    other = a0 * b1 + (cross & _HALF)
    return a1 * b1 + (cross >> _U32) + (other >> _U32), a * b


@njit(cache=True, nogil=True)
def nearest(digits: Any, power: int) -> float:
    """The double nearest to ``digits`` (uint64) times ten to ``power``, -LARGEST to LARGEST."""
    if digits <= _EXACT and -22 <= power <= 22:
        # Both are doubles themselves, so one operation rounds once.
        return digits * _TENS[power] if power >= 0 else digits / _TENS[-power]
    if digits == _U0:
        return 0.0
    shift = 0
    w = digits
    while not w >> _TOP:
        w <<= _U1
        shift += 1
    upper, lower = _product(w, _HIGH[power + LARGEST])
    if upper & _BELOW == _BELOW:
        more, _ = _product(w, _LOW[power + LARGEST])
        lower += more
        if lower < more:
            upper += _U1
    top = upper >> _TOP
    cut = top + np.uint64(9)
    mantissa = upper >> cut
    exponent = ((217706 * power) >> 16) + 63 + int(top) - shift + 1023
    halfway = lower <= _U1 and -4 <= power <= 23 and mantissa & _U3 == _U1
    if halfway and mantissa << cut == upper:
        mantissa -= _U1  # between two doubles, and the even one is below
    mantissa = (mantissa + (mantissa & _U1)) >> _U1
    if mantissa >= _EXACT:
        mantissa = _HIDDEN
        exponent += 1
    # The hidden bit is a double's, so the mantissa needs no more than to be moved to its place.
    return math.ldexp(np.float64(mantissa), exponent - 1023 - 52)


@njit(cache=True, nogil=True)
def is_digit(letter: int) -> bool:
    """Whether a byte is one of 0 to 9."""
    return _ZERO <= letter < _ZERO + 10


@njit(cache=True, nogil=True)
def number(text: Any, at: int) -> tuple[float, int]:
    """The number as JSON has it that begins at ``at`` of a text that goes on behind it, and the
    place behind it; -1 for what is none, or has too many digits for here."""
    negative = text[at] == _MINUS
    at += negative
    begin = at
    digits, significant, at = _digits(text, at, np.uint64(0), 0)
    power = 0
    if at == begin or (text[begin] == _ZERO and at > begin + 1):
        return np.nan, -1
    if text[at] == _DOT:
        begin = at + 1
        digits, significant, at = _digits(text, begin, digits, significant)
        power = begin - at
        if not power:
            return np.nan, -1
    exponent, at = _exponent(text, at)
    power += exponent
    if at < 0 or significant > _MOST_DIGITS or power > LARGEST or power < -LARGEST:
        return np.nan, -1
    found = nearest(digits, power)
    return (-found if negative else found), at


@njit(cache=True, nogil=True)
def _digits(text: Any, at: int, before: Any, significant: int) -> Any:
    """``before`` with the digits from ``at`` on behind it, how many without leading zeros, and the
    place behind them."""
    while is_digit(text[at]):
        before = before * _U10 + np.uint64(text[at] - _ZERO)
        significant += significant > 0 or text[at] != _ZERO
        at += 1
    return before, significant, at


@njit(cache=True, nogil=True)
def _exponent(text: Any, at: int) -> tuple[int, int]:
    """The exponent at ``at``, 0 where there is none, and the place behind it; -1 for a bad one."""
    if text[at] != _SMALL_E and text[at] != _BIG_E:
        return 0, at
    at += 1
    negative = text[at] == _MINUS
    at += negative or text[at] == _PLUS
    begin, found = at, 0
    while is_digit(text[at]) and at < begin + 4:
        found = found * 10 + text[at] - _ZERO
        at += 1
    if at == begin or is_digit(text[at]):
        return 0, -1
    return (-found if negative else found), at
