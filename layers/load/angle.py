"""Longitudes and latitudes as people write them: decimal, or degrees, minutes and seconds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Axis = Literal["longitude", "latitude"]

#: Letters and words of a hemisphere: English, Chinese, Russian, Mongolian. A lone Cyrillic З is
#: none: west in Russian, east in Mongolian.
_HEMISPHERES = {
    "северная широта": "N", "южная широта": "S", "восточная долгота": "E", "западная долгота": "W",
    "хойд өргөрөг": "N", "өмнөд өргөрөг": "S", "зүүн уртраг": "E", "баруун уртраг": "W",
    "с.ш": "N", "ю.ш": "S", "в.д": "E", "з.д": "W", "х.ө": "N", "ө.ө": "S", "з.у": "E", "б.у": "W",
    "сш": "N", "юш": "S", "вд": "E", "зд": "W", "хө": "N", "зу": "E", "бу": "W",
    "с": "N", "ю": "S", "в": "E",
    "north": "N", "south": "S", "east": "E", "west": "W",
    "北纬": "N", "南纬": "S", "东经": "E", "西经": "W", "东": "E", "西": "W", "南": "S", "北": "N",
    "n": "N", "s": "S", "e": "E", "w": "W",
}  # fmt: skip
_ANY = "|".join(sorted(map(re.escape, _HEMISPHERES), key=len, reverse=True))
#: A hemisphere stands before the numbers or after them.
_SHAPE = re.compile(rf"({_ANY})?[\s.]*(.*?)[\s.]*({_ANY})?[\s.]*", re.DOTALL)
_OF_AXIS = {"longitude": "EW", "latitude": "NS"}
#: Signs of degrees, minutes and seconds, each as one; before Unicode's own rules split them.
_SIGNS = str.maketrans({
    **dict.fromkeys("º˚∘⁰ᵒ*度", "°"), **dict.fromkeys("′’‘`´ʹʼ＇分", "'"),
    **dict.fromkeys("″”“ʺ˝〃＂秒", '"'), **dict.fromkeys("−–—‐‑", "-"),
    **dict.fromkeys("\u200b\u200e\u200f\u202a\u202c\ufeff", ""),
})  # fmt: skip
#: The same as words; an ``s`` is seconds only where other words stand, else it is south.
_WORDS = (
    (re.compile(r"(?<=\d)\s*(?:degrees?|deg|d|градусов|град|гр)\.?(?![^\W\d_])"), "°"),
    (re.compile(r"(?<=\d)\s*(?:degrees?|deg|d)(?=[\s\d])"), "°"),
    (re.compile(r"(?<=\d)\s*(?:minutes?|min|m|мин)\.?(?=[\s\dnsew]|$)"), "'"),
)
_SECONDS = re.compile(r"(?<=\d)\s*(?:seconds?|sec|s|сек)\.?(?=\s*(?:[nsew]\b|$|\s))")
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([°:\"]|''|')?\s*")
#: Behind a number alone a point ends no word, and a star is no degree: minutes follow one that is.
_RUBBISH = re.compile(r"\*$|^[-+]?\d+(?:[.,]\d+)?\s*\.$")
_PLACE = {"°": 0, "'": 1, "''": 2, '"': 2}
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
    plain = _plain(text)
    if not plain:
        return float("nan")
    if axis == "latitude" and plain.endswith('"') and text.rstrip().endswith("S"):
        raise BadAngleError(_wrong(text, "ends in an S that may be seconds or south"))
    found = _SHAPE.fullmatch(plain)
    assert found is not None  # any text has this shape
    letters, rest = [one for one in (found[1], found[3]) if one], found[2]
    if not letters and _RUBBISH.search(text.strip()):
        raise BadAngleError(_wrong(text, "has something behind its number"))
    negative = rest.startswith("-")
    rest = re.sub(r"(?<=\d),(?=\d)", ".", rest.lstrip("+-").strip())
    # Three numbers with hyphens are no range; two may be one.
    rest = re.sub(r"(?<=\d)-(?=\d)", " ", rest) if rest.count("-") == 2 else rest
    numbers = _numbers(text, rest)
    hemisphere = _hemisphere(text, letters, axis)
    if hemisphere and negative:
        raise BadAngleError(_wrong(text, "has a sign and a letter"))
    value = sum(number / 60**place for place, number in numbers.items())
    if len(numbers) > 1 and value > _MOST[axis]:
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


def _plain(text: str) -> str:
    """Lower case, with plain digits, one sign for each of degrees, minutes and seconds."""
    # Full-width digits and letters become plain ones.
    plain = unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS).strip().lower()
    plain = re.sub(r"(?<=[а-яө]\.)\s+(?=[а-яө])", "", plain)
    plain = re.sub(r"(?<=\d)o(?=\s*\d)", "°", plain)
    worded = plain
    for word, sign in _WORDS:
        worded = word.sub(sign, worded)
    return _SECONDS.sub('"', worded, count=1) if worded != plain else plain


def _numbers(text: str, rest: str) -> dict[int, float]:
    """The numbers by their place: 0 for degrees, 1 minutes, 2 seconds."""
    found: dict[int, float] = {}
    at = 0
    while at < len(rest):
        part = _PART.match(rest, at)
        if part is None:
            raise BadAngleError(_wrong(text, "is no number"))
        following = max(found, default=-1) + 1
        place = _PLACE.get(part[2] or "", following)
        is_long = place > 0 and len(part[1].split(".")[0]) > 2  # 500 000: thousands
        if place < following or (not found and place) or place > 2 or is_long:
            raise BadAngleError(_wrong(text, "is no number"))
        if any(number != int(number) for number in found.values()):
            raise BadAngleError(_wrong(text, "has decimals before its end"))
        found[place] = float(part[1])
        at = part.end()
    if not found:
        raise BadAngleError(_wrong(text, "is no number"))
    if any(number >= 60 for place, number in found.items() if place):
        raise BadAngleError(_wrong(text, "has 60 or more minutes or seconds"))
    return found


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


def _wrong(text: str, why: str) -> str:
    return (
        f"the coordinate {text[:40]!r} {why}: write decimal degrees, such as 105.25, or degrees,"
        " minutes and seconds, such as 105°15'00\"E"
    )
