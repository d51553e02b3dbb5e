"""Longitudes and latitudes as people write them: decimal, or degrees, minutes and seconds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Axis = Literal["longitude", "latitude"]

#: Letters and words of a hemisphere, longest first: English, Chinese, Russian, Mongolian.
_HEMISPHERES = {
    "северная широта": "N", "южная широта": "S", "восточная долгота": "E", "западная долгота": "W",
    "с.ш": "N", "ю.ш": "S", "в.д": "E", "з.д": "W", "х.ө": "N", "з.у": "E",
    "north": "N", "south": "S", "east": "E", "west": "W",
    "北纬": "N", "南纬": "S", "东经": "E", "西经": "W", "东": "E", "西": "W", "南": "S", "北": "N",
    "n": "N", "s": "S", "e": "E", "w": "W",
}  # fmt: skip
_ANY = "|".join(map(re.escape, _HEMISPHERES))
#: A hemisphere stands before the numbers or after them.
_SHAPE = re.compile(rf"({_ANY})?[\s.]*(.*?)[\s.]*({_ANY})?[\s.]*", re.DOTALL)
_WORDS = re.compile(r"(?<=\d)\s*(?:deg|d|min|m)\.?(?![a-z])|(?<=\d)\s*(?:deg|d|min|m)(?=\s*\d)")
_SECONDS = re.compile(r"(?<=\d)\s*(?:sec|s)\.?(?![a-z])")
_OF_AXIS = {"longitude": "EW", "latitude": "NS"}
#: What separates degrees, minutes and seconds, all made blanks.
_MARKS = re.compile(r"[°˚度分秒′″’”‘“'\"`´ʹʺ:]")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MOST = {"longitude": 180, "latitude": 90}


class BadAngleError(ValueError):
    """A text is no longitude or latitude; ``swapped`` when it is one of the other axis."""

    def __init__(self, message: str, *, swapped: bool = False) -> None:
        super().__init__(message)
        self.swapped = swapped


def degrees(text: str, axis: Axis) -> float:
    """Decimal degrees of a text such as ``41°34'12.5"N``, ``105 12 30 E``, ``N41 34.5``, ``41,5``
    or ``北纬41度34分``; NaN for a blank one. Raises BadAngleError.
    """
    # Full-width digits and letters become plain ones; a prime that it would split comes before.
    plain = unicodedata.normalize("NFKC", text.replace("″", '"').replace("º", "°")).strip().lower()
    if not plain:
        return float("nan")
    plain = re.sub(r"(?<=[а-яө]\.)\s+(?=[а-яө])", "", plain)
    plain, words = _WORDS.subn(" ", plain)
    if words:
        plain = _SECONDS.sub(" ", plain, count=1)
    found = _SHAPE.fullmatch(plain)
    assert found is not None  # any text has this shape
    letters, rest = [one for one in (found[1], found[3]) if one], found[2]
    negative = rest.startswith(("-", "−", "–"))
    rest = re.sub(r"(?<=\d),(?=\d)", ".", rest.lstrip("+-−–"))
    parts = _MARKS.sub(" ", rest).split()
    if not 1 <= len(parts) <= 3 or not all(map(_NUMBER.fullmatch, parts)):
        raise BadAngleError(_wrong(text, "is no number"))
    hemisphere = _hemisphere(text, letters, axis)
    if hemisphere and negative:
        raise BadAngleError(_wrong(text, "has a sign and a letter"))
    value = _sum(text, parts)
    if len(parts) > 1 and value > _MOST[axis]:
        raise BadAngleError(_wrong(text, f"is no {axis}"))
    return -value if negative or hemisphere in ("S", "W") else value


def column(
    cells: Sequence[str], axis: Axis
) -> tuple[NDArray[np.float64], dict[int, BadAngleError]]:
    """Decimal degrees of many texts (NaN for blank and wrong ones), and what is wrong by row."""
    try:
        return np.asarray(cells, dtype=np.float64), {}
    except ValueError:
        pass
    out, wrong = np.full(len(cells), np.nan), {}
    for row, cell in enumerate(cells):
        try:
            out[row] = float(cell) if "_" not in cell else np.nan
        except ValueError:
            try:
                out[row] = degrees(cell, axis)
            except BadAngleError as error:
                wrong[row] = error
    return out, wrong


def _hemisphere(text: str, letters: list[str], axis: Axis) -> str | None:
    """The one hemisphere that is named, if one is."""
    found = {_HEMISPHERES[letter] for letter in letters}
    if len(letters) > 1:
        raise BadAngleError(_wrong(text, "names several hemispheres"))
    if not found:
        return None
    only = found.pop()
    if only not in _OF_AXIS[axis]:
        other = "latitude" if axis == "longitude" else "longitude"
        raise BadAngleError(f"the {axis} {text[:40]!r} says {only}: it is a {other}", swapped=True)
    return only


def _sum(text: str, parts: list[str]) -> float:
    """Degrees, minutes and seconds together; only the last may have decimals."""
    if any("." in part for part in parts[:-1]):
        raise BadAngleError(_wrong(text, "has decimals before its end"))
    numbers = [float(part) for part in parts]
    if any(number >= 60 for number in numbers[1:]):
        raise BadAngleError(_wrong(text, "has 60 or more minutes or seconds"))
    return sum(number / 60**n for n, number in enumerate(numbers))


def _wrong(text: str, why: str) -> str:
    return (
        f"the coordinate {text[:40]!r} {why}: write decimal degrees, such as 105.25, or degrees,"
        " minutes and seconds, such as 105°15'00\"E"
    )
